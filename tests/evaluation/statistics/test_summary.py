"""Means over the structures of each case, then over cases."""

from dataclasses import replace

import pytest

from synthfm3d.evaluation.scoring.results import Round, Score
from synthfm3d.evaluation.statistics.summary import means


def test_a_case_with_many_structures_weighs_no_more_than_a_case_with_one(score: Score) -> None:
    scores = [
        replace(score, case="a", structure="liver", dice=0.9),
        replace(score, case="a", structure="spleen", dice=0.7),
        replace(score, case="b", structure="liver", dice=0.2),
    ]
    mean, *_ = means(scores)
    assert mean.dice == pytest.approx(((0.9 + 0.7) / 2 + 0.2) / 2)
    assert (mean.cases, mean.structures, mean.failures) == (2, 3, 0)


def test_label_sources_prompts_and_methods_are_kept_apart_in_order_of_appearance(score: Score) -> None:
    scores = [
        replace(score, label_source="non-expert"),
        replace(score, prompt="mask"),
        replace(score, method="n"),
        replace(score),
    ]
    assert [
        (mean.label_source, mean.prompt, mean.method) for mean in means(scores) if mean.structure is None
    ] == [
        ("non-expert", "box", "m"),
        ("expert", "mask", "m"),
        ("expert", "box", "n"),
        ("expert", "box", "m"),
    ]


def test_a_failure_counts_as_zero_and_is_told(score: Score) -> None:
    failed = replace(score, case="b", dice=0.0, prompt_slice_dice=0.0, prediction_ml=None, error="no memory")
    mean, *_ = means([score, failed])
    assert (mean.dice, mean.failures) == (0.5, 1)


def test_draws_of_a_prompt_are_one_score(score: Score) -> None:
    scores = [replace(score, draw=n, dice=dice) for n, dice in enumerate((0.2, 0.4, 0.9))]
    scores.append(replace(score, case="b", patient="b", dice=1.0))
    mean, liver = means(scores)
    assert mean.dice == pytest.approx((0.5 + 1.0) / 2)
    assert liver.structure == "liver"
    assert (liver.dice, liver.cases, liver.patients) == (mean.dice, 2, 2)


def test_curves_are_averaged_where_they_are(score: Score) -> None:
    rounds = tuple(Round(clicks=n, dice=n / 4, nsd=0.0, seconds=0.0) for n in range(3))
    scores = [
        replace(score, retention=(1.0, 0.5), rounds=rounds),
        replace(score, case="b", retention=(0.0, 0.5)),
        replace(score, case="c", retention=None),
    ]
    mean, *_ = means(scores)
    assert mean.retention == (0.5, 0.5)
    assert mean.click_curve == (0.0, 0.25, 0.5)
    assert mean.click_area == pytest.approx(0.25)  # trapezoids under a straight line from 0 to 0.5


def test_frames_with_a_name_have_means_of_their_own(score: Score) -> None:
    scores = [
        replace(score, frame_dice={"ED": 0.8, "ES": 0.4}),
        replace(score, case="b", frame_dice={"ED": 0.6}),
    ]
    mean, *_ = means(scores)
    assert mean.frame_dice == pytest.approx({"ED": 0.7, "ES": 0.4})
