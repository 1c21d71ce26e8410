"""Bones of the trunk: a spine of vertebrae around its canal, and ribs in the wall."""

import math
from dataclasses import replace

from synthfm3d.synthesis.anatomy.frame import Frame, Labels
from synthfm3d.synthesis.anatomy.shapes import Quaternion
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Ellipsoid, Layer, Stack, Structure

_MOST_VERTEBRAE = 8
_APART = 0.4
"""Share of spines whose vertebrae are labelled one by one."""


def draw_bones(draw: Draw, frame: Frame, labels: Labels) -> list[Structure]:
    return [*_spine(draw, frame, labels), *_ribs(draw, frame)]


def _spine(draw: Draw, frame: Frame, labels: Labels) -> list[Structure]:
    """Vertebral bodies with discs between them, and behind them the canal with its cord."""
    half = rounded(frame.scale_mm * draw.uniform(0.045, 0.07))
    height = rounded(half * draw.uniform(1.2, 1.6))
    back = rounded(frame.centre_mm[0] + frame.cavity_mm[0] * draw.uniform(0.72, 0.88))
    middle = rounded(frame.centre_mm[1] + draw.uniform(-0.05, 0.05) * frame.cavity_mm[1])
    shell = rounded(half * draw.uniform(0.06, 0.15))
    gap = rounded(height * draw.uniform(0.15, 0.3))
    start = draw.uniform(-1.0, 0.0) * height
    discs = Structure(
        name="discs",
        parts=(_column(frame, (back, middle), (0.8 * half, half)),),
        layers=(Layer(name="disc", depth_mm=0.0, label=0, material="disc"),),
        confined=False,
    )
    bones = [discs]
    whole = None if draw.chance(_APART) else labels.new()
    while start < frame.size_mm[0] and len(bones) <= _MOST_VERTEBRAE:
        number = len(bones)
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
                parts=(body,),
                layers=(bone, replace(bone, depth_mm=shell, material="marrow")),
                roughness_mm=(rounded(0.04 * half), rounded(0.03 * half)),
                confined=False,
            )
        )
        start += height + gap
    return [*bones, _canal(draw, frame, (back, middle), half, labels)]


def _canal(
    draw: Draw, frame: Frame, vertebrae: tuple[float, float], half: float, labels: Labels
) -> Structure:
    """The spinal canal with its cord behind vertebrae at (y, x) of this half width."""
    canal = rounded(half * draw.uniform(0.35, 0.5))
    behind = rounded(vertebrae[0] + 0.8 * half + 0.9 * canal)
    cord = rounded(0.35 * canal)
    return Structure(
        name="spinal canal",
        parts=(_column(frame, (behind, vertebrae[1]), (0.8 * canal, canal)),),
        layers=(
            Layer(name="spinal canal", depth_mm=0.0, label=0, material="fluid"),
            Layer(name="spinal cord", depth_mm=cord, label=labels.new(), material="cord"),
        ),
        confined=False,
    )


def _column(frame: Frame, centre: tuple[float, float], half: tuple[float, float]) -> Stack:
    depth = frame.size_mm[0]
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


def _ribs(draw: Draw, frame: Frame) -> list[Structure]:
    """Short bright ellipsoids along the wall, as a slice cuts ribs; unlabelled."""
    ribs: list[Structure] = []
    for number in range(1, draw.whole(0, 8) + 1):
        towards = draw.direction(2)
        centre = (
            draw.uniform(0.0, frame.size_mm[0]),
            rounded(frame.centre_mm[0] + 1.03 * frame.cavity_mm[0] * towards[0]),
            rounded(frame.centre_mm[1] + 1.03 * frame.cavity_mm[1] * towards[1]),
        )
        # The long axis of a rib runs along the wall: turn x (k = z axis first) by the wall's angle.
        across = (towards[0], -towards[1])
        radius = frame.scale_mm * draw.uniform(0.008, 0.02)
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
