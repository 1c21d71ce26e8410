"""Organs of no particular body: shapes of all families, placed freely or against each other.

Radii are log-uniform (``AnatomySettings.size``), so that targets cover 0.1-8 % of a slice as real ones do
(Geraghty et al., J. Comput. Assist. Tomogr. 28, 2004), and in some volumes a large one. Promptable models
confuse structures in close proximity: organs touch without gap or overlap, and some have a fat plane around
them.
"""

import math
from collections.abc import Sequence
from dataclasses import fields, replace

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.shapes import FAMILIES, Location, Shape, mirrored
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import MOST_ORGANS, AnatomySettings
from synthfm3d.synthesis.structures import Layer, Material, Structure

DEEPEST_LAYER = 0.45
"""Deepest layer as a share of the smallest semi-axis: first-order distances are exact at the surface
only and pinch towards the centre."""
_FILLER_SIZE = (0.03, 0.14)
_RIMMED = 0.35
"""Share of organs in ultrasound whose capsule echoes."""
_SOLID: tuple[Material, ...] = ("parenchyma", "fluid", "blood", "lung", "gas", "fat", "wall")
_SOLID_SHARES = (0.62, 0.13, 0.1, 0.03, 0.02, 0.05, 0.05)
_CONTENT: tuple[Material, ...] = ("fluid", "blood", "parenchyma", "gas", "fat")
_CONTENT_SHARES = (0.37, 0.25, 0.27, 0.06, 0.05)
_FILLING: tuple[Material, ...] = ("fat", "parenchyma", "muscle", "wall", "gas", "fluid")
_FILLING_SHARES = (0.3, 0.3, 0.2, 0.1, 0.03, 0.07)


def draw_organs(
    draw: Draw, view: FieldOfView, settings: AnatomySettings, count: int, labels: Labels
) -> list[Structure]:
    """``count`` organs, some with a mirrored twin, some unlabelled as distractors.

    A stack deeper than it is wide has more of them, so that its slices are as full.
    """
    count = min(round(count * view.stretch), MOST_ORGANS)
    organs: list[Structure] = []
    placed: list[Location] = []
    shares_space = draw.chance(settings.neighbourhood_share)
    for number in range(1, count + 1):
        large = number == 1 and draw.chance(settings.large_share)
        size = settings.large_size if large else settings.size
        location = draw_location(draw, view, placed, size, settings.touching_share)
        placed.append(location)
        shape = draw_shape(draw, view, settings, location)
        own = None if draw.chance(settings.distractor_share) else labels
        organ = draw_organ(draw, view, settings, f"organ {number}", location, shape, own)
        if shares_space:
            gap = draw.uniform(*settings.gap_mm) if draw.chance(settings.gap_share) else 0.0
            organ = replace(organ, neighbourhood=1, gap_mm=gap)
        organs.append(organ)
        if draw.chance(settings.twin_share):
            organs.append(_twin(draw, view, organ, own))
    return organs


def draw_fillers(draw: Draw, view: FieldOfView, settings: AnatomySettings) -> list[Structure]:
    """Unlabelled lumps of fat, gut and muscle between the organs."""
    fillers: list[Structure] = []
    for number in range(1, draw.whole(*settings.fillers) + 1):
        location = draw_location(draw, view, [], _FILLER_SIZE, 0.0)
        shape = draw_shape(draw, view, settings, location)
        material = draw.pick(_FILLING, _FILLING_SHARES)
        fillers.append(
            Structure(
                name=f"filler {number}",
                parts=shape.parts[:2],
                layers=(Layer(name=f"filler {number}", depth_mm=0.0, label=0, material=material),),
                blend_mm=rounded(0.5 * location.radius_mm),
                roughness_mm=(rounded(shape.smallest_mm * draw.uniform(0.1, 0.5)), 0.0),
            )
        )
    return fillers


def draw_location(
    draw: Draw,
    view: FieldOfView,
    placed: Sequence[Location],
    size: tuple[float, float],
    touching_share: float,
) -> Location:
    """A location in the cavity: against a placed organ, or anywhere."""
    radius = rounded(view.scale_mm * draw.log_uniform(*size))
    depth = view.size_mm[0]
    for _ in range(12):
        if placed and draw.chance(touching_share):
            neighbour = draw.pick(placed)
            step = (neighbour.radius_mm + radius) * draw.uniform(0.75, 1.05)
            towards = draw.direction(3)
            z, y, x = (c + step * t for c, t in zip(neighbour.centre_mm, towards, strict=True))
        else:
            reach = math.sqrt(draw.uniform(0.0, 1.0)) * 0.9
            towards = draw.direction(2)
            y = view.centre_mm[0] + reach * view.cavity_mm[0] * towards[0]
            x = view.centre_mm[1] + reach * view.cavity_mm[1] * towards[1]
            z = draw.uniform(-0.1, 1.1) * depth
        if view.inside_cavity(y, x) and -0.2 * depth < z < 1.2 * depth:
            break
    return Location((rounded(z), rounded(y), rounded(x)), radius)


def draw_shape(draw: Draw, view: FieldOfView, settings: AnatomySettings, location: Location) -> Shape:
    """A shape of one of the families."""
    names = [field.name for field in fields(settings.families)]
    family = draw.pick(names, [getattr(settings.families, name) for name in names])
    return FAMILIES[family](draw, view, location)


def draw_organ(
    draw: Draw,
    view: FieldOfView,
    settings: AnatomySettings,
    name: str,
    location: Location,
    shape: Shape,
    labels: Labels | None,
) -> Structure:
    """A shape as an organ: of one tissue, or a wall around a content."""
    return Structure(
        name=name,
        parts=shape.parts,
        layers=_layers(draw, view, settings, name, shape.smallest_mm, labels),
        blend_mm=rounded(0.35 * location.radius_mm),
        roughness_mm=(
            rounded(shape.smallest_mm * draw.log_uniform(*settings.roughness)),
            rounded(shape.smallest_mm * draw.uniform(0.0, 0.08)),
        ),
    )


def _layers(
    draw: Draw,
    view: FieldOfView,
    settings: AnatomySettings,
    name: str,
    smallest: float,
    labels: Labels | None,
) -> tuple[Layer, ...]:
    """One tissue, or a wall around a content; both labelled, or one label over two tissues."""
    outer = labels.new() if labels else 0
    # The label of a wall thinner than two pixels would have gaps.
    walled = draw.chance(settings.wall_share) and DEEPEST_LAYER * smallest > 2.0 * view.pixel_mm
    material: Material = "wall" if walled else draw.pick(_SOLID, _SOLID_SHARES)
    layers = [Layer(name=name, depth_mm=0.0, label=outer, material=material)]
    if view.modality == "us" and draw.chance(_RIMMED):
        inside = rounded(min(0.15 * smallest, view.scale_mm * draw.uniform(0.004, 0.012)))
        layers = [replace(layers[0], material="fascia"), replace(layers[0], depth_mm=inside)]
    if walled:
        inner = outer if draw.chance(0.3) else (labels.new() if labels else 0)
        layers.append(
            Layer(
                name=name if inner == outer else f"{name} content",
                depth_mm=rounded(max(smallest * draw.uniform(0.16, DEEPEST_LAYER), 2.0 * view.pixel_mm)),
                label=inner,
                material=draw.pick(_CONTENT, _CONTENT_SHARES),
            )
        )
    return tuple(layers)


def _twin(draw: Draw, view: FieldOfView, organ: Structure, labels: Labels | None) -> Structure:
    """The organ mirrored at the body's midline, a little shifted, with labels of its own."""
    shift = tuple(draw.normal(0.03 * view.scale_mm) for _ in range(3))
    renamed = {
        value: labels.new() if labels and value else 0
        for value in dict.fromkeys(layer.label for layer in organ.layers)
    }
    return replace(
        organ,
        name=f"{organ.name} twin",
        parts=tuple(mirrored(part, 2 * view.centre_mm[1], shift) for part in organ.parts),
        layers=tuple(
            replace(layer, name=f"{layer.name} twin", label=renamed[layer.label]) for layer in organ.layers
        ),
    )
