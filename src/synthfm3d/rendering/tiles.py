r"""Fine smooth noise from one periodic tile: much cheaper than a field whose nodes are as dense as pixels.

A tile is a periodic field of unit variance in the plane. A slice is the sum of four copies of it, each
shifted by an amount hashed from a node along z, with the spline weights of any other field (``fields``). So
slices are correlated like those of other fields, and no slice repeats another.
"""

import math

import numpy as np

from synthfm3d.kernels import inlined, lean_kernel
from synthfm3d.rendering.fields import field_row, hashed_normal, mix, periodic_axis
from synthfm3d.volume import Array

_f32 = np.float32
_EDGES = (64, 128, 256, 512)

PLACES = 0x5851F42D
"""Turns the key of a tile's contents into the key of its shifts, so that the two are independent."""


def tile_edge(height: int, width: int) -> int:
    """Edge of the tiles of a slice, in pixels, a power of two; slices over 512 pixels repeat their tile."""
    return next((edge for edge in _EDGES if edge >= max(height, width)), _EDGES[-1])


def texture_tile(height: int, width: int, std_pixels: float, key: int) -> Array:
    """The tile of a field with an in-plane correlation length in pixels: float32 (edge, edge + width).

    Its columns are repeated on the right, so that a row of a slice is one piece of it.
    """
    edge = tile_edge(height, width)
    axis = periodic_axis(edge, std_pixels)
    plane = np.empty((edge, edge + width), np.float32)
    # Four nodes more than a period, so that interpolation never wraps.
    rows, row = np.empty((axis.nodes + 4, edge), np.float32), np.empty(axis.nodes + 4, np.float32)
    _fill_tile(np.uint32(key), axis.first, axis.weights, axis.columns, rows, row, plane)
    return plane


@lean_kernel
def tile_places(keys, nodes, edge, places):
    """Where slices find the four copies of each tile: ``places`` int64 (slice, tile, 4, 2) in (y, x).

    ``nodes`` (tile, slice) are their first nodes along z.
    """
    mask = np.uint32(edge - 1)
    slices, tiles, copies, _ = places.shape
    for z in range(slices):
        for tile in range(tiles):
            for k in range(copies):
                key = np.uint32(keys[tile] ^ np.uint32(PLACES))
                word = mix(np.uint32(np.uint32(nodes[tile, z] + k) ^ key))
                places[z, tile, k, 0] = np.int64(np.uint32(word >> np.uint32(16)) & mask)
                places[z, tile, k, 1] = np.int64(word & mask)


@lean_kernel
def _fill_tile(key, first, weights, columns, rows, row, plane):
    """Fill a tile; ``rows`` (node, x) and ``row`` (node,) are scratch memory of as many nodes as it needs."""
    edge, nodes = first.size, row.size - 4
    for n in range(nodes + 4):
        base = np.uint32((n % nodes) * nodes)
        for m in range(nodes + 4):
            row[m] = hashed_normal(np.uint32(base + np.uint32(m % nodes)), key)
        out = rows[n]
        for x in range(edge):
            i = first[x]
            out[x] = ((row[i] * columns[0, x] + row[i + 1] * columns[1, x]) + row[i + 2] * columns[2, x]) + (
                row[i + 3] * columns[3, x]
            )
    for y in range(edge):
        field_row(rows, first[y], weights[y], plane[y, :edge])
    # Copies of one tile are added, so its mean and variance must be exact.
    total, squares = 0.0, 0.0
    for y in range(edge):
        for x in range(edge):
            total += plane[y, x]
            squares += plane[y, x] * plane[y, x]
    mean = total / (edge * edge)
    scale = 1.0 / math.sqrt(squares / (edge * edge) - mean * mean)
    for y in range(edge):
        for x in range(edge):
            plane[y, x] = _f32((plane[y, x] - mean) * scale)
        for x in range(edge, plane.shape[1]):
            plane[y, x] = plane[y, x - edge]


@inlined
def tile_row(plane, places, weights, y, out):
    """One row of a slice of the field."""
    mask = plane.shape[0] - 1
    width = out.size
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    a = plane[(y + places[0, 0]) & mask, places[0, 1] : places[0, 1] + width]
    b = plane[(y + places[1, 0]) & mask, places[1, 1] : places[1, 1] + width]
    c = plane[(y + places[2, 0]) & mask, places[2, 1] : places[2, 1] + width]
    d = plane[(y + places[3, 0]) & mask, places[3, 1] : places[3, 1] + width]
    for x in range(width):
        out[x] = ((a[x] * w0 + b[x] * w1) + c[x] * w2) + d[x] * w3
