"""What the signals of a modality must offer, so that contrast can be drawn for any of them.

One subclass for each modality stands beside its acquisition, in ``synthesis.ct``, ``synthesis.mr`` and
``synthesis.ultrasound``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from synthfm3d.synthesis.draw import Draw
from synthfm3d.synthesis.structures import Layer

Mean = Callable[[Draw, Layer], float]
"""Draws the mean signal of a layer from the stream of its structure."""

_SIDES = (" twin", "left ", "right ")


class Signals(ABC):
    """The signals of one modality, in its own unit: HU, relative MR signal, or echo amplitude.

    Attributes
    ----------
    outside
        Mean signal around the body.
    bright, dark
        Mean signal of labelled and of other layers where contrast is switched off.
    """

    outside: ClassVar[float]
    bright: ClassVar[float]
    dark: ClassVar[float]

    @abstractmethod
    def texture_std(self, draw: Draw) -> float:
        """Standard deviation of the textures of one volume."""

    @abstractmethod
    def real_tissues(self, draw: Draw) -> Mean:
        """Means of real tissues, as one phase, sequence or machine shows them."""

    @abstractmethod
    def mixture(self, draw: Draw) -> Mean:
        """Random means within one window."""

    @abstractmethod
    def contrast(self, signal: float, around: float) -> float:
        """Visible difference of two means, in the unit of ``noise_std``; 0 or more."""

    @abstractmethod
    def moved_apart(self, draw: Draw, around: float, margin: float) -> float:
        """A mean whose visible difference from ``around`` is ``margin``, brighter or darker."""

    def scaled_texture(self, texture_std: float, mean: float) -> float:
        """Standard deviation of the texture of a tissue of this mean."""
        return texture_std


def unpaired(name: str) -> str:
    """The name of an organ without its side: paired organs have the same signals."""
    for side in _SIDES:
        name = name.replace(side, "")
    return name
