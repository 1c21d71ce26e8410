"""The field of view, the body cavity in it, and the numbering of labels."""

import math
from dataclasses import dataclass
from itertools import count

from synthfm3d.errors import InputError
from synthfm3d.synthesis.structures import MOST_LABELS, ZYX, Layout
from synthfm3d.volume import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOfView:
    """Where organs may lie.

    Parameters
    ----------
    size_mm, pixel_mm
        Field of view along (z, y, x), and the edge of a pixel.
    centre_mm, cavity_mm
        Centre and semi-axes (y, x) of the cavity that organs share.
    """

    layout: Layout
    modality: Modality
    size_mm: ZYX
    pixel_mm: float
    centre_mm: tuple[float, float]
    cavity_mm: tuple[float, float]

    @property
    def scale_mm(self) -> float:
        """The length to which sizes of organs are relative: the smaller in-plane field of view."""
        return min(self.size_mm[1], self.size_mm[2])

    @property
    def stretch(self) -> float:
        """Factor on the extent of organs through the slices, so that a deep stack is not empty."""
        return min(max(self.size_mm[0] / self.scale_mm, 1.0), 2.0)

    def inside_cavity(self, y: float, x: float) -> bool:
        """Whether a position in the plane lies in the cavity (as an ellipse)."""
        v = (y - self.centre_mm[0]) / self.cavity_mm[0]
        u = (x - self.centre_mm[1]) / self.cavity_mm[1]
        return math.hypot(v, u) < 1.0


class Labels:
    """Hands out label values 1, 2, 3, … in the order in which structures are drawn."""

    def __init__(self) -> None:
        self._next = count(1)

    def new(self) -> int:
        """The next value; InputError after 255, the last that a byte holds."""
        value = next(self._next)
        if value > MOST_LABELS:
            raise InputError(
                f"this anatomy needs more than {MOST_LABELS} labels: lower anatomy.organs, anatomy.trunks, "
                "anatomy.trees or the shares of walls, twins and lesions."
            )
        return value
