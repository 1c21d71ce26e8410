"""An object that leaves the region through the plane is followed through the stack of slices.

The region moves on to one of its last slices, and what was found on this slice and on those before it becomes
the prompt of the next look, until the object ends, the scan ends or the steps are used up. Of the user's own
prompts only negative clicks go with it. Training shows objects that are outlined on all slices of one side,
with the errors that such outlines have, alone or with negative clicks.
"""

import numpy as np

from synthfm3d.regions import OUTLINE_SCALE
from synthfm3d.segmentation.canvas import Canvas
from synthfm3d.segmentation.look import (
    Focus,
    ModelOnScan,
    centre_and_extent,
    field_of_view_for,
    field_of_view_limits,
)
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.segmentation.prompt_kinds import PlacedMask
from synthfm3d.volume import Array, Grid

MOST_STEPS = 32
"""Looks in one direction: at some ten slices each, longer than any scan that is not a whole body."""
UNRELIABLE_DEPTH = 1 / 8
"""At the end of a region a model sees nothing of what follows: this part of its depth is not handed on."""


def follow(
    model: ModelOnScan, prompts: PlacedPrompts, canvas: Canvas, covered: slice, focus: Focus, direction: int
) -> bool:
    """Follow the object on a canvas along the slices.

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
    bound = prompts.depth_limits()[direction > 0]
    prompted = int(np.rint(grid.to_index(focus.centre_mm)[0]))
    for _ in range(MOST_STEPS):
        end = covered.stop - 1 if direction > 0 else covered.start
        if (bound - end) * direction <= 0 or not canvas.shows(end):
            return True
        prompted = _hand_over_slice(canvas, prompted, end, _unreliable_depth(grid, focus, model), direction)
        focus = _refocused(canvas.section(prompted), prompted, focus, model)
        handed_on = PlacedMask(canvas.outline(_known_slices(model, prompted, focus, direction)))
        look = model.look(
            prompts.only([handed_on, *prompts.negative]), focus.centre_mm, focus.field_of_view_mm
        )
        part, found = model.on_scan(look)
        canvas.paste_beyond(part, found, prompted, direction)
        covered = part[0]
    return False


def _unreliable_depth(scan: Grid, focus: Focus, model: ModelOnScan) -> int:
    """Number of the scan's slices at the end of a region whose masks are not handed on."""
    region = model.region(focus.centre_mm, focus.field_of_view_mm)
    depth_mm = region.shape[0] * region.spacing_mm[0]
    return int(np.ceil(UNRELIABLE_DEPTH * depth_mm / scan.spacing_mm[0]))


def _hand_over_slice(canvas: Canvas, prompted: int, end: int, unreliable: int, direction: int) -> int:
    """The last reliable slice; always beyond the present one, so that every step moves on."""
    reliable = end - direction * unreliable
    if (reliable - prompted) * direction < 1 or not canvas.shows(reliable):
        return end
    return reliable


def _refocused(slice_mask: Array, index: int, focus: Focus, model: ModelOnScan) -> Focus:
    """Centred on the mask of a slice; rescaled only if training never saw its extent in this view."""
    centre_mm, extent_mm = centre_and_extent(slice_mask, model.scan.grid, index)
    smallest, largest = (ratio * extent_mm for ratio in OUTLINE_SCALE)
    if smallest <= focus.field_of_view_mm <= largest:
        return Focus(centre_mm, focus.field_of_view_mm)
    limits = field_of_view_limits(model.scan.grid, model.model.grid_shape, extent_mm)
    return Focus(centre_mm, field_of_view_for(extent_mm, limits))


def _known_slices(model: ModelOnScan, prompted: int, focus: Focus, direction: int) -> slice:
    """A slice and those before it that the next region shows."""
    region = model.region(focus.centre_mm, focus.field_of_view_mm)
    half_mm = region.shape[0] / 2 * region.spacing_mm[0]
    reach = int(np.ceil(half_mm / model.scan.spacing_mm[0]))
    if direction > 0:
        return slice(max(0, prompted - reach), prompted + 1)
    return slice(prompted, prompted + reach + 1)
