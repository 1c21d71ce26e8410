"""Parts of structures as rows of numbers, one row for each slice, from which the kernel computes distances.

Only sums, products, quotients and square roots are used, because every processor rounds them in the same way.
"""

import math
from collections.abc import Sequence

import numpy as np

from synthfm3d.rendering import columns as at
from synthfm3d.synthesis.structures import Ellipsoid, Part, Stack, Star, Superquadric, Tube
from synthfm3d.volume import Array


def part_rows(parts: Sequence[Part], z: Array, reaches: Array) -> Array:
    """Rows float32 (z, part, column) of all parts.

    Parameters
    ----------
    z
        Heights of the slices in mm, (z,).
    reaches
        Distance at which each part is visible through the slice profile, in mm, (part,).
    """
    rows = np.empty((z.size, len(parts), at.COLUMNS), np.float32)
    # Volumes have many tubes, so all tubes are computed together.
    tubes = [n for n, part in enumerate(parts) if isinstance(part, Tube)]
    if tubes:
        rows[:, tubes] = _tube_rows([p for p in parts if isinstance(p, Tube)], z, reaches[tubes])
    for n, part in enumerate(parts):
        if not isinstance(part, Tube):
            rows[:, n] = _rows_of(part, z, float(reaches[n]))
    return rows


def _rows_of(part: Ellipsoid | Stack | Superquadric | Star, z: Array, reach_z: float) -> Array:
    """Rows (z, column) of one part; ``reach_z`` is how far the slice profile reaches, in mm."""
    match part:
        case Ellipsoid():
            return _ellipsoid_rows(part, z, reach_z)
        case Stack():
            return _stack_rows(part, z, reach_z)
        case Superquadric():
            return _rounded_box_rows(part, z, reach_z)
        case Star():
            return _star_rows(part, z, reach_z)


def _ellipsoid_rows(part: Ellipsoid, z: Array, reach_z: float) -> Array:
    r"""Sections of :math:`x^T A x \le 1`, :math:`A = R\,diag(a)^{-2} R^T`.

    At height dz the form is :math:`(p - p_0)^T A_{pp} (p - p_0) + e\,dz^2` with the centre
    :math:`p_0 = -A_{pp}^{-1} A_{pz}\,dz` and :math:`e = A_{zz} - A_{zp} A_{pp}^{-1} A_{pz}`.
    """
    turn = _rotation(part.quaternion)
    a = [[_weighted(turn[m], turn[k], part.semi_axes_mm) for k in range(3)] for m in range(3)]
    determinant = a[1][1] * a[2][2] - a[1][2] * a[1][2]
    v_y = -(a[2][2] * a[1][0] - a[1][2] * a[2][0]) / determinant
    v_x = -(a[1][1] * a[2][0] - a[1][2] * a[1][0]) / determinant
    e = a[0][0] + v_y * a[1][0] + v_x * a[2][0]
    dz = z - part.centre_mm[0]
    rows = np.zeros((z.size, at.COLUMNS))
    # The slice profile includes what lies above and below the slice: the tip beyond a pole, or a wider
    # section.
    rows[:, at.KIND] = np.where(np.abs(dz) < 1.0 / math.sqrt(e) + reach_z, at.QUADRIC, at.ABSENT)
    rows[:, at.CENTRE_Y] = part.centre_mm[1] + v_y * dz
    rows[:, at.CENTRE_X] = part.centre_mm[2] + v_x * dz
    rows[:, at.A_YY], rows[:, at.A_YX], rows[:, at.A_XX] = a[1][1], a[1][2], a[2][2]
    rows[:, at.M0] = e * dz * dz
    rows[:, at.C0] = e * dz
    rows[:, at.V_Y], rows[:, at.V_X] = v_y, v_x
    nearest = np.maximum(np.abs(dz) - reach_z, 0.0)
    left = np.sqrt(np.maximum(1.0 - e * nearest * nearest, 0.0))
    _set_box(
        rows,
        left * math.sqrt(a[2][2] / determinant) + abs(v_y) * reach_z,
        left * math.sqrt(a[1][1] / determinant) + abs(v_x) * reach_z,
    )
    return rows


def _weighted(first: list[float], second: list[float], semi_axes: tuple[float, float, float]) -> float:
    """One entry of A. Written out: ``sum`` rounds differently from one Python to the next."""
    p, q, r = (first[n] * second[n] / (semi_axes[n] * semi_axes[n]) for n in range(3))
    return (p + q) + r


def _rotation(quaternion: tuple[float, float, float, float]) -> list[list[float]]:
    """Rotation matrix of a quaternion, normalised here since its digits were rounded."""
    w, i, j, k = quaternion
    scale = 2.0 / (w * w + i * i + j * j + k * k)
    return [
        [1 - scale * (j * j + k * k), scale * (i * j - k * w), scale * (i * k + j * w)],
        [scale * (i * j + k * w), 1 - scale * (i * i + k * k), scale * (j * k - i * w)],
        [scale * (i * k - j * w), scale * (j * k + i * w), 1 - scale * (i * i + j * j)],
    ]


def _stack_rows(part: Stack, z: Array, reach_z: float) -> Array:
    r"""Ellipses :math:`q(p - d(z)) / s(z)^2 \le 1`; the boundary moves by s' and d' per mm."""
    heights = np.array([point[0] for point in part.scale])
    values = np.array([point[1] for point in part.scale])
    place = np.clip(np.searchsorted(heights, z, side="right") - 1, 0, len(heights) - 2)
    slope = (values[1:] - values[:-1]) / np.maximum(heights[1:] - heights[:-1], 1e-6)
    scale = np.maximum(values[place] + slope[place] * (z - heights[place]), 1e-3)
    drift, speed = _drift(part, z)
    cosine, sine = part.direction
    semi_y, semi_x = part.semi_axes_mm
    inverse = 1.0 / (scale * scale)
    a_yy = cosine * cosine / (semi_y * semi_y) + sine * sine / (semi_x * semi_x)
    a_xx = sine * sine / (semi_y * semi_y) + cosine * cosine / (semi_x * semi_x)
    a_yx = cosine * sine * (1.0 / (semi_y * semi_y) - 1.0 / (semi_x * semi_x))
    rows = np.zeros((z.size, at.COLUMNS))
    rows[:, at.KIND] = np.where((z >= heights[0]) & (z <= heights[-1]), at.QUADRIC, at.ABSENT)
    rows[:, at.CENTRE_Y] = part.centre_mm[0] + drift[:, 0]
    rows[:, at.CENTRE_X] = part.centre_mm[1] + drift[:, 1]
    rows[:, at.A_YY], rows[:, at.A_YX], rows[:, at.A_XX] = (
        a_yy * inverse,
        a_yx * inverse,
        a_xx * inverse,
    )
    rows[:, at.V_Y], rows[:, at.V_X] = speed[:, 0], speed[:, 1]
    rows[:, at.RATE] = slope[place] / scale
    determinant = a_yy * a_xx - a_yx * a_yx
    widest = scale + np.abs(slope[place]) * reach_z
    _set_box(
        rows,
        widest * math.sqrt(a_xx / determinant) + np.abs(speed[:, 0]) * reach_z,
        widest * math.sqrt(a_yy / determinant) + np.abs(speed[:, 1]) * reach_z,
    )
    return rows


def _drift(part: Stack, z: Array) -> tuple[Array, Array]:
    """Lateral drift in mm and its change per mm, both (z, 2): a uniform cubic B-spline."""
    if len(part.drift_mm) < 4:
        return np.zeros((z.size, 2)), np.zeros((z.size, 2))
    control = np.array(part.drift_mm)
    pieces = len(control) - 3
    low, high = part.scale[0][0], part.scale[-1][0]
    place = np.clip((z - low) / (high - low), 0.0, 1.0) * pieces
    first = np.minimum(place.astype(int), pieces - 1)
    t = (place - first)[:, None]
    c0, c1, c2, c3 = (control[first + k] for k in range(4))
    u = 1 - t
    position = (
        u * u * u * c0 + (3 * t * t * t - 6 * t * t + 4) * c1 + (-3 * t * t * t + 3 * t * t + 3 * t + 1) * c2
    ) / 6 + t * t * t * c3 / 6
    change = (-u * u * c0 + (3 * t * t - 4 * t) * c1 + (-3 * t * t + 2 * t + 1) * c2 + t * t * c3) / 2
    return position, change * (pieces / (high - low))


def _tube_rows(parts: list[Tube], z: Array, reach_z: Array) -> Array:
    """Rows (z, tube, column) of capsules."""
    start, end = (np.array([getattr(part, name) for part in parts]) for name in ("start_mm", "end_mm"))
    first, last = (
        np.array([getattr(part, name) for part in parts]) for name in ("start_radius_mm", "end_radius_mm")
    )
    axis = end - start
    radius = np.maximum(first, last)[:, None]
    low, high = np.minimum(start, end) - radius, np.maximum(start, end) + radius
    rows = np.zeros((z.size, len(parts), at.COLUMNS))
    inside = (z[:, None] > low[:, 0] - reach_z) & (z[:, None] < high[:, 0] + reach_z)
    rows[:, :, at.KIND] = np.where(inside, at.CAPSULE, at.ABSENT)
    rows[:, :, at.Y_LOW], rows[:, :, at.Y_HIGH] = low[:, 1], high[:, 1]
    rows[:, :, at.X_LOW], rows[:, :, at.X_HIGH] = low[:, 2], high[:, 2]
    rows[:, :, at.START_Y], rows[:, :, at.START_X] = start[:, 1], start[:, 2]
    rows[:, :, at.FROM_Z] = z[:, None] - start[:, 0]
    rows[:, :, at.AXIS_Z], rows[:, :, at.AXIS_Y], rows[:, :, at.AXIS_X] = (
        axis[:, 0],
        axis[:, 1],
        axis[:, 2],
    )
    length2 = (axis[:, 0] * axis[:, 0] + axis[:, 1] * axis[:, 1]) + axis[:, 2] * axis[:, 2]
    rows[:, :, at.PER_LENGTH2] = 1.0 / np.maximum(length2, 1e-9)
    rows[:, :, at.RADIUS] = first
    rows[:, :, at.GROWTH] = last - first
    return rows


def _rounded_box_rows(part: Superquadric, z: Array, reach_z: float) -> Array:
    """The frame that takes (z, y, x) mm to units of the semi-axes; its box is that of the widest form."""
    rows = _local_rows(part.centre_mm, z)
    turn = _rotation(part.quaternion)
    for n in range(3):
        for m in range(3):
            rows[:, at.FRAME + 3 * n + m] = turn[m][n] / part.semi_axes_mm[n]
    rows[:, at.SQUARENESS], rows[:, at.TAPER], rows[:, at.BEND] = (
        part.squareness,
        part.taper,
        part.bend,
    )
    # Corners of a rounded box reach 3^(1/4) semi-axes; taper widens one end, bend shifts by its height.
    u, v, w = part.semi_axes_mm
    wide = 1.32 * (1 + abs(part.taper))
    reach = math.sqrt((1.32 * u) ** 2 + (wide * v + abs(part.bend) * 1.75 * v) ** 2 + (wide * w) ** 2)
    return _with_round_box(rows, z - part.centre_mm[0], reach, reach_z, at.ROUNDED_BOX)


def _star_rows(part: Star, z: Array, reach_z: float) -> Array:
    rows = _local_rows(part.centre_mm, z)
    rows[:, at.STAR_RADIUS] = part.radius_mm
    for n, bump in enumerate(part.bumps):
        rows[:, at.BUMPS + at.BUMP_NUMBERS * n : at.BUMPS + at.BUMP_NUMBERS * (n + 1)] = bump
    # |P_l| <= 1.
    reach = part.radius_mm * (1 + sum(abs(a) for bump in part.bumps for a in bump[3:]))
    return _with_round_box(rows, z - part.centre_mm[0], reach, reach_z, at.STAR)


def _local_rows(centre_mm: tuple[float, float, float], z: Array) -> Array:
    rows = np.zeros((z.size, at.COLUMNS))
    rows[:, at.LOCAL_Y], rows[:, at.LOCAL_X] = centre_mm[1], centre_mm[2]
    rows[:, at.LOCAL_Z] = z - centre_mm[0]
    return rows


def _with_round_box(rows: Array, dz: Array, reach: float, reach_z: float, kind: float) -> Array:
    """The box of a ball of radius ``reach`` around the centre."""
    nearest = np.maximum(np.abs(dz) - reach_z, 0.0)
    rows[:, at.KIND] = np.where(nearest < reach, kind, at.ABSENT)
    half = np.sqrt(np.maximum(reach * reach - nearest * nearest, 0.0))
    rows[:, at.Y_LOW], rows[:, at.Y_HIGH] = (
        rows[:, at.LOCAL_Y] - half,
        rows[:, at.LOCAL_Y] + half,
    )
    rows[:, at.X_LOW], rows[:, at.X_HIGH] = (
        rows[:, at.LOCAL_X] - half,
        rows[:, at.LOCAL_X] + half,
    )
    return rows


def _set_box(rows: Array, half_y: Array, half_x: Array) -> None:
    rows[:, at.Y_LOW], rows[:, at.Y_HIGH] = (
        rows[:, at.CENTRE_Y] - half_y,
        rows[:, at.CENTRE_Y] + half_y,
    )
    rows[:, at.X_LOW], rows[:, at.X_HIGH] = (
        rows[:, at.CENTRE_X] - half_x,
        rows[:, at.CENTRE_X] + half_x,
    )
