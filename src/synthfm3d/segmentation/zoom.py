"""Where to look, and how much of the scan at once: an object should fill nearly half of the view.

A box or a mask tells the object's size. A click does not: the model looks at several scales, and the answer
is kept that it is sure of and that the other views agree with. ``python -m benchmarks.held_out`` measures it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt, box_voxels
from synthfm3d.regions import (
    FIELD_OF_VIEW_PER_EXTENT,
    LEAST_FIELD_OF_VIEW_PER_EXTENT,
    SLICE_SPACING_RANGE,
)
from synthfm3d.segmentation.look import Look, ModelOnScan
from synthfm3d.segmentation.slices import foreground_corners
from synthfm3d.volume import Array, Grid

SCALES_TRIED = (1.0, 0.5, 0.25, 2.0)
"""Widths of the views that are tried around a click, over that of the scan's own pixels."""
MOST_ROUNDS = 6
"""Looks in search of a click's scale, with those beyond the scales above."""
FINEST_PIXEL = 1 / 4
"""Pixel of a region over that of the scan, at least: finer ones only blur."""
REACH = 1 / 4
"""A region reaches the scan's neighbouring slice within this part of its depth, so that an object can
be followed from slice to slice, however far apart they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Focus:
    """A place to look at: RAS mm (3,), on a slice of the scan, and the field of view in mm."""

    centre_mm: Array
    field_of_view_mm: float


def first_look(model: ModelOnScan, prompts: Sequence[Prompt]) -> tuple[Look, Focus]:
    """Look at the prompted object at the right scale: once for a box or mask, several times for clicks."""
    centre_mm, extent_mm = prompted_place(prompts, model.scan.grid)
    limits = field_of_view_limits(model.scan.grid, model.model.grid_shape, extent_mm)
    if any(not isinstance(prompt, Point) for prompt in prompts):
        focus = Focus(centre_mm, fitting(extent_mm, limits))
        return model.look(prompts, focus.centre_mm, focus.field_of_view_mm), focus
    return _look_around_click(model, prompts, centre_mm, extent_mm, limits)


def _look_around_click(
    model: ModelOnScan,
    prompts: Sequence[Prompt],
    centre_mm: Array,
    extent_mm: float,
    limits: tuple[float, float],
) -> tuple[Look, Focus]:
    """Look at several scales and keep the most credible answer.

    The click is put in the middle, where the view reaches equally far around it. A model tends to find
    something of a familiar size at whatever scale it looks; what it finds at several of them, and surely, is
    an object. (On synthetic volumes this chose better than the clearest border, or certainty alone, and a
    further look at the scale of what was found added nothing.)
    """
    start = _starting_field_of_view(model, extent_mm, limits)
    views: list[tuple[Look, Focus]] = []
    wanted = [start * factor for factor in SCALES_TRIED]
    while wanted and len(views) < MOST_ROUNDS:
        width = float(np.clip(wanted.pop(0), *limits))
        if not any(np.isclose(width, seen.field_of_view_mm, rtol=0.05) for _, seen in views):
            views.append((model.look(prompts, centre_mm, width), Focus(centre_mm, width)))
        if not wanted:
            wanted = _further(views, limits)
    looks = [look for look, _ in views]
    return max(views, key=lambda view: (*_quality(view[0]), _credibility(view[0], looks)))


def _quality(look: Look) -> tuple[bool, bool, bool]:
    """How good an answer is: not empty, it holds a prompt, it fits into the view."""
    middle = look.middle_mask
    fits = bool(middle.any()) and not touches_border(middle)
    return bool(look.mask.any()), look.hits_prompts, fits


def _credibility(look: Look, looks: Sequence[Look]) -> float:
    """The model's certainty times the mean Dice with the answers of the other views."""
    others = [agreement(look, other) for other in looks if other is not look]
    return look.certainty * (float(np.mean(others)) if others else 1.0)


def agreement(one: Look, other: Look) -> float:
    """Dice of what two looks around the same place found on their middle slice, as the wider one sees it."""
    wide, narrow = sorted((one, other), key=lambda look: -look.region.spacing_mm[1])
    magnified = wide.region.spacing_mm[1] / narrow.region.spacing_mm[1]
    seen = np.zeros(wide.middle_mask.shape, bool)
    places = [
        np.rint(n // 2 + (np.arange(m) - m // 2) * magnified).astype(int)
        for n, m in zip(narrow.middle_mask.shape, seen.shape, strict=True)
    ]
    shown = [(place >= 0) & (place < n) for place, n in zip(places, narrow.middle_mask.shape, strict=True)]
    seen[np.ix_(*shown)] = narrow.middle_mask[np.ix_(*(p[s] for p, s in zip(places, shown, strict=True)))]
    return dice(wide.middle_mask, seen)


def _further(views: Sequence[tuple[Look, Focus]], limits: tuple[float, float]) -> list[float]:
    """A wider view if no view holds the whole object, a narrower one if none shows anything; else none."""
    widths = [focus.field_of_view_mm for _, focus in views]
    not_empty, _, fits = max(_quality(look) for look, _ in views)
    further = float(np.clip(max(widths) * 2 if not_empty else min(widths) / 2, *limits))
    return [] if fits or any(np.isclose(further, width, rtol=0.05) for width in widths) else [further]


def _starting_field_of_view(model: ModelOnScan, extent_mm: float, limits: tuple[float, float]) -> float:
    """The scan's own pixels, one to one: the scale at which it was acquired to show its organs."""
    own = max(model.model.grid_shape[1:]) * min(model.scan.spacing_mm[1:])
    return float(np.clip(max(own, LEAST_FIELD_OF_VIEW_PER_EXTENT * extent_mm), *limits))


def touches_border(slice_mask: Array) -> bool:
    """Whether a mask (y, x) reaches an edge of its region."""
    return bool(slice_mask[[0, -1]].any() or slice_mask[:, [0, -1]].any())


def fitting(extent_mm: float, limits: tuple[float, float]) -> float:
    """Field of view for an object of known extent."""
    return float(np.clip(FIELD_OF_VIEW_PER_EXTENT * extent_mm, *limits))


def field_of_view_limits(scan: Grid, shape: tuple[int, int, int], extent_mm: float) -> tuple[float, float]:
    """Smallest and largest useful field of view, in mm.

    Parameters
    ----------
    scan
        Grid of the scan, slices first.
    shape
        (z, y, x) of the model's region.
    extent_mm
        In-plane extent of the prompts, which must fit in any case.
    """
    slice_mm, *plane_mm = scan.spacing_mm
    by_pixel = FINEST_PIXEL * min(plane_mm)
    by_depth = slice_mm / (REACH * shape[0] * SLICE_SPACING_RANGE[1])
    smallest = max(shape[1:]) * max(by_pixel, by_depth)
    whole = max(n * step for n, step in zip(scan.shape[1:], plane_mm, strict=True))
    needed = LEAST_FIELD_OF_VIEW_PER_EXTENT * extent_mm
    return max(smallest, needed), max(smallest, needed, whole)


def measured(slice_mask: Array, grid: Grid, index: int) -> tuple[Array, float]:
    """Middle, (3,) RAS mm, and larger in-plane extent, mm, of a non-empty mask (y, x) on one slice."""
    low, high = foreground_corners(slice_mask[np.newaxis])
    middle = np.array([index, *((low + high) / 2)[1:]])
    extent = ((high - low + 1) * np.array(grid.spacing_mm))[1:].max()
    return grid.to_mm(middle), float(extent)


def prompted_place(prompts: Sequence[Prompt], scan: Grid) -> tuple[Array, float]:
    """Where the positive prompts are: (3,) RAS mm on a prompted slice, and their larger in-plane extent, mm.

    In the plane it is the middle of the box around all of them; of the prompted slices it is the one
    nearest to their middle.
    """
    corners: list[Array] = []
    slices: list[float] = []
    for prompt in prompts:
        if isinstance(prompt, Mask):
            corners.append(foreground_corners(prompt.volume.voxels).astype(float))
            slices.extend(np.flatnonzero(prompt.volume.voxels.any(axis=(1, 2))))
        elif isinstance(prompt, Box):
            corners.append(box_voxels(prompt, scan).astype(float))
            slices.append(corners[-1][:, 0].mean())
        elif prompt.positive:
            corners.append(np.tile(scan.to_index(np.array(prompt.position_mm)), (2, 1)))
            slices.append(corners[-1][0, 0])
    low, high = np.min(corners, axis=(0, 1)), np.max(corners, axis=(0, 1))
    middle = (low + high) / 2
    middle[0] = np.rint(min(slices, key=lambda index: abs(index - middle[0])))
    extent = ((high - low + 1) * np.array(scan.spacing_mm))[1:].max()
    return scan.to_mm(middle), float(extent)
