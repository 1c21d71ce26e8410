"""Muscles: bellies of one signal side by side, separated by planes of fat or only by their shapes.

Whole bodies have them in their places, as tables in shares of the cavity's semi-axes, like organs
(``arrangements``); fields of view inside the body have bundles of them.
"""

from dataclasses import dataclass

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.neighbours import in_plane
from synthfm3d.synthesis.anatomy.organs import draw_location
from synthfm3d.synthesis.anatomy.shapes import shifted, turn
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import CrowdSettings
from synthfm3d.synthesis.structures import Ellipsoid, Layer, Layout, Part, Stack, Structure

_PRESENT = 0.9
_PARTED = 0.8
"""Share of muscles in a plane of fat; the others have no plane between them and what they touch."""
_BELLY_SIZE = (0.025, 0.08)
"""Half thickness of the bellies of a bundle over the field of view."""


@dataclass(frozen=True, slots=True)
class _Muscle:
    """One row: name, centre (y, x) and semi-axes (y, x); x is that of the left one."""

    name: str
    centre: tuple[float, float]
    semi_axes: tuple[float, float]


_BACK = (
    _Muscle("erector spinae", (0.86, 0.2), (0.16, 0.15)),
    _Muscle("multifidus", (0.86, 0.07), (0.12, 0.06)),
)
_ABDOMINAL = (
    *_BACK,
    _Muscle("psoas", (0.62, 0.27), (0.15, 0.1)),
    _Muscle("quadratus lumborum", (0.74, 0.45), (0.09, 0.12)),
    _Muscle("rectus abdominis", (-0.95, 0.2), (0.07, 0.2)),
)
_OF_LAYOUT: dict[Layout, tuple[_Muscle, ...]] = {
    "trunk": _ABDOMINAL,
    "abdomen": _ABDOMINAL,
    "chest": (
        *_BACK,
        _Muscle("trapezius", (0.99, 0.2), (0.05, 0.25)),
        _Muscle("latissimus dorsi", (0.35, 0.99), (0.35, 0.06)),
        _Muscle("serratus anterior", (-0.1, 0.97), (0.3, 0.05)),
        _Muscle("pectoralis major", (-0.95, 0.42), (0.08, 0.32)),
        _Muscle("pectoralis minor", (-0.8, 0.52), (0.06, 0.16)),
    ),
    "pelvis": (
        _Muscle("gluteus maximus", (0.72, 0.5), (0.22, 0.3)),
        _Muscle("gluteus medius", (0.2, 0.87), (0.3, 0.12)),
        _Muscle("gluteus minimus", (0.0, 0.78), (0.22, 0.07)),
        _Muscle("piriformis", (0.45, 0.36), (0.08, 0.16)),
        _Muscle("obturator internus", (0.2, 0.38), (0.25, 0.06)),
        _Muscle("iliopsoas", (-0.3, 0.46), (0.15, 0.12)),
        _Muscle("rectus femoris", (-0.52, 0.62), (0.1, 0.08)),
        _Muscle("tensor fasciae latae", (-0.3, 0.8), (0.16, 0.06)),
        _Muscle("rectus abdominis", (-0.92, 0.16), (0.06, 0.15)),
    ),
}


def draw_muscles(draw: Draw, view: FieldOfView, crowd: CrowdSettings, labels: Labels) -> list[Structure]:
    """The muscles of a whole body, left and right, all of the signal of its wall."""
    muscles: list[Structure] = []
    growth = draw.log_uniform(0.8, 1.25)
    for row in _OF_LAYOUT.get(view.layout, ()):
        if not draw.chance(_PRESENT):
            continue
        for side, sign in (("left", 1), ("right", -1)):
            name = f"{side} {row.name}"
            own = labels if draw.chance(crowd.labelled_share) else None
            muscles.append(_muscle(draw, view, crowd, name, _belly(draw, view, row, sign, growth), own))
    return muscles


def _belly(draw: Draw, view: FieldOfView, row: _Muscle, sign: int, growth: float) -> Stack:
    """A muscle along the body: through all slices, or one that begins or ends within them."""
    depth = view.size_mm[0]
    low, high = -0.7 * depth, 1.7 * depth
    if draw.chance(0.35):
        end = draw.uniform(0.25, 0.75) * depth
        low, high = (end, high) if draw.chance(0.5) else (low, end)
    ends = [draw.uniform(0.35, 1.0), draw.uniform(0.35, 1.0)]
    middle = rounded(low + (high - low) * draw.uniform(0.35, 0.65))
    y, x = (c + draw.normal(0.03) for c in row.centre)
    wander = 0.012 * view.scale_mm
    cavity_y, cavity_x = view.cavity_mm
    return Stack(
        centre_mm=(
            rounded(view.centre_mm[0] + y * cavity_y),
            rounded(view.centre_mm[1] + sign * x * cavity_x),
        ),
        semi_axes_mm=(
            rounded(row.semi_axes[0] * cavity_y * growth * draw.log_uniform(0.8, 1.25)),
            rounded(row.semi_axes[1] * cavity_x * growth * draw.log_uniform(0.8, 1.25)),
        ),
        direction=(1.0, 0.0),
        scale=((rounded(low), ends[0]), (middle, 1.0), (rounded(high), ends[1])),
        drift_mm=tuple((draw.normal(wander), draw.normal(wander)) for _ in range(6)),
    )


def draw_bundle(
    draw: Draw, view: FieldOfView, crowd: CrowdSettings, labels: Labels, number: int
) -> list[Structure]:
    """Three to six bellies side by side, all along one direction, as in a limb."""
    location = draw_location(draw, view, [], _BELLY_SIZE, 0.0)
    along, across = turn(draw), draw.direction(3)
    bellies: list[Structure] = []
    centre = location.centre_mm
    for n in range(1, draw.whole(3, 6) + 1):
        thickness = location.radius_mm * draw.log_uniform(0.7, 1.4)
        part = Ellipsoid(
            centre_mm=centre,
            semi_axes_mm=(
                rounded(thickness * draw.uniform(2.5, 5.0)),
                rounded(thickness),
                rounded(thickness * draw.uniform(0.9, 2.0)),
            ),
            quaternion=along,
        )
        own = labels if draw.chance(crowd.labelled_share) else None
        bellies.append(_muscle(draw, view, crowd, f"muscle {number}.{n}", part, own))
        beside = tuple(a + 0.5 * b for a, b in zip(across, draw.direction(3), strict=True))
        centre = shifted(centre, beside, 1.5 * thickness)
    return bellies


def _muscle(
    draw: Draw, view: FieldOfView, crowd: CrowdSettings, name: str, part: Part, labels: Labels | None
) -> Structure:
    layers: tuple[Layer, ...]
    layers = (Layer(name=name, depth_mm=0.0, label=labels.new() if labels else 0, material="muscle"),)
    if draw.chance(_PARTED):
        layers = in_plane(draw, view, crowd, layers)
    rough = 0.006 * view.scale_mm
    return Structure(name=name, parts=(part,), layers=layers, roughness_mm=(rounded(rough), 0.0), like="body")
