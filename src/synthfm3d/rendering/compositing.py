"""One slice of anatomy: signed distances of all structures, mixed by partial volume.

The fraction of a voxel inside a structure is a smoothstep of distance times sharpness
(``distances``): within 0.012 of the normal distribution's integral, which is exact for a plane, so
thick slices smear oblique surfaces and keep upright ones. Structures of a neighbourhood share the
space between them by a power diagram of their distances; others cover what was painted before.
"""

import numpy as np

from synthfm3d.rendering.distances import (
    unite_capsule,
    unite_quadric,
    unite_rounded_box,
    unite_star,
)
from synthfm3d.rendering.fields import field_row
from synthfm3d.rendering.kernels import inlined, kernel
from synthfm3d.rendering.tables import (
    BLEND_MM,
    CAPSULE,
    COARSE,
    COARSE_MM,
    CONFINED,
    DEPTH_MM,
    FINE,
    FINE_MM,
    FIRST_PART,
    GAP_MM,
    KIND,
    LABEL,
    LAST_PART,
    LAYERS,
    MEAN,
    NEIGHBOURHOOD,
    NO_END_MM,
    QUADRIC,
    REACH_MM,
    ROUNDED_BOX,
    STAR,
    TEXTURE,
    THICKNESS_MM,
    WARP_X,
    WARP_Y,
    X_HIGH,
    X_LOW,
    Y_HIGH,
    Y_LOW,
)
from synthfm3d.synthesis.scene import TEXTURES

_f32 = np.float32
_FAR = np.float32(-1e4)
_FADE_FROM = np.float32(0.2)
"""Level of the coarse shape noise from which boundaries fade."""


@kernel
def compose_slice(
    parts, structures, layers, planes, y_first, y_weights, y_step, x_step,
    psf_z, psf_plane, warp_mm, cavity_mm, shield_mm, fade, rim, rim_mm, outside, signal, labels,
):  # fmt: skip
    """Fill ``signal`` float32 and ``labels`` uint8, both (y, x), for one slice.

    ``parts`` are the rows of this slice; ``planes`` (field, node row, x) come from ``field_slice``;
    ``y_first`` (field, y) and ``y_weights`` (field, y, 4) interpolate them; steps and lengths in mm.
    """
    height, width = signal.shape
    count = structures.shape[0]
    fields = np.empty((TEXTURES + 4, width), np.float32)
    y_mm = np.empty(width, np.float32)
    x_mm = np.empty(width, np.float32)
    distance = np.empty((count, width), np.float32)
    sharpness = np.empty((count, width), np.float32)
    first = np.empty(count, np.int64)
    after = np.empty(count, np.int64)
    body = np.empty(width, np.float32)
    cut = np.empty((count, width), np.float32)
    value = np.empty(width, np.float32)
    label = np.empty(width, np.int32)
    variance_z = psf_z * psf_z
    variance_plane = psf_plane * psf_plane
    per_shield = _f32(1.0) / shield_mm if shield_mm > _f32(0) else _f32(0)
    per_rim = _f32(1.0) / rim_mm

    for y in range(height):
        for f in range(TEXTURES + 4):
            field_row(planes[f], y_first[f, y], y_weights[f, y], fields[f])
        row_mm = _f32(_f32(y) * y_step)
        displaced_y = fields[WARP_Y]
        displaced_x = fields[WARP_X]
        for x in range(width):
            y_mm[x] = row_mm + warp_mm * displaced_y[x]
            x_mm[x] = _f32(x) * x_step + warp_mm * displaced_x[x]
            value[x] = outside
            label[x] = 0
            body[x] = _FAR

        k = 0
        while k < count:
            end = k + 1
            if structures[k, NEIGHBOURHOOD] > _f32(0):
                while end < count and structures[end, NEIGHBOURHOOD] == structures[k, NEIGHBOURHOOD]:
                    end += 1
            for n in range(k, end):
                structure = structures[n]
                a, b = _span(structure, parts, row_mm, x_step, width)
                first[n] = a
                after[n] = b
                if b > a:
                    _measure(
                        structure, parts, row_mm, x_step, y_mm, x_mm, variance_z, variance_plane,
                        a, b, fields[COARSE, a:b], fields[FINE, a:b], distance[n], sharpness[n],
                    )  # fmt: skip
                    d = distance[n, a:b]
                    outline = body[a:b]
                    if n == 0:
                        for x in range(b - a):
                            outline[x] = d[x]
                    elif structure[CONFINED] > _f32(0):
                        for x in range(b - a):
                            d[x] = min(d[x], outline[x] - cavity_mm)
                    if fade > _f32(0):
                        _fade(sharpness[n, a:b], fields[COARSE, a:b], fade)
            if end > k + 1:
                _share_space(structures, k, end, first, after, distance, cut)
            for n in range(k, end):
                a = first[n]
                b = after[n]
                if b > a:
                    _paint(
                        layers[n], int(structures[n, LAYERS]),
                        (cut if end > k + 1 else distance)[n, a:b], sharpness[n, a:b],
                        fields[0, a:b], fields[1, a:b], fields[2, a:b], fields[3, a:b],
                        per_shield, rim, per_rim, value[a:b], label[a:b],
                    )  # fmt: skip
            k = end

        out_signal = signal[y]
        out_label = labels[y]
        for x in range(width):
            out_signal[x] = value[x]
            out_label[x] = np.uint8(label[x])


@inlined
def _touches(part, row_mm, reach):
    return part[KIND] > _f32(0) and part[Y_LOW] - reach <= row_mm <= part[Y_HIGH] + reach


@inlined
def _span(structure, parts, row_mm, x_step, width):
    """The pixels of a row that a structure may change, as first and after."""
    reach = structure[REACH_MM]
    low = width
    high = 0
    for p in range(int(structure[FIRST_PART]), int(structure[LAST_PART])):
        part = parts[p]
        if _touches(part, row_mm, reach):
            low = min(low, max(0, int((part[X_LOW] - reach) / x_step)))
            high = max(high, min(width, int((part[X_HIGH] + reach) / x_step) + 2))
    return low, high


@inlined
def _measure(
    structure, parts, row_mm, x_step, y_mm, x_mm, variance_z, variance_plane,
    low, high, coarse, fine, distance, sharpness,
):  # fmt: skip
    """Distance and sharpness of a structure in a row: the union of its parts, roughened."""
    reach = structure[REACH_MM]
    blend = structure[BLEND_MM]
    d = distance[low:high]
    s = sharpness[low:high]
    d[:] = _FAR
    s[:] = _f32(1)
    width = y_mm.size
    for p in range(int(structure[FIRST_PART]), int(structure[LAST_PART])):
        part = parts[p]
        if not _touches(part, row_mm, reach):
            continue
        a = max(0, int((part[X_LOW] - reach) / x_step))
        b = min(width, int((part[X_HIGH] + reach) / x_step) + 2)
        if b <= a:
            continue
        kind = part[KIND]
        if kind == _f32(QUADRIC):
            unite_quadric(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
        elif kind == _f32(CAPSULE):
            unite_capsule(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
        elif kind == _f32(ROUNDED_BOX):
            unite_rounded_box(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
        elif kind == _f32(STAR):
            unite_star(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
    coarse_mm = structure[COARSE_MM]
    fine_mm = structure[FINE_MM]
    for x in range(high - low):
        d[x] += coarse_mm * coarse[x] + fine_mm * fine[x]


@inlined
def _fade(sharpness, noise, fade):
    """Boundaries up to 1 + ``fade`` times as wide where the noise is high."""
    for x in range(sharpness.size):
        level = min(max(noise[x] - _FADE_FROM, _f32(0)), _f32(1))
        sharpness[x] /= _f32(1) + fade * level


@inlined
def _share_space(structures, low, high, first, after, distance, cut):
    """Cut structures of a neighbourhood where another one is deeper: min(d, (d - other - gap) / 2).

    Without a gap a structure is cut by those painted before it alone: they reach under it, so that
    their mix at the shared boundary holds nothing of the background.
    """
    for n in range(low, high):
        cut[n, first[n] : after[n]] = distance[n, first[n] : after[n]]
    for n in range(low, high):
        for other in range(low, high):
            gap = max(structures[n, GAP_MM], structures[other, GAP_MM])
            a = max(first[n], first[other])
            b = min(after[n], after[other])
            if other == n or b <= a or (other > n and gap == _f32(0)):
                continue
            mine = distance[n, a:b]
            theirs = distance[other, a:b]
            left = cut[n, a:b]
            for x in range(b - a):
                left[x] = min(left[x], _f32(0.5) * (mine[x] - theirs[x] - gap))


@inlined
def _paint(layers, count, distance, sharpness, t0, t1, t2, t3, per_shield, rim, per_rim, value, label):
    """Mix the layers of one structure into a row, outermost first; ``t0`` to ``t3`` are textures."""
    # Textures come one by one: a row of a two-dimensional view has a stride that the compiler does
    # not know, and would not be vectorised.
    for m in range(count):
        layer = layers[m]
        depth = layer[DEPTH_MM]
        thickness = layer[THICKNESS_MM]
        number = np.int32(layer[LABEL])
        mean = layer[MEAN]
        w0, w1, w2, w3 = layer[TEXTURE], layer[TEXTURE + 1], layer[TEXTURE + 2], layer[TEXTURE + 3]
        deeper = layers[m + 1, DEPTH_MM] if m + 1 < count else _f32(NO_END_MM)
        for x in range(distance.size):
            inside = distance[x] - depth
            t = min(max(_f32(0.5) + inside * sharpness[x], _f32(0)), _f32(1))
            fraction = t * t * (_f32(3) - _f32(2) * t)
            if thickness < _f32(NO_END_MM):
                t = min(max(_f32(0.5) + (inside - thickness) * sharpness[x], _f32(0)), _f32(1))
                fraction -= t * t * (_f32(3) - _f32(2) * t)
            texture = (w0 * t0[x] + w1 * t1[x]) + (w2 * t2[x] + w3 * t3[x])
            if per_shield > _f32(0):
                edge = min(inside, abs(distance[x] - deeper)) * per_shield
                texture *= min(max(edge, _f32(0)), _f32(1))
            step = mean + texture - value[x]
            if rim != _f32(0) and m == 0:
                bump = inside * per_rim
                bump = _f32(1) / (_f32(1) + bump * bump)
                fraction += rim * bump * bump * min(_f32(4) * t * (_f32(1) - t) + fraction, _f32(1))
            value[x] += fraction * step
            label[x] = number if inside > _f32(0) and inside <= thickness else label[x]
