r"""Noise without state: hashed normal numbers, and smooth random fields interpolated between them.

A normal number is a hash of a key and a counter, computed with integers only. So the noise of any voxel can
be computed alone, and it has the same bits on every processor. Numba promotes unsigned 32-bit arithmetic to
64 bits, so every step is cast back.

A smooth field of any correlation length is white noise on a coarse grid, interpolated with cubic B-splines.
On a grid of spacing :math:`h` their weights smooth like a Gaussian of standard deviation :math:`\sigma = h /
\sqrt{3}`. The weights of each voxel are normalised to unit energy, so the field has unit variance everywhere.
Node (a, b, c) is a hash of the key of the field, so any slice can be computed alone.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from synthfm3d.kernels import inlined, lean_kernel
from synthfm3d.randomness import key
from synthfm3d.synthesis.scene import Scene
from synthfm3d.volume import Array

_u32 = np.uint32
_i32 = np.int32
_f32 = np.float32
GOLDEN = 0x9E3779B9
"""2^32 over the golden ratio: spreads keys that differ in few bits (Knuth, TAOCP 3, 6.4)."""
INVERSE_STD = 1.0 / 37837.2
"""Inverse standard deviation of a sum of four uniform 16-bit integers, sqrt(4 (2^32 - 1) / 12)."""


@inlined
def mix(word):
    """Bijective scrambling of 32 bits (the ``lowbias32`` family of C. Wellons and T. Ettinger)."""
    word = _u32(word ^ _u32(word >> _u32(16)))
    word = _u32(word * _u32(0x21F0AAAD))
    word = _u32(word ^ _u32(word >> _u32(15)))
    word = _u32(word * _u32(0x735A2D97))
    return _u32(word ^ _u32(word >> _u32(15)))


@inlined
def hashed_normal(counter, key):
    """Number with zero mean and unit variance: four uniforms summed (Irwin-Hall), ``|value| < 3.47``."""
    # The key enters twice: alone in the first word it would only permute the counters.
    first = mix(_u32(counter ^ key))
    second = mix(_u32(first + _u32(_u32(key * _u32(GOLDEN)) | _u32(1))))
    total = _i32(
        _u32(_u32(first & _u32(0xFFFF)) + _u32(first >> _u32(16)))
        + _u32(_u32(second & _u32(0xFFFF)) + _u32(second >> _u32(16)))
    )
    return _f32(_i32(total - _i32(131070))) * _f32(INVERSE_STD)


def field_key(scene: Scene, name: str) -> int:
    """32-bit key of a field of a scene: a texture, the warp, the scatterers of ultrasound."""
    return key(scene.seed, scene.index, "field", name)


def noise_key(scene: Scene) -> np.uint32:
    """Key of what a scanner adds to each voxel of a scene."""
    return np.uint32(key(scene.seed, scene.index, "noise"))


_SPACING_OVER_STD = math.sqrt(3.0)


@dataclass(frozen=True, slots=True, eq=False)
class SplineAxis:
    """Interpolation along one axis: ``nodes`` grid nodes, first node and 4 weights per voxel.

    ``columns`` are the weights again, (4, n): kernels read them along the axis.
    """

    nodes: int
    first: Array  # int32 (n,)
    weights: Array  # float32 (n, 4)
    columns: Array  # float32 (4, n)


@lru_cache(maxsize=1024)
def spline_axis(length: int, std_voxels: float) -> SplineAxis:
    """Axis of ``length`` voxels for a field whose standard deviation is ``std_voxels``.

    Correlation lengths below what one node per voxel can carry give one node per voxel.
    """
    return _axis(length, max(1.0, std_voxels * _SPACING_OVER_STD))


@lru_cache(maxsize=1024)
def periodic_axis(length: int, std_voxels: float) -> SplineAxis:
    """The same for a field of period ``length``: ``nodes`` are those of one period."""
    nodes = max(4, round(length / max(1.0, std_voxels * _SPACING_OVER_STD)))
    return replace(_axis(length, length / nodes), nodes=nodes)


def _axis(length: int, spacing: float) -> SplineAxis:
    first = np.empty(length, np.int32)
    weights, columns = np.empty((length, 4), np.float32), np.empty((4, length), np.float32)
    _fill_axis(spacing, first, weights, columns)
    return SplineAxis(int(first[-1]) + 4, first, weights, columns)


@lean_kernel
def _fill_axis(spacing, first, weights, columns):
    for n in range(first.size):
        place = n / spacing
        node = math.floor(place)
        t = place - node
        a = (1 - t) * (1 - t) * (1 - t) / 6
        b = (3 * t * t * t - 6 * t * t + 4) / 6
        c = (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6
        d = t * t * t / 6
        energy = math.sqrt(((a * a + b * b) + c * c) + d * d)
        first[n] = node
        weights[n, 0] = columns[0, n] = np.float32(a / energy)
        weights[n, 1] = columns[1, n] = np.float32(b / energy)
        weights[n, 2] = columns[2, n] = np.float32(c / energy)
        weights[n, 3] = columns[3, n] = np.float32(d / energy)


def lattice_of(axes: tuple[SplineAxis, SplineAxis, SplineAxis], key: int, slices: range) -> Array:
    """Nodes that a range of slices needs: float32 (z, y, x), from the first node of its first slice."""
    along_z, along_y, along_x = axes
    first, last = along_z.first[slices.start], along_z.first[slices.stop - 1]
    lattice = np.empty((last - first + 4, along_y.nodes, along_x.nodes), np.float32)
    fill_lattice(np.uint32(key), first, lattice)
    return lattice


@lean_kernel
def fill_lattice(key, z_first, lattice):
    """White noise on nodes ``z_first`` and after: ``lattice`` float32 (z, y, x) over all of y and x."""
    planes, rows, columns = lattice.shape
    for z in range(planes):
        for y in range(rows):
            out = lattice[z, y]
            base = np.uint32(((z_first + z) * rows + y) * columns)
            for x in range(columns):
                out[x] = hashed_normal(np.uint32(base + np.uint32(x)), key)


@lean_kernel
def field_slice(lattice, z_weights, x_first, x_columns, row, plane):
    """One slice of a field, interpolated along z and x but still on its nodes along y.

    Parameters
    ----------
    lattice
        The four planes of nodes around the slice, float32 (4, y, x).
    z_weights
        Their four weights.
    x_first, x_columns
        First node and weights (4, x) along x.
    row
        Scratch memory, float32 (at least the nodes along x).
    plane
        Output, float32 (at least the nodes along y, x).
    """
    _, rows, columns = lattice.shape
    w0, w1, w2, w3 = z_weights[0], z_weights[1], z_weights[2], z_weights[3]
    c0, c1, c2, c3 = x_columns[0], x_columns[1], x_columns[2], x_columns[3]
    for y in range(rows):
        a, b, c, d = lattice[0, y], lattice[1, y], lattice[2, y], lattice[3, y]
        for x in range(columns):
            row[x] = ((a[x] * w0 + b[x] * w1) + c[x] * w2) + d[x] * w3
        out = plane[y]
        for x in range(x_first.size):
            i = x_first[x]
            out[x] = ((row[i] * c0[x] + row[i + 1] * c1[x]) + row[i + 2] * c2[x]) + row[i + 3] * c3[x]


@lean_kernel
def fields_of_slice(lattices, places, z_weights, x_first, x_columns, row, planes):
    """All fields of one slice, each from its lattice at its place: ``planes`` float32 (field, y node, x).

    ``lattices`` is a tuple of arrays (z, y, x); ``places`` int (field,) and ``z_weights`` (field, 4) say
    where along z the slice lies; ``x_first`` (field, x) and ``x_columns`` (field, 4, x) interpolate. ``row``
    is scratch memory as for ``field_slice``.
    """
    for f in range(len(lattices)):
        nodes = lattices[f][places[f] : places[f] + 4]
        field_slice(nodes, z_weights[f], x_first[f], x_columns[f], row, planes[f])


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
