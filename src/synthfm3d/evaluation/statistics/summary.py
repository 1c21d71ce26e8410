"""Means of scores over draws, then the structures of each case, then cases, for each label source."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import fmean

import numpy as np

from synthfm3d.evaluation.datasets.cases import LabelSource
from synthfm3d.evaluation.protocol import PromptName
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.evaluation.statistics.significance import Interval, mean_interval
from synthfm3d.metrics.calibration import Calibration

ALL_STRUCTURES = None
"""The value of ``structure`` in rows over all structures."""
Measure = Callable[[Score], float | None]
Key = tuple[LabelSource, str | None, PromptName, str]
"""Label source, structure (or all of them), prompt, method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Mean scores of a method with a prompt, on a structure or on all of them.

    Parameters
    ----------
    structure
        The structure; None: the mean over the structures of each case, then over cases.
    dice_interval
        95 % interval of the mean Dice, with patients resampled; None for too few patients.
    volume_error
        Mean of its absolute value.
    ml_beyond, seconds, peak_mb, click_area, retention
        None if no score has it. ``retention`` is a curve, see ``metrics.failure``.
    frame_dice
        Mean Dice of the named frames of sequences.
    calibration
        Sum over all masks with probabilities, so large structures count more; None without such masks.
    patients, cases, failures
        Number of patients and cases in the mean, and of masks that failed (they count as empty masks).
    """

    label_source: LabelSource
    structure: str | None
    prompt: PromptName
    method: str
    dice: float
    dice_interval: Interval | None
    nsd: float
    hd95_mm: float
    average_surface_mm: float
    volume_error: float
    prompt_slice_dice: float
    prompt_slice_excess: float
    slices_beyond: float
    ml_beyond: float | None
    seconds: float | None
    peak_mb: float | None
    click_area: float | None
    click_curve: tuple[float, ...] | None
    retention: tuple[float, ...] | None
    frame_dice: dict[str, float]
    calibration: Calibration | None
    patients: int
    cases: int
    structures: int
    failures: int


def means(scores: Sequence[Score]) -> list[Mean]:
    """A mean for each label source, structure, prompt and method, and for all structures together.

    Structures and methods are in the order of their first score; all structures together come first.
    """
    return [_mean(key, rows) for key, rows in grouped(scores).items()]


def grouped(scores: Sequence[Score]) -> dict[Key, list[Score]]:
    """Scores by key; each score is in the group of its structure and in that of all structures."""
    groups: dict[Key, list[Score]] = {}
    for all_structures in (True, False):
        for score in scores:
            structure = ALL_STRUCTURES if all_structures else score.structure
            key = (score.label_source, structure, score.prompt, score.method)
            groups.setdefault(key, []).append(score)
    return groups


def by_patient(scores: Iterable[Score], measure: Measure) -> dict[str, dict[str, float]]:
    """Mean of a measure by patient and case, over the draws of each structure, then over structures."""
    draws: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for score in scores:
        value = measure(score)
        if value is not None:
            draws[score.patient, score.case, score.structure].append(value)
    structures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (patient, case, _), values in draws.items():
        structures[patient, case].append(fmean(values))
    patients: dict[str, dict[str, float]] = {}
    for (patient, case), values in structures.items():
        patients.setdefault(patient, {})[case] = fmean(values)
    return patients


def mean_over_cases(scores: Iterable[Score], measure: Measure) -> float | None:
    """Mean over draws, structures of each case, and cases; None if no score has the measure."""
    found = [value for cases in by_patient(scores, measure).values() for value in cases.values()]
    return fmean(found) if found else None


def calibration_of(scores: Iterable[Score]) -> Calibration | None:
    """Sum of the calibrations of the scores; None if no score has one."""
    found = [score.calibration for score in scores if score.calibration is not None]
    return reduce(add, found) if found else None


def _mean(key: Key, rows: Sequence[Score]) -> Mean:
    source, structure, prompt, method = key

    def mean(measure: Measure) -> float:
        found = mean_over_cases(rows, measure)
        assert found is not None  # every score has this measure
        return found

    dice = by_patient(rows, lambda score: score.dice)
    return Mean(
        label_source=source,
        structure=structure,
        prompt=prompt,
        method=method,
        dice=mean(lambda score: score.dice),
        dice_interval=mean_interval([list(cases.values()) for cases in dice.values()]),
        nsd=mean(lambda score: score.nsd),
        hd95_mm=mean(lambda score: score.hd95_mm),
        average_surface_mm=mean(lambda score: score.average_surface_mm),
        volume_error=mean(lambda score: abs(score.volume_error)),
        prompt_slice_dice=mean(lambda score: score.prompt_slice_dice),
        prompt_slice_excess=mean(lambda score: score.prompt_slice_excess),
        slices_beyond=mean(lambda score: float(score.slices_beyond)),
        ml_beyond=mean_over_cases(rows, lambda score: score.ml_beyond),
        seconds=mean_over_cases(rows, lambda score: score.seconds),
        peak_mb=mean_over_cases(rows, lambda score: score.peak_mb),
        click_area=mean_over_cases(rows, lambda score: score.click_area),
        click_curve=_curve([tuple(step.dice for step in score.rounds) for score in rows]),
        retention=_curve([score.retention or () for score in rows]),
        frame_dice=_frame_means(rows),
        calibration=calibration_of(rows),
        patients=len(dice),
        cases=sum(len(cases) for cases in dice.values()),
        structures=len({(score.case, score.structure) for score in rows}),
        failures=sum(score.error is not None for score in rows),
    )


def _curve(curves: Sequence[tuple[float, ...]]) -> tuple[float, ...] | None:
    """Mean of the curves that are not empty; all have the same length."""
    present = [curve for curve in curves if curve]
    return tuple(float(value) for value in np.mean(present, axis=0)) if present else None


def _frame_means(rows: Sequence[Score]) -> dict[str, float]:
    found = {}
    for name in dict.fromkeys(name for score in rows for name in score.frame_dice):
        mean = mean_over_cases(rows, lambda score, name=name: score.frame_dice.get(name))  # type: ignore[misc]
        if mean is not None:
            found[name] = mean
    return found
