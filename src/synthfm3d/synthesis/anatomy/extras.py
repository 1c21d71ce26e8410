"""Lesions inside organs, and thin sheets between them."""

from collections.abc import Sequence
from dataclasses import replace

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.shapes import Location, star, turn
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import AnatomySettings
from synthfm3d.synthesis.structures import Ellipsoid, Layer, Star, Structure, Superquadric

_LESION_SIZE = (0.012, 0.05)
_LABELLED_SHEETS = 0.2


def draw_lesions(
    draw: Draw, view: FieldOfView, settings: AnatomySettings, organs: Sequence[Structure], labels: Labels
) -> list[Structure]:
    """One to three lesions in some organs: spiculated, half of them with a necrotic core."""
    lesions: list[Structure] = []
    for organ in organs:
        host = organ.parts[0]
        if not isinstance(host, Ellipsoid | Star | Superquadric) or not draw.chance(settings.lesion_share):
            continue
        reach = host.radius_mm if isinstance(host, Star) else min(host.semi_axes_mm)
        for _ in range(draw.whole(1, 3)):
            radius = rounded(min(view.scale_mm * draw.log_uniform(*_LESION_SIZE), 0.6 * reach))
            # Spicules and the host's own roughness take part of what is left.
            step = max(0.0, 0.85 * reach - 1.3 * radius) * draw.uniform(0.0, 1.0)
            towards = draw.direction(3)
            z, y, x = (rounded(c + step * t) for c, t in zip(host.centre_mm, towards, strict=True))
            shape = star(draw, view, Location((z, y, x), radius))
            label = labels.new() if any(layer.label for layer in organ.layers) else 0
            name = f"lesion {len(lesions) + 1}"
            layers = [Layer(name=name, depth_mm=0.0, label=label, material="lesion")]
            if draw.chance(0.5):
                core = rounded(draw.uniform(0.25, 0.45) * shape.smallest_mm)
                layers.append(replace(layers[0], depth_mm=core, material="necrosis"))
            lesions.append(
                Structure(
                    name=name,
                    parts=shape.parts,
                    layers=tuple(layers),
                    roughness_mm=(rounded(0.1 * radius), rounded(radius * draw.uniform(0.0, 0.35))),
                    within=organ.name,
                )
            )
    return lesions


def draw_sheet(draw: Draw, view: FieldOfView, labels: Labels, number: int) -> Structure:
    """A curved sheet 1-3 mm thick through the cavity, such as a diaphragm or a septum."""
    scale = view.scale_mm
    thickness = rounded(min(draw.uniform(1.0, 3.0), 0.03 * scale))
    centre = (
        rounded(view.size_mm[0] * draw.uniform(-0.3, 0.6)),
        rounded(view.centre_mm[0] + draw.uniform(-0.4, 0.4) * view.cavity_mm[0]),
        rounded(view.centre_mm[1] + draw.uniform(-0.4, 0.4) * view.cavity_mm[1]),
    )
    axes = tuple(rounded(scale * draw.uniform(0.25, 0.7)) for _ in range(3))
    label = labels.new() if draw.chance(_LABELLED_SHEETS) else 0
    return Structure(
        name=f"sheet {number}",
        parts=(Ellipsoid(centre_mm=centre, semi_axes_mm=(axes[0], axes[1], axes[2]), quaternion=turn(draw)),),
        layers=(
            Layer(
                name=f"sheet {number}",
                depth_mm=0.0,
                label=label,
                material=draw.pick(("muscle", "fascia", "wall")),
                thickness_mm=thickness,
            ),
        ),
        roughness_mm=(rounded(0.02 * scale), 0.0),
    )
