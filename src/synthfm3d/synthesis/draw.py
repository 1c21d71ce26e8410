"""Parameters: the ranges that settings give, checked, and random numbers drawn from them.

A parameter is rounded to six significant digits when it is drawn. Logarithms and exponentials may differ
in their last bit between processors and libraries; the rounding removes this difference, so that a scene
is the same on every machine, and exactly what its JSON file says.
"""

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

from synthfm3d.randomness import stream

Range = tuple[float, float]


def check_ranges(
    settings: object,
    *,
    positive: tuple[str, ...] = (),
    positive_or_none: tuple[str, ...] = (),
    signed: tuple[str, ...] = (),
    **most: float,
) -> None:
    """Raise ValueError, with the name of the setting, for an impossible range, share or number.

    Parameters
    ----------
    positive
        Names of log-uniform ranges, which must be above 0.
    positive_or_none
        Names of log-uniform ranges that may also be (0, 0) for none.
    signed
        Names of settings that may be negative; all others must be 0 or more.
    most
        Largest value of some settings.
    """
    for field in fields(settings):  # type: ignore[arg-type]
        name, value = field.name, getattr(settings, field.name)
        numbers = value if isinstance(value, tuple) else (value,)
        if not numbers:
            raise ValueError(f"{name} must not be empty.")
        if any(isinstance(number, bool | str) or not isinstance(number, int | float) for number in numbers):
            continue
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"{name} must be finite, got {value}.")
        if len(numbers) == 2 and not numbers[0] <= numbers[1]:
            raise ValueError(f"{name} must be a range low <= high, got {value}.")
        if name.endswith("_share") and not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}.")
        if name not in signed and min(numbers) < 0:
            raise ValueError(f"{name} must not be negative, got {value}.")
        if name in positive and min(numbers) == 0:
            raise ValueError(f"{name} must be above 0, got {value}.")
        if name in positive_or_none and numbers[0] == 0 < numbers[1]:
            raise ValueError(f"{name} is log-uniform: from above 0, or (0, 0) for none, got {value}.")
        if name in most and max(numbers) > most[name]:
            raise ValueError(f"{name} must be {most[name]:g} at most, got {value}.")


def check_ratios(shares: object, of: str) -> None:
    """Refuse shares of which only the ratios matter, where one is negative or all are 0."""
    values = [getattr(shares, field.name) for field in fields(shares)]  # type: ignore[arg-type]
    if min(values) < 0 or not sum(values) > 0:
        raise ValueError(f"{of} shares must be 0 or more and not all 0, got {shares}.")


T = TypeVar("T")


def rounded(value: float) -> float:
    """``value`` with six significant digits."""
    return float(f"{value:.6g}")


class Draw:
    """The parameters of one named place, for example ``Draw(seed, index, "vessels")``."""

    def __init__(self, seed: int, *place: str | int) -> None:
        self._seed, self._place = seed, place
        self._generator = stream(seed, *place)

    def apart(self, name: str) -> "Draw":
        """The parameters of a place within this one; drawing them does not change any other parameter."""
        return Draw(self._seed, *self._place, name)

    def uniform(self, low: float, high: float) -> float:
        return rounded(self._generator.uniform(low, high))

    def log_uniform(self, low: float, high: float) -> float:
        """Every factor between ``low`` and ``high`` is equally likely; both must be positive, or both 0."""
        if low == high:
            self._generator.uniform()
            return rounded(low)
        return rounded(low * math.exp(self._generator.uniform(0.0, math.log(high / low))))

    def normal(self, std: float) -> float:
        return rounded(self._generator.normal(0.0, std))

    def chance(self, probability: float) -> bool:
        return bool(self._generator.uniform() < probability)

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return int(self._generator.integers(low, high + 1))

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        if weights is None:
            return options[self.whole(0, len(options) - 1)]
        place = self._generator.uniform(0.0, math.fsum(weights))
        for option, weight in zip(options, weights, strict=True):
            place -= weight
            if place < 0:
                return option
        return options[-1]

    def direction(self, dimensions: int) -> tuple[float, ...]:
        """A vector of unit length, every direction equally likely (von Neumann's rejection)."""
        while True:
            vector: list[float] = self._generator.uniform(-1.0, 1.0, dimensions).tolist()
            length = math.sqrt(math.fsum(v * v for v in vector))
            if 0.05 < length <= 1.0:
                return tuple(rounded(v / length) for v in vector)
