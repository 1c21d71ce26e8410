"""Mixing the visible layers of one structure into a row by partial volume."""

import numpy as np

from synthfm3d.kernels import inlined, subroutine
from synthfm3d.rendering import columns as at

_f32 = np.float32
BLOCK = 16
"""Pixels that the widest vector registers hold at once."""
PATCH_EDGE = np.float32(4)
"""Patches inside a tissue change over half a standard deviation of their field."""


@inlined
def paint(layers, structure, distance, sharpness, t0, t1, t2, t3, numbers, value, label):
    """Mix the layers of one structure into a row, outermost first; ``t0`` to ``t3`` are textures."""
    count = int(structure[at.LAYERS])
    # A structure of several parts has gaps between them, which are skipped.
    scattered = structure[at.LAST_PART] - structure[at.FIRST_PART] > _f32(1)
    per_shield = _f32(1.0) / numbers.shield_mm if numbers.shield_mm > _f32(0) else _f32(0)
    rim, per_rim = numbers.rim, _f32(1.0) / numbers.rim_mm
    # Textures come one by one: a row of a two-dimensional view has a stride that the compiler does
    # not know, and would not be vectorised.
    low, high = 0, distance.size
    for m in range(count):
        layer = layers[m]
        depth = layer[at.DEPTH_MM]
        # A layer changes nothing where its fraction is 0. Deeper layers lie inside it.
        while m > 0 and low < high and _clear(distance, sharpness, depth, low):
            low += BLOCK
        while m > 0 and low < high and _clear(distance, sharpness, depth, high - BLOCK):
            high -= BLOCK
        deeper = layers[m + 1, at.DEPTH_MM] if m + 1 < count else _f32(at.NO_END_MM)
        left, right = high, high
        if m + 1 < count and layers[m + 1, at.THICKNESS_MM] == _f32(at.NO_END_MM):
            left, right = _hidden(distance, sharpness, deeper, low, high)
        for side in range(2):
            b, last = (low, left) if side == 0 else (right, high)
            while b < last:
                a = b
                b = last
                if scattered:
                    a, b = _next_run(distance, sharpness, depth, a, last)
                if b <= a:
                    break
                _paint_layer(
                    layer, deeper, distance[a:b], sharpness[a:b], t0[a:b], t1[a:b], t2[a:b], t3[a:b],
                    per_shield, rim if m == 0 else _f32(0), per_rim, value[a:b], label[a:b],
                )  # fmt: skip


@subroutine
def _clear(distance, sharpness, depth, first):
    """Whether a layer covers no part of the block that begins at ``first``."""
    d, steep = distance[first : first + BLOCK], sharpness[first : first + BLOCK]
    reached = 0
    for x in range(BLOCK):
        reached += 1 if (d[x] - depth) * steep[x] > _f32(-0.5) else 0
    return reached == 0


@subroutine
def _next_run(distance, sharpness, depth, first, last):
    """First pixel, and the pixel after the last, of the next blocks from ``first`` on that a layer covers."""
    a = first
    while a < last and _clear(distance, sharpness, depth, a):
        a += BLOCK
    b = a
    while b < last and not _clear(distance, sharpness, depth, b):
        b += BLOCK
    return a, b


@subroutine
def _hidden(distance, sharpness, deeper, low, high):
    """Blocks within [low, high) that the next layer, which begins at ``deeper``, covers completely."""
    left, right = low, high
    while left < right and (distance[left] - deeper) * sharpness[left] < _f32(0.5):
        left += BLOCK
    while left < right and (distance[right - 1] - deeper) * sharpness[right - 1] < _f32(0.5):
        right -= BLOCK
    if left >= right:
        return high, high
    d, steep = distance[left:right], sharpness[left:right]
    seen = 0
    for x in range(d.size):
        seen += 1 if (d[x] - deeper) * steep[x] < _f32(0.5) else 0
    return (left, right) if seen == 0 else (high, high)


@inlined
def _paint_layer(layer, deeper, distance, sharpness, t0, t1, t2, t3, per_shield, rim, per_rim, value, label):
    depth = layer[at.DEPTH_MM]
    thickness = layer[at.THICKNESS_MM]
    number = np.int32(layer[at.LABEL])
    mean = layer[at.MEAN]
    cluster = layer[at.CLUSTER]
    w0, w1, w2, w3 = (
        layer[at.TEXTURE],
        layer[at.TEXTURE + 1],
        layer[at.TEXTURE + 2],
        layer[at.TEXTURE + 3],
    )
    for x in range(distance.size):
        inside = distance[x] - depth
        t = min(max(_f32(0.5) + inside * sharpness[x], _f32(0)), _f32(1))
        fraction = t * t * (_f32(3) - _f32(2) * t)
        if thickness < _f32(at.NO_END_MM):
            u = min(max(_f32(0.5) + (inside - thickness) * sharpness[x], _f32(0)), _f32(1))
            fraction -= u * u * (_f32(3) - _f32(2) * u)
        texture = (w0 * t0[x] + w1 * t1[x]) + (w2 * t2[x] + w3 * t3[x])
        texture += cluster * min(max(PATCH_EDGE * t3[x], _f32(-1)), _f32(1))
        if per_shield > _f32(0):
            edge = min(inside, abs(distance[x] - deeper)) * per_shield
            texture *= min(max(edge, _f32(0)), _f32(1))
        step = mean + texture - value[x]
        if rim != _f32(0):
            bump = inside * per_rim
            bump = _f32(1) / (_f32(1) + bump * bump)
            fraction += rim * bump * bump * min(_f32(4) * t * (_f32(1) - t) + fraction, _f32(1))
        value[x] += fraction * step
        label[x] = number if inside > _f32(0) and inside <= thickness else label[x]
