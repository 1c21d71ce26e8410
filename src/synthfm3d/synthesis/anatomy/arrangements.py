"""Anatomical layouts: tables of organs and their positions, and one function that draws a table.

Positions and sizes are shares of the cavity's semi-axes (y, x) and of the stack's depth (z); they are
placement rules, not measurements of a person, and each of them is jittered. The abdomen: paired kidneys
beside the spine, liver, stomach and spleen as neighbours, vessels before the spine. The heart: chambers in
their relation, seen along its long or its short axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.organs import draw_organ
from synthfm3d.synthesis.anatomy.shapes import Location, Quaternion, Shape, sausage
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import AnatomySettings
from synthfm3d.synthesis.structures import ZYX, Ellipsoid, Layer, Material, Part, Structure


@dataclass(frozen=True, slots=True)
class Organ:
    """One row: name, centre (z, y, x), semi-axes (z, y, x), lobes, material, form."""

    name: str
    centre: ZYX
    semi_axes: ZYX
    lobes: int = 1
    material: Material = "parenchyma"
    form: str = "ellipsoid"


# x grows towards the patient's left, y towards the back, z towards the head.
_ABDOMEN = (
    Organ("liver", (0.62, -0.1, -0.48), (0.36, 0.55, 0.46), lobes=3),
    Organ("spleen", (0.66, 0.35, 0.68), (0.24, 0.3, 0.2)),
    Organ("right kidney", (0.36, 0.5, -0.42), (0.22, 0.2, 0.16)),
    Organ("left kidney", (0.42, 0.5, 0.44), (0.22, 0.2, 0.16)),
    Organ("stomach", (0.62, -0.3, 0.38), (0.2, 0.3, 0.25), lobes=2, material="wall"),
    Organ("pancreas", (0.48, 0.05, 0.12), (0.06, 0.1, 0.3), form="sausage"),
    Organ("gallbladder", (0.46, -0.32, -0.36), (0.1, 0.13, 0.1), material="fluid"),
    Organ("duodenum", (0.42, 0.0, -0.15), (0.1, 0.12, 0.12), form="sausage", material="wall"),
    Organ("aorta", (0.5, 0.42, 0.07), (3.0, 0.075, 0.055), material="blood"),
    Organ("vena cava", (0.5, 0.38, -0.13), (3.0, 0.07, 0.08), material="blood"),
    Organ("right adrenal", (0.56, 0.36, -0.25), (0.05, 0.04, 0.07), form="sausage"),
    Organ("left adrenal", (0.56, 0.36, 0.25), (0.05, 0.04, 0.07), form="sausage"),
    Organ("bladder", (0.02, -0.25, 0.0), (0.14, 0.25, 0.22), material="wall"),
)
_PRESENT = 0.85
"""Probability of each organ in a volume."""


def draw_abdomen(draw: Draw, view: FieldOfView, settings: AnatomySettings, labels: Labels) -> list[Structure]:
    """The abdomen, whose organs share the space between them; sometimes mirrored or upside down."""
    return draw_table(draw, view, settings, _ABDOMEN, labels)


def draw_table(
    draw: Draw, view: FieldOfView, settings: AnatomySettings, rows: Sequence[Organ], labels: Labels
) -> list[Structure]:
    """Organs of a table at their positions; each is present with a probability of ``_PRESENT``."""
    flip_z, flip_x = draw.chance(0.3), draw.chance(0.1)
    organs: list[Structure] = []
    for row in rows:
        if draw.chance(_PRESENT):
            organs.append(_placed(draw, view, settings, row, flip_z, flip_x, labels))
    shared = 1 if draw.chance(settings.neighbourhood_share) else 0
    return [
        replace(
            organ,
            neighbourhood=shared,
            gap_mm=draw.uniform(*settings.gap_mm) if draw.chance(settings.gap_share) else 0.0,
        )
        for organ in organs
    ]


def _placed(
    draw: Draw,
    view: FieldOfView,
    settings: AnatomySettings,
    row: Organ,
    flip_z: bool,
    flip_x: bool,
    labels: Labels,
) -> Structure:
    z, y, x = (c + draw.normal(0.05) for c in row.centre)
    z, x = 1 - z if flip_z else z, -x if flip_x else x
    centre = (
        rounded(z * view.size_mm[0]),
        rounded(view.centre_mm[0] + y * view.cavity_mm[0]),
        rounded(view.centre_mm[1] + x * view.cavity_mm[1]),
    )
    # Depth is relative to the body, not to the stack: a thin stack cuts organs and does not flatten them.
    deep = min(max(view.size_mm[0], 0.5 * view.scale_mm), 1.2 * view.scale_mm)
    growth = draw.log_uniform(0.75, 1.3)
    axes = (
        rounded(row.semi_axes[0] * deep * growth * draw.log_uniform(0.85, 1.2)),
        rounded(row.semi_axes[1] * view.cavity_mm[0] * growth * draw.log_uniform(0.85, 1.2)),
        rounded(row.semi_axes[2] * view.cavity_mm[1] * growth * draw.log_uniform(0.85, 1.2)),
    )
    location = Location(centre, rounded(sum(axes[1:]) / 2 if row.form == "ellipsoid" else max(axes)))
    if row.form == "sausage":
        shape = sausage(draw, view, location)
    else:
        shape = _lobes(draw, centre, axes, row.lobes)
    kidney = "kidney" in row.name
    if kidney or row.material == "blood":  # cortex and medulla are drawn below; walls of vessels are thin
        settings = replace(settings, wall_share=0.0)
    organ = draw_organ(draw, view, settings, row.name, location, shape, labels)
    if row.material == "wall" and len(organ.layers) == 1:
        organ = replace(organ, layers=(replace(organ.layers[0], material="wall"),))
    if row.material in ("blood", "fluid"):  # within its wall or capsule, if it has one
        content = replace(organ.layers[-1], material=row.material)
        organ = replace(organ, layers=(*organ.layers[:-1], content))
    if kidney:
        organ = _with_medulla(draw, organ, min(axes), labels)
    if row.name in ("aorta", "vena cava"):
        organ = replace(organ, roughness_mm=(rounded(0.15 * min(axes)), 0.0))
    return organ


def _with_medulla(draw: Draw, kidney: Structure, smallest: float, labels: Labels) -> Structure:
    """A kidney of cortex and medulla, one target more often than two."""
    cortex = replace(kidney.layers[0], material="parenchyma")
    medulla = replace(cortex, depth_mm=rounded(smallest * draw.uniform(0.25, 0.42)), material="medulla")
    if draw.chance(0.3):
        medulla = replace(medulla, name=f"{kidney.name} medulla", label=labels.new())
    return replace(kidney, layers=(cortex, medulla))


def _lobes(draw: Draw, centre: ZYX, axes: ZYX, count: int) -> Shape:
    """An ellipsoid a little turned, with smaller lobes at its sides."""
    quaternion = _slightly_turned(draw)
    parts: list[Part] = [Ellipsoid(centre_mm=centre, semi_axes_mm=axes, quaternion=quaternion)]
    for _ in range(count - 1):
        towards = draw.direction(3)
        z, y, x = (rounded(c + 0.75 * a * t) for c, a, t in zip(centre, axes, towards, strict=True))
        smaller = tuple(rounded(a * draw.uniform(0.45, 0.75)) for a in axes)
        parts.append(
            Ellipsoid(
                centre_mm=(z, y, x),
                semi_axes_mm=(smaller[0], smaller[1], smaller[2]),
                quaternion=_slightly_turned(draw),
            )
        )
    return Shape(tuple(parts), min(axes))


def _slightly_turned(draw: Draw) -> Quaternion:
    return 1.0, draw.normal(0.12), draw.normal(0.12), draw.normal(0.12)


# In the heart's own axes: first axis from base to apex, the right heart at negative x.
_CHAMBERS: tuple[tuple[str, ZYX, ZYX], ...] = (
    ("right ventricle", (-0.1, 0.0, -0.75), (0.95, 0.6, 0.55)),
    ("left ventricle", (0.0, 0.0, 0.0), (1.15, 0.62, 0.62)),
    ("left atrium", (-1.5, 0.1, 0.05), (0.55, 0.6, 0.6)),
    ("right atrium", (-1.45, 0.0, -0.9), (0.5, 0.55, 0.5)),
    ("aortic root", (-1.35, -0.35, -0.3), (0.55, 0.26, 0.26)),
)


def draw_heart(
    draw: Draw, view: FieldOfView, labels: Labels, size: tuple[float, float] = (0.16, 0.3)
) -> list[Structure]:
    """A heart: chambers of blood, a thick left wall; its long axis along z, or in the slices.

    ``size`` is the range of its ventricles' radius over the field of view.
    """
    scale = view.scale_mm * draw.log_uniform(*size)
    quaternion = _slightly_turned(draw) if draw.chance(0.45) else _in_plane(draw)
    centre = (
        rounded(view.size_mm[0] * draw.uniform(0.35, 0.65)),
        rounded(view.centre_mm[0] + draw.uniform(-0.15, 0.15) * view.cavity_mm[0]),
        rounded(view.centre_mm[1] + draw.uniform(-0.15, 0.15) * view.cavity_mm[1]),
    )
    wall_mm = rounded(scale * draw.uniform(0.14, 0.32))
    chambers: list[Structure] = []
    for name, offset, axes in _CHAMBERS:
        if name in ("right atrium", "aortic root") and draw.chance(0.25):
            continue
        jittered = tuple(p + draw.normal(0.06) for p in offset)
        z, y, x = _rotated(quaternion, (scale * jittered[0], scale * jittered[1], scale * jittered[2]))
        semi = tuple(rounded(scale * a * draw.log_uniform(0.85, 1.18)) for a in axes)
        thick = name == "left ventricle"
        part = Ellipsoid(
            centre_mm=(rounded(centre[0] + z), rounded(centre[1] + y), rounded(centre[2] + x)),
            semi_axes_mm=(semi[0], semi[1], semi[2]),
            quaternion=quaternion,
        )
        depth = wall_mm if thick else rounded(0.25 * wall_mm)
        chambers.append(
            Structure(
                name=name,
                parts=(part,),
                layers=(
                    Layer(
                        name=f"{name} wall",
                        depth_mm=0.0,
                        label=labels.new() if thick else 0,
                        material="muscle" if thick else "wall",
                    ),
                    Layer(name=name, depth_mm=depth, label=labels.new(), material="blood"),
                ),
                roughness_mm=(rounded(0.05 * min(semi)), rounded(0.03 * min(semi))),
            )
        )
    return chambers


def _in_plane(draw: Draw) -> Quaternion:
    """A turn that lays the first axis into the slices: about an axis in the plane, by 60-120 degrees."""
    y, x = draw.direction(2)
    half_sine = draw.uniform(0.55, 0.83)
    half_cosine = rounded((1 - half_sine * half_sine) ** 0.5)
    return half_cosine, draw.normal(0.05), rounded(half_sine * y), rounded(half_sine * x)


def _rotated(quaternion: Quaternion, vector: ZYX) -> Sequence[float]:
    """A vector turned by a quaternion, v + 2 q x (q x v + w v), normalised."""
    w, *q = quaternion
    norm = w * w + sum(c * c for c in q)

    def cross(a: Sequence[float], b: Sequence[float]) -> list[float]:
        return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]

    inner = [c + w * v for c, v in zip(cross(q, vector), vector, strict=True)]
    return [v + 2 * c / norm for v, c in zip(vector, cross(q, inner), strict=True)]
