"""The calibration of probabilities, of voxels and of slices.

A model is calibrated if its probabilities are frequencies: of all voxels with a probability of 0.8, 80 %
belong to the object (Guo et al., ICML 2017).
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
"""Number of bins of equal width from 0 to 1. A probability on an edge belongs to the bin above it."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Sums over voxels or slices in ten bins of their predicted probability.

    Parameters
    ----------
    count, given, true
        One value for each bin: the number of voxels or slices, the sum of their probabilities, and the number
        that belong to the object.
    """

    count: tuple[int, ...]
    given: tuple[float, ...]
    true: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.count) == len(self.given) == len(self.true) == BINS:
            raise ValueError(f"there must be {BINS} bins, got {self}.")

    @classmethod
    def of(cls, probability: Array, truth: Array) -> "Reliability":
        """The sums for probabilities and a boolean truth of the same shape.

        Raises ValueError if the shapes differ, or a probability is outside [0, 1].
        """
        if probability.shape != truth.shape:
            raise ValueError(f"shapes differ: {probability.shape} and {truth.shape}.")
        flat = np.asarray(probability, np.float64).reshape(-1)
        if not ((flat >= 0) & (flat <= 1)).all():  # also false for NaN
            raise ValueError("probabilities must be between 0 and 1, and some are not.")
        inside = np.asarray(truth, bool).reshape(-1)
        bins = np.minimum((flat * BINS).astype(int), BINS - 1)
        return cls(
            count=tuple(np.bincount(bins, minlength=BINS).tolist()),
            given=tuple(np.bincount(bins, flat, BINS).tolist()),
            true=tuple(np.bincount(bins[inside], minlength=BINS).tolist()),
        )

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(
            count=tuple(map(add, self.count, other.count)),
            given=tuple(map(add, self.given, other.given)),
            true=tuple(map(add, self.true, other.true)),
        )

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of frequency from probability; NaN without samples."""
        total = sum(self.count)
        distance = sum(abs(true - given) for true, given in zip(self.true, self.given, strict=True))
        return distance / total if total else float("nan")

    @property
    def points(self) -> list[tuple[float, float]]:
        """(mean probability, frequency of the object) of each bin that is not empty."""
        bins = zip(self.count, self.given, self.true, strict=True)
        return [(given / count, true / count) for count, given, true in bins if count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Reliability of the probabilities of an object, in voxels around it and in slices of the scan.

    Parameters
    ----------
    voxels
        Voxels of the object's box, enlarged by half its size on every side. Air far from the object is easy
        and is left out.
    slices
        All slices. The probability that a slice shows the object is the largest probability of its voxels.
    """

    voxels: Reliability
    slices: Reliability

    @classmethod
    def of(cls, logits: Array, truth: Array) -> "Calibration":
        """The calibration of log-odds and a boolean truth, both (z, y, x), with slices along the first axis.

        Raises ValueError if the shapes differ or the truth is empty.
        """
        if logits.shape != truth.shape:
            raise ValueError(f"shapes differ: {logits.shape} and {truth.shape}.")
        part = around(truth)
        # Slice by slice, because the sums of a whole body in double precision would need gigabytes.
        by_slice = (
            Reliability.of(_probability(predicted), inside)
            for predicted, inside in zip(logits[part], truth[part], strict=True)
        )
        likeliest = logits.max(axis=(1, 2))
        return cls(
            voxels=reduce(add, by_slice),
            slices=Reliability.of(_probability(likeliest), np.asarray(truth.any(axis=(1, 2)))),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Calibration":
        """A calibration from the JSON of ``dataclasses.asdict``; TypeError or ValueError for other values."""
        return cls(
            **{
                name: Reliability(**{key: tuple(bins) for key, bins in sums.items()})
                for name, sums in values.items()
            }
        )

    def __add__(self, other: "Calibration") -> "Calibration":
        return Calibration(voxels=self.voxels + other.voxels, slices=self.slices + other.slices)


def around(truth: Array) -> tuple[slice, slice, slice]:
    """The box of an object (z, y, x), enlarged by half its size on every side within the scan.

    Raises ValueError for an empty truth.
    """
    if not truth.any():
        raise ValueError("the truth is empty: it has no box.")
    shown = [np.flatnonzero(truth.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    z, y, x = (_grown(int(indices[0]), int(indices[-1]) + 1) for indices in shown)
    return z, y, x


def _grown(first: int, end: int) -> slice:
    more = (end - first) // 2
    return slice(max(0, first - more), end + more)


def _probability(logits: Array) -> Array:
    return np.asarray(expit(logits.astype(np.float32)))
