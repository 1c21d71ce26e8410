"""Thin planes: what parts like tissues that touch."""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.frame import Frame
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import CrowdSettings
from synthfm3d.synthesis.structures import Layer, Material

_DARK_SHARE = 0.8
"""Share of planes that are of fat; the others are fascia."""


def in_plane(draw: Draw, frame: Frame, crowd: CrowdSettings, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Layers under a plane of fat or fascia about a pixel wide, which is unlabelled."""
    width = frame.pixel_mm * draw.uniform(*crowd.plane_pixels)
    material: Material = "fat" if draw.chance(_DARK_SHARE) else "fascia"
    plane = Layer(name="plane", depth_mm=0.0, label=0, material=material)
    return plane, *(replace(layer, depth_mm=rounded(layer.depth_mm + width)) for layer in layers)
