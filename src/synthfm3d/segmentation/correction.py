"""A mask that is wrong somewhere is mended there: one more look, then on along the slices both ways."""

from collections.abc import Sequence

import numpy as np

from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt, box_voxels
from synthfm3d.regions import LEAST_FIELD_OF_VIEW_PER_EXTENT, OUTLINE_SCALE
from synthfm3d.segmentation.follow import follow, slice_prompt
from synthfm3d.segmentation.look import CERTAINLY_NOT, ModelOnScan
from synthfm3d.segmentation.slices import foreground_corners
from synthfm3d.segmentation.zoom import Focus, field_of_view_limits, fitting, measured
from synthfm3d.volume import Array, Grid


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
    prompts says which object is meant. The slices that the look covers are written anew, and the
    object is followed from there.

    Returns
    -------
    Whether the ends were found, as ``follow`` says.
    """
    grid = model.scan.grid
    index = np.array([_middle(prompt, grid) for prompt in corrections])
    centre = index.mean(axis=0)
    corrected = {round(float(z)) for z in index[:, 0]}
    centre[0] = index[np.abs(index[:, 0] - centre[0]).argmin(), 0]
    focus = Focus(grid.to_mm(centre), field_of_view_mm)
    region = model.region(focus.centre_mm, field_of_view_mm)
    reaching = [
        prompt for prompt in prompts if region.contains(region.to_index(grid.to_mm(_middle(prompt, grid))))
    ]
    if not any(_is_positive(prompt) for prompt in reaching):
        outlined = [z for z in np.flatnonzero((logits > 0).any(axis=(1, 2))) if int(z) not in corrected]
        if not outlined:
            logits[sorted(corrected)] = CERTAINLY_NOT  # an object of one slice, and that is wrong
            return True
        wanted = centre[0] + _towards_prompts(prompts, grid, centre[0]) * _some_slices(region, grid)
        trusted = int(min(outlined, key=lambda z: abs(z - wanted)))
        reaching = [slice_prompt(model, logits, trusted), *reaching]
        if not _reaches(region, grid, trusted):
            focus = Focus(grid.to_mm(np.array([trusted, *centre[1:]])), field_of_view_mm)
            region = model.region(focus.centre_mm, field_of_view_mm)
        if not _shows(region, grid, logits[trusted] > 0, trusted):
            return True  # the mask is elsewhere, and nothing positive is here: there is nothing to mend
    look = model.look(reaching, focus.centre_mm, field_of_view_mm, previous=logits)
    part, found = model.on_scan(look)
    ends = (part[0].start, part[0].stop - 1)
    went_on = [bool((logits[end] > 0).any()) for end in ends]
    _forget(logits, grid, look.region)
    logits[part] = found
    for end, went, beyond in zip(ends, went_on, (slice(0, ends[0]), slice(ends[1] + 1, None)), strict=True):
        if went and not (logits[end] > 0).any():
            logits[beyond] = CERTAINLY_NOT  # the object ends here now, so what came behind it was wrong
    below, above = (follow(model, prompts, logits, part[0], focus, direction) for direction in (-1, 1))
    return below and above


def outgrown(
    model: ModelOnScan, prompts: Sequence[Prompt], corrections: Sequence[Prompt], field_of_view_mm: float
) -> bool:
    """Whether positive prompts lie too far apart for the view in which the object was found.

    Then the scale was wrong, and so is the mask: the object should be looked for anew.
    """
    section = _marked(model, prompts, corrections, field_of_view_mm)
    if not section.any():
        return False
    _, extent_mm = measured(section, model.scan.grid, 0)
    return extent_mm * LEAST_FIELD_OF_VIEW_PER_EXTENT > field_of_view_mm


def widened(
    model: ModelOnScan,
    logits: Array,
    prompts: Sequence[Prompt],
    corrections: Sequence[Prompt],
    field_of_view_mm: float,
) -> float:
    """Field of view for corrections, mm: wider than before where training never saw an object fill it so.

    The object is at least what the mask (log-odds (z, y, x) on the scan) and the positive prompts are
    together on a corrected slice.
    """
    grid = model.scan.grid
    section = _marked(model, prompts, corrections, field_of_view_mm)
    section |= logits[round(float(_middle(corrections[-1], grid)[0]))] > 0
    if not section.any():
        return field_of_view_mm
    _, extent_mm = measured(section, grid, 0)
    if OUTLINE_SCALE[0] * extent_mm <= field_of_view_mm:
        return field_of_view_mm
    limits = field_of_view_limits(grid, model.model.grid_shape, extent_mm)
    return max(field_of_view_mm, fitting(extent_mm, limits))


def _marked(
    model: ModelOnScan, prompts: Sequence[Prompt], corrections: Sequence[Prompt], field_of_view_mm: float
) -> Array:
    """Boolean (y, x): the middles of the positive prompts that a view around a correction would show."""
    grid = model.scan.grid
    corrected = np.array([_middle(prompt, grid)[0] for prompt in corrections])
    region = model.region(grid.to_mm(np.array([corrected[-1], 0, 0])), field_of_view_mm)
    half = region.shape[0] * region.spacing_mm[0] / grid.spacing_mm[0] / 2
    section = np.zeros(grid.shape[1:], bool)
    for prompt in prompts:
        middle = _middle(prompt, grid)
        if _is_positive(prompt) and (np.abs(middle[0] - corrected) <= half).any():
            y, x = np.clip(np.rint(middle[1:]).astype(int), 0, np.array(section.shape) - 1)
            section[y, x] = True
    return section


def _is_positive(prompt: Prompt) -> bool:
    return not isinstance(prompt, Point) or prompt.positive


def _middle(prompt: Prompt, grid: Grid) -> Array:
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
    places = (float(_middle(prompt, grid)[0]) for prompt in prompts if _is_positive(prompt))
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
