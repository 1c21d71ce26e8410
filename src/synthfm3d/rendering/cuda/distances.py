"""Signed distances of parts and sharpness of their boundaries; the equations are in ``rendering.distances``.

Each function takes a part's rows as columns (z, 1, 1), the positions of some voxels in mm (z, y, x), and the
variances of the point spread; it returns distance and sharpness there.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synthfm3d.rendering.columns import (
    A_XX,
    A_YX,
    A_YY,
    AXIS_X,
    AXIS_Y,
    AXIS_Z,
    BEND,
    BUMP_NUMBERS,
    BUMPS,
    C0,
    CAPSULE,
    CENTRE_X,
    CENTRE_Y,
    FRAME,
    FROM_Z,
    GROWTH,
    LOCAL_X,
    LOCAL_Y,
    LOCAL_Z,
    M0,
    MOST_BUMPS,
    PER_LENGTH2,
    QUADRIC,
    RADIUS,
    RATE,
    ROUNDED_BOX,
    SQUARENESS,
    STAR,
    STAR_RADIUS,
    START_X,
    START_Y,
    TAPER,
    V_X,
    V_Y,
)
from synthfm3d.rendering.distances import LEAST_STAR, LEAST_TAPER, SMOOTHSTEP_STDS, STAR_SLOPE, TINY

Columns = Sequence[Tensor]
Distances = tuple[Tensor, Tensor]
_TINY, _TINIER, _STDS = float(TINY), float(TINY * TINY), float(SMOOTHSTEP_STDS)
_LEAST_TAPER, _LEAST_STAR, _SLOPE = float(LEAST_TAPER), float(LEAST_STAR), float(STAR_SLOPE)


def quadric(part: Columns, y_mm: Tensor, x_mm: Tensor, variance_z: float, variance_plane: float) -> Distances:
    a_yy, a_yx, a_xx = part[A_YY], part[A_YX], part[A_XX]
    dy = y_mm - part[CENTRE_Y]
    dx = x_mm - part[CENTRE_X]
    g_y = a_yy * dy + a_yx * dx
    g_x = a_yx * dy + a_xx * dx
    m = dy.mul_(g_y).add_(dx.mul_(g_x)).add_(part[M0])
    root = m.sqrt_()
    g_z = part[C0] - part[V_Y] * g_y - part[V_X] * g_x - part[RATE] * root
    plane2, z2 = _squares(g_z, g_y, g_x)
    slope = (plane2 + z2).sqrt_().add_(_TINY * a_xx.sqrt())
    sharpness = _sharpness(slope, plane2, z2, variance_z, variance_plane, _TINIER)
    return (1 - root).mul_(root.add_(_TINY)).div_(slope), sharpness


def capsule(part: Columns, y_mm: Tensor, x_mm: Tensor, variance_z: float, variance_plane: float) -> Distances:
    from_z = part[FROM_Z]
    axis_z, axis_y, axis_x = part[AXIS_Z], part[AXIS_Y], part[AXIS_X]
    dy = y_mm - part[START_Y]
    dx = x_mm - part[START_X]
    t = (from_z * axis_z + dy * axis_y).add_(dx * axis_x).mul_(part[PER_LENGTH2]).clamp_(0, 1)
    e_z = from_z - t * axis_z
    plane2, z2 = _squares(e_z, dy.sub_(t * axis_y), dx.sub_(t * axis_x))
    length = (plane2 + z2).sqrt_().add_(_TINY)
    sharpness = _sharpness(length, plane2, z2, variance_z, variance_plane, _TINY)
    return (part[RADIUS] + part[GROWTH] * t).sub_(length), sharpness


def rounded_box(
    part: Columns, y_mm: Tensor, x_mm: Tensor, variance_z: float, variance_plane: float
) -> Distances:
    dz = part[LOCAL_Z]
    u_z, u_y, u_x, v_z, v_y, v_x, w_z, w_y, w_x = part[FRAME : FRAME + 9]
    square, taper, bend = part[SQUARENESS], part[TAPER], part[BEND]
    round_ = 1 - square
    at_centre = _TINY * (w_z * w_z + w_y * w_y + w_x * w_x).sqrt()
    dy = y_mm - part[LOCAL_Y]
    dx = x_mm - part[LOCAL_X]
    u = u_z * dz + u_y * dy + u_x * dx
    narrow = (1 + taper * u).clamp_min_(_LEAST_TAPER).reciprocal_()
    v = (v_z * dz + v_y * dy + v_x * dx + bend * u * u) * narrow
    w = (w_z * dz + w_y * dy + w_x * dx) * narrow
    u2, v2, w2 = u * u, v * v, w * w
    quartic = (u2 * u2 + v2 * v2 + w2 * w2).sqrt_().add_(_TINIER)
    m = round_ * (u2 + v2 + w2) + square * quartic
    per_quartic = square / quartic
    a = u * (round_ + u2 * per_quartic)
    b = v * (round_ + v2 * per_quartic) * narrow
    c = w * (round_ + w2 * per_quartic) * narrow
    g_z = a * u_z + b * v_z + c * w_z
    g_y = a * u_y + b * v_y + c * w_y
    g_x = a * u_x + b * v_x + c * w_x
    plane2, z2 = _squares(g_z, g_y, g_x)
    slope = (plane2 + z2).sqrt_().add_(at_centre)
    root = m.sqrt_()
    sharpness = _sharpness(slope, plane2, z2, variance_z, variance_plane, _TINIER)
    return (1 - root).mul_(root.add_(_TINY)).div_(slope), sharpness


def star(part: Columns, y_mm: Tensor, x_mm: Tensor, variance_z: float, variance_plane: float) -> Distances:
    dz = part[LOCAL_Z]
    dy = y_mm - part[LOCAL_Y]
    dx = x_mm - part[LOCAL_X]
    plane2, z2 = dy * dy + dx * dx, dz * dz
    length = (plane2 + z2).sqrt_().add_(_TINY)
    per_length = length.reciprocal()
    series = torch.zeros_like(length)
    for n in range(MOST_BUMPS):
        m_z, m_y, m_x, a_2, a_3, a_4 = part[BUMPS + BUMP_NUMBERS * n : BUMPS + BUMP_NUMBERS * (n + 1)]
        c = (m_z * dz + m_y * dy).add_(m_x * dx).mul_(per_length)
        c2 = c * c
        second = 1.5 * c2 - 0.5
        third = c.mul_(2.5 * c2 - 1.5)
        fourth = (4.375 * c2 - 3.75).mul_(c2).add_(0.375)
        series += (a_2 * second).add_(a_3 * third).add_(a_4 * fourth)
    radius = (1 + series).clamp_min_(_LEAST_STAR).mul_(part[STAR_RADIUS])
    sharpness = _sharpness(length, plane2, z2, variance_z, variance_plane, _TINY)
    return radius.sub_(length).mul_(_SLOPE), sharpness


def _squares(z: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Square of a vector's length in the plane, and of its part along z."""
    return y * y + x * x, z * z


def _sharpness(
    length: Tensor, plane2: Tensor, z2: Tensor, variance_z: float, variance_plane: float, least: float
) -> Tensor:
    """1 / (3.2 standard deviations of the point spread along a normal), which is of any ``length``."""
    return (_STDS * length).div_((variance_plane * plane2 + variance_z * z2).sqrt_().add_(least))


MEASURES: dict[float, Callable[[Columns, Tensor, Tensor, float, float], Distances]] = {
    QUADRIC: quadric,
    CAPSULE: capsule,
    ROUNDED_BOX: rounded_box,
    STAR: star,
}
"""The function that measures each kind of part."""
