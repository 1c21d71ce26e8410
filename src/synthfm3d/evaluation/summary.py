"""Means of scores: over the structures of each case, then over cases; label sources kept apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from synthfm3d.evaluation.cases import LabelSource
from synthfm3d.evaluation.method import PromptKind
from synthfm3d.evaluation.protocol import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Mean scores of a method with one kind of prompt.

    Parameters
    ----------
    dice, prompt_slice_dice
        Mean over cases of each case's mean over its structures; failures count as 0.
    cases, structures
        How many cases, and how many structures in them, the mean was taken over.
    failures
        How many of these structures the method failed on.
    """

    label_source: LabelSource
    prompt: PromptKind
    method: str
    dice: float
    prompt_slice_dice: float
    cases: int
    structures: int
    failures: int


def means(scores: Sequence[Score]) -> list[Mean]:
    """One mean for each label source, prompt and method, in the order in which they first appear."""
    groups: dict[tuple[LabelSource, PromptKind, str], dict[str, list[Score]]] = {}
    for score in scores:
        by_case = groups.setdefault((score.label_source, score.prompt, score.method), {})
        by_case.setdefault(score.case, []).append(score)
    return [
        Mean(
            label_source=source,
            prompt=prompt,
            method=method,
            dice=fmean(fmean(score.dice for score in rows) for rows in by_case.values()),
            prompt_slice_dice=fmean(
                fmean(score.prompt_slice_dice for score in rows) for rows in by_case.values()
            ),
            cases=len(by_case),
            structures=sum(len(rows) for rows in by_case.values()),
            failures=sum(score.error is not None for rows in by_case.values() for score in rows),
        )
        for (source, prompt, method), by_case in groups.items()
    ]
