"""Drawing parameters, rounded so that they are the same on every machine.

Logarithms and exponentials may differ in their last bit between processors and libraries. A
parameter is rounded to six significant digits as it is drawn, so such a difference vanishes before
anything depends on it, and a scene is exactly what its JSON says.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

from synthfm3d.randomness import stream

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
        """The parameters of a place within this one, which shift nothing else."""
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
