"""Organs: ellipsoids with lobes, stacks that grow and erode from slice to slice, bent sausages.

Radii are log-uniform over 4-17 % of the field of view, so that targets cover 0.1-8 % of a slice as
real ones do (Geraghty et al., J. Comput. Assist. Tomogr. 28, 2004), with now and then a large one.
Organs are placed free, or touching one that is there, since structures in close proximity are what
a promptable model confuses.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthfm3d.synthesis.anatomy.frame import Frame, Labels
from synthfm3d.synthesis.contrast import organ_mean, tissue
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Ellipsoid, Layer, Part, Position, Stack, Structure, Tube

_SIZE = (0.04, 0.17)
_LARGE = (0.18, 0.3)
"""Mean radius over the field of view: of most organs, and of the one that fills half a cavity."""
_LARGE_SHARE = 0.4
_FILLER_SIZE = (0.03, 0.14)
_RIMMED = 0.5
"""Share of organs in ultrasound whose capsule echoes."""
_DEEPEST_LAYER = 0.45
"""Deepest layer as a share of the smallest semi-axis: the ellipsoid's distance is exact at its
surface only and pinches towards its centre."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an organ went: its centre and mean radius, in mm."""

    centre_mm: Position
    radius_mm: float


def draw_organs(draw: Draw, frame: Frame, count: int, labels: Labels) -> list[Structure]:
    """``count`` organs, some with a mirrored twin, some unlabelled as distractors."""
    organs: list[Structure] = []
    placed: list[Placed] = []
    for number in range(1, count + 1):
        place = _place(draw, frame, placed, _LARGE if number == 1 and draw.chance(_LARGE_SHARE) else _SIZE)
        placed.append(place)
        parts, smallest = _shape(draw, frame, place)
        distractor = draw.chance(0.15)
        organ = Structure(
            name=f"organ {number}",
            parts=parts,
            layers=_layers(draw, frame, f"organ {number}", smallest, None if distractor else labels),
            blend_mm=rounded(0.35 * place.radius_mm),
            roughness_mm=(
                rounded(smallest * draw.log_uniform(0.02, 0.3)),
                rounded(smallest * draw.uniform(0.0, 0.08)),
            ),
        )
        organs.append(organ)
        if draw.chance(0.15):
            organs.append(_twin(draw, frame, organ, None if distractor else labels))
    return organs


def draw_fillers(draw: Draw, frame: Frame, count: int) -> list[Structure]:
    """``count`` unlabelled lumps of fat, gut and muscle: what lies between the organs."""
    fillers: list[Structure] = []
    for number in range(1, count + 1):
        place = _place(draw, frame, [], _FILLER_SIZE)
        parts, smallest = _shape(draw, frame, place)
        fillers.append(
            Structure(
                name=f"filler {number}",
                parts=parts[:2],
                layers=_layers(draw, frame, f"filler {number}", smallest, None),
                blend_mm=rounded(0.5 * place.radius_mm),
                roughness_mm=(rounded(smallest * draw.uniform(0.1, 0.5)), 0.0),
            )
        )
    return fillers


def _place(draw: Draw, frame: Frame, placed: Sequence[Placed], size: tuple[float, float]) -> Placed:
    radius = rounded(frame.scale_mm * draw.log_uniform(*size))
    depth = frame.size_mm[0]
    for _ in range(12):
        if placed and draw.chance(0.55):
            neighbour = draw.pick(placed)
            step = (neighbour.radius_mm + radius) * draw.uniform(0.75, 1.05)
            towards = draw.direction(3)
            z, y, x = (c + step * t for c, t in zip(neighbour.centre_mm, towards, strict=True))
        else:
            reach = math.sqrt(draw.uniform(0.0, 1.0)) * 0.9
            towards = draw.direction(2)
            y = frame.centre_mm[0] + reach * frame.cavity_mm[0] * towards[0]
            x = frame.centre_mm[1] + reach * frame.cavity_mm[1] * towards[1]
            z = draw.uniform(-0.1, 1.1) * depth
        if frame.inside_cavity(y, x) and -0.2 * depth < z < 1.2 * depth:
            break
    return Placed((rounded(z), rounded(y), rounded(x)), radius)


def _shape(draw: Draw, frame: Frame, place: Placed) -> tuple[tuple[Part, ...], float]:
    """Parts of an organ and its smallest semi-axis in mm."""
    kind = draw.pick(("ellipsoid", "stack", "sausage"), (0.5, 0.3, 0.2))
    if kind == "ellipsoid":
        return _ellipsoids(draw, frame, place)
    if kind == "stack":
        return _stacks(draw, frame, place)
    return _sausage(draw, place)


def _ellipsoids(draw: Draw, frame: Frame, place: Placed) -> tuple[tuple[Part, ...], float]:
    turn = draw.direction(4)
    quaternion = (turn[0], turn[1], turn[2], turn[3])
    parts: list[Part] = []
    smallest = place.radius_mm
    stretch = frame.stretch
    for lobe in range(draw.pick((1, 2, 3), (0.45, 0.35, 0.2))):
        radius = place.radius_mm * (1.0 if lobe == 0 else draw.uniform(0.4, 0.8))
        axes = (
            rounded(radius * draw.uniform(0.7, 1.6) * stretch),
            rounded(radius * draw.uniform(0.5, 1.0)),
            rounded(radius * draw.uniform(0.8, 1.25)),
        )
        parts.append(
            Ellipsoid(
                centre_mm=_lobe_centre(draw, place, lobe),
                semi_axes_mm=axes,
                quaternion=quaternion,
            )
        )
        if lobe == 0:
            smallest = min(axes)
    return tuple(parts), smallest


def _lobe_centre(draw: Draw, place: Placed, lobe: int) -> Position:
    if lobe == 0:
        return place.centre_mm
    towards = draw.direction(3)
    step = place.radius_mm * draw.uniform(0.5, 0.95)
    z, y, x = (rounded(c + step * t) for c, t in zip(place.centre_mm, towards, strict=True))
    return z, y, x


def _stacks(draw: Draw, frame: Frame, place: Placed) -> tuple[tuple[Part, ...], float]:
    """The paper's recursive masks: birth, growth, plateau, erosion, with lateral drift."""
    depth = frame.size_mm[0]
    length = min(2 * place.radius_mm * frame.stretch * draw.log_uniform(0.6, 2.5), 1.6 * depth)
    birth = place.centre_mm[0] - length / 2
    grown = birth + length * draw.uniform(0.15, 0.5)
    erosion = grown + length * draw.uniform(0.0, 0.4)
    end = birth + length
    low, high = draw.uniform(0.15, 0.5), draw.uniform(0.15, 0.5)
    curve = ((birth, low), (grown, 1.0), (max(erosion, grown + 0.01 * length), 1.0), (end, high))
    drift = tuple(
        (draw.normal(0.15 * place.radius_mm), draw.normal(0.15 * place.radius_mm)) for _ in range(5)
    )
    aspect = draw.uniform(0.5, 1.0)
    cosine, sine = draw.direction(2)
    parts: list[Part] = []
    for lobe in range(draw.pick((1, 2), (0.65, 0.35))):
        factor = 1.0 if lobe == 0 else draw.uniform(0.4, 0.8)
        _, y, x = _lobe_centre(draw, place, lobe)
        parts.append(
            Stack(
                centre_mm=(y, x),
                semi_axes_mm=(
                    rounded(factor * place.radius_mm * aspect),
                    rounded(factor * place.radius_mm),
                ),
                direction=(cosine, sine),
                scale=tuple((rounded(z), rounded(s)) for z, s in curve),
                drift_mm=drift,
            )
        )
    return tuple(parts), place.radius_mm * aspect


def _sausage(draw: Draw, place: Placed) -> tuple[tuple[Part, ...], float]:
    """A bent tube, thick for its length: stomach, bowel, pancreas, gallbladder."""
    radius = place.radius_mm * draw.uniform(0.3, 0.6)
    heading = draw.direction(3)
    point: Position = place.centre_mm
    parts: list[Part] = []
    for _ in range(draw.whole(2, 5)):
        bend = draw.uniform(0.2, 0.7)
        turn = draw.direction(3)
        mixed = [h + bend * t for h, t in zip(heading, turn, strict=True)]
        length = math.sqrt(math.fsum(m * m for m in mixed))
        heading = tuple(m / length for m in mixed)
        step = place.radius_mm * draw.uniform(0.4, 0.9)
        z, y, x = (rounded(p + step * h) for p, h in zip(point, heading, strict=True))
        after = radius * draw.uniform(0.75, 1.25)
        parts.append(
            Tube(
                start_mm=point,
                end_mm=(z, y, x),
                start_radius_mm=rounded(radius),
                end_radius_mm=rounded(after),
            )
        )
        point, radius = (z, y, x), after
    radii = [p.end_radius_mm for p in parts if isinstance(p, Tube)]
    return tuple(parts), min(radii)


def _layers(draw: Draw, frame: Frame, name: str, smallest: float, labels: Labels | None) -> tuple[Layer, ...]:
    """One tissue, or a wall around a content; both labelled, or one label over two tissues."""
    contrast = frame.contrast
    mean = organ_mean(draw, contrast, frame.cavity_mean)
    outer = labels.new() if labels else 0
    layers = [Layer(name=name, depth_mm=0.0, label=outer, tissue=tissue(draw, contrast, mean))]
    if contrast.modality == "us" and draw.chance(_RIMMED):
        rim = tissue(draw, contrast, draw.uniform(0.5, 1.5))
        inside = rounded(min(0.15 * smallest, frame.scale_mm * draw.uniform(0.004, 0.012)))
        layers = [replace(layers[0], tissue=rim), replace(layers[0], depth_mm=inside)]
    if draw.chance(0.4):
        inner = outer if draw.chance(0.3) else (labels.new() if labels else 0)
        layers.append(
            Layer(
                name=name if inner == outer else f"{name} content",
                depth_mm=rounded(smallest * draw.uniform(0.16, _DEEPEST_LAYER)),
                label=inner,
                tissue=tissue(draw, contrast, organ_mean(draw, contrast, mean)),
            )
        )
    return tuple(layers)


def _twin(draw: Draw, frame: Frame, organ: Structure, labels: Labels | None) -> Structure:
    """The organ mirrored at the body's midline, a little shifted, with labels of its own."""
    shift = tuple(draw.normal(0.03 * frame.scale_mm) for _ in range(3))
    renamed = {
        value: labels.new() if labels and value else 0
        for value in dict.fromkeys(layer.label for layer in organ.layers)
    }
    return replace(
        organ,
        name=f"{organ.name} twin",
        parts=tuple(_mirrored(part, 2 * frame.centre_mm[1], shift) for part in organ.parts),
        layers=tuple(
            replace(layer, name=f"{layer.name} twin", label=renamed[layer.label]) for layer in organ.layers
        ),
    )


def _mirrored(part: Part, twice_middle: float, shift: Sequence[float]) -> Part:
    def moved(z: float, y: float, x: float) -> Position:
        return rounded(z + shift[0]), rounded(y + shift[1]), rounded(twice_middle - x + shift[2])

    match part:
        case Ellipsoid(centre_mm=centre, quaternion=(w, i, j, k)):
            # Mirroring x turns a rotation about (z, y, x) by its angle about z and y backwards.
            return replace(part, centre_mm=moved(*centre), quaternion=(w, -i, -j, k))
        case Tube(start_mm=start, end_mm=end):
            return replace(part, start_mm=moved(*start), end_mm=moved(*end))
        case Stack(centre_mm=(y, x), direction=(cosine, sine), scale=curve, drift_mm=drift):
            _, y, x = moved(0.0, y, x)
            return replace(
                part,
                centre_mm=(y, x),
                direction=(cosine, -sine),
                scale=tuple((rounded(z + shift[0]), s) for z, s in curve),
                drift_mm=tuple((dy, -dx) for dy, dx in drift),
            )
