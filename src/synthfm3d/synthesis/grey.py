"""Grey curves of MR and ultrasound, whose values mean nothing by themselves."""

from dataclasses import dataclass

from synthfm3d.synthesis.draw import Draw
from synthfm3d.synthesis.ranges import Range, check_ranges


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
    """How values become grey where they mean nothing by themselves (MR, ultrasound).

    White maps to itself and black too; in between the curve is a power, ``gamma``. ``inverted`` swaps black
    and white; ``levels`` are how many greys there are, 0 for all.
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
