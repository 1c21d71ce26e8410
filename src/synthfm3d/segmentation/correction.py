"""A mask that is wrong somewhere is mended there, by one more look; beyond it, where its end has changed."""

from collections.abc import Collection, Sequence

import numpy as np

from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt, box_voxels
from synthfm3d.segmentation.follow import follow, slice_prompt
from synthfm3d.segmentation.locality import take_back
from synthfm3d.segmentation.look import CERTAINLY_NOT, ModelOnScan
from synthfm3d.segmentation.zoom import Focus
from synthfm3d.volume import Array, Grid, foreground_corners

SAME_OUTLINE = 0.8
"""Dice of the mask before and after a correction, on the last slice that it covers, from which on the slices
beyond are left as they were."""


def correct(
    model: ModelOnScan,
    logits: Array,
    prompts: Sequence[Prompt],
    corrections: Sequence[Prompt],
    field_of_view_mm: float,
) -> bool:
    """Correct logits (z, y, x) of the scan in place where the corrections are, in a view of this width.

    The model looks at the place of the corrections with every prompt that reaches it, and with its
    former logits. Where no positive prompt does, the former outline some slices nearer to the first
    prompts says which object is meant. Only the changes of the look that the corrections ask for count
    (``take_back``); where the object leaves its slices otherwise than before, it is followed anew.

    Returns
    -------
    Whether the ends were found, as ``follow`` says.
    """
    grid = model.scan.grid
    index = np.array([middle_voxel(prompt, grid) for prompt in corrections])
    centre = index.mean(axis=0)
    corrected = {round(float(z)) for z in index[:, 0]}
    centre[0] = index[np.abs(index[:, 0] - centre[0]).argmin(), 0]
    focus = Focus(grid.to_mm(centre), field_of_view_mm)
    region = model.region(focus.centre_mm, field_of_view_mm)
    reaching = [
        prompt
        for prompt in prompts
        if region.contains(region.to_index(grid.to_mm(middle_voxel(prompt, grid))))
    ]
    if not any(is_positive(prompt) for prompt in reaching):
        wanted = centre[0] + _towards_prompts(prompts, grid, centre[0]) * _some_slices(region, grid)
        trusted = trusted_slice(logits, corrected, wanted)
        if trusted is None:
            logits[sorted(corrected)] = CERTAINLY_NOT  # an object of one slice, and that is wrong
            return True
        reaching = [slice_prompt(model, logits, trusted), *reaching]
        if not _reaches(region, grid, trusted):
            focus = Focus(grid.to_mm(np.array([trusted, *centre[1:]])), field_of_view_mm)
            region = model.region(focus.centre_mm, field_of_view_mm)
        if not _shows(region, grid, logits[trusted] > 0, trusted):
            return True  # the mask is elsewhere, and nothing positive is here: there is nothing to mend
    look = model.look(reaching, focus.centre_mm, field_of_view_mm, previous=logits)
    part, found = model.on_scan(look)
    before = logits.copy()
    _forget(logits, grid, look.region)
    logits[part] = found
    take_back(logits, before, corrections, grid)
    below = _beyond(model, prompts, logits, before, part[0], focus, -1)
    above = _beyond(model, prompts, logits, before, part[0], focus, 1)
    return below and above


def _beyond(
    model: ModelOnScan,
    prompts: Sequence[Prompt],
    logits: Array,
    before: Array,
    covered: slice,
    focus: Focus,
    direction: int,
) -> bool:
    """The slices beyond the corrected ones: as they were if the object leaves these as it did, else anew.

    Returns what ``follow`` does.
    """
    end = covered.stop - 1 if direction > 0 else covered.start
    if dice(logits[end] > 0, before[end] > 0) >= SAME_OUTLINE:
        return True
    if not (logits[end] > 0).any():  # the object ends before now, so what came behind it was wrong
        logits[slice(covered.stop, None) if direction > 0 else slice(0, covered.start)] = CERTAINLY_NOT
    return follow(model, prompts, logits, covered, focus, direction)


def trusted_slice(logits: Array, corrected: Collection[int], wanted: float) -> int | None:
    """The slice nearest to ``wanted`` on which logits (z, y, x) hold the object and no correction lies."""
    outlined = [z for z in np.flatnonzero((logits > 0).any(axis=(1, 2))).tolist() if z not in corrected]
    return min(outlined, key=lambda z: abs(z - wanted), default=None)


def is_positive(prompt: Prompt) -> bool:
    """Whether a prompt says where the object is; all but negative clicks do."""
    return not isinstance(prompt, Point) or prompt.positive


def middle_voxel(prompt: Prompt, grid: Grid) -> Array:
    """(z, y, x) of a prompt on the scan, whole in z for boxes and masks."""
    if isinstance(prompt, Point):
        return grid.to_index(np.array(prompt.position_mm))
    if isinstance(prompt, Box):
        corners = box_voxels(prompt, grid).astype(float)
    else:
        assert isinstance(prompt, Mask)
        corners = foreground_corners(prompt.volume.voxels).astype(float)
    middle = corners.mean(axis=0)
    middle[0] = np.floor(middle[0])
    return np.asarray(middle)


def _towards_prompts(prompts: Sequence[Prompt], grid: Grid, z: float) -> int:
    """-1 or 1: the side of a slice on which the nearest positive prompt lies: there the mask is trusted."""
    places = (float(middle_voxel(prompt, grid)[0]) for prompt in prompts if is_positive(prompt))
    nearest = min(places, key=lambda other: abs(other - z), default=z)
    return 1 if nearest > z else -1


def _some_slices(region: Grid, grid: Grid) -> float:
    """A quarter of a region's depth in slices of the scan: well inside, and not beside the wrong one."""
    return region.shape[0] * region.spacing_mm[0] / grid.spacing_mm[0] / 4


def _reaches(region: Grid, grid: Grid, z: int) -> bool:
    """Whether a slice of the scan passes through the region."""
    middle = grid.to_index(region.to_mm((np.array(region.shape) - 1) / 2))
    return bool(region.contains(region.to_index(grid.to_mm(np.array([z, *middle[1:]])))))


def _shows(region: Grid, grid: Grid, section: Array, z: int) -> bool:
    """Whether a part of a mask (y, x) on a slice of the scan lies in the region."""
    places = np.insert(np.argwhere(section), 0, z, axis=1)
    return bool(region.contains(region.to_index(grid.to_mm(places))).any())


def _forget(logits: Array, grid: Grid, region: Grid) -> None:
    """What lies in the region is not known any more; its axes are parallel to those of the scan."""
    ends = grid.to_index(region.to_mm(np.array([[-0.5] * 3, np.array(region.shape) - 0.5])))
    low = np.clip(np.ceil(ends.min(axis=0)), 0, grid.shape).astype(int)
    high = np.clip(np.floor(ends.max(axis=0)) + 1, 0, grid.shape).astype(int)
    logits[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = CERTAINLY_NOT
