"""What the modalities share: the interface of their signals, and the grey curves of MR and ultrasound.

Each modality implements ``Signals`` beside its acquisition, in ``synthesis.ct``, ``synthesis.mr`` and
``synthesis.ultrasound``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from synthfm3d.synthesis.draw import Draw, Range, check_ranges
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GreySettings:
    """How values of MR and ultrasound become grey.

    Parameters
    ----------
    gamma_share, gamma
        Share of volumes with a curve, and its exponent, log-uniform.
    inverted_share
        Share of volumes with black and white swapped.
    quantised_share
        Share of volumes with few grey levels.
    """

    gamma_share: float = 0.25
    gamma: Range = (0.6, 1.6)
    inverted_share: float = 0.08
    quantised_share: float = 0.15

    def __post_init__(self) -> None:
        check_ranges(self, positive=("gamma",))


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyMap:
    """Mapping of values to grey levels for modalities with arbitrary units (MR, ultrasound).

    White and black map to themselves; in between the curve is a power with exponent ``gamma``. ``inverted``
    swaps black and white; ``levels`` is the number of grey levels, 0 for all.
    """

    gamma: float = 1.0
    inverted: bool = False
    levels: int = 0

    def __post_init__(self) -> None:
        if self.gamma <= 0 or self.levels == 1 or self.levels < 0:
            raise ValueError(f"gamma must be positive and levels 0 or at least 2, got {self}.")


def draw_grey(draw: Draw, settings: GreySettings) -> GreyMap:
    """A grey curve; most volumes have none."""
    gamma, levels = draw.log_uniform(*settings.gamma), draw.pick((32, 64, 128, 256))
    return GreyMap(
        gamma=gamma if draw.chance(settings.gamma_share) else 1.0,
        inverted=draw.chance(settings.inverted_share),
        levels=levels if draw.chance(settings.quantised_share) else 0,
    )
