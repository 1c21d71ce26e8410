"""What viewers draw in voxels becomes prompts in millimetres: boxes, strokes of a brush, and lassos.

Viewers count voxels in the order of the array's own axes; the upper ends of their boxes are exclusive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthfm3d.app.viewers.arrays import WireError
from synthfm3d.prompts.prompt import Box, Point, Scribble
from synthfm3d.prompts.scribble import clicks_along
from synthfm3d.volume import Array, Grid, Position, Volume, foreground_corners

Bounds = Sequence[tuple[float, float]]
"""Lower end and exclusive upper end along each axis, in voxels."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Some voxels of a scan.

    Parameters
    ----------
    corner
        Voxel (z, y, x) of the scan where ``voxels`` begins.
    voxels
        Boolean (z, y, x); lies in the scan.
    """

    corner: tuple[int, int, int]
    voxels: Array

    @classmethod
    def clipped(cls, corner: Sequence[int], voxels: Array, shape: tuple[int, int, int]) -> "Region | None":
        """What of a drawn crop lies in a scan of this shape; None if no drawn voxel does."""
        low = [max(0, -c) for c in corner]
        high = [max(0, min(n, whole - c)) for c, n, whole in zip(corner, voxels.shape, shape, strict=True)]
        part = np.asarray(voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] != 0)
        if not part.any():
            return None
        z, y, x = (max(0, c) for c in corner)
        return cls((z, y, x), part)

    def places(self, within: Array | None = None) -> Array:
        """Voxels (n, 3) of the scan that are drawn, and that a boolean array (z, y, x) of the scan holds."""
        drawn = self.voxels
        if within is not None:
            part = (slice(c, c + n) for c, n in zip(self.corner, drawn.shape, strict=True))
            drawn = drawn & within[tuple(part)]
        return np.asarray(np.argwhere(drawn) + np.array(self.corner))


def inclusive_bounds(bounds: Bounds, shape: tuple[int, int, int]) -> Array | None:
    """Corner voxels (2, 3), both inclusive, of a half-open box; None if it lies outside of the scan.

    Ends are rounded as Python does it. A box that is thinner than a voxel covers one.
    """
    corners = []
    for (one, other), length in zip(bounds, shape, strict=True):
        low, high = sorted((round(one), round(other)))
        high = max(high, low + 1)
        if high <= 0 or low >= length:
            return None
        corners.append((max(low, 0), min(high, length) - 1))
    return np.array(corners).T


def box_of(corners: Array, grid: Grid) -> Box:
    """The box between two voxels (2, 3), both inclusive."""
    low, high = grid.to_mm(corners)
    return Box(corner_mm=position(low), opposite_mm=position(high))


def scribble_on(places: Array, grid: Grid, *, positive: bool) -> Scribble:
    """A scribble through some voxels (n, 3) of a scan."""
    drawn = np.zeros(grid.shape, bool)
    drawn[tuple(places.T)] = True
    return Scribble.of_voxels(Volume(voxels=drawn, affine=grid.affine), positive=positive)


def clicks_on(places: Array, grid: Grid, *, positive: bool) -> list[Point]:
    """Clicks spread over some voxels (n, 3) of a scan; none if there are none."""
    return clicks_along(grid.to_mm(places), positive=positive) if len(places) else []


def box_around(region: Region, grid: Grid) -> Box:
    """A loose outline around an object as the box around it.

    Users draw a lasso some pixels around the object, and a ``Mask`` would be taken literally on its slice.
    ``python -m benchmarks.strokes`` compares the two: a mask is better where the outline is exact, a box
    where it is four pixels away from the object.
    """
    return box_of(foreground_corners(region.voxels) + np.array(region.corner), grid)


def crop_corner(
    bounds: Sequence[tuple[int, int]] | None, shape: tuple[int, int, int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Corner and size of a crop by its half-open bounds; of the whole scan if there are none.

    Raises WireError for bounds that are empty or larger than the scan.
    """
    if bounds is None:
        return (0, 0, 0), shape
    size = tuple(high - low for low, high in bounds)
    if min(size) < 1 or any(n > whole for n, whole in zip(size, shape, strict=True)):
        raise WireError(
            f"the crop {[list(pair) for pair in bounds]} is empty or larger than the image {shape}."
        )
    return tuple(low for low, _ in bounds), size


def position(place: Array) -> Position:
    """A place (3,) as the plain numbers of a prompt."""
    r, a, s = (float(mm) for mm in place)
    return r, a, s
