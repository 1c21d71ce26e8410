"""The body: its outline, the shells under it, and the cavity in which organs lie.

A trunk has fat, muscle and a cavity; a head has scalp, skull, fluid, grey and white matter. A field of view
inside the body has one tissue all around; ultrasound also shows the layers of the body wall.
"""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.structures import ZYX, Layer, Layout, Material, Stack, Structure
from synthfm3d.volume import Modality

_WALL_SHARE = 0.6
"""Share of ultrasound volumes that show the layers of the body wall."""
_SURROUNDINGS: tuple[Material, ...] = ("muscle", "parenchyma", "fat", "lung")
_FILLINGS: tuple[Material, ...] = ("fat", "parenchyma", "lung")
_CROWDED_SURROUNDINGS = (0.2, 0.15, 0.6, 0.05)
"""How often the surroundings and fillings above are drawn where a body is crowded: mostly fat."""
_CROWDED_FILLINGS = (0.92, 0.06, 0.02)
_LEAST_MUSCLE_MM = 3.5
"""Least thickness of each muscle of a body's wall."""
_FAR = 4.0
"""At this distance, in fields of view, an outline is never visible."""


def draw_body(
    draw: Draw,
    modality: Modality,
    layout: Layout,
    size_mm: ZYX,
    pixel_mm: float,
    labels: Labels,
    *,
    crowded: bool = False,
) -> tuple[Structure, FieldOfView, float]:
    """The body's structure, the field of view of its organs, and the depth of the cavity in mm.

    A crowded body has a wall of three muscles and fat between its organs.
    """
    centre = (
        rounded(size_mm[1] * (0.5 + draw.uniform(-0.03, 0.03))),
        rounded(size_mm[2] * (0.5 + draw.uniform(-0.03, 0.03))),
    )
    # A heart mostly fills its field of view; ultrasound never shows the whole body.
    from_within = modality == "us" or layout == "free" or (layout == "heart" and draw.chance(0.6))
    if from_within:
        body = _surroundings(draw, modality, size_mm, centre, crowded)
        view = FieldOfView(
            layout=layout,
            modality=modality,
            size_mm=size_mm,
            pixel_mm=pixel_mm,
            centre_mm=centre,
            cavity_mm=(0.5 * size_mm[1], 0.5 * size_mm[2]),
        )
        return body, view, 0.0
    return _outlined(draw, modality, layout, size_mm, pixel_mm, centre, labels, crowded)


def draw_surroundings(
    draw: Draw, modality: Modality, size_mm: ZYX, pixel_mm: float
) -> tuple[Structure, FieldOfView]:
    """A field of view inside the body: its tissue, and the bounds of what lies in it."""
    centre = (rounded(0.5 * size_mm[1]), rounded(0.5 * size_mm[2]))
    body = _surroundings(draw, modality, size_mm, centre)
    return body, FieldOfView(
        layout="heart",
        modality=modality,
        size_mm=size_mm,
        pixel_mm=pixel_mm,
        centre_mm=centre,
        cavity_mm=centre,
    )


def _surroundings(
    draw: Draw, modality: Modality, size_mm: ZYX, centre: tuple[float, float], crowded: bool = False
) -> Structure:
    """Tissue all around, under the layers of the wall where a probe looks through them."""
    scale = min(size_mm[1], size_mm[2])
    material = draw.pick(_SURROUNDINGS, _CROWDED_SURROUNDINGS if crowded else (0.4, 0.35, 0.2, 0.05))
    layers = [Layer(name="background", depth_mm=0.0, label=0, material=material)]
    half = (rounded(size_mm[1] * _FAR), rounded(size_mm[2] * _FAR))
    rough = (0.0, 0.0)
    if modality == "us" and draw.chance(_WALL_SHARE):
        layers = _wall_layers(draw, scale, material)
        centre = (rounded(half[0] - draw.uniform(0.0, 0.03) * size_mm[1]), centre[1])
        rough = (rounded(0.01 * scale), rounded(0.004 * scale))
    outline = Stack(
        centre_mm=centre,
        semi_axes_mm=half,
        direction=(1.0, 0.0),
        scale=((-_FAR * size_mm[0], 1.0), (_FAR * size_mm[0], 1.0)),
    )
    return Structure(name="body", parts=(outline,), layers=tuple(layers), roughness_mm=rough)


def _outlined(
    draw: Draw,
    modality: Modality,
    layout: Layout,
    size_mm: ZYX,
    pixel_mm: float,
    centre: tuple[float, float],
    labels: Labels,
    crowded: bool,
) -> tuple[Structure, FieldOfView, float]:
    """A body with an outline in air: an ellipse that narrows towards both ends, or a head's vault."""
    scale = min(size_mm[1], size_mm[2])
    half = (rounded(size_mm[1] * draw.uniform(0.32, 0.45)), rounded(size_mm[2] * draw.uniform(0.38, 0.48)))
    layers = _head_layers(draw, scale, labels) if layout == "head" else _trunk_layers(draw, scale, crowded)
    depth = layers[-1].depth_mm
    ends = [draw.uniform(0.85, 1.0), draw.uniform(0.85, 1.0)]
    curve: tuple[tuple[float, float], ...]
    curve = ((-_FAR * size_mm[0], ends[0]), (0.5 * size_mm[0], 1.0), (_FAR * size_mm[0], ends[1]))
    if layout == "head":
        curve = _vault(draw, size_mm[0], half[0])
    outline = Stack(centre_mm=centre, semi_axes_mm=half, direction=(1.0, 0.0), scale=curve)
    body = Structure(
        name="body",
        parts=(outline,),
        layers=tuple(layers),
        roughness_mm=(rounded(scale * draw.uniform(0.001, 0.006)), rounded(scale * draw.uniform(0.0, 0.002))),
    )
    view = FieldOfView(
        layout=layout,
        modality=modality,
        size_mm=size_mm,
        pixel_mm=pixel_mm,
        centre_mm=centre,
        cavity_mm=(half[0] - depth, half[1] - depth),
    )
    return body, view, depth


def _vault(draw: Draw, depth: float, half: float) -> tuple[tuple[float, float], ...]:
    """Scale curve of a head: a half ellipsoid under its vertex, which may lie beyond the slices."""
    vertex = depth * draw.uniform(0.85, 1.4)
    height = max(half * draw.uniform(1.0, 1.4), 0.6 * depth)
    neck = draw.uniform(0.75, 1.0)
    curve = [(-_FAR * depth, neck), (vertex - 1.6 * height, neck)]
    for step in range(9):
        up = step / 8
        curve.append((vertex - (1.0 - up) * height, max((1.0 - up * up) ** 0.5, 0.02)))
    if draw.chance(0.3):  # upside down
        curve = [(depth - z, scale) for z, scale in reversed(curve)]
    return tuple((rounded(z), rounded(scale)) for z, scale in curve)


def _wall_layers(draw: Draw, scale: float, beneath: Material) -> list[Layer]:
    """Skin, fat, fascia, muscle and fascia under an ultrasound probe, then the tissue beneath."""
    depth = 0.0
    layers: list[Layer] = []
    wall: tuple[Material, ...] = ("skin", "fat", "fascia", "muscle", "fascia")
    for material in wall:
        thin = material in ("skin", "fascia")
        layers.append(Layer(name=material, depth_mm=rounded(depth), label=0, material=material))
        depth += scale * (draw.uniform(0.004, 0.015) if thin else draw.uniform(0.02, 0.08))
    return [*layers, Layer(name="background", depth_mm=rounded(depth), label=0, material=beneath)]


def _trunk_layers(draw: Draw, scale: float, crowded: bool) -> list[Layer]:
    filling = draw.pick(_FILLINGS, _CROWDED_FILLINGS if crowded else (0.65, 0.2, 0.15))
    fat = rounded(scale * draw.log_uniform(0.01, 0.08))
    wall = rounded(fat + scale * draw.uniform(0.02, 0.06))
    skin = rounded(scale * draw.uniform(0.003, 0.008))
    muscle = Layer(name="muscle", depth_mm=rounded(skin + fat), label=0, material="muscle")
    return [
        Layer(name="skin", depth_mm=0.0, label=0, material="skin"),
        Layer(name="fat", depth_mm=skin, label=0, material="fat"),
        *(_wall_muscles(draw, muscle, wall - fat) if crowded else [muscle]),
        Layer(name="cavity", depth_mm=rounded(skin + wall), label=0, material=filling),
    ]


def _wall_muscles(draw: Draw, muscle: Layer, thickness: float) -> list[Layer]:
    """Three muscles on top of each other, separated by planes of fat; fewer if the wall is thin."""
    count = min(3, max(1, int(thickness / _LEAST_MUSCLE_MM)))
    plane = min(draw.uniform(0.8, 2.0), 0.3 * thickness / count)
    layers = [muscle]
    for n in range(1, count):
        depth = muscle.depth_mm + n * thickness / count
        layers.append(replace(muscle, name="fat", depth_mm=rounded(depth - plane), material="fat"))
        layers.append(replace(muscle, depth_mm=rounded(depth)))
    return layers


def _head_layers(draw: Draw, scale: float, labels: Labels) -> list[Layer]:
    depths = [0.0]
    for low, high in ((0.015, 0.04), (0.015, 0.04), (0.004, 0.03), (0.012, 0.04)):
        depths.append(rounded(depths[-1] + scale * draw.uniform(low, high)))
    brain = labels.new()
    inner = labels.new() if draw.chance(0.7) else brain
    names = ("scalp", "skull", "fluid", "brain", "white matter")
    materials: tuple[Material, ...] = ("fat", "cortical bone", "fluid", "grey matter", "white matter")
    values = (0, 0, 0, brain, inner)
    return [
        Layer(name=name, depth_mm=depth, label=value, material=material)
        for name, depth, value, material in zip(names, depths, values, materials, strict=True)
    ]
