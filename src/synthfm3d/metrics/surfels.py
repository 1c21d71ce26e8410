r"""Surface elements (surfels): the piece of a mask's surface between 2 × 2 × 2 neighbouring voxels.

The surface passes through the middles of the edges between a voxel inside and a voxel outside. If the four
voxels of a face alternate, the corners of the rarer kind among the eight voxels are cut off. Each closed
polygon is split into the triangles with the largest area at equal spacing; the same triangles are used for
every spacing. These are the surfels of surface-distance (DeepMind: Nikolov et al., arXiv:1809.04430), which
most challenges use. Tests compare the areas with it.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np

from synthfm3d.volume import Array

_Corner = tuple[int, ...]
_Loop = list[Array]
_Triangles = tuple[tuple[int, int, int], ...]


def neighbourhood_codes(mask: Array) -> Array:
    """The voxels of each neighbourhood that are inside, as uint8; one longer than ``mask`` along every axis.

    Parameters
    ----------
    mask
        Boolean, with two or three axes; everything beyond its edge is outside.

    Returns
    -------
    One bit for each of the 4 or 8 voxels around a corner; the first voxel has the highest bit. If all bits or
    no bits are set, there is no surface.
    """
    codes: Array = np.pad(mask, 1).astype(np.uint8)
    width = 1
    for axis in reversed(range(mask.ndim)):
        before = [slice(None)] * mask.ndim
        after = [slice(None)] * mask.ndim
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        codes = (codes[tuple(before)] << width) | codes[tuple(after)]
        width *= 2
    return codes


@lru_cache(maxsize=64)
def surfel_sizes(spacing_mm: tuple[float, ...]) -> Array:
    """Size of the surfel of each code: mm² (256,) for three spacings, length in mm (16,) for two."""
    spacing = np.array(spacing_mm)
    sizes = np.zeros(2**2 ** len(spacing_mm))
    for code in range(1, len(sizes) - 1):
        if len(spacing_mm) == 2:
            sizes[code] = sum(np.linalg.norm((a - b) * spacing) for a, b in _segments(code))
        else:
            sizes[code] = sum(_area(loop, triangles, spacing) for loop, triangles in _polygons(code))
    sizes.setflags(write=False)
    return sizes


def _segments(code: int) -> list[tuple[Array, Array]]:
    """Lines between the middles of edges in a square of four pixels, by their code."""
    inside = {corner: bool(code >> 3 - n & 1) for n, corner in enumerate(product((0, 1), repeat=2))}
    return _cuts([(0, 0), (0, 1), (1, 1), (1, 0)], inside, cut_off=True)


@lru_cache(maxsize=256)
def _polygons(code: int) -> list[tuple[_Loop, _Triangles]]:
    """Polygons of a code in a cube with edges of 1, and the triangles (numbers of points) of each."""
    inside = {corner: bool(code >> 7 - n & 1) for n, corner in enumerate(product((0, 1), repeat=3))}
    cut_off = sum(inside.values()) <= 4
    neighbours: dict[bytes, list[Array]] = {}
    for face in _faces():
        for a, b in _cuts(face, inside, cut_off=cut_off):
            neighbours.setdefault(a.tobytes(), []).append(b)
            neighbours.setdefault(b.tobytes(), []).append(a)
    return [(loop, _triangles_of_greatest_area(loop)) for loop in _loops(neighbours)]


def _faces() -> Iterator[list[_Corner]]:
    """The six faces of a cube, each as its corners in order."""
    for axis, side in product(range(3), (0, 1)):
        yield [(*turn[:axis], side, *turn[axis:]) for turn in ((0, 0), (0, 1), (1, 1), (1, 0))]


def _cuts(square: list[_Corner], inside: dict[_Corner, bool], *, cut_off: bool) -> list[tuple[Array, Array]]:
    """Lines between edge middles of a square; if corners alternate, around those equal to ``cut_off``."""
    middles = [np.add(corner, square[n - 1]) / 2 for n, corner in enumerate(square)]  # of the edge before it
    crossed = [n for n, corner in enumerate(square) if inside[corner] != inside[square[n - 1]]]
    if len(crossed) == 4:
        return [(middles[n], middles[(n + 1) % 4]) for n in range(4) if inside[square[n]] == cut_off]
    return [(middles[crossed[0]], middles[crossed[1]])] if crossed else []


def _loops(neighbours: dict[bytes, list[Array]]) -> Iterator[_Loop]:
    """Closed polygons through points that have two neighbours each."""
    left = set(neighbours)
    while left:
        point = np.frombuffer(min(left))
        loop = []
        while point.tobytes() in left:
            left.remove(point.tobytes())
            loop.append(point)
            point = next((other for other in neighbours[point.tobytes()] if other.tobytes() in left), loop[0])
        yield loop


def _triangles_of_greatest_area(loop: _Loop) -> _Triangles:
    return max(_triangulations(0, len(loop) - 1), key=lambda triangles: _area(loop, triangles, np.ones(3)))


def _triangulations(first: int, last: int) -> list[_Triangles]:
    """All ways to split the polygon of points ``first`` ... ``last`` into triangles."""
    if last - first < 2:
        return [()]
    return [
        (*before, *after, (first, middle, last))
        for middle in range(first + 1, last)
        for before in _triangulations(first, middle)
        for after in _triangulations(middle, last)
    ]


def _area(loop: _Loop, triangles: _Triangles, spacing: Array) -> float:
    points = np.array(loop) * spacing
    edges = ((points[b] - points[a], points[c] - points[a]) for a, b, c in triangles)
    return float(sum(np.linalg.norm(np.cross(*pair)) / 2 for pair in edges))
