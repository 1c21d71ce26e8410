"""Bones of the trunk: a spine of vertebrae around its canal, and ribs in the wall."""

import math
from dataclasses import replace

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.shapes import Quaternion
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.structures import ZYX, Ellipsoid, Layer, Stack, Structure, Tube

_MOST_VERTEBRAE = 8
_APART, _CROWDED_APART = 0.4, 0.65
"""Share of spines whose vertebrae are labelled one by one, and in a crowded body."""
_DISCS_APART = 0.4
"""Share of crowded bodies whose discs are labelled one by one."""


def draw_bones(draw: Draw, view: FieldOfView, labels: Labels, *, crowded: bool = False) -> list[Structure]:
    """Spine and ribs; in a crowded body, where muscles lie behind it, the spine is in front of them."""
    return [*draw_spine(draw, view, labels, crowded), *_ribs(draw, view)]


def draw_spine(draw: Draw, view: FieldOfView, labels: Labels, crowded: bool) -> list[Structure]:
    """Vertebrae with discs between them, and behind their bodies the canal with its cord.

    In a crowded body vertebrae have arches and processes as well, and some discs are targets.
    """
    half = rounded(view.scale_mm * draw.uniform(0.045, 0.07))
    height = rounded(half * draw.uniform(1.2, 1.6))
    back = rounded(
        view.centre_mm[0]
        + view.cavity_mm[0] * (draw.uniform(0.52, 0.62) if crowded else draw.uniform(0.72, 0.88))
    )
    middle = rounded(view.centre_mm[1] + draw.uniform(-0.05, 0.05) * view.cavity_mm[1])
    shell = rounded(half * draw.uniform(0.06, 0.15))
    gap = rounded(height * draw.uniform(0.15, 0.3))
    start = draw.uniform(-1.0, 0.0) * height
    discs = Structure(
        name="discs",
        parts=(_column(view, (back, middle), (0.8 * half, half)),),
        layers=(Layer(name="disc", depth_mm=0.0, label=0, material="disc"),),
        confined=False,
    )
    bones = [discs]
    whole = None if draw.chance(_CROWDED_APART if crowded else _APART) else labels.new()
    chained = crowded and draw.chance(_DISCS_APART)
    number = 0
    while start < view.size_mm[0] and number < _MOST_VERTEBRAE:
        number += 1
        label = labels.new() if whole is None else whole
        name = f"vertebra {number}" if whole is None else "spine"
        bone = Layer(name=name, depth_mm=0.0, label=label, material="cortical bone")
        body = Stack(
            centre_mm=(back, middle),
            semi_axes_mm=(rounded(0.8 * half), half),
            direction=(1.0, 0.0),
            scale=_waisted(start, height),
        )
        bones.append(
            Structure(
                name=f"vertebra {number}",
                parts=(body, *_arch((back, middle), half, start, height)) if crowded else (body,),
                layers=(bone, replace(bone, depth_mm=shell, material="marrow")),
                roughness_mm=(rounded(0.04 * half), rounded(0.03 * half)),
                confined=False,
            )
        )
        start += height + gap
        if chained:
            bones.append(_disc(number, (back, middle), half, start - gap, gap, labels))
    return [*bones, _canal(draw, view, (back, middle), half, labels)]


def _disc(
    number: int, centre: tuple[float, float], half: float, start: float, gap: float, labels: Labels
) -> Structure:
    """A disc of its own on top of a vertebra, as wide as its end plate."""
    name = f"disc {number}"
    curve = (
        (rounded(start - 0.1 * gap), 1.0),
        (rounded(start + 0.5 * gap), 1.06),
        (rounded(start + 1.1 * gap), 1.0),
    )
    return Structure(
        name=name,
        parts=(
            Stack(
                centre_mm=centre,
                semi_axes_mm=(rounded(0.8 * half), half),
                direction=(1.0, 0.0),
                scale=curve,
            ),
        ),
        layers=(Layer(name=name, depth_mm=0.0, label=labels.new(), material="disc"),),
        confined=False,
    )


def _arch(centre: tuple[float, float], half: float, start: float, height: float) -> tuple[Tube, ...]:
    """Pedicles, laminae, transverse and spinous processes, as tubes around the canal."""
    y, x = centre
    middle = start + 0.55 * height

    def tube(first: ZYX, last: ZYX, radius: float) -> Tube:
        a, b = (
            (rounded(middle + z * height), rounded(y + v * half), rounded(x + u * half))
            for z, v, u in (first, last)
        )
        return Tube(
            start_mm=a, end_mm=b, start_radius_mm=rounded(radius * half), end_radius_mm=rounded(radius * half)
        )

    tubes = [tube((-0.1, 1.75, 0.0), (-0.45, 2.7, 0.0), 0.13)]
    for side in (1.0, -1.0):
        tubes.append(tube((0.1, 0.6, 0.62 * side), (0.05, 1.25, 0.7 * side), 0.18))
        tubes.append(tube((0.05, 1.25, 0.7 * side), (-0.1, 1.75, 0.0), 0.15))
        tubes.append(tube((0.05, 1.2, 0.75 * side), (0.0, 1.35, 1.7 * side), 0.12))
    return tuple(tubes)


def _canal(
    draw: Draw, view: FieldOfView, vertebrae: tuple[float, float], half: float, labels: Labels
) -> Structure:
    """The spinal canal with its cord behind vertebrae at (y, x) of this half width."""
    canal = rounded(half * draw.uniform(0.35, 0.5))
    behind = rounded(vertebrae[0] + 0.8 * half + 0.9 * canal)
    cord = rounded(0.35 * canal)
    return Structure(
        name="spinal canal",
        parts=(_column(view, (behind, vertebrae[1]), (0.8 * canal, canal)),),
        layers=(
            Layer(name="spinal canal", depth_mm=0.0, label=0, material="fluid"),
            Layer(name="spinal cord", depth_mm=cord, label=labels.new(), material="cord"),
        ),
        confined=False,
    )


def _column(view: FieldOfView, centre: tuple[float, float], half: tuple[float, float]) -> Stack:
    depth = view.size_mm[0]
    return Stack(
        centre_mm=centre,
        semi_axes_mm=(rounded(half[0]), rounded(half[1])),
        direction=(1.0, 0.0),
        scale=((-depth, 1.0), (2 * depth, 1.0)),
    )


def _waisted(start: float, height: float) -> tuple[tuple[float, float], ...]:
    """Scale curve of a vertebral body: wider at its end plates than in the middle."""
    points = ((0.0, 1.0), (0.12, 1.05), (0.5, 0.92), (0.88, 1.05), (1.0, 1.0))
    return tuple((rounded(start + share * height), scale) for share, scale in points)


def _ribs(draw: Draw, view: FieldOfView) -> list[Structure]:
    """Short bright ellipsoids along the wall, as a slice cuts ribs; unlabelled."""
    ribs: list[Structure] = []
    for number in range(1, draw.whole(0, 8) + 1):
        towards = draw.direction(2)
        centre = (
            draw.uniform(0.0, view.size_mm[0]),
            rounded(view.centre_mm[0] + 1.03 * view.cavity_mm[0] * towards[0]),
            rounded(view.centre_mm[1] + 1.03 * view.cavity_mm[1] * towards[1]),
        )
        # The long axis of a rib runs along the wall: turn x (k = z axis first) by the wall's angle.
        across = (towards[0], -towards[1])
        radius = view.scale_mm * draw.uniform(0.008, 0.02)
        ribs.append(
            Structure(
                name=f"rib {number}",
                parts=(
                    Ellipsoid(
                        centre_mm=centre,
                        semi_axes_mm=(
                            rounded(radius * draw.uniform(0.8, 2.0)),
                            rounded(radius),
                            rounded(radius * draw.uniform(1.5, 4.0)),
                        ),
                        quaternion=_turn_about_z(across),
                    ),
                ),
                layers=(Layer(name=f"rib {number}", depth_mm=0.0, label=0, material="cortical bone"),),
                confined=False,
            )
        )
    return ribs


def _turn_about_z(direction: tuple[float, float]) -> Quaternion:
    """Quaternion that turns the x axis towards ``direction`` (cosine on x, sine on y).

    Half angles by the half-angle formulae, which need square roots only.
    """
    cosine, sine = direction
    half_cosine = math.sqrt(max(0.0, (1 + cosine) / 2))
    half_sine = math.sqrt(max(0.0, (1 - cosine) / 2))
    return rounded(half_cosine), rounded(-half_sine if sine >= 0 else half_sine), 0.0, 0.0
