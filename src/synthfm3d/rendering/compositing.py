r"""One slice of anatomy: signed distances of all structures, mixed by partial volume.

For an implicit surface :math:`M = 1` with half gradient :math:`g`, the signed distance is to first
order :math:`d = (\sqrt{M} - M) / |g|`, and a point spread of standard deviations
:math:`(\sigma_z, \sigma_p)` blurs the boundary over
:math:`\sigma_n = \sqrt{\sigma_z^2 g_z^2 + \sigma_p^2 g_p^2} / |g|` along its normal. The fraction of
a voxel inside is a smoothstep of :math:`d / \sigma_n`, within 0.012 of the normal distribution's
integral, which is exact for a plane: thick slices smear oblique surfaces and keep upright ones.
"""

import math

import numpy as np

from synthfm3d.rendering.fields import field_row
from synthfm3d.rendering.kernels import inlined, kernel
from synthfm3d.rendering.tables import (
    A_XX,
    A_YX,
    A_YY,
    AXIS_X,
    AXIS_Y,
    AXIS_Z,
    BLEND_MM,
    BLUR_REACH,
    C0,
    CAPSULE,
    CENTRE_X,
    CENTRE_Y,
    COARSE,
    COARSE_MM,
    CONFINED,
    DEPTH_MM,
    FINE,
    FINE_MM,
    FIRST_PART,
    FROM_Z,
    GROWTH,
    KIND,
    LABEL,
    LAST_PART,
    LAYERS,
    M0,
    MEAN,
    PER_LENGTH2,
    QUADRIC,
    RADIUS,
    RATE,
    REACH_MM,
    START_X,
    START_Y,
    TEXTURE,
    V_X,
    V_Y,
    WARP_X,
    WARP_Y,
    X_HIGH,
    X_LOW,
    Y_HIGH,
    Y_LOW,
)
from synthfm3d.synthesis.scene import TEXTURES

_f32 = np.float32
_TINY = np.float32(1e-7)
_FAR = np.float32(-1e4)
_SMOOTHSTEP_STDS = np.float32(0.5 / BLUR_REACH)
"""A smoothstep over 3.2 standard deviations has the slope and the tails of the normal integral."""


@kernel
def compose_slice(
    parts, structures, layers, planes, y_first, y_weights,
    y_step, x_step, psf_z, psf_plane, warp_mm, cavity_mm, shield_mm, outside, signal, labels,
):  # fmt: skip
    """Fill ``signal`` float32 and ``labels`` uint8, both (y, x), for one slice.

    ``parts`` are the rows of this slice; ``planes`` (field, node row, x) come from ``field_slice``;
    ``y_first`` (field, y) and ``y_weights`` (field, y, 4) interpolate them; steps and lengths in mm.
    """
    height, width = signal.shape
    fields = np.empty((TEXTURES + 4, width), np.float32)
    y_mm = np.empty(width, np.float32)
    x_mm = np.empty(width, np.float32)
    distance = np.empty(width, np.float32)
    sharpness = np.empty(width, np.float32)
    body = np.empty(width, np.float32)
    value = np.empty(width, np.float32)
    label = np.empty(width, np.int32)
    variance_z = psf_z * psf_z
    variance_plane = psf_plane * psf_plane
    per_shield = _f32(1.0) / shield_mm if shield_mm > _f32(0) else _f32(0)

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

        for k in range(structures.shape[0]):
            structure = structures[k]
            first = int(structure[FIRST_PART])
            last = int(structure[LAST_PART])
            reach = structure[REACH_MM]
            low = width
            high = 0
            for p in range(first, last):
                part = parts[p]
                if part[KIND] > _f32(0) and part[Y_LOW] - reach <= row_mm <= part[Y_HIGH] + reach:
                    low = min(low, max(0, int((part[X_LOW] - reach) / x_step)))
                    high = max(high, min(width, int((part[X_HIGH] + reach) / x_step) + 2))
            if high <= low:
                continue
            blend = structure[BLEND_MM]
            d_all = distance[low:high]
            s_all = sharpness[low:high]
            d_all[:] = _FAR
            s_all[:] = _f32(1)
            for p in range(first, last):
                part = parts[p]
                if part[KIND] == _f32(0) or row_mm < part[Y_LOW] - reach or row_mm > part[Y_HIGH] + reach:
                    continue
                a = max(0, int((part[X_LOW] - reach) / x_step))
                b = min(width, int((part[X_HIGH] + reach) / x_step) + 2)
                if b <= a:
                    continue
                if part[KIND] == _f32(QUADRIC):
                    _unite_quadric(
                        part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend,
                        distance[a:b], sharpness[a:b],
                    )  # fmt: skip
                elif part[KIND] == _f32(CAPSULE):
                    _unite_capsule(
                        part, y_mm[a:b], x_mm[a:b], variance_z, variance_plane, blend,
                        distance[a:b], sharpness[a:b],
                    )  # fmt: skip
            coarse_mm = structure[COARSE_MM]
            fine_mm = structure[FINE_MM]
            coarse = fields[COARSE, low:high]
            fine = fields[FINE, low:high]
            for x in range(high - low):
                d_all[x] += coarse_mm * coarse[x] + fine_mm * fine[x]
            outline = body[low:high]
            if k == 0:
                for x in range(high - low):
                    outline[x] = d_all[x]
            elif structure[CONFINED] > _f32(0):
                for x in range(high - low):
                    d_all[x] = min(d_all[x], outline[x] - cavity_mm)
            _paint(
                layers[k], int(structure[LAYERS]), d_all, s_all, fields[0, low:high], fields[1, low:high],
                fields[2, low:high], fields[3, low:high], per_shield, value[low:high], label[low:high],
            )  # fmt: skip

        out_signal = signal[y]
        out_label = labels[y]
        for x in range(width):
            out_signal[x] = value[x]
            out_label[x] = np.uint8(label[x])


@inlined
def _unite_quadric(part, y_mm, x_mm, variance_z, variance_plane, blend, distance, sharpness):
    """Unite a row of the distance field with an ellipse of this slice (see ``tables``)."""
    centre_y, centre_x = part[CENTRE_Y], part[CENTRE_X]
    a_yy, a_yx, a_xx = part[A_YY], part[A_YX], part[A_XX]
    m0, c0 = part[M0], part[C0]
    v_y, v_x, rate = part[V_Y], part[V_X], part[RATE]
    per_blend = _f32(1.0) / max(blend, _TINY)
    # At the very centre both root and slope vanish; their ratio goes to a semi-axis.
    at_centre = _TINY * math.sqrt(a_xx)
    for x in range(y_mm.size):
        dy = y_mm[x] - centre_y
        dx = x_mm[x] - centre_x
        g_y = a_yy * dy + a_yx * dx
        g_x = a_yx * dy + a_xx * dx
        m = dy * g_y + dx * g_x + m0
        g_z = c0 - v_y * g_y - v_x * g_x - rate * m
        plane2 = g_y * g_y + g_x * g_x
        z2 = g_z * g_z
        slope = math.sqrt(plane2 + z2) + at_centre
        root = math.sqrt(m)
        d = (_f32(1) - root) * (root + _TINY) / slope
        s = _SMOOTHSTEP_STDS * slope / (math.sqrt(variance_plane * plane2 + variance_z * z2) + _TINY * _TINY)
        before = distance[x]
        near = max(blend - abs(before - d), _f32(0)) * per_blend
        sharpness[x] = s if d > before else sharpness[x]
        distance[x] = max(before, d) + near * near * blend * _f32(0.25)


@inlined
def _unite_capsule(part, y_mm, x_mm, variance_z, variance_plane, blend, distance, sharpness):
    """Unite a row of the distance field with a capsule; its distance is exact."""
    start_y, start_x, from_z = part[START_Y], part[START_X], part[FROM_Z]
    axis_z, axis_y, axis_x = part[AXIS_Z], part[AXIS_Y], part[AXIS_X]
    per_length2, radius, growth = part[PER_LENGTH2], part[RADIUS], part[GROWTH]
    per_blend = _f32(1.0) / max(blend, _TINY)
    for x in range(y_mm.size):
        dy = y_mm[x] - start_y
        dx = x_mm[x] - start_x
        t = (from_z * axis_z + dy * axis_y + dx * axis_x) * per_length2
        t = min(max(t, _f32(0)), _f32(1))
        e_z = from_z - t * axis_z
        e_y = dy - t * axis_y
        e_x = dx - t * axis_x
        plane2 = e_y * e_y + e_x * e_x
        z2 = e_z * e_z
        length = math.sqrt(plane2 + z2) + _TINY
        d = radius + growth * t - length
        s = _SMOOTHSTEP_STDS * length / (math.sqrt(variance_plane * plane2 + variance_z * z2) + _TINY)
        before = distance[x]
        near = max(blend - abs(before - d), _f32(0)) * per_blend
        sharpness[x] = s if d > before else sharpness[x]
        distance[x] = max(before, d) + near * near * blend * _f32(0.25)


@inlined
def _paint(layers, count, distance, sharpness, t0, t1, t2, t3, per_shield, value, label):
    """Mix the layers of one structure into a row, outermost first; ``t0`` to ``t3`` are textures."""
    # Textures come one by one: a row of a two-dimensional view has a stride that the compiler does
    # not know, and would not be vectorised.
    for m in range(count):
        layer = layers[m]
        depth = layer[DEPTH_MM]
        number = np.int32(layer[LABEL])
        mean = layer[MEAN]
        w0, w1, w2, w3 = layer[TEXTURE], layer[TEXTURE + 1], layer[TEXTURE + 2], layer[TEXTURE + 3]
        deeper = layers[m + 1, DEPTH_MM] if m + 1 < count else _f32(1e6)
        for x in range(distance.size):
            inside = distance[x] - depth
            t = min(max(_f32(0.5) + inside * sharpness[x], _f32(0)), _f32(1))
            fraction = t * t * (_f32(3) - _f32(2) * t)
            texture = (w0 * t0[x] + w1 * t1[x]) + (w2 * t2[x] + w3 * t3[x])
            if per_shield > _f32(0):
                edge = min(inside, abs(distance[x] - deeper)) * per_shield
                texture *= min(max(edge, _f32(0)), _f32(1))
            value[x] += fraction * (mean + texture - value[x])
            label[x] = number if inside > _f32(0) else label[x]
