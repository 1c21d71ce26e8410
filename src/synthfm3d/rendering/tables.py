"""Tables: a scene as the arrays that the slice kernel reads.

Only additions, products, quotients and square roots are used, which every processor rounds alike.
"""

import math
from dataclasses import dataclass

import numpy as np

from synthfm3d.randomness import key
from synthfm3d.rendering.fields import SplineAxis, spline_axis
from synthfm3d.rendering.tiles import texture_tile
from synthfm3d.synthesis.scene import TEXTURES, Ellipsoid, Scene, Stack, Star, Superquadric, Tube
from synthfm3d.volume import Array

# Fields in the order in which the kernel takes them. The finest textures come from tiles.
TILED = 2
COARSE, FINE = TEXTURES, TEXTURES + 1
WARP_Y, WARP_X = TEXTURES + 2, TEXTURES + 3
BIAS = TEXTURES + 4
FIELDS = TEXTURES + 5
_FIELD_NAMES = (*(f"texture {n}" for n in range(TEXTURES)), "coarse", "fine", "warp y", "warp x", "bias")
_BIAS_SHARE = 0.25
"""Correlation length of the bias field as a share of the field of view."""

BLUR_REACH = 1.6
"""How many standard deviations of the point spread a boundary's smoothstep reaches to either side."""

# Kinds of a part on a slice.
ABSENT, QUADRIC, CAPSULE, ROUNDED_BOX, STAR = 0.0, 1.0, 2.0, 3.0, 4.0
# Columns of ``parts``: kind, then the box that holds the part, then what its kind needs.
KIND, Y_LOW, Y_HIGH, X_LOW, X_HIGH = range(5)
# Quadric M(y, x) = q + m0 with q a quadratic form; half its gradient along z is
# c0 - v_y g_y - v_x g_x - rate * M at its surface, M = 1 (``_ellipsoid_rows``, ``_stack_rows``).
CENTRE_Y, CENTRE_X, A_YY, A_YX, A_XX, M0, C0, V_Y, V_X, RATE = range(5, 15)
# Capsule: start (y, x), z of the slice from the start, axis (z, y, x), 1 / length^2, radius, growth.
START_Y, START_X, FROM_Z, AXIS_Z, AXIS_Y, AXIS_X, PER_LENGTH2, RADIUS, GROWTH = range(5, 14)
# Rounded box and star: centre (y, x) and height of the slice over the centre, then the rounded box's
# frame, three rows of (z, y, x) over the semi-axes, and its form; or the star's radius and bumps.
LOCAL_Y, LOCAL_X, LOCAL_Z, FRAME = 5, 6, 7, 8
SQUARENESS, TAPER, BEND = 17, 18, 19
STAR_RADIUS, BUMPS = 8, 9
MOST_BUMPS, BUMP_NUMBERS = 4, 6
COLUMNS = BUMPS + MOST_BUMPS * BUMP_NUMBERS

# Columns of ``structures``.
(
    FIRST_PART,
    LAST_PART,
    COARSE_MM,
    FINE_MM,
    BLEND_MM,
    CONFINED,
    REACH_MM,
    LAYERS,
    NEIGHBOURHOOD,
    GAP_MM,
    STRUCTURE_COLUMNS,
) = range(11)
# Columns of ``layers``.
DEPTH_MM, THICKNESS_MM, LABEL, MEAN, CLUSTER, TEXTURE = range(6)
NO_END_MM = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Arrays of one scene.

    ``parts`` (sub-slice, part, column), ``structures`` (structure, column), ``layers`` (structure, layer,
    column), all float32; ``axes[field]`` are the (z, y, x) spline axes, ``first`` and ``weights`` the same
    stacked by axis, (field, z), (field, z, 4) and so on, of x its columns (field, 4, x); ``keys`` uint32
    per field; ``tiles`` float32 (field, edge, edge + width) are the tiles of the first fields.
    """

    parts: Array
    structures: Array
    layers: Array
    axes: tuple[tuple[SplineAxis, SplineAxis, SplineAxis], ...]
    first: tuple[Array, Array, Array]
    weights: tuple[Array, Array, Array]
    keys: Array
    tiles: Array


def tables_of(scene: Scene, slices: range | None = None) -> Tables:
    """Tables of a scene, with the parts of some slices or of all."""
    anatomy, boundary = scene.anatomy, scene.boundary
    slices = range(scene.shape[0]) if slices is None else slices
    z = _heights(scene, slices)
    psf_z = boundary.psf_mm[0] / boundary.sub_slices
    # Where a boundary fades it is wider by at most this factor.
    widest = BLUR_REACH * (1 + boundary.fade)
    # How far beyond its parts a structure may change a voxel. Fields stay below 3.5 standard
    # deviations in practice; 2.5 cuts one row in a hundred by a hair.
    growths = [2.5 * sum(s.roughness_mm) + 0.25 * s.blend_mm for s in anatomy.structures]
    parts = [part for structure in anatomy.structures for part in structure.parts]
    # The same through the slices: where a wall leans, what grows by a little is seen from far.
    reaches = np.array(
        [
            widest * psf_z + growth
            for structure, growth in zip(anatomy.structures, growths, strict=True)
            for _ in structure.parts
        ]
    )
    rows = np.empty((z.size, len(parts), COLUMNS), np.float32)
    # Tubes are many and all alike: they are done together.
    tubes = [n for n, part in enumerate(parts) if isinstance(part, Tube)]
    if tubes:
        rows[:, tubes] = _tube_rows([p for p in parts if isinstance(p, Tube)], z, reaches[tubes])
    for n, part in enumerate(parts):
        if not isinstance(part, Tube):
            rows[:, n] = _part_rows(part, z, float(reaches[n]))
    if scene.third_axis == "time":  # all are stacks, and distances lie in the plane of a frame
        rows[:, :, [C0, V_Y, V_X, RATE]] = 0.0
    structures = np.zeros((len(anatomy.structures), STRUCTURE_COLUMNS), np.float32)
    depth = max(len(structure.layers) for structure in anatomy.structures)
    layers = np.zeros((len(anatomy.structures), depth, TEXTURE + TEXTURES), np.float32)
    first = 0
    for n, structure in enumerate(anatomy.structures):
        coarse, fine = structure.roughness_mm
        # The warp is known row by row and comes on top.
        reach = growths[n] + widest * boundary.psf_mm[1]
        after = first + len(structure.parts)
        structures[n] = (
            first,
            after,
            coarse,
            fine,
            structure.blend_mm,
            structure.confined and anatomy.cavity_depth_mm > 0,
            reach,
            len(structure.layers),
            structure.neighbourhood,
            structure.gap_mm,
        )
        first = after
        for m, (layer, tissue) in enumerate(zip(structure.layers, scene.contrast.tissues[n], strict=True)):
            thickness = NO_END_MM if layer.thickness_mm is None else layer.thickness_mm
            layers[n, m] = (
                layer.depth_mm,
                thickness,
                layer.label,
                tissue.mean,
                tissue.cluster,
                *tissue.texture,
            )
    axes = tuple(_axes(scene, n) for n in range(FIELDS))
    keys = np.array([key(scene.seed, scene.index, "field", name) for name in _FIELD_NAMES], np.uint32)
    _, height, width = scene.shape
    pixel = scene.spacing_mm[1]
    tiles = [
        texture_tile(height, width, scene.contrast.texture_mm[n] / pixel, int(keys[n])) for n in range(TILED)
    ]
    return Tables(
        parts=rows,
        structures=structures,
        layers=layers,
        axes=axes,
        first=(
            np.stack([a[0].first for a in axes]),
            np.stack([a[1].first for a in axes]),
            np.stack([a[2].first for a in axes]),
        ),
        weights=(
            np.stack([a[0].weights for a in axes]),
            np.stack([a[1].weights for a in axes]),
            np.stack([a[2].columns for a in axes]),
        ),
        keys=keys,
        tiles=np.stack(tiles),
    )


def _heights(scene: Scene, slices: range) -> Array:
    """Z in mm of every sub-slice. A slice profile of standard deviation s is as wide as s sqrt(12)."""
    parts = scene.boundary.sub_slices
    centre = np.arange(slices.start, slices.stop) * scene.spacing_mm[0]
    offset = (np.arange(parts) - (parts - 1) / 2) / parts * (scene.boundary.psf_mm[0] * math.sqrt(12.0))
    heights: Array = (centre[:, None] + offset[None, :]).reshape(-1)
    return heights


def _axes(scene: Scene, field: int) -> tuple[SplineAxis, SplineAxis, SplineAxis]:
    z, y, x = (
        spline_axis(length, std / step)
        for length, step, std in zip(scene.shape, scene.spacing_mm, _field_std(scene, field), strict=True)
    )
    return z, y, x


_FRAMES_OF_TEXTURE = 12.0
_FRAMES_OF_WARP = 40.0
_ALWAYS = 1e4
"""Over time fields change slowly: textures, the warp; shape noise and receive field not at all."""


def _field_std(scene: Scene, field: int) -> tuple[float, float, float]:
    bias = _BIAS_SHARE * min(scene.shape[1] * scene.spacing_mm[1], scene.shape[2] * scene.spacing_mm[2])
    anatomy = scene.anatomy
    stds = (*scene.contrast.texture_mm, *anatomy.shape_noise_mm, anatomy.warp_mm, anatomy.warp_mm, bias)
    through = stds[field]
    if scene.third_axis == "time":
        slow = {WARP_Y: _FRAMES_OF_WARP, WARP_X: _FRAMES_OF_WARP}
        through = _FRAMES_OF_TEXTURE if field < TEXTURES else slow.get(field, _ALWAYS)
    return through, stds[field], stds[field]


def _part_rows(part: Ellipsoid | Stack | Superquadric | Star, z: Array, reach_z: float) -> Array:
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
    rows = np.zeros((z.size, COLUMNS))
    # The slice profile sees what lies above and below: the tip beyond a pole, the wider section.
    rows[:, KIND] = np.where(np.abs(dz) < 1.0 / math.sqrt(e) + reach_z, QUADRIC, ABSENT)
    rows[:, CENTRE_Y] = part.centre_mm[1] + v_y * dz
    rows[:, CENTRE_X] = part.centre_mm[2] + v_x * dz
    rows[:, A_YY], rows[:, A_YX], rows[:, A_XX] = a[1][1], a[1][2], a[2][2]
    rows[:, M0] = e * dz * dz
    rows[:, C0] = e * dz
    rows[:, V_Y], rows[:, V_X] = v_y, v_x
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
    rows = np.zeros((z.size, COLUMNS))
    rows[:, KIND] = np.where((z >= heights[0]) & (z <= heights[-1]), QUADRIC, ABSENT)
    rows[:, CENTRE_Y] = part.centre_mm[0] + drift[:, 0]
    rows[:, CENTRE_X] = part.centre_mm[1] + drift[:, 1]
    rows[:, A_YY], rows[:, A_YX], rows[:, A_XX] = a_yy * inverse, a_yx * inverse, a_xx * inverse
    rows[:, V_Y], rows[:, V_X] = speed[:, 0], speed[:, 1]
    rows[:, RATE] = slope[place] / scale
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
    rows = np.zeros((z.size, len(parts), COLUMNS))
    inside = (z[:, None] > low[:, 0] - reach_z) & (z[:, None] < high[:, 0] + reach_z)
    rows[:, :, KIND] = np.where(inside, CAPSULE, ABSENT)
    rows[:, :, Y_LOW], rows[:, :, Y_HIGH] = low[:, 1], high[:, 1]
    rows[:, :, X_LOW], rows[:, :, X_HIGH] = low[:, 2], high[:, 2]
    rows[:, :, START_Y], rows[:, :, START_X] = start[:, 1], start[:, 2]
    rows[:, :, FROM_Z] = z[:, None] - start[:, 0]
    rows[:, :, AXIS_Z], rows[:, :, AXIS_Y], rows[:, :, AXIS_X] = axis[:, 0], axis[:, 1], axis[:, 2]
    length2 = (axis[:, 0] * axis[:, 0] + axis[:, 1] * axis[:, 1]) + axis[:, 2] * axis[:, 2]
    rows[:, :, PER_LENGTH2] = 1.0 / np.maximum(length2, 1e-9)
    rows[:, :, RADIUS] = first
    rows[:, :, GROWTH] = last - first
    return rows


def _rounded_box_rows(part: Superquadric, z: Array, reach_z: float) -> Array:
    """The frame that takes (z, y, x) mm to units of the semi-axes; its box is that of the widest form."""
    rows = _local_rows(part.centre_mm, z)
    turn = _rotation(part.quaternion)
    for n in range(3):
        for m in range(3):
            rows[:, FRAME + 3 * n + m] = turn[m][n] / part.semi_axes_mm[n]
    rows[:, SQUARENESS], rows[:, TAPER], rows[:, BEND] = part.squareness, part.taper, part.bend
    # Corners of a rounded box reach 3^(1/4) semi-axes; taper widens one end, bend shifts by its height.
    u, v, w = part.semi_axes_mm
    wide = 1.32 * (1 + abs(part.taper))
    reach = math.sqrt((1.32 * u) ** 2 + (wide * v + abs(part.bend) * 1.75 * v) ** 2 + (wide * w) ** 2)
    return _with_round_box(rows, z - part.centre_mm[0], reach, reach_z, ROUNDED_BOX)


def _star_rows(part: Star, z: Array, reach_z: float) -> Array:
    rows = _local_rows(part.centre_mm, z)
    rows[:, STAR_RADIUS] = part.radius_mm
    for n, bump in enumerate(part.bumps):
        rows[:, BUMPS + BUMP_NUMBERS * n : BUMPS + BUMP_NUMBERS * (n + 1)] = bump
    # |P_l| <= 1.
    reach = part.radius_mm * (1 + sum(abs(a) for bump in part.bumps for a in bump[3:]))
    return _with_round_box(rows, z - part.centre_mm[0], reach, reach_z, STAR)


def _local_rows(centre_mm: tuple[float, float, float], z: Array) -> Array:
    rows = np.zeros((z.size, COLUMNS))
    rows[:, LOCAL_Y], rows[:, LOCAL_X] = centre_mm[1], centre_mm[2]
    rows[:, LOCAL_Z] = z - centre_mm[0]
    return rows


def _with_round_box(rows: Array, dz: Array, reach: float, reach_z: float, kind: float) -> Array:
    """The box of a ball of radius ``reach`` around the centre."""
    nearest = np.maximum(np.abs(dz) - reach_z, 0.0)
    rows[:, KIND] = np.where(nearest < reach, kind, ABSENT)
    half = np.sqrt(np.maximum(reach * reach - nearest * nearest, 0.0))
    rows[:, Y_LOW], rows[:, Y_HIGH] = rows[:, LOCAL_Y] - half, rows[:, LOCAL_Y] + half
    rows[:, X_LOW], rows[:, X_HIGH] = rows[:, LOCAL_X] - half, rows[:, LOCAL_X] + half
    return rows


def _set_box(rows: Array, half_y: Array, half_x: Array) -> None:
    rows[:, Y_LOW], rows[:, Y_HIGH] = rows[:, CENTRE_Y] - half_y, rows[:, CENTRE_Y] + half_y
    rows[:, X_LOW], rows[:, X_HIGH] = rows[:, CENTRE_X] - half_x, rows[:, CENTRE_X] + half_x
