"""Compare methods with one of them: differences of Dice with intervals, tests and effect sizes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import LabelSource
from synthfm3d.evaluation.protocol import PromptName
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.evaluation.statistics.significance import (
    Interval,
    holm,
    mean_interval,
    rank_biserial,
    wilcoxon_p,
)
from synthfm3d.evaluation.statistics.summary import by_patient, grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The difference between a method and the one it is compared with, on cases that both were scored on.

    Parameters
    ----------
    structure
        The structure; None: all structures together.
    difference
        Mean difference of Dice over cases; positive if ``method`` is better.
    interval
        95 % interval, with patients resampled; None for too few patients.
    p, p_holm
        p of Wilcoxon's test, and adjusted over the family: all structures, prompts and methods of a label
        source. The rows of all structures together are a separate family.
    effect
        Matched-pairs rank-biserial correlation.
    """

    label_source: LabelSource
    structure: str | None
    prompt: PromptName
    method: str
    against: str
    difference: float
    interval: Interval | None
    p: float
    p_holm: float
    effect: float
    patients: int
    cases: int


def comparisons(scores: Sequence[Score], against: str) -> list[Comparison]:
    """Comparisons of every other method with ``against``, for each prompt that both were given.

    Raises InputError if ``against`` was not scored.
    """
    names = list(dict.fromkeys(score.method for score in scores))
    if against not in names:
        raise InputError(
            f"{against}: was not scored, so nothing can be compared with it: {', '.join(names)}."
        )
    groups = grouped(scores)
    found = []
    for (source, structure, prompt, method), rows in groups.items():
        others = groups.get((source, structure, prompt, against))
        if method != against and others is not None:
            compared = _compared(rows, others, against)
            if compared is not None:
                found.append(replace(compared, structure=structure))
    return _adjusted(found)


def _compared(rows: Sequence[Score], others: Sequence[Score], against: str) -> Comparison | None:
    """A comparison with p not yet adjusted; None if the methods share no structure of a case."""
    shared = {(s.case, s.structure, s.draw) for s in rows} & {(s.case, s.structure, s.draw) for s in others}

    def dice(these: Sequence[Score]) -> dict[str, dict[str, float]]:
        return by_patient([s for s in these if (s.case, s.structure, s.draw) in shared], _dice)

    mine, theirs = dice(rows), dice(others)
    differences = [[mine[p][case] - theirs[p][case] for case in mine[p]] for p in mine]
    if not differences:
        return None
    by_patients = [fmean(values) for values in differences]
    first = rows[0]
    p = wilcoxon_p(by_patients)
    return Comparison(
        label_source=first.label_source,
        structure=first.structure,
        prompt=first.prompt,
        method=first.method,
        against=against,
        difference=fmean(value for values in differences for value in values),
        interval=mean_interval(differences),
        p=p,
        p_holm=p,
        effect=rank_biserial(by_patients),
        patients=len(differences),
        cases=sum(len(values) for values in differences),
    )


def _dice(score: Score) -> float:
    return score.dice


def _adjusted(found: Sequence[Comparison]) -> list[Comparison]:
    families: dict[tuple[LabelSource, bool], list[int]] = {}
    for n, comparison in enumerate(found):
        families.setdefault((comparison.label_source, comparison.structure is None), []).append(n)
    adjusted = list(found)
    for members in families.values():
        for n, p in zip(members, holm([found[n].p for n in members]), strict=True):
            adjusted[n] = replace(found[n], p_holm=p)
    return adjusted
