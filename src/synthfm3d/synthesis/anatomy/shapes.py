"""Families of organ shapes. Each function draws one organ's parts around a location.

Sources: noisy ellipsoids and slice-recursive stacks as in the paper; spherical-harmonic stars;
superquadrics (Barr 1981), bent and tapered; sausages of tapering tubes. Real organs have a
sphericity of 0.46 to 0.9, which noise alone reaches only where it breaks them up.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView
from synthfm3d.synthesis.draw import Draw, check_ratios, rounded
from synthfm3d.synthesis.structures import ZYX, Ellipsoid, Part, Stack, Star, Superquadric, Tube

Quaternion = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Location:
    """Centre and mean radius of an organ, in mm."""

    centre_mm: ZYX
    radius_mm: float


@dataclass(frozen=True, slots=True)
class Shape:
    """Parts of an organ, and its smallest semi-axis in mm, to which walls and noise are relative."""

    parts: tuple[Part, ...]
    smallest_mm: float


def turn(draw: Draw) -> Quaternion:
    """A rotation, all equally likely."""
    w, i, j, k = draw.direction(4)
    return w, i, j, k


def shifted(centre: ZYX, towards: tuple[float, ...], step: float) -> ZYX:
    z, y, x = (rounded(c + step * t) for c, t in zip(centre, towards, strict=True))
    return z, y, x


def ellipsoid(draw: Draw, view: FieldOfView, location: Location) -> Shape:
    """One to three overlapping lobes, blended into one organ."""
    quaternion = turn(draw)
    parts: list[Part] = []
    smallest = location.radius_mm
    for lobe in range(draw.pick((1, 2, 3), (0.45, 0.35, 0.2))):
        radius = location.radius_mm * (1.0 if lobe == 0 else draw.uniform(0.4, 0.8))
        axes = (
            rounded(radius * draw.uniform(0.7, 1.7) * view.stretch),
            rounded(radius * draw.uniform(0.4, 0.95)),
            rounded(radius * draw.uniform(0.8, 1.35)),
        )
        centre = location.centre_mm
        if lobe > 0:
            centre = shifted(centre, draw.direction(3), location.radius_mm * draw.uniform(0.5, 0.95))
        else:
            smallest = min(axes)
        parts.append(Ellipsoid(centre_mm=centre, semi_axes_mm=axes, quaternion=quaternion))
    return Shape(tuple(parts), smallest)


def stack(draw: Draw, view: FieldOfView, location: Location) -> Shape:
    """The paper's recursive masks: birth, growth, plateau, erosion, with lateral drift.

    Two lobes, which drift apart or together, split or merge the organ from slice to slice.
    """
    depth = view.size_mm[0]
    length = min(2 * location.radius_mm * view.stretch * draw.log_uniform(1.0, 2.5), 1.6 * depth)
    birth = location.centre_mm[0] - length / 2
    grown = birth + length * draw.uniform(0.15, 0.5)
    erosion = max(grown + length * draw.uniform(0.0, 0.4), grown + 0.01 * length)
    low, high = draw.log_uniform(0.04, 0.4), draw.log_uniform(0.04, 0.4)
    curve = _life(draw, (birth, grown, erosion, birth + length), (low, high))
    aspect = draw.uniform(0.5, 1.0)
    cosine, sine = draw.direction(2)
    wander = draw.log_uniform(0.03, 0.35) * location.radius_mm
    parts: list[Part] = []
    for lobe in range(draw.pick((1, 2), (0.65, 0.35))):
        factor = 1.0 if lobe == 0 else draw.uniform(0.4, 0.8)
        _, y, x = location.centre_mm
        if lobe > 0:
            away_y, away_x = draw.direction(2)
            step = location.radius_mm * draw.uniform(0.5, 1.1)
            y, x = rounded(y + step * away_y), rounded(x + step * away_x)
        parts.append(
            Stack(
                centre_mm=(y, x),
                semi_axes_mm=(
                    rounded(factor * location.radius_mm * aspect),
                    rounded(factor * location.radius_mm),
                ),
                direction=(cosine, sine),
                scale=curve,
                drift_mm=tuple((draw.normal(wander), draw.normal(wander)) for _ in range(6)),
            )
        )
    return Shape(tuple(parts), rounded(location.radius_mm * aspect))


_STEPS = 5
"""Pieces of a rounded growth or erosion."""


def _life(
    draw: Draw, heights: tuple[float, float, float, float], ends: tuple[float, float]
) -> tuple[tuple[float, float], ...]:
    """Scale curve from birth over growth, plateau and erosion to the end.

    Rates are constant, as in the paper, or those of an ellipsoid's sections: fast at first, then slower.
    """
    birth, grown, erosion, end = heights
    if draw.chance(0.35):
        points = [(birth, ends[0]), (grown, 1.0), (erosion, 1.0), (end, ends[1])]
    else:
        rise = [n / _STEPS for n in range(_STEPS + 1)]
        law = [math.sqrt(1.0 - (1.0 - u) * (1.0 - u)) for u in rise]
        points = [
            (birth + u * (grown - birth), ends[0] + (1 - ends[0]) * s) for u, s in zip(rise, law, strict=True)
        ]
        points += [
            (end - u * (end - erosion), ends[1] + (1 - ends[1]) * s)
            for u, s in zip(reversed(rise), reversed(law), strict=True)
        ]
    return tuple((rounded(z), rounded(s)) for z, s in points)


def star(draw: Draw, view: FieldOfView, location: Location) -> Shape:
    """A spherical-harmonic star of degree 4."""
    amplitude = draw.uniform(0.06, 0.2)
    bumps = []
    for _ in range(draw.whole(2, 4)):
        z, y, x = draw.direction(3)
        second, third, fourth = (draw.normal(amplitude / degree**0.5) for degree in (1, 2, 4))
        bumps.append((z, y, x, second, third, fourth))
    part = Star(centre_mm=location.centre_mm, radius_mm=location.radius_mm, bumps=tuple(bumps))
    return Shape((part,), rounded(0.75 * location.radius_mm))


def superquadric(draw: Draw, view: FieldOfView, location: Location) -> Shape:
    """A rounded box, tapered and bent; one in three with a lobe beside it."""
    axes = (
        rounded(location.radius_mm * draw.uniform(0.9, 1.8)),
        rounded(location.radius_mm * draw.uniform(0.4, 0.9)),
        rounded(location.radius_mm * draw.uniform(0.6, 1.0)),
    )
    part: Part = Superquadric(
        centre_mm=location.centre_mm,
        semi_axes_mm=axes,
        quaternion=turn(draw),
        squareness=draw.uniform(0.0, 1.0),
        taper=draw.uniform(-0.5, 0.5),
        bend=draw.uniform(-0.6, 0.6),
    )
    if not draw.chance(0.33):
        return Shape((part,), min(axes))
    lobe = Location(
        shifted(location.centre_mm, draw.direction(3), 0.8 * location.radius_mm),
        rounded(0.6 * location.radius_mm),
    )
    return Shape((part, *star(draw, view, lobe).parts), min(axes))


def sausage(draw: Draw, view: FieldOfView, location: Location) -> Shape:
    """A bent tube, thick for its length: stomach, bowel, pancreas, gallbladder, adrenal."""
    radius = location.radius_mm * draw.uniform(0.25, 0.6)
    heading = draw.direction(3)
    point = location.centre_mm
    parts: list[Part] = []
    radii = [radius]
    for _ in range(draw.whole(2, 6)):
        heading = bent(heading, draw.direction(3), draw.uniform(0.2, 0.8))
        ahead = shifted(point, heading, location.radius_mm * draw.uniform(0.4, 0.9))
        radii.append(radius * draw.uniform(0.75, 1.25))
        parts.append(
            Tube(
                start_mm=point,
                end_mm=ahead,
                start_radius_mm=rounded(radii[-2]),
                end_radius_mm=rounded(radii[-1]),
            )
        )
        point, radius = ahead, radii[-1]
    return Shape(tuple(parts), rounded(min(radii)))


def bent(heading: tuple[float, ...], towards: tuple[float, ...], by: float) -> tuple[float, ...]:
    """A direction bent towards another one, of unit length."""
    mixed = [h + by * t for h, t in zip(heading, towards, strict=True)]
    length = math.sqrt(math.fsum(m * m for m in mixed))
    return tuple(m / length for m in mixed)


def mirrored(part: Part, twice_middle_mm: float, shift_mm: Sequence[float]) -> Part:
    """The part with x replaced by ``twice_middle_mm`` - x, then shifted by (z, y, x) mm."""

    def moved(z: float, y: float, x: float) -> ZYX:
        return rounded(z + shift_mm[0]), rounded(y + shift_mm[1]), rounded(twice_middle_mm - x + shift_mm[2])

    match part:
        case Ellipsoid(centre_mm=centre, quaternion=(w, i, j, k)):
            # Mirroring x turns a rotation about (z, y, x) by its angle about z and y backwards.
            return replace(part, centre_mm=moved(*centre), quaternion=(w, -i, -j, k))
        case Superquadric(centre_mm=centre, quaternion=(w, i, j, k)):
            # In its own axes the solid is even in w, so the turned axes alone are mirrored.
            return replace(part, centre_mm=moved(*centre), quaternion=(w, -i, -j, k))
        case Star(centre_mm=centre, bumps=bumps):
            return replace(
                part,
                centre_mm=moved(*centre),
                bumps=tuple((z, y, -x, second, third, fourth) for z, y, x, second, third, fourth in bumps),
            )
        case Tube(start_mm=start, end_mm=end):
            return replace(part, start_mm=moved(*start), end_mm=moved(*end))
        case Stack(centre_mm=(y, x), direction=(cosine, sine), scale=curve, drift_mm=drift):
            _, y, x = moved(0.0, y, x)
            return replace(
                part,
                centre_mm=(y, x),
                direction=(cosine, -sine),
                scale=tuple((rounded(z + shift_mm[0]), s) for z, s in curve),
                drift_mm=tuple((dy, -dx) for dy, dx in drift),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyShares:
    """How often an organ is of each family of shapes; only ratios matter.

    Shares are summed in this order, so a new last family with a share of 0 changes no seed's volume.
    """

    ellipsoid: float = 0.2
    stack: float = 0.2
    star: float = 0.2
    superquadric: float = 0.15
    sausage: float = 0.25

    def __post_init__(self) -> None:
        check_ratios(self, "family")

    @classmethod
    def only(cls, name: str) -> Self:
        """All organs of one family, also where families are added later."""
        return cls(**{field.name: float(field.name == name) for field in fields(cls)})


FAMILIES: dict[str, Callable[[Draw, FieldOfView, Location], Shape]] = {
    "ellipsoid": ellipsoid,
    "stack": stack,
    "star": star,
    "superquadric": superquadric,
    "sausage": sausage,
}
"""The function that draws each family, by the name that it has in ``FamilyShares``."""
