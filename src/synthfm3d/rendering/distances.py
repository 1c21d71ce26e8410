r"""Signed distances of parts, one row at a time, and how sharp their boundaries are there.

For an implicit surface :math:`M = 1` with half gradient :math:`g`, the signed distance is to first
order :math:`d = (1 - \sqrt{M}) \sqrt{M} / |g|`, and a point spread of standard deviations
:math:`(\sigma_z, \sigma_p)` blurs the boundary over
:math:`\sigma_n = \sqrt{\sigma_z^2 g_z^2 + \sigma_p^2 g_p^2} / |g|` along its normal. Sharpness is the
slope of the fraction inside, 1 / (3.2 :math:`\sigma_n`). Distances are positive inside.
"""

import math

import numpy as np

from synthfm3d.kernels import subroutine
from synthfm3d.rendering import columns as at

_f32 = np.float32
TINY = np.float32(1e-7)
BLUR_REACH = 1.6
"""How many standard deviations of the point spread a boundary's smoothstep reaches to either side."""
SMOOTHSTEP_STDS = np.float32(0.5 / BLUR_REACH)
"""A smoothstep over 3.2 standard deviations has the slope and the tails of the normal integral."""
LEAST_TAPER = np.float32(0.35)
"""Least factor of a taper, so that it never turns a solid inside out."""
LEAST_STAR = np.float32(0.1)
"""Least radius of a star in any direction, as a share of its mean radius."""
STAR_SLOPE = np.float32(0.9)
"""A star's distance is measured along the ray from its centre, to which its surface is oblique on average."""


# The four lines that unite a part with the row are repeated in each function below. In a function of their
# own they are not vectorised, and rendering takes 2.4 times as long.


@subroutine
def unite_quadric(part, y_mm, x_mm, variance_z, variance_plane, blend, distance, sharpness):
    """Unite a row of the distance field with an ellipse of this slice (see ``columns``)."""
    centre_y, centre_x = part[at.CENTRE_Y], part[at.CENTRE_X]
    a_yy, a_yx, a_xx = part[at.A_YY], part[at.A_YX], part[at.A_XX]
    m0, c0 = part[at.M0], part[at.C0]
    v_y, v_x, rate = part[at.V_Y], part[at.V_X], part[at.RATE]
    per_blend = _f32(1.0) / max(blend, TINY)
    # At the centre, root and slope are both 0; their ratio tends to a semi-axis.
    at_centre = TINY * math.sqrt(a_xx)
    for x in range(y_mm.size):
        dy = y_mm[x] - centre_y
        dx = x_mm[x] - centre_x
        g_y = a_yy * dy + a_yx * dx
        g_x = a_yx * dy + a_xx * dx
        m = dy * g_y + dx * g_x + m0
        root = math.sqrt(m)
        # If the scale grows at a constant rate, it reaches a point (sqrt(M) - 1) / rate mm later. With M
        # instead of its root, no point would be far from a section that grows fast.
        g_z = c0 - v_y * g_y - v_x * g_x - rate * root
        plane2 = g_y * g_y + g_x * g_x
        z2 = g_z * g_z
        slope = math.sqrt(plane2 + z2) + at_centre
        d = (_f32(1) - root) * (root + TINY) / slope
        s = SMOOTHSTEP_STDS * slope / (math.sqrt(variance_plane * plane2 + variance_z * z2) + TINY * TINY)
        before = distance[x]
        near = max(blend - abs(before - d), _f32(0)) * per_blend
        sharpness[x] = s if d > before else sharpness[x]
        distance[x] = max(before, d) + near * near * blend * _f32(0.25)


@subroutine
def unite_capsule(part, y_mm, x_mm, variance_z, variance_plane, blend, distance, sharpness):
    """Unite a row of the distance field with a capsule; its distance is exact."""
    start_y, start_x, from_z = part[at.START_Y], part[at.START_X], part[at.FROM_Z]
    axis_z, axis_y, axis_x = part[at.AXIS_Z], part[at.AXIS_Y], part[at.AXIS_X]
    per_length2, radius, growth = part[at.PER_LENGTH2], part[at.RADIUS], part[at.GROWTH]
    per_blend = _f32(1.0) / max(blend, TINY)
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
        length = math.sqrt(plane2 + z2) + TINY
        d = radius + growth * t - length
        s = SMOOTHSTEP_STDS * length / (math.sqrt(variance_plane * plane2 + variance_z * z2) + TINY)
        before = distance[x]
        near = max(blend - abs(before - d), _f32(0)) * per_blend
        sharpness[x] = s if d > before else sharpness[x]
        distance[x] = max(before, d) + near * near * blend * _f32(0.25)


@subroutine
def unite_rounded_box(part, y_mm, x_mm, variance_z, variance_plane, blend, distance, sharpness):
    """Unite a row with a superquadric of exponents 2 and 4; taper and bend are left out of the gradient."""
    centre_y, centre_x, dz = part[at.LOCAL_Y], part[at.LOCAL_X], part[at.LOCAL_Z]
    u_z, u_y, u_x = part[at.FRAME], part[at.FRAME + 1], part[at.FRAME + 2]
    v_z, v_y, v_x = part[at.FRAME + 3], part[at.FRAME + 4], part[at.FRAME + 5]
    w_z, w_y, w_x = part[at.FRAME + 6], part[at.FRAME + 7], part[at.FRAME + 8]
    square, taper, bend = part[at.SQUARENESS], part[at.TAPER], part[at.BEND]
    round_ = _f32(1) - square
    per_blend = _f32(1.0) / max(blend, TINY)
    at_centre = TINY * math.sqrt(w_z * w_z + w_y * w_y + w_x * w_x)
    for x in range(y_mm.size):
        dy = y_mm[x] - centre_y
        dx = x_mm[x] - centre_x
        u = u_z * dz + u_y * dy + u_x * dx
        narrow = _f32(1) / max(_f32(1) + taper * u, LEAST_TAPER)
        v = (v_z * dz + v_y * dy + v_x * dx + bend * u * u) * narrow
        w = (w_z * dz + w_y * dy + w_x * dx) * narrow
        u2 = u * u
        v2 = v * v
        w2 = w * w
        quartic = math.sqrt(u2 * u2 + v2 * v2 + w2 * w2) + TINY * TINY
        m = round_ * (u2 + v2 + w2) + square * quartic
        per_quartic = square / quartic
        a = u * (round_ + u2 * per_quartic)
        b = v * (round_ + v2 * per_quartic) * narrow
        c = w * (round_ + w2 * per_quartic) * narrow
        g_z = a * u_z + b * v_z + c * w_z
        g_y = a * u_y + b * v_y + c * w_y
        g_x = a * u_x + b * v_x + c * w_x
        plane2 = g_y * g_y + g_x * g_x
        z2 = g_z * g_z
        slope = math.sqrt(plane2 + z2) + at_centre
        root = math.sqrt(m)
        d = (_f32(1) - root) * (root + TINY) / slope
        s = SMOOTHSTEP_STDS * slope / (math.sqrt(variance_plane * plane2 + variance_z * z2) + TINY * TINY)
        before = distance[x]
        near = max(blend - abs(before - d), _f32(0)) * per_blend
        sharpness[x] = s if d > before else sharpness[x]
        distance[x] = max(before, d) + near * near * blend * _f32(0.25)


@subroutine
def unite_star(part, y_mm, x_mm, variance_z, variance_plane, blend, distance, sharpness):
    """Unite a row with a star; its distance is measured along the ray from the centre."""
    centre_y, centre_x, dz = part[at.LOCAL_Y], part[at.LOCAL_X], part[at.LOCAL_Z]
    radius = part[at.STAR_RADIUS]
    per_blend = _f32(1.0) / max(blend, TINY)
    for x in range(y_mm.size):
        dy = y_mm[x] - centre_y
        dx = x_mm[x] - centre_x
        plane2 = dy * dy + dx * dx
        z2 = dz * dz
        length = math.sqrt(plane2 + z2) + TINY
        per_length = _f32(1) / length
        series = _f32(0)
        for n in range(at.MOST_BUMPS):
            k = at.BUMPS + at.BUMP_NUMBERS * n
            c = (part[k] * dz + part[k + 1] * dy + part[k + 2] * dx) * per_length
            c2 = c * c
            second = _f32(1.5) * c2 - _f32(0.5)
            third = c * (_f32(2.5) * c2 - _f32(1.5))
            fourth = (_f32(4.375) * c2 - _f32(3.75)) * c2 + _f32(0.375)
            series += part[k + 3] * second + part[k + 4] * third + part[k + 5] * fourth
        d = (radius * max(_f32(1) + series, LEAST_STAR) - length) * STAR_SLOPE
        s = SMOOTHSTEP_STDS * length / (math.sqrt(variance_plane * plane2 + variance_z * z2) + TINY)
        before = distance[x]
        near = max(blend - abs(before - d), _f32(0)) * per_blend
        sharpness[x] = s if d > before else sharpness[x]
        distance[x] = max(before, d) + near * near * blend * _f32(0.25)
