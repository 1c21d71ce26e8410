"""The size and shape of a target, which decide how easily it is followed from slice to slice."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy import ndimage

from synthfm3d.metrics.overlap import dice, volume_ml
from synthfm3d.volume import Array, Volume

_WITHIN_SLICE = np.array([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))], bool)
_IN_SPACE = np.ones((3, 3, 3), bool)
_SPHERE_POINTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Size and shape of a mask.

    Parameters
    ----------
    voxels, volume_ml
        Size of the mask; no volume if the third axis is time.
    extent_mm
        Edges (z, y, x) of the box around it; z is in slices if the third axis is time.
    slices, empty_slice_share
        Number of slices with mask voxels, and the share of all slices without any.
    largest_slice_percent
        Largest share of a slice that the mask covers, in percent.
    sphericity
        Area of a ball of the same volume, divided by the area of the mask; None if the third axis is time.
    slice_dice_mean, slice_dice_p5
        Dice of neighbouring slices from the first to the last slice with the mask, mean and 5th
        percentile; None for a mask on one slice.
    parts, parts_per_slice_mean, parts_per_slice_max
        Numbers of connected components (26 neighbours in space, 8 in a slice).
    cut
        Whether the mask touches the edge of the volume.
    """

    voxels: int
    volume_ml: float | None
    extent_mm: tuple[float, float, float]
    slices: int
    empty_slice_share: float
    largest_slice_percent: float
    sphericity: float | None
    slice_dice_mean: float | None
    slice_dice_p5: float | None
    parts: int
    parts_per_slice_mean: float
    parts_per_slice_max: int
    cut: bool


def shape_of(mask: Volume) -> Shape:
    """Measure a mask; non-zero voxels are inside. Raises ValueError if there are none."""
    inside = mask.voxels != 0
    found = ndimage.find_objects(inside.view(np.uint8))
    if not found:
        raise ValueError("the mask is empty: there is nothing to measure.")
    (box,) = found
    part = np.ascontiguousarray(inside[box])
    in_space = mask.third_axis == "space"
    areas = part.sum(axis=(1, 2))
    overlaps = slice_overlaps(part)
    parts_per_slice = _parts_per_slice(part)[areas > 0]
    slice_mm, *pixel_mm = mask.spacing_mm
    steps = (slice_mm if in_space else 1.0, *pixel_mm)
    z, y, x = (n * step for n, step in zip(part.shape, steps, strict=True))
    return Shape(
        voxels=int(areas.sum()),
        volume_ml=volume_ml(mask) if in_space else None,
        extent_mm=(z, y, x),
        slices=int(np.count_nonzero(areas)),
        empty_slice_share=1 - np.count_nonzero(areas) / inside.shape[0],
        largest_slice_percent=100 * float(areas.max()) / (inside.shape[1] * inside.shape[2]),
        sphericity=sphericity(part, mask.spacing_mm) if in_space else None,
        slice_dice_mean=float(np.mean(overlaps)) if overlaps else None,
        slice_dice_p5=float(np.percentile(overlaps, 5)) if overlaps else None,
        parts=int(ndimage.label(part, _IN_SPACE)[1]),
        parts_per_slice_mean=float(parts_per_slice.mean()),
        parts_per_slice_max=int(parts_per_slice.max()),
        cut=any(s.start == 0 or s.stop == n for s, n in zip(box, inside.shape, strict=True)),
    )


def sphericity(mask: Array, spacing_mm: tuple[float, float, float]) -> float:
    r"""Area of a ball of the same volume divided by the mask's area, :math:`\pi^{1/3} (6V)^{2/3} / A`.

    Wadell, J. Geol. 43:250 (1935), doi:10.1086/624298. 1 for a ball, less for any other shape.
    Raises ValueError for an empty mask.
    """
    volume = int(np.count_nonzero(mask)) * math.prod(spacing_mm)
    if volume == 0:
        raise ValueError("the mask is empty: it has no shape.")
    return float(np.cbrt(math.pi) * np.cbrt(6 * volume) ** 2) / surface_area_mm2(mask, spacing_mm)


def slice_overlaps(mask: Array) -> list[float]:
    """Dice of each slice of a mask (z, y, x) with the next one, from its first to its last slice.

    Pairs of empty slices, in a gap, are left out.
    """
    shown = np.asarray(mask.any(axis=(1, 2)))
    first, *_, last = np.flatnonzero(shown) if shown.sum() > 1 else (0, 0)
    return [dice(mask[z], mask[z + 1]) for z in range(first, last) if shown[z] or shown[z + 1]]


def _parts_per_slice(mask: Array) -> Array:
    """Number of connected components of each slice: (z,)."""
    numbers, _ = ndimage.label(mask, _WITHIN_SLICE)
    return np.array([len(np.unique(section[section > 0])) for section in numbers])


def surface_area_mm2(mask: Array, spacing_mm: tuple[float, float, float]) -> float:
    """Area of the surface around the non-zero voxels of a mask (z, y, x), in mm²; 0 where there are none.

    The area is that of Crofton's formula: twice the mean, over all directions, of the area that the crossings
    of the surface with parallel lines represent. The lines run through voxel centres in 13 directions. A line
    of direction d represents an area of (voxel volume / ``|d|``), and a direction the part of the sphere that
    is nearer to it than to the others. So the steps of oblique surfaces do not increase the area.

    At the edge of the array, the cut face of an object counts. The error is at most 2 % for balls and
    ellipsoids, 5 % if they are only three slices thick, and flat faces along the axes are up to 8 % too
    small. Thinner objects lose more, because a line that enters and leaves between two voxels is missed.

    Legland, Kiêu & Devaux, Image Anal. Stereol. 26:83 (2007), doi:10.5566/ias.v26.p83-92.
    """
    steps, shares = _directions(spacing_mm)
    margin = np.abs(steps).max(axis=0)
    inside = np.pad(mask != 0, [(int(n), int(n)) for n in margin])
    voxel = math.prod(spacing_mm)
    area = 0.0
    for step, share in zip(steps, shares, strict=True):
        here = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, inside.shape, strict=True))
        there = tuple(slice(max(0, s), n + min(0, s)) for s, n in zip(step, inside.shape, strict=True))
        crossings = int(np.count_nonzero(inside[here] != inside[there]))
        area += 2 * share * crossings * voxel / float(np.linalg.norm(step * np.array(spacing_mm)))
    return area


@lru_cache(maxsize=64)
def _directions(spacing_mm: tuple[float, float, float]) -> tuple[Array, Array]:
    """Thirteen steps (13, 3) in voxels, and the share of the sphere that each represents.

    The steps are those to the 26 neighbours of a cube, on a lattice with the spacing of the widest voxel
    edge. So from one thick slice to the next, they move several pixels sideways.
    """
    widest = max(spacing_mm)
    cube = np.array([max(1, round(widest / edge)) for edge in spacing_mm])
    half = [d for d in product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]
    steps = np.array([step // np.gcd.reduce(step) for step in np.array(half) * cube])
    towards = steps * np.array(spacing_mm, np.float64)
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    nearest = np.abs(_points_on_a_sphere() @ towards.T).argmax(axis=1)
    return steps, np.bincount(nearest, minlength=len(steps)) / _SPHERE_POINTS


def _points_on_a_sphere() -> Array:
    """Evenly spread unit vectors (n, 3), along a golden spiral."""
    n = np.arange(_SPHERE_POINTS) + 0.5
    z = 1 - 2 * n / _SPHERE_POINTS
    angle = math.pi * (1 + math.sqrt(5)) * n
    radius = np.sqrt(1 - z**2)
    return np.stack([z, radius * np.cos(angle), radius * np.sin(angle)], axis=1)
