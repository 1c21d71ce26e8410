"""The contents of a report, and the same as plain values."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from synthfm3d import __version__
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.evaluation.statistics.comparison import Comparison, comparisons
from synthfm3d.evaluation.statistics.significance import CONFIDENCE, FEWEST_PATIENTS, RESAMPLES
from synthfm3d.evaluation.statistics.summary import Mean, means

STATISTICS = (
    f"Intervals are {100 * CONFIDENCE:g} % bootstrap intervals (BCa, {RESAMPLES} resamples) of the mean over "
    f"cases; patients are resampled, each with all cases. With fewer than {FEWEST_PATIENTS} patients none is "
    "given.",
    "p: two-sided Wilcoxon signed-rank test of the patients' mean differences, zero differences left out, "
    "adjusted by Holm over all structures, prompts and methods of a label source (rows of all structures "
    "together: over their own prompts and methods). Identical results: p = 1.",
    "Effect: matched-pairs rank-biserial correlation, 1 if every patient gains and -1 if every patient "
    "loses.",
)
SIGNIFICANT = 0.05
"""A Holm-adjusted p below this is marked in tables."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The results of an evaluation.

    Parameters
    ----------
    scores
        Scores in the order in which they were made.
    against
        Method that the others are compared with.
    pictures
        PNG files of some scores, by the index of the score.
    absent
        (case, structure) pairs of requested structures without a voxel.
    unusable
        (case, reason) pairs of cases that could not be read.
    notes
        (case, sentence) pairs: what was repaired or assumed on reading.
    methods
        Facts about each method, by name, such as the hash of its weights.
    """

    scores: tuple[Score, ...]
    protocol: Protocol
    against: str
    pictures: Mapping[int, bytes] = field(default_factory=dict)
    absent: tuple[tuple[str, str], ...] = ()
    unusable: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    methods: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.scores:
            raise ValueError("a report needs at least one score.")
        if any(not 0 <= n < len(self.scores) for n in self.pictures):
            raise ValueError("there is a picture of a score that does not exist.")

    @cached_property
    def means(self) -> list[Mean]:
        """See ``summary.means``."""
        return means(self.scores)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """See ``comparison.comparisons``; raises InputError if ``against`` was not scored."""
        return comparisons(self.scores, self.against)


def report_data(report: Report) -> dict[str, Any]:
    """Everything in the report but its pictures, as plain JSON values."""
    return {
        "scores": [{**score.as_json(), "click_area": score.click_area} for score in report.scores],
        "means": [asdict(mean) for mean in report.means],
        "against": report.against,
        "comparisons": [asdict(comparison) for comparison in report.comparisons],
        "absent": [{"case": case, "structure": structure} for case, structure in report.absent],
        "unusable": [{"case": case, "reason": reason} for case, reason in report.unusable],
        "notes": [{"case": case, "note": note} for case, note in report.notes],
        "methods": {name: dict(facts) for name, facts in report.methods.items()},
        "protocol": {**asdict(report.protocol), "words": list(report.protocol.words())},
        "statistics": list(STATISTICS),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of the packages in use; torch and scikit-image only if they are installed."""
    found = {"synthfm3d": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "nibabel", "pillow", "torch", "transformers", "scikit-image"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
