"""Paired organs: a structure mirrored at the body's midline."""

from collections.abc import Sequence
from dataclasses import replace

from synthfm3d.synthesis.draw import rounded
from synthfm3d.synthesis.structures import ZYX, Ellipsoid, Part, Stack, Star, Superquadric, Tube


def mirrored(part: Part, twice_middle_mm: float, shift_mm: Sequence[float]) -> Part:
    """The part with x replaced by ``twice_middle_mm`` - x, then shifted by (z, y, x) mm."""

    def moved(z: float, y: float, x: float) -> ZYX:
        return rounded(z + shift_mm[0]), rounded(y + shift_mm[1]), rounded(twice_middle_mm - x + shift_mm[2])

    match part:
        case Ellipsoid(centre_mm=centre, quaternion=(w, i, j, k)):
            # Mirroring x turns a rotation about (z, y, x) by its angle about z and y backwards.
            return replace(part, centre_mm=moved(*centre), quaternion=(w, -i, -j, k))
        case Superquadric(centre_mm=centre, quaternion=(w, i, j, k)):
            # In its own frame the solid is even in w, so the turned axes alone are mirrored.
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
