"""An object that leaves the region through the plane is followed through the stack of slices.

The region moves on to one of its last slices, and what was found on this slice and on those before it becomes
the prompt of the next look, until the object ends, the scan ends or the steps are used up. Of the user's own
prompts only negative clicks go with it. Training shows objects that are outlined on all slices of one side,
with the errors that such outlines have, alone or with negative clicks.
"""

from collections.abc import Sequence

import numpy as np

from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt, box_voxels
from synthfm3d.regions import OUTLINE_SCALE
from synthfm3d.segmentation.look import CERTAINLY_NOT, ModelOnScan
from synthfm3d.segmentation.zoom import Focus, field_of_view_limits, fitting, measured
from synthfm3d.volume import Array, Grid

MOST_STEPS = 32
"""Looks in one direction: at some ten slices each, longer than any scan that is not a whole body."""
UNRELIABLE_DEPTH = 1 / 8
"""At the end of a region a model sees nothing of what follows: this part of its depth is not handed on."""


def follow(
    model: ModelOnScan, prompts: Sequence[Prompt], logits: Array, covered: slice, focus: Focus, direction: int
) -> bool:
    """Extend logits (z, y, x) of the scan in place, along the slices.

    Parameters
    ----------
    covered
        Slices of the scan that the look at ``focus`` covered.
    direction
        +1 towards higher slice indices, -1 towards lower ones.

    Returns
    -------
    Whether the end was found: False where the steps were used up before it.
    """
    grid = model.scan.grid
    bound = depth_limits(prompts, grid)[direction > 0]
    negative = [p for p in prompts if isinstance(p, Point) and not p.positive]
    prompted = int(np.rint(grid.to_index(focus.centre_mm)[0]))
    for _ in range(MOST_STEPS):
        end = covered.stop - 1 if direction > 0 else covered.start
        if (bound - end) * direction <= 0 or not (logits[end] > 0).any():
            return True
        prompted = _hand_over_slice(logits, prompted, end, _unreliable_depth(grid, focus, model), direction)
        focus = _refocused(logits[prompted] > 0, prompted, focus, model)
        handed_on = _known_slices(model, logits, prompted, focus, direction)
        look = model.look([handed_on, *negative], focus.centre_mm, focus.field_of_view_mm)
        part, found = model.on_scan(look)
        _paste_beyond(part, found, logits, prompted, direction)
        covered = part[0]
    return False


def depth_limits(prompts: Sequence[Prompt], scan: Grid) -> tuple[int, int]:
    """First and last slice on which the object can be: those of 3-D boxes if there are any, else all."""
    boxes = [box_voxels(p, scan) for p in prompts if isinstance(p, Box)]
    deep = [corners[:, 0] for corners in boxes if (corners[0] < corners[1]).all()]
    if not deep:
        return 0, scan.shape[0] - 1
    return int(min(depth[0] for depth in deep)), int(max(depth[1] for depth in deep))


def _unreliable_depth(scan: Grid, focus: Focus, model: ModelOnScan) -> int:
    """Number of the scan's slices at the end of a region whose masks are not handed on."""
    region = model.region(focus.centre_mm, focus.field_of_view_mm)
    depth_mm = region.shape[0] * region.spacing_mm[0]
    return int(np.ceil(UNRELIABLE_DEPTH * depth_mm / scan.spacing_mm[0]))


def _hand_over_slice(logits: Array, prompted: int, end: int, unreliable: int, direction: int) -> int:
    """The last reliable slice; always beyond the present one, so that every step moves on."""
    reliable = end - direction * unreliable
    if (reliable - prompted) * direction < 1 or not (logits[reliable] > 0).any():
        return end
    return reliable


def _refocused(slice_mask: Array, index: int, focus: Focus, model: ModelOnScan) -> Focus:
    """Centred on the mask of a slice; rescaled only if training never saw its extent in this view."""
    centre_mm, extent_mm = measured(slice_mask, model.scan.grid, index)
    smallest, largest = (ratio * extent_mm for ratio in OUTLINE_SCALE)
    if smallest <= focus.field_of_view_mm <= largest:
        return Focus(centre_mm, focus.field_of_view_mm)
    limits = field_of_view_limits(model.scan.grid, model.model.grid_shape, extent_mm)
    return Focus(centre_mm, fitting(extent_mm, limits))


def slice_prompt(model: ModelOnScan, logits: Array, index: int) -> Mask:
    """What logits (z, y, x) of the scan say on one slice, as a prompt."""
    outlined = np.zeros(logits.shape, bool)
    outlined[index] = logits[index] > 0
    return Mask(volume=model.scan.with_voxels(outlined))


def _known_slices(model: ModelOnScan, logits: Array, prompted: int, focus: Focus, direction: int) -> Mask:
    """What logits (z, y, x) of the scan say on a slice and those before it that the next region shows."""
    region = model.region(focus.centre_mm, focus.field_of_view_mm)
    half_mm = region.shape[0] / 2 * region.spacing_mm[0]
    reach = int(np.ceil(half_mm / model.scan.spacing_mm[0]))
    known = (
        slice(max(0, prompted - reach), prompted + 1)
        if direction > 0
        else slice(prompted, prompted + reach + 1)
    )
    outlined = np.zeros(logits.shape, bool)
    outlined[known] = logits[known] > 0
    return Mask(volume=model.scan.with_voxels(outlined))


def _paste_beyond(
    part: tuple[slice, slice, slice], found: Array, logits: Array, prompted: int, direction: int
) -> None:
    """Write a look's logits on a part of the scan into those of the scan, beyond the prompted slice."""
    z, y, x = part
    beyond = slice(prompted + 1, z.stop) if direction > 0 else slice(z.start, prompted)
    logits[beyond] = CERTAINLY_NOT
    logits[beyond, y, x] = found[beyond.start - z.start : beyond.stop - z.start]
