r"""Smooth random fields of any correlation length: white noise on a coarse grid, spline-interpolated.

Cubic B-spline weights on a grid of spacing :math:`h` smooth like a Gaussian of standard deviation
:math:`\sigma = h / \sqrt{3}`. The weights of each voxel are normalised to unit energy, so the
field has exactly unit variance everywhere. Node (a, b, c) of a field is a hash of the field's key,
so any slice of it can be made alone.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from synthfm3d.rendering.hashing import hashed_normal
from synthfm3d.rendering.kernels import inlined, kernel
from synthfm3d.volume import Array

_SPACING_OVER_STD = math.sqrt(3.0)


@dataclass(frozen=True, slots=True, eq=False)
class SplineAxis:
    """Interpolation along one axis: ``nodes`` grid nodes, first node and 4 weights per voxel."""

    nodes: int
    first: Array  # int32 (n,)
    weights: Array  # float32 (n, 4)


@lru_cache(maxsize=1024)
def spline_axis(length: int, std_voxels: float) -> SplineAxis:
    """Axis of ``length`` voxels for a field whose standard deviation is ``std_voxels``.

    Correlation lengths below what one node per voxel can carry give one node per voxel.
    """
    spacing = max(1.0, std_voxels * _SPACING_OVER_STD)
    place = np.arange(length) / spacing
    first = np.floor(place)
    t = place - first
    weights = np.stack(
        [
            (1 - t) * (1 - t) * (1 - t) / 6,
            (3 * t * t * t - 6 * t * t + 4) / 6,
            (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6,
            t * t * t / 6,
        ],
        axis=1,
    )
    squares = weights * weights
    energy = ((squares[:, 0] + squares[:, 1]) + squares[:, 2]) + squares[:, 3]
    weights /= np.sqrt(energy)[:, None]
    return SplineAxis(int(first[-1]) + 4, first.astype(np.int32), weights.astype(np.float32))


@kernel
def field_slice(key, z_first, z_weights, rows, x_nodes, x_first, x_weights, plane, row):
    """One slice of a field, interpolated along z and x but still on its nodes along y.

    Parameters
    ----------
    z_first, z_weights
        First node and the four weights of this slice.
    rows, x_nodes
        Number of nodes along y and x.
    plane
        Output, float32 (at least ``rows``, x).
    row
        Scratch, float32 (at least ``x_nodes``,).
    """
    width = x_first.size
    for y in range(rows):
        r = row[:x_nodes]
        r[:] = np.float32(0)
        for k in range(4):
            weight = z_weights[k]
            base = np.uint32(((z_first + k) * rows + y) * x_nodes)
            for x in range(x_nodes):
                r[x] += weight * hashed_normal(np.uint32(base + np.uint32(x)), key)
        out = plane[y]
        for x in range(width):
            i = x_first[x]
            out[x] = ((r[i] * x_weights[x, 0] + r[i + 1] * x_weights[x, 1]) + r[i + 2] * x_weights[x, 2]) + r[
                i + 3
            ] * x_weights[x, 3]


@inlined
def field_row(plane, first, weights, out):
    """One row of a field: the interpolation along y that ``field_slice`` left."""
    w0 = weights[0]
    w1 = weights[1]
    w2 = weights[2]
    w3 = weights[3]
    a = plane[first]
    b = plane[first + 1]
    c = plane[first + 2]
    d = plane[first + 3]
    for x in range(out.size):
        out[x] = ((a[x] * w0 + b[x] * w1) + c[x] * w2) + d[x] * w3
