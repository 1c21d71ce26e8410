"""Whether probabilities mean what they say, of voxels and of slices.

A model is calibrated if, of all voxels to which it gives 0.8, four in five belong to the object
(Guo et al., ICML 2017).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from scipy.special import expit

from synthfm3d.volume import Array

BINS = 10
"""Of equal width, from 0 to 1; a probability on an edge belongs to the bin above it."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Sums over voxels, or slices, by the probability that was given to them, in ten bins from 0 to 1.

    Parameters
    ----------
    count, given, true
        One value for each bin: how many there are, the sum of their probabilities, and how many are of the
        object.
    """

    count: tuple[int, ...]
    given: tuple[float, ...]
    true: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.count) == len(self.given) == len(self.true) == BINS:
            raise ValueError(f"there must be {BINS} bins, got {self}.")

    @classmethod
    def of(cls, probability: Array, truth: Array) -> "Reliability":
        """Of probabilities and a boolean truth of the same shape.

        Raises ValueError for another shape, and unless all probabilities lie in [0, 1].
        """
        if probability.shape != truth.shape:
            raise ValueError(f"shapes differ: {probability.shape} and {truth.shape}.")
        flat = np.asarray(probability, np.float64).reshape(-1)
        if not ((flat >= 0) & (flat <= 1)).all():  # neither is a NaN
            raise ValueError("probabilities must lie between 0 and 1, and some do not.")
        inside = np.asarray(truth, bool).reshape(-1)
        places = np.minimum((flat * BINS).astype(int), BINS - 1)
        return cls(
            count=tuple(np.bincount(places, minlength=BINS).tolist()),
            given=tuple(np.bincount(places, flat, BINS).tolist()),
            true=tuple(np.bincount(places[inside], minlength=BINS).tolist()),
        )

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(
            count=tuple(map(add, self.count, other.count)),
            given=tuple(map(add, self.given, other.given)),
            true=tuple(map(add, self.true, other.true)),
        )

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of frequency from probability; nan of nothing."""
        total = sum(self.count)
        distance = sum(abs(true - given) for true, given in zip(self.true, self.given, strict=True))
        return distance / total if total else float("nan")

    @property
    def points(self) -> list[tuple[float, float]]:
        """(mean probability, frequency of the object) of each bin that holds something."""
        bins = zip(self.count, self.given, self.true, strict=True)
        return [(given / count, true / count) for count, given, true in bins if count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Reliability of what a method said of an object, in voxels around it and in slices of the scan.

    Parameters
    ----------
    voxels
        Of the object's box and half its size more on every side: air far from any object is easy.
    slices
        Of all slices. The probability that a slice shows the object is that of its likeliest voxel.
    """

    voxels: Reliability
    slices: Reliability

    @classmethod
    def of(cls, logits: Array, truth: Array) -> "Calibration":
        """Of log-odds and a boolean truth, (z, y, x) both, slices along the first axis.

        Raises ValueError if the shapes differ or the truth is empty.
        """
        if logits.shape != truth.shape:
            raise ValueError(f"shapes differ: {logits.shape} and {truth.shape}.")
        part = around(truth)
        # Slice by slice: the sums of a whole body in double precision would take gigabytes.
        by_slice = (
            Reliability.of(_probability(said), inside)
            for said, inside in zip(logits[part], truth[part], strict=True)
        )
        likeliest = logits.max(axis=(1, 2))
        return cls(
            voxels=reduce(add, by_slice),
            slices=Reliability.of(_probability(likeliest), np.asarray(truth.any(axis=(1, 2)))),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Calibration":
        """Of what ``dataclasses.asdict`` and JSON leave of one; TypeError or ValueError for anything else."""
        return cls(
            **{
                name: Reliability(**{key: tuple(bins) for key, bins in sums.items()})
                for name, sums in values.items()
            }
        )

    def __add__(self, other: "Calibration") -> "Calibration":
        return Calibration(voxels=self.voxels + other.voxels, slices=self.slices + other.slices)


def around(truth: Array) -> tuple[slice, slice, slice]:
    """Box of an object (z, y, x) and half its size more on every side, as far as the scan reaches.

    Raises ValueError for an empty truth.
    """
    if not truth.any():
        raise ValueError("the truth is empty: there is nothing to look around.")
    shown = [np.flatnonzero(truth.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    z, y, x = (_grown(int(places[0]), int(places[-1]) + 1) for places in shown)
    return z, y, x


def _grown(first: int, end: int) -> slice:
    more = (end - first) // 2
    return slice(max(0, first - more), end + more)


def _probability(logits: Array) -> Array:
    return np.asarray(expit(logits.astype(np.float32)))
