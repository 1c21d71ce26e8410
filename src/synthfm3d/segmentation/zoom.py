"""Where to look, and how much of the scan at once: an object should fill nearly half of the view.

A box or a mask tells the object's size. A click does not: see ``search``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthfm3d.prompts.prompt import Box, Mask, Prompt, box_voxels
from synthfm3d.regions import (
    FIELD_OF_VIEW_PER_EXTENT,
    LEAST_FIELD_OF_VIEW_PER_EXTENT,
    SLICE_SPACING_RANGE,
)
from synthfm3d.volume import Array, Grid, foreground_corners

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
