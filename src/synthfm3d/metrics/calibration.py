"""Whether probabilities mean what they say, of voxels and of slices.

A model is calibrated if, of all voxels to which it gives 0.8, four in five belong to the object
(Guo et al., ICML 2017).
"""

from dataclasses import dataclass

import numpy as np

from synthfm3d.volume import Array

_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Sums over voxels, or slices, by the probability that was given to them, in ten bins from 0 to 1.

    Parameters
    ----------
    count, given, true
        (10,): how many there are, the sum of their probabilities, and how many are of the object.
    """

    count: Array
    given: Array
    true: Array

    @classmethod
    def of(cls, probability: Array, truth: Array) -> "Reliability":
        """Of probabilities in [0, 1] and a boolean truth of the same shape."""
        if probability.shape != truth.shape:
            raise ValueError(f"shapes differ: {probability.shape} and {truth.shape}.")
        flat = np.clip(np.asarray(probability, np.float64).reshape(-1), 0, 1)
        places = np.minimum((flat * _BINS).astype(int), _BINS - 1)
        sums = (
            np.bincount(places, weights, _BINS).astype(float)
            for weights in (np.ones_like(flat), flat, np.asarray(truth, np.float64).reshape(-1))
        )
        return cls(*sums)

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(self.count + other.count, self.given + other.given, self.true + other.true)

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of frequency from probability; nan of nothing."""
        total = self.count.sum()
        return float(np.abs(self.true - self.given).sum() / total) if total else float("nan")


def slice_probabilities(probability: Array) -> Array:
    """(z,) probability that a slice shows the object: that of its likeliest voxel of (z, y, x)."""
    return np.asarray(probability.max(axis=(1, 2)))
