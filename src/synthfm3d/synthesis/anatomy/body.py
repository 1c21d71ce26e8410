"""The body: its outline, the shells under it, and the cavity in which organs lie.

Three layouts: a trunk (fat, muscle, cavity), a head (scalp, skull, fluid, grey and white matter),
and a view from inside tissue, as small fields of view have it; ultrasound looks into tissue through
the layers of the body wall.
"""

from synthfm3d.synthesis.anatomy.frame import Frame, Labels
from synthfm3d.synthesis.contrast import (
    Contrast,
    cortical_bone_mean,
    fat_mean,
    muscle_mean,
    organ_mean,
    tissue,
)
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Layer, Layout, Position, Stack, Structure

_WALL_SHARE = 0.6
"""Share of ultrasound volumes that look through the layers of the body wall."""
_FAR = 4.0
"""An outline this many fields of view away is never seen."""


def draw_body(
    draw: Draw, contrast: Contrast, layout: Layout, size_mm: Position, labels: Labels
) -> tuple[Structure, Frame, float]:
    """The body's structure, the frame for its organs, and the depth of the cavity in mm."""
    scale = min(size_mm[1], size_mm[2])
    centre = (
        rounded(size_mm[1] * (0.5 + draw.uniform(-0.03, 0.03))),
        rounded(size_mm[2] * (0.5 + draw.uniform(-0.03, 0.03))),
    )
    if layout == "inside":
        mean = muscle_mean(draw, contrast)
        layers = [Layer(name="background", depth_mm=0.0, label=0, tissue=tissue(draw, contrast, mean))]
        half = (rounded(size_mm[1] * _FAR), rounded(size_mm[2] * _FAR))
        middle = centre
        if contrast.modality == "us" and draw.chance(_WALL_SHARE):
            layers = _wall_layers(draw, contrast, scale, mean)
            middle = (rounded(half[0] - draw.uniform(0.0, 0.03) * size_mm[1]), centre[1])
        outline = Stack(centre_mm=middle, semi_axes_mm=half, direction=(1.0, 0.0), scale=_through(size_mm))
        rough = (rounded(0.01 * scale), rounded(0.004 * scale)) if len(layers) > 1 else (0.0, 0.0)
        body = Structure(name="body", parts=(outline,), layers=tuple(layers), roughness_mm=rough)
        frame = _frame(layout, contrast, size_mm, centre, (0.5 * size_mm[1], 0.5 * size_mm[2]), mean)
        return body, frame, 0.0

    half = (rounded(size_mm[1] * draw.uniform(0.32, 0.45)), rounded(size_mm[2] * draw.uniform(0.38, 0.48)))
    if layout == "trunk":
        layers = _trunk_layers(draw, contrast, scale)
    else:
        layers = _head_layers(draw, contrast, scale, labels)
    cavity_depth = layers[-1].depth_mm
    ends = [draw.uniform(0.85, 1.0), draw.uniform(0.85, 1.0)]
    outline = Stack(
        centre_mm=centre,
        semi_axes_mm=half,
        direction=(1.0, 0.0),
        scale=((-_FAR * size_mm[0], ends[0]), (0.5 * size_mm[0], 1.0), (_FAR * size_mm[0], ends[1])),
    )
    body = Structure(
        name="body",
        parts=(outline,),
        layers=tuple(layers),
        roughness_mm=(rounded(scale * draw.uniform(0.001, 0.006)), rounded(scale * draw.uniform(0.0, 0.002))),
    )
    cavity = (half[0] - cavity_depth, half[1] - cavity_depth)
    frame = _frame(layout, contrast, size_mm, centre, cavity, layers[-1].tissue.mean)
    return body, frame, cavity_depth


def _wall_layers(draw: Draw, contrast: Contrast, scale: float, mean: float) -> list[Layer]:
    """Skin, fat, fascia, muscle, fascia as an ultrasound probe sees them, then the tissue beneath."""
    depth = 0.0
    layers: list[Layer] = []
    for name in ("skin", "fat", "fascia", "muscle", "fascia"):
        thin = name in ("skin", "fascia")
        signal = draw.uniform(0.5, 1.2) if thin else draw.log_uniform(0.08, 0.5)
        layers.append(
            Layer(name=name, depth_mm=rounded(depth), label=0, tissue=tissue(draw, contrast, signal, 2.0))
        )
        depth += scale * (draw.uniform(0.004, 0.015) if thin else draw.uniform(0.02, 0.08))
    deep = tissue(draw, contrast, mean)
    return [*layers, Layer(name="background", depth_mm=rounded(depth), label=0, tissue=deep)]


def _trunk_layers(draw: Draw, contrast: Contrast, scale: float) -> list[Layer]:
    fat, muscle = fat_mean(draw, contrast), muscle_mean(draw, contrast)
    filling = fat if draw.chance(0.6) else organ_mean(draw, contrast, muscle)
    fat_depth = rounded(scale * draw.log_uniform(0.01, 0.08))
    wall_depth = rounded(fat_depth + scale * draw.uniform(0.02, 0.06))
    return [
        Layer(name="fat", depth_mm=0.0, label=0, tissue=tissue(draw, contrast, fat, 0.6)),
        Layer(name="muscle", depth_mm=fat_depth, label=0, tissue=tissue(draw, contrast, muscle)),
        Layer(name="cavity", depth_mm=wall_depth, label=0, tissue=tissue(draw, contrast, filling)),
    ]


def _head_layers(draw: Draw, contrast: Contrast, scale: float, labels: Labels) -> list[Layer]:
    bone = cortical_bone_mean(draw, contrast)
    scalp = fat_mean(draw, contrast)
    fluid = organ_mean(draw, contrast, bone)
    grey = organ_mean(draw, contrast, fluid)
    white = organ_mean(draw, contrast, grey)
    depths = [0.0]
    for low, high in ((0.015, 0.04), (0.015, 0.04), (0.004, 0.03), (0.012, 0.04)):
        depths.append(rounded(depths[-1] + scale * draw.uniform(low, high)))
    brain = labels.new()
    inner = labels.new() if draw.chance(0.7) else brain
    names = ("scalp", "skull", "fluid", "brain", "white matter")
    means = (scalp, bone, fluid, grey, white)
    values = (0, 0, 0, brain, inner)
    return [
        Layer(name=name, depth_mm=depth, label=value, tissue=tissue(draw, contrast, mean, 0.7))
        for name, depth, value, mean in zip(names, depths, values, means, strict=True)
    ]


def _through(size_mm: Position) -> tuple[tuple[float, float], ...]:
    """A scale curve that is one from far below to far above the field of view."""
    return ((-_FAR * size_mm[0], 1.0), (_FAR * size_mm[0], 1.0))


def _frame(
    layout: Layout,
    contrast: Contrast,
    size_mm: Position,
    centre_mm: tuple[float, float],
    cavity_mm: tuple[float, float],
    cavity_mean: float,
) -> Frame:
    return Frame(
        layout=layout,
        contrast=contrast,
        size_mm=size_mm,
        centre_mm=centre_mm,
        cavity_mm=cavity_mm,
        cavity_mean=cavity_mean,
    )
