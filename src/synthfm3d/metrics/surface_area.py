r"""The surface area of a mask, by counting where straight lines cross it.

Crofton's formula: the area of a surface is twice the mean, over all directions, of the area that its
crossings with parallel lines stand for. Lines run through voxel centres in 13 directions; a line of
direction d stands for an area of (voxel volume / \|d\|), and each direction for the part of the sphere
nearer to it than to the others. Stairs of oblique surfaces do no harm, as they do to marching cubes.

Legland, Kiêu & Devaux, Image Anal. Stereol. 26:83 (2007), doi:10.5566/ias.v26.p83-92.
"""

import math
from functools import lru_cache
from itertools import product

import numpy as np

from synthfm3d.volume import Array

_SPHERE_POINTS = 20_000


def surface_area_mm2(mask: Array, spacing_mm: tuple[float, float, float]) -> float:
    """Area of the surface around the non-zero voxels of a mask (z, y, x), in mm²; 0 where there are none.

    The mask ends at the edge of the array: an object that is cut there counts its cut face. Balls and
    ellipsoids come out within 2 %, within 5 % where they are only three slices thick, flat faces along
    the axes up to 8 % too small. Thinner objects lose more: a line that enters and leaves between two
    voxels is not seen.
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
    """Thirteen steps (13, 3) in voxels, and the share of the sphere that each stands for.

    They are those of a cube's 26 neighbours, on as coarse a lattice as the slices (or the widest edge of
    a voxel) ask for: from one thick slice to the next they go sideways by several pixels.
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
