"""Neighbours of nearly the same signal, into which masks leak.

Many soft tissues have nearly the same attenuation: bladder and bowel, spleen and stomach, an artery and the
vein or the heart beside it. Two such neighbours are separated by a thin plane, or only by their shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.shapes import shifted
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import CrowdSettings
from synthfm3d.synthesis.structures import (
    ZYX,
    Ellipsoid,
    Layer,
    Material,
    Stack,
    Star,
    Structure,
    Superquadric,
    Tube,
)

_MOST_RADIUS = 0.16
"""Largest neighbour over the field of view."""
_DARK_SHARE = 0.8
"""Share of planes that are of fat; the others are fascia."""


def in_plane(
    draw: Draw, view: FieldOfView, crowd: CrowdSettings, layers: tuple[Layer, ...]
) -> tuple[Layer, ...]:
    """Layers under a plane of fat or fascia about a pixel wide, which is unlabelled."""
    width = view.pixel_mm * draw.uniform(*crowd.plane_pixels)
    material: Material = "fat" if draw.chance(_DARK_SHARE) else "fascia"
    plane = Layer(name="plane", depth_mm=0.0, label=0, material=material)
    return plane, *(replace(layer, depth_mm=rounded(layer.depth_mm + width)) for layer in layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Neighbours of organs: ``under`` are painted before them and touch, ``over`` after and in a plane."""

    under: tuple[Structure, ...] = ()
    over: tuple[Structure, ...] = ()


def draw_neighbours(
    draw: Draw, view: FieldOfView, crowd: CrowdSettings, organs: Sequence[Structure], labels: Labels
) -> Neighbours:
    """For some labelled organs and vessels, a similar object beside them."""
    under: list[Structure] = []
    over: list[Structure] = []
    for organ in organs:
        if not any(layer.label for layer in organ.layers) or not draw.chance(crowd.like_share):
            continue
        parted = draw.chance(crowd.plane_share)
        label = labels.new() if draw.chance(crowd.labelled_share) else 0
        name = f"beside {organ.name}"
        layer = Layer(name=name, depth_mm=0.0, label=label, material=organ.layers[0].material)
        inner = _outer_tissues(organ, layer)
        neighbour = Structure(
            name=name,
            parts=(_beside(draw, view, organ, parted),),
            layers=in_plane(draw, view, crowd, inner) if parted else inner,
            roughness_mm=(rounded(0.004 * view.scale_mm), 0.0),
            confined=organ.confined,
            like=organ.name,
        )
        (over if parted else under).append(neighbour)
    return Neighbours(under=tuple(under), over=tuple(over))


def _outer_tissues(organ: Structure, layer: Layer) -> tuple[Layer, ...]:
    """The neighbour's tissue; where the organ has a wall, the same wall around the same content."""
    if len(organ.layers) == 1:
        return (layer,)
    return layer, *(
        replace(layer, depth_mm=inner.depth_mm, material=inner.material) for inner in organ.layers[1:]
    )


def _beside(draw: Draw, view: FieldOfView, organ: Structure, parted: bool) -> Ellipsoid | Stack:
    """An ellipsoid against one part of an organ; beside a vessel through the slices another such vessel."""
    host = draw.pick(organ.parts)
    if isinstance(host, Stack):
        return _parallel(draw, host)
    centre, axes = _extent(host)
    reach = min(axes)
    away = draw.direction(3)
    radius = min(reach * draw.log_uniform(0.5, 1.3), _MOST_RADIUS * view.scale_mm)
    size = [rounded(radius * draw.log_uniform(0.75, 1.4)) for _ in range(3)]
    # Along its own direction an ellipsoid reaches 1 / |direction / axes|.
    touch = _reach(away, axes) + _reach(away, (size[0], size[1], size[2]))
    step = touch * (draw.uniform(0.88, 1.0) if parted else draw.uniform(0.75, 0.95))
    return Ellipsoid(
        centre_mm=shifted(centre, away, step),
        semi_axes_mm=(size[0], size[1], size[2]),
        quaternion=(1.0, 0.0, 0.0, 0.0),
    )


def _parallel(draw: Draw, host: Stack) -> Stack:
    """The same stack moved aside until both touch."""
    away_y, away_x = draw.direction(2)
    factor = draw.log_uniform(0.7, 1.4)
    axes = (rounded(factor * host.semi_axes_mm[0]), rounded(factor * host.semi_axes_mm[1]))
    step = (1.0 + factor) * 0.5 * (host.semi_axes_mm[0] + host.semi_axes_mm[1]) * draw.uniform(0.85, 1.0)
    y, x = host.centre_mm
    return replace(
        host, centre_mm=(rounded(y + step * away_y), rounded(x + step * away_x)), semi_axes_mm=axes
    )


def _extent(part: Ellipsoid | Star | Superquadric | Tube) -> tuple[ZYX, ZYX]:
    """Centre and semi-axes along (z, y, x); the rotation of parts is ignored."""
    match part:
        case Tube(start_mm=start, end_mm=end, start_radius_mm=first, end_radius_mm=last):
            z, y, x = (rounded(0.5 * (a + b)) for a, b in zip(start, end, strict=True))
            radius = 0.5 * (first + last)
            return (z, y, x), (radius, radius, radius)
        case Star(centre_mm=centre, radius_mm=radius):
            return centre, (radius, radius, radius)
        case (
            Ellipsoid(centre_mm=centre, semi_axes_mm=axes) | Superquadric(centre_mm=centre, semi_axes_mm=axes)
        ):
            smallest = 0.5 * (min(axes) + sorted(axes)[1])
            return centre, (smallest, smallest, smallest)


def _reach(direction: Sequence[float], axes: ZYX) -> float:
    inverse = sum((d / a) ** 2 for d, a in zip(direction, axes, strict=True))
    return float(inverse**-0.5)
