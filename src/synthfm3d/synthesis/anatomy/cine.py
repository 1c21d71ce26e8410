"""A beating heart in one plane: the third axis is time, one frame after the other.

Chambers are stacks (the paper's slice-recursive masks), whose scale follows the filling of the ventricle
through the beat: ejection in the first third, rapid filling, rest, and the atrium's contribution (Guyton &
Hall, Textbook of Medical Physiology). The outer wall moves less than the cavity, so the wall thickens as
it contracts; the base moves towards the apex; atria are largest when ventricles are smallest.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.structures import Layer, Material, Stack, Structure

_FILLING = (
    (0.0, 1.0),
    (0.06, 0.97),
    (0.33, 0.0),
    (0.4, 0.02),
    (0.55, 0.62),
    (0.78, 0.72),
    (0.92, 0.97),
    (1.0, 1.0),
)
"""(phase of the beat, filling of the ventricle): 1 at end-diastole, 0 at end-systole."""
_BEYOND = 2
"""Frames before the first and after the last that curves reach."""

Curve = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class _Heart:
    """The heart's own axes in the plane, and its beat.

    ``along`` (y, x) points from base to apex; lengths in mm; ``filling`` takes a frame.
    """

    centre: tuple[float, float]
    along: tuple[float, float]
    scale_mm: float
    frames: int
    filling: Curve
    sway: tuple[tuple[float, float], ...]

    def place(self, along: float, across: float) -> tuple[float, float]:
        """(y, x) in mm of a place in units of the heart's scale."""
        (y, x), (a, b) = self.centre, self.along
        return (
            rounded(y + self.scale_mm * (along * a - across * b)),
            rounded(x + self.scale_mm * (along * b + across * a)),
        )


def draw_beating_heart(draw: Draw, view: FieldOfView, labels: Labels) -> list[Structure]:
    """Still tissue around a heart seen along its long axis, with two or four chambers, or across it."""
    heart = _heart(draw, view)
    still = _still_tissue(draw, view)
    if draw.chance(0.7):
        return [*still, *_long_axis(draw, heart, labels)]
    return [*still, *_short_axis(draw, heart, labels)]


def _heart(draw: Draw, view: FieldOfView) -> _Heart:
    frames = max(round(view.size_mm[0]), 1)
    beats, start = draw.uniform(0.6, 2.5), draw.uniform(0.0, 1.0)
    # The apex points roughly to the probe; in some volumes it points anywhere.
    if draw.chance(0.85):
        tilt = draw.normal(0.3)
        length = math.sqrt(1.0 + tilt * tilt)
        along = (rounded(-1.0 / length), rounded(tilt / length))
    else:
        y, x = draw.direction(2)
        along = (y, x)
    height, width = view.size_mm[1], view.size_mm[2]
    sway = 0.004 * view.scale_mm
    return _Heart(
        centre=(rounded(height * draw.uniform(0.36, 0.5)), rounded(width * draw.uniform(0.42, 0.58))),
        along=along,
        scale_mm=rounded(view.scale_mm * draw.log_uniform(0.13, 0.21)),
        frames=frames,
        filling=lambda t: _filling(start + beats * t / frames),
        sway=tuple((draw.normal(sway), draw.normal(sway)) for _ in range(6)),
    )


def _filling(phase: float) -> float:
    phase -= math.floor(phase)
    for (before, low), (after, high) in pairwise(_FILLING):
        if phase <= after:
            return low + (high - low) * (phase - before) / (after - before)
    return 1.0


def _chamber(
    heart: _Heart,
    place: tuple[float, float],
    semi_axes: tuple[float, float],
    shrinks: float,
    moves: float = 0.0,
    late: bool = False,
) -> Stack:
    """An ellipse that beats.

    Parameters
    ----------
    place, semi_axes
        Centre and half lengths (along, across) in units of the heart's scale, at their largest.
    shrinks
        Share of its lengths that it loses at its smallest.
    moves
        Distance by which it moves towards the apex at end-systole, in units of the heart's scale.
    late
        Whether it is smallest when the ventricle is largest, as atria are.
    """

    def emptied(t: float) -> float:
        return heart.filling(t) if late else 1.0 - heart.filling(t)

    times = range(-_BEYOND, heart.frames + _BEYOND + 1)
    curve = tuple((float(t), rounded(1.0 - shrinks * emptied(t))) for t in times)
    # Control points of a B-spline over the same frames, one each; the outer two lie beyond.
    first, last = float(times[0]), float(times[-1])
    pieces = len(times) - 1
    drift = []
    for n in range(-1, pieces + 2):
        t = first + (last - first) * n / pieces
        step = heart.scale_mm * moves * (1.0 - heart.filling(t))
        sway_y, sway_x = _swayed(heart, t)
        drift.append((rounded(step * heart.along[0] + sway_y), rounded(step * heart.along[1] + sway_x)))
    return Stack(
        centre_mm=heart.place(*place),
        semi_axes_mm=(rounded(semi_axes[0] * heart.scale_mm), rounded(semi_axes[1] * heart.scale_mm)),
        direction=heart.along,
        scale=curve,
        drift_mm=tuple(drift),
    )


def _swayed(heart: _Heart, t: float) -> tuple[float, float]:
    """Slow movement of the whole heart: straight lines between knots."""
    place = min(max(t / max(heart.frames, 1), 0.0), 1.0) * (len(heart.sway) - 1)
    first = min(int(place), len(heart.sway) - 2)
    u = place - first
    (y0, x0), (y1, x1) = heart.sway[first], heart.sway[first + 1]
    return y0 + u * (y1 - y0), x0 + u * (x1 - x0)


def _long_axis(draw: Draw, heart: _Heart, labels: Labels) -> list[Structure]:
    """Left ventricle and atrium; in two of three the right ones beside them."""
    shrinks = draw.uniform(0.12, 0.4)
    length, width = draw.uniform(1.2, 1.6), draw.uniform(0.55, 0.85)
    wall = draw.uniform(0.16, 0.32)
    base = draw.uniform(0.1, 0.3)
    parts: list[Structure] = []
    right = draw.chance(0.65)
    side = -1.0 if draw.chance(0.5) else 1.0
    if right:
        parts += _right_heart(draw, heart, side, width, wall, shrinks, labels)
    atrium = _chamber(
        heart, (-length - draw.uniform(0.35, 0.6), draw.normal(0.08)),
        (draw.uniform(0.6, 0.95), draw.uniform(0.6, 0.9)), draw.uniform(0.1, 0.35), base, late=True,
    )  # fmt: skip
    parts.append(_hollow("left atrium", (atrium,), 0.07 * heart.scale_mm, labels))

    def ventricle(grown: float, factor: float) -> tuple[Stack, ...]:
        """Wide at the base, narrow at the apex: two ellipses."""
        main = _chamber(
            heart, (-0.2 * length, 0.0), (0.8 * length + grown, width + grown), factor * shrinks, 0.5 * base
        )
        apex = _chamber(
            heart, (0.35 * length, 0.0), (0.65 * length + grown, 0.72 * width + grown), factor * shrinks,
            0.15 * base,
        )  # fmt: skip
        return main, apex

    melt = rounded(0.3 * heart.scale_mm)
    outer = _solid("left ventricle wall", ventricle(wall, 0.35), "muscle", labels.new())
    cavity_label = labels.new()
    inner = _solid("left ventricle", ventricle(0.0, 1.0), "blood", cavity_label)
    parts += [replace(outer, blend_mm=melt), replace(inner, blend_mm=melt, within=outer.name)]
    parts += _papillary_muscles(draw, heart, width, shrinks, cavity_label)
    if draw.chance(0.7):
        parts += _leaflets(draw, heart, length, width, base)
    return _roughened(draw, heart, parts)


def _right_heart(
    draw: Draw, heart: _Heart, side: float, width: float, wall: float, shrinks: float, labels: Labels
) -> list[Structure]:
    aside = side * (width + wall + draw.uniform(0.3, 0.55))
    ventricle = _chamber(
        heart, (draw.uniform(-0.5, -0.1), aside), (draw.uniform(0.9, 1.2), draw.uniform(0.4, 0.65)),
        0.8 * shrinks, 0.2,
    )  # fmt: skip
    atrium = _chamber(
        heart, (draw.uniform(-2.0, -1.6), aside * draw.uniform(0.9, 1.1)),
        (draw.uniform(0.45, 0.65), draw.uniform(0.45, 0.7)), draw.uniform(0.1, 0.3), 0.2, late=True,
    )  # fmt: skip
    thin = 0.1 * heart.scale_mm
    return [
        _hollow("right atrium", (atrium,), thin, labels),
        _hollow("right ventricle", (ventricle,), thin, labels),
    ]


def _short_axis(draw: Draw, heart: _Heart, labels: Labels) -> list[Structure]:
    """The left ventricle as a ring, the right one as a crescent beside it."""
    shrinks, wall = draw.uniform(0.15, 0.45), draw.uniform(0.25, 0.4)
    oval = draw.uniform(0.85, 1.0)
    right = _chamber(
        heart, (draw.normal(0.15), draw.uniform(0.85, 1.15)),
        (draw.uniform(0.9, 1.2), draw.uniform(0.5, 0.8)), 0.8 * shrinks,
    )  # fmt: skip
    outer = _chamber(heart, (0.0, 0.0), (1.0 + wall, oval + wall), 0.3 * shrinks)
    inner = _chamber(heart, (0.0, 0.0), (1.0, oval), shrinks)
    parts = [_hollow("right ventricle", (right,), 0.1 * heart.scale_mm, labels)]
    parts.append(_solid("left ventricle wall", (outer,), "muscle", labels.new()))
    cavity_label = labels.new()
    cavity = _solid("left ventricle", (inner,), "blood", cavity_label)
    parts.append(replace(cavity, within="left ventricle wall"))
    parts += _papillary_muscles(draw, heart, oval, shrinks, cavity_label)
    return _roughened(draw, heart, parts)


def _papillary_muscles(
    draw: Draw, heart: _Heart, width: float, shrinks: float, cavity_label: int
) -> list[Structure]:
    """Up to two, which belong to the cavity by the convention of cardiac imaging."""
    muscles = []
    for number in range(1, draw.whole(0, 2) + 1):
        across = (1.0 if number == 1 else -1.0) * width * draw.uniform(0.45, 0.65)
        radius = draw.uniform(0.1, 0.18)
        part = _chamber(
            heart,
            (draw.uniform(-0.2, 0.4), across),
            (radius * draw.uniform(1.0, 2.0), radius),
            -0.3 * shrinks,
        )
        muscles.append(_solid(f"papillary muscle {number}", (part,), "muscle", cavity_label))
    return muscles


def _leaflets(draw: Draw, heart: _Heart, length: float, width: float, base: float) -> list[Structure]:
    """Two thin leaflets of the valve between atrium and ventricle, which swing with the filling."""
    leaflets = []
    for number, side in ((1, -1.0), (2, 1.0)):
        part = _chamber(
            heart, (-0.95 * length, side * 0.5 * width), (0.04, 0.4 * width), draw.uniform(0.0, 0.3),
            base + draw.uniform(0.0, 0.2),
        )  # fmt: skip
        leaflets.append(_solid(f"valve leaflet {number}", (part,), "fascia", 0))
    return leaflets


def _still_tissue(draw: Draw, view: FieldOfView) -> list[Structure]:
    """Unlabelled tissue that does not beat."""
    always = ((-float(_BEYOND), 1.0), (view.size_mm[0] + _BEYOND, 1.0))
    lumps: list[Structure] = []
    for number in range(1, draw.whole(1, 6) + 1):
        radius = view.scale_mm * draw.log_uniform(0.05, 0.25)
        cosine, sine = draw.direction(2)
        part = Stack(
            centre_mm=(
                draw.uniform(0.0, view.size_mm[1]),
                draw.uniform(0.0, view.size_mm[2]),
            ),
            semi_axes_mm=(rounded(radius * draw.uniform(0.4, 1.0)), rounded(radius)),
            direction=(cosine, sine),
            scale=always,
        )
        material: Material = draw.pick(("parenchyma", "muscle", "fat", "lung"), (0.4, 0.2, 0.2, 0.2))
        lump = _solid(f"filler {number}", (part,), material, 0)
        lumps.append(replace(lump, roughness_mm=(rounded(0.2 * radius), 0.0)))
    return lumps


def _solid(name: str, parts: tuple[Stack, ...], material: Material, label: int) -> Structure:
    layer = Layer(name=name, depth_mm=0.0, label=label, material=material)
    return Structure(name=name, parts=parts, layers=(layer,))


def _hollow(name: str, parts: tuple[Stack, ...], wall_mm: float, labels: Labels) -> Structure:
    """Blood in a thin unlabelled wall."""
    layers = (
        Layer(name=f"{name} wall", depth_mm=0.0, label=0, material="wall"),
        Layer(name=name, depth_mm=rounded(wall_mm), label=labels.new(), material="blood"),
    )
    return Structure(name=name, parts=parts, layers=layers)


def _roughened(draw: Draw, heart: _Heart, parts: list[Structure]) -> list[Structure]:
    """All chambers by the same noise, so that walls keep their thickness."""
    rough = (
        rounded(heart.scale_mm * draw.uniform(0.02, 0.1)),
        rounded(heart.scale_mm * draw.uniform(0.0, 0.03)),
    )
    return [
        part if "leaflet" in part.name or "papillary" in part.name else replace(part, roughness_mm=rough)
        for part in parts
    ]
