"""Methods against one of them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from synthfm3d.errors import InputError
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.evaluation.statistics.comparison import comparisons


def row(score: Score, patient: int, dice: float, method: str, **changes: str) -> Score:
    return replace(score, case=f"c{patient}", patient=f"p{patient}", dice=dice, method=method, **changes)  # type: ignore[arg-type]


def rows(score: Score, values: Sequence[float], method: str, **changes: str) -> list[Score]:
    return [row(score, n, dice, method, **changes) for n, dice in enumerate(values)]


BASE = [0.5, 0.6, 0.7, 0.55, 0.65, 0.75, 0.52, 0.62]


def test_a_method_that_gains_with_every_patient_is_told_with_all_numbers(score: Score) -> None:
    better = [value + 0.1 + n / 100 for n, value in enumerate(BASE)]
    found = comparisons(rows(score, BASE, "old") + rows(score, better, "new"), "old")
    together, liver = found
    assert (together.structure, liver.structure) == (None, "liver")
    for comparison in found:
        assert (comparison.method, comparison.against) == ("new", "old")
        assert comparison.difference == pytest.approx(0.1 + 0.035)
        assert comparison.interval is not None
        assert comparison.interval[0] > 0.1
        assert comparison.p == comparison.p_holm == pytest.approx(2 / 2**8)
        assert (comparison.effect, comparison.patients, comparison.cases) == (1.0, 8, 8)


def test_the_family_is_all_structures_prompts_and_methods_of_a_label_source(score: Score) -> None:
    better = [value + 0.1 + n / 100 for n, value in enumerate(BASE)]
    scores = []
    for structure in ("liver", "spleen"):
        scores += rows(score, BASE, "old", structure=structure)
        scores += rows(score, better, "new", structure=structure)
        scores += rows(score, BASE, "same", structure=structure)
    scores += rows(score, BASE, "old", label_source="automatic")
    scores += rows(score, better, "new", label_source="automatic")
    by_row = {(c.label_source, c.structure, c.method): c.p_holm for c in comparisons(scores, "old")}
    once = 2 / 2**8
    assert by_row["expert", "liver", "new"] == pytest.approx(4 * once)  # of four, two are alike
    assert by_row["expert", None, "new"] == pytest.approx(2 * once)
    assert by_row["automatic", "liver", "new"] == pytest.approx(once)
    assert by_row["expert", "liver", "same"] == 1.0


def test_only_cases_that_both_were_scored_on_are_compared(score: Score) -> None:
    scores = rows(score, BASE, "old") + rows(score, [1.0] * 3, "new")
    assert {(c.patients, c.cases) for c in comparisons(scores, "old")} == {(3, 3)}
    assert comparisons([*rows(score, BASE, "old"), *rows(score, BASE, "new", prompt="mask")], "old") == []


def test_views_of_one_patient_are_one_patient(score: Score) -> None:
    scores = []
    for method, gain in (("old", 0.0), ("new", 0.1)):
        for n, value in enumerate(BASE):
            for view in ("2CH", "4CH"):
                scores.append(replace(row(score, n, value + gain, method), case=f"c{n}_{view}"))
    assert {(c.patients, c.cases) for c in comparisons(scores, "old")} == {(8, 16)}


def test_what_was_not_scored_cannot_be_compared_with(score: Score) -> None:
    with pytest.raises(InputError, match="nobody: was not scored"):
        comparisons(rows(score, BASE, "old"), "nobody")
