"""One slice of anatomy: signed distances of all structures, mixed by partial volume.

The fraction of a voxel inside a structure is a smoothstep of distance times sharpness
(``distances``): within 0.012 of the normal distribution's integral, which is exact for a plane, so
thick slices smear oblique surfaces and keep upright ones. Structures of a neighbourhood share the
space between them by a power diagram of their distances; others cover what was painted before.
"""

from typing import NamedTuple

import numpy as np

from synthfm3d.kernels import inlined, kernel
from synthfm3d.rendering import columns as at
from synthfm3d.rendering.distances import (
    unite_capsule,
    unite_quadric,
    unite_rounded_box,
    unite_star,
)
from synthfm3d.rendering.fields import field_row
from synthfm3d.rendering.painting import BLOCK, paint
from synthfm3d.rendering.tiles import tile_row
from synthfm3d.synthesis.scene import TEXTURES, Scene

_f32 = np.float32
FAR = np.float32(-1e4)
FADE_FROM = np.float32(0.2)
"""Level of the coarse shape noise from which boundaries fade."""


class SceneNumbers(NamedTuple):
    """What ``compose_slice`` has to know of a whole scene, float32."""

    y_step_mm: np.float32
    x_step_mm: np.float32
    psf_through_mm: np.float32
    psf_in_plane_mm: np.float32
    warp_mm: np.float32
    cavity_mm: np.float32
    shield_mm: np.float32
    fade: np.float32
    rim: np.float32
    rim_mm: np.float32
    outside: np.float32


def numbers_of(scene: Scene) -> SceneNumbers:
    """Standard deviations of the point spread, depths and amplitudes of a scene as the kernel takes them."""
    anatomy, boundary = scene.anatomy, scene.boundary
    _, y_step_mm, x_step_mm = scene.spacing_mm
    return SceneNumbers(
        y_step_mm=np.float32(y_step_mm),
        x_step_mm=np.float32(x_step_mm),
        psf_through_mm=np.float32(boundary.psf_mm[0] / boundary.sub_slices),
        psf_in_plane_mm=np.float32(boundary.psf_mm[1]),
        warp_mm=np.float32(anatomy.warp_amplitude_mm),
        cavity_mm=np.float32(anatomy.cavity_depth_mm),
        shield_mm=np.float32(boundary.texture_shield_mm),
        fade=np.float32(boundary.fade),
        rim=np.float32(boundary.rim),
        rim_mm=np.float32(boundary.rim_mm),
        outside=np.float32(scene.contrast.outside.mean),
    )


@kernel
def compose_slice(
    parts, structures, layers, tiles, places, tile_weights, planes, y_first, y_weights, numbers, signal,
    labels,
):  # fmt: skip
    """Fill ``signal`` float32 and ``labels`` uint8, both (y, x), for one slice.

    ``parts`` are the rows of this slice; ``tiles`` (field, y, x), ``places`` (field, 4, 2) and
    ``tile_weights`` (field, 4) make the finest fields; ``planes`` (field, node row, x) come from
    ``field_slice``, ``y_first`` (field, y) and ``y_weights`` (field, y, 4) interpolate them; ``numbers``
    come from ``numbers_of``.
    """
    y_step, x_step, warp_mm, fade = numbers.y_step_mm, numbers.x_step_mm, numbers.warp_mm, numbers.fade
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
    variance_z = numbers.psf_through_mm * numbers.psf_through_mm
    variance_plane = numbers.psf_in_plane_mm * numbers.psf_in_plane_mm
    per_shield = _f32(1.0) / numbers.shield_mm if numbers.shield_mm > _f32(0) else _f32(0)
    per_rim = _f32(1.0) / numbers.rim_mm
    boxes, present = _boxes(parts, structures)
    here = np.empty(count, np.int64)
    extremes_y = _extremes(planes[at.WARP_Y], y_first[at.WARP_Y, height - 1] + 4)
    extremes_x = _extremes(planes[at.WARP_X], y_first[at.WARP_X, height - 1] + 4)

    for y in range(height):
        for f in range(at.TILED):
            tile_row(tiles[f], places[f], tile_weights[f], y, fields[f, :width])
        for f in range(at.TILED, TEXTURES + 4):
            field_row(planes[f], y_first[f, y], y_weights[f, y], fields[f, :width])
        row_mm = _f32(_f32(y) * y_step)
        displaced_y = fields[at.WARP_Y]
        displaced_x = fields[at.WARP_X]
        for x in range(padded):
            y_mm[x] = row_mm + warp_mm * displaced_y[x]
            x_mm[x] = _f32(x) * x_step + warp_mm * displaced_x[x]
            value[x] = numbers.outside
            label[x] = 0
            body[x] = FAR
        # Where this row's pixels come from: a structure is measured where it may be seen, no wider.
        low_y, high_y = _bounds(extremes_y, y_first[at.WARP_Y, y], y_weights[at.WARP_Y, y])
        low_x, high_x = _bounds(extremes_x, y_first[at.WARP_X, y], y_weights[at.WARP_X, y])
        low_y, high_y = row_mm + warp_mm * low_y, row_mm + warp_mm * high_y
        low_x, high_x = warp_mm * low_x, warp_mm * high_x

        seen = 0
        for k in range(present.size):
            n = present[k]
            reach = structures[n, at.REACH_MM]
            if boxes[n, 1] + reach < low_y or boxes[n, 0] - reach > high_y:
                continue
            left, right = _row_extent(structures[n], parts, boxes[n], low_y, high_y)
            a, b = _blocks(left - reach - high_x, right + reach - low_x, x_step, padded)
            if b > a:
                first[seen], after[seen], here[seen] = a, b, n
                seen += 1

        k = 0
        while k < seen:
            group = structures[here[k], at.NEIGHBOURHOOD]
            end = k + 1
            while group > _f32(0) and end < seen and structures[here[end], at.NEIGHBOURHOOD] == group:
                end += 1
            for m in range(k, end):
                n, a, b = here[m], first[m], after[m]
                _measure(
                    structures[n], parts, low_y, high_y, low_x, high_x, x_step, y_mm, x_mm,
                    variance_z, variance_plane, a, b, fields[at.COARSE, a:b], fields[at.FINE, a:b],
                    distance[m], sharpness[m],
                )  # fmt: skip
                d = distance[m, a:b]
                outline = body[a:b]
                if n == 0:
                    for x in range(b - a):
                        outline[x] = d[x]
                elif structures[n, at.CONFINED] > _f32(0):
                    for x in range(b - a):
                        d[x] = min(d[x], outline[x] - numbers.cavity_mm)
                if fade > _f32(0):
                    _fade(sharpness[m, a:b], fields[at.COARSE, a:b], fade)
            shared = end > k + 1
            if shared:
                _share_space(structures, here, k, end, first, after, distance, cut)
            for m in range(k, end):
                n, a, b = here[m], first[m], after[m]
                paint(
                    layers[n], int(structures[n, at.LAYERS]),
                    structures[n, at.LAST_PART] - structures[n, at.FIRST_PART] > _f32(1),
                    (cut if shared else distance)[m, a:b],
                    sharpness[m, a:b], fields[0, a:b], fields[1, a:b], fields[2, a:b], fields[3, a:b],
                    per_shield, numbers.rim, per_rim, value[a:b], label[a:b],
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
    first, after = int(structure[at.FIRST_PART]), int(structure[at.LAST_PART])
    if after - first == 1:
        return box[2], box[3]
    reach = structure[at.REACH_MM]
    left, right = _f32(1e9), _f32(-1e9)
    for p in range(first, after):
        part = parts[p]
        if part[at.KIND] > _f32(0) and part[at.Y_HIGH] + reach >= low_y and part[at.Y_LOW] - reach <= high_y:
            left, right = min(left, part[at.X_LOW]), max(right, part[at.X_HIGH])
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
        for p in range(int(structures[n, at.FIRST_PART]), int(structures[n, at.LAST_PART])):
            part = parts[p]
            if part[at.KIND] > _f32(0):
                there = True
                box[0], box[1] = min(box[0], part[at.Y_LOW]), max(box[1], part[at.Y_HIGH])
                box[2], box[3] = min(box[2], part[at.X_LOW]), max(box[3], part[at.X_HIGH])
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
    reach = structure[at.REACH_MM]
    blend = structure[at.BLEND_MM]
    d = distance[low:high]
    s = sharpness[low:high]
    d[:] = FAR
    s[:] = _f32(1)
    for p in range(int(structure[at.FIRST_PART]), int(structure[at.LAST_PART])):
        part = parts[p]
        kind = part[at.KIND]
        if kind == _f32(0) or part[at.Y_HIGH] + reach < low_y or part[at.Y_LOW] - reach > high_y:
            continue
        a, b = _blocks(part[at.X_LOW] - reach - high_x, part[at.X_HIGH] + reach - low_x, x_step, y_mm.size)
        if b <= a:
            continue
        if kind == _f32(at.QUADRIC):
            unite_quadric(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
        elif kind == _f32(at.CAPSULE):
            unite_capsule(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
        elif kind == _f32(at.ROUNDED_BOX):
            unite_rounded_box(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
        elif kind == _f32(at.STAR):
            unite_star(
                part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend, distance[a:b], sharpness[a:b]
            )
    coarse_mm = structure[at.COARSE_MM]
    fine_mm = structure[at.FINE_MM]
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
            gap = max(structures[here[k], at.GAP_MM], structures[here[m], at.GAP_MM])
            a = max(first[k], first[m])
            b = min(after[k], after[m])
            if m == k or b <= a or (m > k and gap == _f32(0)):
                continue
            mine = distance[k, a:b]
            theirs = distance[m, a:b]
            left = cut[k, a:b]
            for x in range(b - a):
                left[x] = min(left[x], _f32(0.5) * (mine[x] - theirs[x] - gap))
