"""One slice of anatomy: signed distances of all structures, mixed by partial volume.

The fraction of a voxel inside a structure is a smoothstep of distance times sharpness
(``distances``): within 0.012 of the normal distribution's integral, which is exact for a plane, so
thick slices smear oblique surfaces and keep upright ones. Structures of a neighbourhood share the
space between them by a power diagram of their distances; others cover what was painted before.
"""

import numpy as np

from synthfm3d.rendering.columns import (
    BLEND_MM,
    CAPSULE,
    COARSE,
    COARSE_MM,
    CONFINED,
    FINE,
    FINE_MM,
    FIRST_PART,
    GAP_MM,
    KIND,
    LAST_PART,
    LAYERS,
    NEIGHBOURHOOD,
    QUADRIC,
    REACH_MM,
    ROUNDED_BOX,
    STAR,
    TILED,
    WARP_X,
    WARP_Y,
    X_HIGH,
    X_LOW,
    Y_HIGH,
    Y_LOW,
)
from synthfm3d.rendering.distances import (
    unite_capsule,
    unite_quadric,
    unite_rounded_box,
    unite_star,
)
from synthfm3d.rendering.fields import field_row
from synthfm3d.rendering.kernels import inlined, kernel
from synthfm3d.rendering.painting import BLOCK, paint
from synthfm3d.rendering.tiles import tile_row
from synthfm3d.synthesis.scene import TEXTURES, Scene
from synthfm3d.volume import Array

_f32 = np.float32
FAR = np.float32(-1e4)
FADE_FROM = np.float32(0.2)
"""Level of the coarse shape noise from which boundaries fade."""


def lengths_of(scene: Scene) -> Array:
    """What ``compose_slice`` has to know of a whole scene, float32 (11,), lengths in mm."""
    anatomy, boundary = scene.anatomy, scene.boundary
    return np.array(
        [
            *scene.spacing_mm[1:],
            boundary.psf_mm[0] / boundary.sub_slices,
            boundary.psf_mm[1],
            anatomy.warp_amplitude_mm,
            anatomy.cavity_depth_mm,
            boundary.texture_shield_mm,
            boundary.fade,
            boundary.rim,
            boundary.rim_mm,
            scene.contrast.outside.mean,
        ],
        np.float32,
    )


@kernel
def compose_slice(
    parts, structures, layers, tiles, places, tile_weights, planes, y_first, y_weights, lengths, signal,
    labels,
):  # fmt: skip
    """Fill ``signal`` float32 and ``labels`` uint8, both (y, x), for one slice.

    ``parts`` are the rows of this slice; ``tiles`` (field, y, x), ``places`` (field, 4, 2) and
    ``tile_weights`` (field, 4) make the finest fields; ``planes`` (field, node row, x) come from
    ``field_slice``, ``y_first`` (field, y) and ``y_weights`` (field, y, 4) interpolate them; ``lengths``
    come from ``lengths_of``.
    """
    y_step, x_step, psf_z, psf_plane = lengths[0], lengths[1], lengths[2], lengths[3]
    warp_mm, cavity_mm, shield_mm = lengths[4], lengths[5], lengths[6]
    fade, rim, rim_mm, outside = lengths[7], lengths[8], lengths[9], lengths[10]
    height, width = signal.shape
    count = structures.shape[0]
    # Rows are worked on in whole blocks: what is left of one would be done pixel by pixel.
    padded = (width + BLOCK - 1) // BLOCK * BLOCK
    fields = np.zeros((TEXTURES + 4, padded), np.float32)
    y_mm = np.empty(padded, np.float32)
    x_mm = np.empty(padded, np.float32)
    distance = np.empty((count, padded), np.float32)
    sharpness = np.empty((count, padded), np.float32)
    first = np.empty(count, np.int64)
    after = np.empty(count, np.int64)
    body = np.empty(padded, np.float32)
    cut = np.empty((count, padded), np.float32)
    value = np.empty(padded, np.float32)
    label = np.empty(padded, np.int32)
    variance_z = psf_z * psf_z
    variance_plane = psf_plane * psf_plane
    per_shield = _f32(1.0) / shield_mm if shield_mm > _f32(0) else _f32(0)
    per_rim = _f32(1.0) / rim_mm
    boxes, present = _boxes(parts, structures)
    here = np.empty(count, np.int64)
    extremes_y = _extremes(planes[WARP_Y], y_first[WARP_Y, height - 1] + 4)
    extremes_x = _extremes(planes[WARP_X], y_first[WARP_X, height - 1] + 4)

    for y in range(height):
        for f in range(TILED):
            tile_row(tiles[f], places[f], tile_weights[f], y, fields[f, :width])
        for f in range(TILED, TEXTURES + 4):
            field_row(planes[f], y_first[f, y], y_weights[f, y], fields[f, :width])
        row_mm = _f32(_f32(y) * y_step)
        displaced_y = fields[WARP_Y]
        displaced_x = fields[WARP_X]
        for x in range(padded):
            y_mm[x] = row_mm + warp_mm * displaced_y[x]
            x_mm[x] = _f32(x) * x_step + warp_mm * displaced_x[x]
            value[x] = outside
            label[x] = 0
            body[x] = FAR
        # Where this row's pixels come from: a structure is measured where it may be seen, no wider.
        low_y, high_y = _bounds(extremes_y, y_first[WARP_Y, y], y_weights[WARP_Y, y])
        low_x, high_x = _bounds(extremes_x, y_first[WARP_X, y], y_weights[WARP_X, y])
        low_y, high_y = row_mm + warp_mm * low_y, row_mm + warp_mm * high_y
        low_x, high_x = warp_mm * low_x, warp_mm * high_x

        seen = 0
        for k in range(present.size):
            n = present[k]
            reach = structures[n, REACH_MM]
            if boxes[n, 1] + reach < low_y or boxes[n, 0] - reach > high_y:
                continue
            left, right = _row_extent(structures[n], parts, boxes[n], low_y, high_y)
            a, b = _blocks(left - reach - high_x, right + reach - low_x, x_step, padded)
            if b > a:
                first[seen], after[seen], here[seen] = a, b, n
                seen += 1

        k = 0
        while k < seen:
            group = structures[here[k], NEIGHBOURHOOD]
            end = k + 1
            while group > _f32(0) and end < seen and structures[here[end], NEIGHBOURHOOD] == group:
                end += 1
            for m in range(k, end):
                n, a, b = here[m], first[m], after[m]
                _measure(
                    structures[n], parts, low_y, high_y, low_x, high_x, x_step, y_mm, x_mm,
                    variance_z, variance_plane, a, b, fields[COARSE, a:b], fields[FINE, a:b],
                    distance[m], sharpness[m],
                )  # fmt: skip
                d = distance[m, a:b]
                outline = body[a:b]
                if n == 0:
                    for x in range(b - a):
                        outline[x] = d[x]
                elif structures[n, CONFINED] > _f32(0):
                    for x in range(b - a):
                        d[x] = min(d[x], outline[x] - cavity_mm)
                if fade > _f32(0):
                    _fade(sharpness[m, a:b], fields[COARSE, a:b], fade)
            shared = end > k + 1
            if shared:
                _share_space(structures, here, k, end, first, after, distance, cut)
            for m in range(k, end):
                n, a, b = here[m], first[m], after[m]
                paint(
                    layers[n], int(structures[n, LAYERS]),
                    structures[n, LAST_PART] - structures[n, FIRST_PART] > _f32(1),
                    (cut if shared else distance)[m, a:b],
                    sharpness[m, a:b], fields[0, a:b], fields[1, a:b], fields[2, a:b], fields[3, a:b],
                    per_shield, rim, per_rim, value[a:b], label[a:b],
                )  # fmt: skip
            k = end

        out_signal, out_label = signal[y], labels[y]
        for x in range(width):
            out_signal[x] = value[x]
        for x in range(width):
            out_label[x] = np.uint8(label[x])


@kernel
def mean_signal(signals):
    """Average of the sub-slices of a slice, float32 (y, x)."""
    count, height, width = signals.shape
    mean = signals[0].copy()
    share = _f32(1) / _f32(count)
    for y in range(height):
        out = mean[y]
        for n in range(1, count):
            other = signals[n, y]
            for x in range(width):
                out[x] += other[x]
        for x in range(width):
            out[x] *= share
    return mean


@inlined
def _blocks(low_mm, high_mm, x_step, padded):
    """The blocks of a row that reach from ``low_mm`` to ``high_mm``, as first pixel and after the last."""
    a = max(0, int(low_mm / x_step)) // BLOCK * BLOCK
    b = (int(max(high_mm / x_step, _f32(-2))) + 1 + BLOCK) // BLOCK * BLOCK
    return a, min(padded, b)


@inlined
def _row_extent(structure, parts, box, low_y, high_y):
    """Lowest and highest x in mm of a structure's parts that reach into a row; of none, low > high."""
    first, after = int(structure[FIRST_PART]), int(structure[LAST_PART])
    if after - first == 1:
        return box[2], box[3]
    reach = structure[REACH_MM]
    left, right = _f32(1e9), _f32(-1e9)
    for p in range(first, after):
        part = parts[p]
        if part[KIND] > _f32(0) and part[Y_HIGH] + reach >= low_y and part[Y_LOW] - reach <= high_y:
            left, right = min(left, part[X_LOW]), max(right, part[X_HIGH])
    return left, right


@inlined
def _extremes(plane, rows):
    """Least and largest value of each node row of a field."""
    extremes = np.empty((rows, 2), np.float32)
    for row in range(rows):
        low, high = plane[row, 0], plane[row, 0]
        for x in range(plane.shape[1]):
            low = min(low, plane[row, x])
            high = max(high, plane[row, x])
        extremes[row, 0], extremes[row, 1] = low, high
    return extremes


@inlined
def _bounds(extremes, first, weights):
    """What a field cannot exceed in a row: its weights are positive."""
    low, high = _f32(0), _f32(0)
    for k in range(4):
        low += weights[k] * extremes[first + k, 0]
        high += weights[k] * extremes[first + k, 1]
    return low, high


@inlined
def _boxes(parts, structures):
    """What holds each structure of a slice, (y low, y high, x low, x high) in mm; and which are there."""
    count = structures.shape[0]
    boxes = np.empty((count, 4), np.float32)
    present = np.empty(count, np.int64)
    found = 0
    for n in range(count):
        box = boxes[n]
        box[0], box[1], box[2], box[3] = _f32(1e9), _f32(-1e9), _f32(1e9), _f32(-1e9)
        there = False
        for p in range(int(structures[n, FIRST_PART]), int(structures[n, LAST_PART])):
            part = parts[p]
            if part[KIND] > _f32(0):
                there = True
                box[0], box[1] = min(box[0], part[Y_LOW]), max(box[1], part[Y_HIGH])
                box[2], box[3] = min(box[2], part[X_LOW]), max(box[3], part[X_HIGH])
        if there:
            present[found] = n
            found += 1
    return boxes, present[:found]


@inlined
def _measure(
    structure, parts, low_y, high_y, low_x, high_x, x_step, y_mm, x_mm, variance_z, variance_plane,
    low, high, coarse, fine, distance, sharpness,
):  # fmt: skip
    """Distance and sharpness of a structure in a row: the union of its parts, roughened."""
    reach = structure[REACH_MM]
    blend = structure[BLEND_MM]
    d = distance[low:high]
    s = sharpness[low:high]
    d[:] = FAR
    s[:] = _f32(1)
    for p in range(int(structure[FIRST_PART]), int(structure[LAST_PART])):
        part = parts[p]
        kind = part[KIND]
        if kind == _f32(0) or part[Y_HIGH] + reach < low_y or part[Y_LOW] - reach > high_y:
            continue
        a, b = _blocks(part[X_LOW] - reach - high_x, part[X_HIGH] + reach - low_x, x_step, y_mm.size)
        if b <= a:
            continue
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
        level = min(max(noise[x] - FADE_FROM, _f32(0)), _f32(1))
        sharpness[x] /= _f32(1) + fade * level


@inlined
def _share_space(structures, here, low, high, first, after, distance, cut):
    """Cut structures of a neighbourhood where another one is deeper: min(d, (d - other - gap) / 2).

    Without a gap a structure is cut by those painted before it alone: they reach under it, so that
    their mix at the shared boundary holds nothing of the background.
    """
    for k in range(low, high):
        cut[k, first[k] : after[k]] = distance[k, first[k] : after[k]]
    for k in range(low, high):
        for m in range(low, high):
            gap = max(structures[here[k], GAP_MM], structures[here[m], GAP_MM])
            a = max(first[k], first[m])
            b = min(after[k], after[m])
            if m == k or b <= a or (m > k and gap == _f32(0)):
                continue
            mine = distance[k, a:b]
            theirs = distance[m, a:b]
            left = cut[k, a:b]
            for x in range(b - a):
                left[x] = min(left[x], _f32(0.5) * (mine[x] - theirs[x] - gap))
