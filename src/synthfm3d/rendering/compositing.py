"""One slice of anatomy: signed distances of all structures, mixed by partial volume.

The fraction of a voxel inside a structure is a smoothstep of distance times sharpness (``distances``): within
0.012 of the normal distribution's integral, which is exact for a plane, so thick slices blur oblique surfaces
but not upright ones. Structures of a neighbourhood share the space between them (a power diagram of their
distances); any other structure covers those painted before it.
"""

from typing import NamedTuple

import numpy as np

from synthfm3d.kernels import inlined, kernel, lean_kernel, subroutine
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
from synthfm3d.volume import Array

_f32 = np.float32
FAR = np.float32(-1e4)
FADE_FROM = np.float32(0.2)
"""Level of the coarse shape noise from which boundaries fade."""


class SceneNumbers(NamedTuple):
    """Numbers of a whole scene that ``compose_slice`` needs, float32."""

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
    """Point spread, depths and amplitudes of a scene in the form that the kernel needs."""
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


class Scratch(NamedTuple):
    """Memory for one row at a time: its fields, positions, structures and grey values."""

    fields: Array
    y_mm: Array
    x_mm: Array
    body: Array
    distance: Array
    sharpness: Array
    cut: Array
    value: Array
    label: Array
    boxes: Array
    extremes: Array
    present: Array
    visible: Array
    first: Array
    after: Array


def scratch_for(width: int, structures: int, node_rows: int) -> Scratch:
    """Memory for rows of ``width`` pixels, rounded up to whole blocks."""
    padded = -(-width // BLOCK) * BLOCK
    row, rows = (padded,), (structures, padded)
    fields = np.zeros((TEXTURES + 4, padded), np.float32)  # what fills the last block stays 0
    y_mm, x_mm, body, value = (np.empty(row, np.float32) for _ in range(4))
    distance, sharpness, cut = (np.empty(rows, np.float32) for _ in range(3))
    present, visible, first, after = (np.empty(structures, np.int64) for _ in range(4))
    return Scratch(
        fields=fields,
        y_mm=y_mm,
        x_mm=x_mm,
        body=body,
        distance=distance,
        sharpness=sharpness,
        cut=cut,
        value=value,
        label=np.empty(row, np.int32),
        boxes=np.empty((structures, 4), np.float32),
        extremes=np.empty((2, node_rows, 2), np.float32),
        present=present,
        visible=visible,
        first=first,
        after=after,
    )


@lean_kernel
def compose_slice(
    parts, structures, layers, tiles, places, tile_weights, planes, y_first, y_weights, numbers, scratch,
    signal, labels,
):  # fmt: skip
    """Fill ``signal`` float32 and ``labels`` uint8, both (y, x), for one slice.

    ``parts`` are the rows of this slice; ``tiles`` (field, y, x), ``places`` (field, 4, 2) and
    ``tile_weights`` (field, 4) make the finest fields; ``planes`` (field, node row, x) come from
    ``field_slice``, ``y_first`` (field, y) and ``y_weights`` (field, y, 4) interpolate them; ``numbers`` come
    from ``numbers_of``, and ``scratch`` from ``scratch_for``.
    """
    x_step, warp_mm = numbers.x_step_mm, numbers.warp_mm
    height, width = signal.shape
    fields, y_mm, x_mm, body = scratch.fields, scratch.y_mm, scratch.x_mm, scratch.body
    distance, sharpness, cut = scratch.distance, scratch.sharpness, scratch.cut
    value, label, boxes = scratch.value, scratch.label, scratch.boxes
    visible, first, after, present = scratch.visible, scratch.first, scratch.after, scratch.present
    extremes_y, extremes_x = scratch.extremes[0], scratch.extremes[1]
    padded = y_mm.size
    number = _find_boxes(parts, structures, boxes, present)
    _find_extremes(planes[at.WARP_Y], y_first[at.WARP_Y, height - 1] + 4, extremes_y)
    _find_extremes(planes[at.WARP_X], y_first[at.WARP_X, height - 1] + 4, extremes_x)
    for y in range(height):
        _interpolate_fields(tiles, places, tile_weights, planes, y_first, y_weights, y, width, fields)
        row_mm = _f32(_f32(y) * numbers.y_step_mm)
        _displace(row_mm, x_step, warp_mm, fields[at.WARP_Y], fields[at.WARP_X], y_mm, x_mm)
        for x in range(padded):
            value[x] = numbers.outside
            label[x] = 0
            body[x] = FAR
        # Bounds of the displaced pixels of this row: a structure is measured only where it may be visible.
        low_y, high_y = _bounds(extremes_y, y_first[at.WARP_Y, y], y_weights[at.WARP_Y, y])
        low_x, high_x = _bounds(extremes_x, y_first[at.WARP_X, y], y_weights[at.WARP_X, y])
        bounds = (row_mm + warp_mm * low_y, row_mm + warp_mm * high_y, warp_mm * low_x, warp_mm * high_x)
        seen = _find_visible(
            structures, parts, boxes, present[:number], bounds, x_step, padded, visible, first, after
        )
        start = 0
        while start < seen:
            end = _end_of_neighbourhood(structures, visible, start, seen)
            for k in range(start, end):
                _measure(
                    structures[visible[k]], visible[k] == 0, parts, bounds, numbers, y_mm, x_mm,
                    first[k], after[k], fields[at.COARSE], fields[at.FINE], body, distance[k], sharpness[k],
                )  # fmt: skip
            if end > start + 1:
                _share_space(structures, visible, start, end, first, after, distance, cut)
            shown = cut if end > start + 1 else distance
            for k in range(start, end):
                a, b = first[k], after[k]
                paint(
                    layers[visible[k]], structures[visible[k]], shown[k, a:b], sharpness[k, a:b],
                    fields[0, a:b], fields[1, a:b], fields[2, a:b], fields[3, a:b], numbers,
                    value[a:b], label[a:b],
                )  # fmt: skip
            start = end
        _store(value, label, signal[y], labels[y])


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
def _interpolate_fields(tiles, places, tile_weights, planes, y_first, y_weights, y, width, fields):
    """Values of all fields in row ``y``, into ``fields`` (field, x)."""
    for f in range(at.TILED):
        tile_row(tiles[f], places[f], tile_weights[f], y, fields[f, :width])
    for f in range(at.TILED, fields.shape[0]):
        field_row(planes[f], y_first[f, y], y_weights[f, y], fields[f, :width])


@inlined
def _displace(row_mm, x_step, warp_mm, warp_y, warp_x, y_mm, x_mm):
    """Positions in mm from which the pixels of a row come, after the warp."""
    for x in range(y_mm.size):
        y_mm[x] = row_mm + warp_mm * warp_y[x]
        x_mm[x] = _f32(x) * x_step + warp_mm * warp_x[x]


@inlined
def _find_visible(structures, parts, boxes, present, bounds, x_step, padded, visible, first, after):
    """Structures that a row may show, with the first pixel of each and the one after its last; their number.

    ``bounds`` are the lowest and the highest y of the row, and the least and the largest shift along x, in
    mm.
    """
    low_y, high_y, low_x, high_x = bounds
    seen = 0
    for k in range(present.size):
        n = present[k]
        reach = structures[n, at.REACH_MM]
        if boxes[n, 1] + reach < low_y or boxes[n, 0] - reach > high_y:
            continue
        left, right = _row_extent(structures[n], parts, boxes[n], low_y, high_y)
        a, b = _blocks(left - reach - high_x, right + reach - low_x, x_step, padded)
        if b > a:
            first[seen], after[seen], visible[seen] = a, b, n
            seen += 1
    return seen


@inlined
def _end_of_neighbourhood(structures, visible, start, seen):
    """The place after the last structure that shares the space with the one at ``start``."""
    group = structures[visible[start], at.NEIGHBOURHOOD]
    end = start + 1
    while group > _f32(0) and end < seen and structures[visible[end], at.NEIGHBOURHOOD] == group:
        end += 1
    return end


@inlined
def _store(value, label, signal, labels):
    """Copy a row to the slice, without the pixels that fill its last block."""
    for x in range(signal.size):
        signal[x] = value[x]
    for x in range(labels.size):
        labels[x] = np.uint8(label[x])


@inlined
def _blocks(low_mm, high_mm, x_step, padded):
    """First pixel, and the pixel after the last, of the blocks of a row from ``low_mm`` to ``high_mm``."""
    a = max(0, int(low_mm / x_step)) // BLOCK * BLOCK
    b = (int(max(high_mm / x_step, _f32(-2))) + 1 + BLOCK) // BLOCK * BLOCK
    return a, min(padded, b)


@inlined
def _row_extent(structure, parts, box, low_y, high_y):
    """Lowest and highest x in mm of a structure's parts that reach into a row; low > high if none does."""
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


@subroutine
def _find_extremes(plane, rows, extremes):
    """Least and largest value of each node row of a field, into ``extremes`` (row, 2)."""
    for row in range(rows):
        low, high = plane[row, 0], plane[row, 0]
        for x in range(plane.shape[1]):
            low = min(low, plane[row, x])
            high = max(high, plane[row, x])
        extremes[row, 0], extremes[row, 1] = low, high


@inlined
def _bounds(extremes, first, weights):
    """Bounds of a field in a row. They hold because all weights are positive."""
    low, high = _f32(0), _f32(0)
    for k in range(4):
        low += weights[k] * extremes[first + k, 0]
        high += weights[k] * extremes[first + k, 1]
    return low, high


@subroutine
def _find_boxes(parts, structures, boxes, present):
    """Bounding box of each structure on a slice, (y low, y high, x low, x high) in mm; how many there are."""
    found = 0
    for n in range(structures.shape[0]):
        box = boxes[n]
        box[0], box[1], box[2], box[3] = _f32(1e9), _f32(-1e9), _f32(1e9), _f32(-1e9)
        has_part = False
        for p in range(int(structures[n, at.FIRST_PART]), int(structures[n, at.LAST_PART])):
            part = parts[p]
            if part[at.KIND] > _f32(0):
                has_part = True
                box[0], box[1] = min(box[0], part[at.Y_LOW]), max(box[1], part[at.Y_HIGH])
                box[2], box[3] = min(box[2], part[at.X_LOW]), max(box[3], part[at.X_HIGH])
        if has_part:
            present[found] = n
            found += 1
    return found


@inlined
def _measure(
    structure, is_body, parts, bounds, numbers, y_mm, x_mm, low, high, coarse, fine, body, distance, sharpness
):
    """Distance and sharpness of a structure in the pixels [low, high) of a row.

    The distance is that of the union of its parts, with shape noise. The distance of the body is kept in
    ``body``: it limits the structures that are confined to the cavity.
    """
    d, s, outline = distance[low:high], sharpness[low:high], body[low:high]
    _unite_parts(structure, parts, bounds, numbers, y_mm, x_mm, low, high, distance, sharpness)
    coarse_mm, fine_mm = structure[at.COARSE_MM], structure[at.FINE_MM]
    coarse, fine = coarse[low:high], fine[low:high]
    for x in range(high - low):
        d[x] += coarse_mm * coarse[x] + fine_mm * fine[x]
    if is_body:
        for x in range(high - low):
            outline[x] = d[x]
    elif structure[at.CONFINED] > _f32(0):
        for x in range(high - low):
            d[x] = min(d[x], outline[x] - numbers.cavity_mm)
    if numbers.fade > _f32(0):
        _fade(s, coarse, numbers.fade)


@inlined
def _unite_parts(structure, parts, bounds, numbers, y_mm, x_mm, low, high, distance, sharpness):
    """Distance and sharpness of the union of a structure's parts in the pixels [low, high) of a row."""
    low_y, high_y, low_x, high_x = bounds
    variance_z = numbers.psf_through_mm * numbers.psf_through_mm
    variance_plane = numbers.psf_in_plane_mm * numbers.psf_in_plane_mm
    reach, blend = structure[at.REACH_MM], structure[at.BLEND_MM]
    distance[low:high] = FAR
    sharpness[low:high] = _f32(1)
    for p in range(int(structure[at.FIRST_PART]), int(structure[at.LAST_PART])):
        part = parts[p]
        kind = part[at.KIND]
        if kind == _f32(0) or part[at.Y_HIGH] + reach < low_y or part[at.Y_LOW] - reach > high_y:
            continue
        a, b = _blocks(
            part[at.X_LOW] - reach - high_x, part[at.X_HIGH] + reach - low_x, numbers.x_step_mm, y_mm.size
        )
        if b <= a:
            continue
        y, x, d, s = y_mm[a:b], x_mm[a:b], distance[a:b], sharpness[a:b]
        if kind == _f32(at.QUADRIC):
            unite_quadric(part, y, x, variance_z, variance_plane, blend, d, s)
        elif kind == _f32(at.CAPSULE):
            unite_capsule(part, y, x, variance_z, variance_plane, blend, d, s)
        elif kind == _f32(at.ROUNDED_BOX):
            unite_rounded_box(part, y, x, variance_z, variance_plane, blend, d, s)
        elif kind == _f32(at.STAR):
            unite_star(part, y, x, variance_z, variance_plane, blend, d, s)


@inlined
def _fade(sharpness, noise, fade):
    """Widen boundaries by a factor of up to 1 + ``fade`` where the noise is high."""
    for x in range(sharpness.size):
        level = min(max(noise[x] - FADE_FROM, _f32(0)), _f32(1))
        sharpness[x] /= _f32(1) + fade * level


@inlined
def _share_space(structures, here, low, high, first, after, distance, cut):
    """Cut structures of a neighbourhood where another one is deeper: min(d, (d - other - gap) / 2).

    Without a gap, only structures painted before this one cut it. They extend under it, so that no background
    enters the mixture at the shared boundary.
    """
    for k in range(low, high):
        for x in range(first[k], after[k]):
            cut[k, x] = distance[k, x]
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
