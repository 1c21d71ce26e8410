"""The pelvis: bladder, rectum and the organs between them, paired vessels, hip bones, sacrum and femora."""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.arrangements import Organ, draw_table
from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import AnatomySettings
from synthfm3d.synthesis.structures import Ellipsoid, Layer, Part, Structure, Superquadric, Tube

_COMMON = (
    Organ("bladder", (0.45, -0.32, 0.0), (0.14, 0.24, 0.2), material="wall"),
    Organ("rectum", (0.4, 0.42, 0.02), (0.3, 0.11, 0.09), material="wall"),
    Organ("sigmoid", (0.75, 0.12, 0.2), (0.08, 0.15, 0.14), form="sausage", material="wall"),
    Organ("right iliac artery", (0.6, -0.12, -0.4), (3.0, 0.055, 0.04), material="blood"),
    Organ("right iliac vein", (0.6, 0.0, -0.43), (3.0, 0.06, 0.05), material="blood"),
    Organ("left iliac artery", (0.6, -0.12, 0.4), (3.0, 0.055, 0.04), material="blood"),
    Organ("left iliac vein", (0.6, 0.0, 0.43), (3.0, 0.06, 0.05), material="blood"),
)
_MALE = (
    Organ("prostate", (0.22, 0.08, 0.0), (0.08, 0.13, 0.11)),
    Organ("right seminal vesicle", (0.36, 0.16, -0.08), (0.04, 0.05, 0.08)),
    Organ("left seminal vesicle", (0.36, 0.16, 0.08), (0.04, 0.05, 0.08)),
)
_FEMALE = (
    Organ("uterus", (0.5, 0.08, 0.03), (0.13, 0.15, 0.14), lobes=2),
    Organ("right ovary", (0.55, 0.02, -0.28), (0.05, 0.07, 0.06)),
    Organ("left ovary", (0.55, 0.02, 0.28), (0.05, 0.07, 0.06)),
)


def draw_pelvis(draw: Draw, view: FieldOfView, settings: AnatomySettings, labels: Labels) -> list[Structure]:
    """The organs of a male or a female pelvis."""
    rows = _MALE if draw.chance(0.5) else _FEMALE
    return draw_table(draw, view, settings, (*_COMMON, *rows), labels)


def draw_pelvic_bones(draw: Draw, view: FieldOfView, labels: Labels) -> list[Structure]:
    """The sacrum, and on each side a hip bone with the head and neck of the femur in its socket."""
    scale = view.scale_mm
    hips = view.size_mm[0] * draw.uniform(0.1, 0.7)
    head = rounded(scale * draw.uniform(0.05, 0.065))
    aside = draw.uniform(0.56, 0.66) * view.cavity_mm[1]
    y = view.centre_mm[0] + draw.uniform(-0.02, 0.12) * view.cavity_mm[0]
    shell = rounded(head * draw.uniform(0.06, 0.12))
    bones = [_sacrum(draw, view, hips, shell, labels)]
    for side, sign in (("left", 1), ("right", -1)):
        x = view.centre_mm[1] + sign * aside
        wing = Superquadric(
            centre_mm=(rounded(hips + 1.6 * head), rounded(y + 0.3 * head), rounded(x + sign * 0.1 * head)),
            semi_axes_mm=(rounded(2.4 * head), rounded(1.7 * head), rounded(0.35 * head)),
            quaternion=(1.0, rounded(sign * 0.15), draw.normal(0.06), draw.normal(0.06)),
            squareness=0.3,
            taper=0.2,
            bend=0.0,
        )
        socket = Ellipsoid(
            centre_mm=(rounded(hips), rounded(y), rounded(x - sign * 0.35 * head)),
            semi_axes_mm=(rounded(1.25 * head), rounded(1.25 * head), rounded(1.1 * head)),
            quaternion=(1.0, 0.0, 0.0, 0.0),
        )
        bones.append(_bone(f"{side} hip bone", (wing, socket), shell, labels, draw, rounded(0.4 * head)))
        bones.append(_femur(draw, f"{side} femur", (hips, y, x), sign, head, shell, labels))
    return bones


def _femur(
    draw: Draw,
    name: str,
    centre: tuple[float, float, float],
    sign: int,
    head: float,
    shell: float,
    labels: Labels,
) -> Structure:
    """Head, neck and shaft under a layer of cartilage, which separates it from its socket."""
    z, y, x = (rounded(c) for c in centre)
    outer = (rounded(z - 1.2 * head), rounded(y + 0.3 * head), rounded(x + sign * 1.7 * head))
    below = (rounded(z - 8.0 * head), outer[1], outer[2])
    parts = (
        Tube(start_mm=(z, y, x), end_mm=(z, y, x), start_radius_mm=head, end_radius_mm=head),
        Tube(
            start_mm=(z, y, x),
            end_mm=outer,
            start_radius_mm=rounded(0.55 * head),
            end_radius_mm=rounded(0.75 * head),
        ),
        Tube(
            start_mm=outer,
            end_mm=below,
            start_radius_mm=rounded(0.75 * head),
            end_radius_mm=rounded(0.6 * head),
        ),
    )
    bone = _bone(name, parts, shell, labels, draw, rounded(0.3 * head))
    cartilage = Layer(name=name, depth_mm=0.0, label=0, material="disc")
    width = rounded(draw.uniform(1.0, 2.5))
    inner = tuple(replace(layer, depth_mm=rounded(layer.depth_mm + width)) for layer in bone.layers)
    return replace(bone, layers=(cartilage, *inner))


def _sacrum(draw: Draw, view: FieldOfView, hips: float, shell: float, labels: Labels) -> Structure:
    scale = view.scale_mm
    part = Superquadric(
        centre_mm=(
            rounded(hips + 0.2 * scale),
            rounded(view.centre_mm[0] + draw.uniform(0.55, 0.7) * view.cavity_mm[0]),
            rounded(view.centre_mm[1]),
        ),
        semi_axes_mm=(
            rounded(0.2 * scale),
            rounded(scale * draw.uniform(0.04, 0.06)),
            rounded(scale * draw.uniform(0.1, 0.14)),
        ),
        quaternion=(1.0, 0.0, 0.0, draw.uniform(0.0, 0.25)),
        squareness=0.3,
        taper=0.5,
        bend=0.3,
    )
    return _bone("sacrum", (part,), shell, labels, draw, 0.0)


def _bone(
    name: str, parts: tuple[Part, ...], shell: float, labels: Labels, draw: Draw, blend: float
) -> Structure:
    cortex = Layer(name=name, depth_mm=0.0, label=labels.new(), material="cortical bone")
    return Structure(
        name=name,
        parts=parts,
        layers=(cortex, replace(cortex, depth_mm=shell, material="marrow")),
        blend_mm=blend,
        roughness_mm=(rounded(shell * draw.uniform(0.2, 0.6)), 0.0),
    )
