"""Bowels: loops of one signal that touch each other, and rows of segments as in a colon."""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.organs import draw_location
from synthfm3d.synthesis.anatomy.shapes import bent, shifted
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import CrowdSettings
from synthfm3d.synthesis.structures import ZYX, Ellipsoid, Layer, Material, Structure, Tube

_LOOP_SIZE = (0.016, 0.042)
"""Radius of a small bowel's loops over the field of view."""
_SEGMENT_SIZE = (0.03, 0.065)
_CONTENT: tuple[Material, ...] = ("fluid", "parenchyma", "gas", "wall")
_CONTENT_SHARES = (0.35, 0.35, 0.15, 0.15)
_SEGMENTED = 0.4
"""Share of bowels that are a row of segments."""


def draw_bowels(draw: Draw, view: FieldOfView, crowd: CrowdSettings, labels: Labels) -> list[Structure]:
    """Bowels of a volume; those of the same content have the same signals."""
    bowels: list[Structure] = []
    first: dict[str, str] = {}
    for number in range(1, draw.whole(*crowd.bowels) + 1):
        content = draw.pick(_CONTENT, _CONTENT_SHARES)
        own = labels if draw.chance(crowd.labelled_share) else None
        drawer = _segments if draw.chance(_SEGMENTED) else _loops
        for structure in drawer(draw, view, crowd, f"bowel {number}", content, own):
            bowels.append(replace(structure, like=first.get(content)))
            first.setdefault(content, structure.name)
    return bowels


def _loops(
    draw: Draw, view: FieldOfView, crowd: CrowdSettings, name: str, content: Material, labels: Labels | None
) -> list[Structure]:
    """A tube that winds back and forth, mostly in the plane: its loops touch."""
    location = draw_location(draw, view, [], _LOOP_SIZE, 0.0)
    radius = location.radius_mm
    point, side, along = location.centre_mm, draw.direction(3), draw.direction(3)
    along = bent(along, (-along[0], 0.0, 0.0), 0.6)
    tubes: list[Tube] = []
    turn = 1.0
    while len(tubes) < draw.whole(*crowd.bowel_tubes):
        for heading, length in ((tuple(turn * a for a in along), draw.uniform(2.5, 6.0)), (side, 2.1)):
            ahead = shifted(point, bent(heading, draw.direction(3), 0.25), radius * length)
            after = location.radius_mm * draw.uniform(0.75, 1.2)
            tubes.append(
                Tube(
                    start_mm=point,
                    end_mm=ahead,
                    start_radius_mm=rounded(radius),
                    end_radius_mm=rounded(after),
                )
            )
            point, radius = ahead, after
        turn = -turn
    layers = _layers(draw, view, name, location.radius_mm, content, labels.new() if labels else 0)
    rough = (rounded(0.12 * location.radius_mm), rounded(0.06 * location.radius_mm))
    return [Structure(name=name, parts=tuple(tubes), layers=layers, roughness_mm=rough)]


def _segments(
    draw: Draw, view: FieldOfView, crowd: CrowdSettings, name: str, content: Material, labels: Labels | None
) -> list[Structure]:
    """A row of round segments along the body, separated by their walls; one target, or one for each."""
    location = draw_location(draw, view, [], _SEGMENT_SIZE, 0.0)
    heading: tuple[float, ...] = (1.0 if draw.chance(0.5) else -1.0, 0.0, 0.0)
    centre: ZYX = (rounded(draw.uniform(0.0, 0.4) * view.size_mm[0]), *location.centre_mm[1:])
    if heading[0] < 0:
        centre = (rounded(view.size_mm[0] - centre[0]), *centre[1:])
    apart = draw.chance(0.5)
    label = 0 if apart or not labels else labels.new()
    segments: list[Structure] = []
    for number in range(1, draw.whole(*crowd.bowel_tubes) + 1):
        own = f"{name} segment {number}"
        value = labels.new() if apart and labels else label
        layers = _layers(
            draw, view, own if value != label or not label else name, location.radius_mm, content, value
        )
        length = location.radius_mm * draw.uniform(0.5, 0.8)
        part = Ellipsoid(
            centre_mm=centre,
            semi_axes_mm=(
                rounded(length),
                rounded(location.radius_mm * draw.uniform(0.8, 1.15)),
                rounded(location.radius_mm * draw.uniform(0.8, 1.15)),
            ),
            quaternion=(1.0, draw.normal(0.1), draw.normal(0.1), draw.normal(0.1)),
        )
        rough = (rounded(0.08 * location.radius_mm), 0.0)
        segments.append(Structure(name=own, parts=(part,), layers=layers, roughness_mm=rough))
        heading = bent(heading, draw.direction(3), 0.25)
        centre = shifted(centre, heading, 1.7 * length)
    return segments


def _layers(
    draw: Draw, view: FieldOfView, name: str, radius: float, content: Material, label: int
) -> tuple[Layer, ...]:
    """A wall of 1.5 to 4 mm around a content, both one target; a collapsed bowel is all wall."""
    wall = Layer(name=name, depth_mm=0.0, label=label, material="wall")
    thickness = rounded(min(draw.uniform(1.5, 4.0), 0.4 * radius))
    return (wall,) if content == "wall" else (wall, replace(wall, depth_mm=thickness, material=content))
