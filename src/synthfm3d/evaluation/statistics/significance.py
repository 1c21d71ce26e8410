r"""Confidence intervals, tests and effect sizes of differences; the patient is the unit.

- Interval of a mean over cases: bias-corrected and accelerated bootstrap (BCa; Efron, J. Am. Stat. Assoc.
  82:171 (1987)) by ``scipy.stats.bootstrap``. Patients are resampled, each with all cases:
  with the sum :math:`s_i` over the :math:`n_i` cases of patient i the statistic is
  :math:`\sum_i s_i / \sum_i n_i`.
- Test of a difference: Wilcoxon's signed-rank test, two-sided, of the patients' mean differences; zero
  differences are left out, exact where there are no ties. Identical results: p = 1.
- Many tests: Holm's step-down adjustment (Scand. J. Stat. 6:65 (1979)), which bounds the probability of one
  false claim in the family.
- Size of a difference: matched-pairs rank-biserial correlation (Kerby, Compr. Psychol. 3 (2014)),
  :math:`(W_+ - W_-) / (W_+ + W_-)`: 1, every patient gains; -1, every patient loses.

Undefined results are None, never NaN.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

from synthfm3d.randomness import stream
from synthfm3d.volume import Array

CONFIDENCE = 0.95
RESAMPLES = 9999
FEWEST_PATIENTS = 5
"""With fewer patients no interval is given, because resampling cannot represent other patients."""
_SEED = 0
_EQUAL = 1e-12
"""Differences below this are rounding errors of equal numbers."""
Interval = tuple[float, float]


def mean_interval(patients: Sequence[Sequence[float]]) -> Interval | None:
    """95 % interval of the mean over all cases, from the values of each patient's cases (at least one).

    None for fewer than ``FEWEST_PATIENTS``. The same values always give the same interval.
    """
    if len(patients) < FEWEST_PATIENTS:
        return None
    sums = np.array([sum(values) for values in patients], float)
    counts = np.array([len(values) for values in patients], float)
    if np.ptp(sums / counts) < _EQUAL:
        return float(sums[0] / counts[0]), float(sums[0] / counts[0])
    found = stats.bootstrap(
        (sums, counts),
        _mean_over_cases,
        n_resamples=RESAMPLES,
        batch=1000,
        vectorized=True,
        paired=True,
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=stream(_SEED, "bootstrap"),
    ).confidence_interval
    return float(found.low), float(found.high)


def _mean_over_cases(sums: Array, counts: Array, axis: int = -1) -> Array:
    return np.asarray(sums.sum(axis=axis) / counts.sum(axis=axis))


def wilcoxon_p(differences: Sequence[float]) -> float:
    """Two-sided p of the patients' differences; 1 if all are zero or there are none."""
    found = _without_zeros(differences)
    if not len(found):
        return 1.0
    with warnings.catch_warnings():
        # SciPy warns that its normal approximation is rough for a few patients with ties.
        warnings.simplefilter("ignore", UserWarning)
        return float(min(1.0, stats.wilcoxon(found, zero_method="wilcox", method="auto").pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p of a family of tests, in the order of ``p_values``; at most 1."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    stepped = np.maximum.accumulate(np.asarray(p_values, float)[order] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, stepped)
    return [float(p) for p in adjusted]


def rank_biserial(differences: Sequence[float]) -> float:
    """Matched-pairs rank-biserial correlation of the patients' differences, -1 ... 1; 0 if all are zero."""
    found = _without_zeros(differences)
    if not len(found):
        return 0.0
    ranks = stats.rankdata(np.abs(found))
    return float((ranks[found > 0].sum() - ranks[found < 0].sum()) / ranks.sum())


def _without_zeros(differences: Sequence[float]) -> Array:
    found = np.asarray(differences, float).round(12)  # so that equal numbers have tied ranks
    return np.asarray(found[np.abs(found) > _EQUAL])
