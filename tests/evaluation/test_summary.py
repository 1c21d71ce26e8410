"""Means over the structures of each case, then over cases."""

from dataclasses import replace

import pytest

from synthfm3d.evaluation.protocol import Score
from synthfm3d.evaluation.summary import means

SCORE = Score(
    case="a",
    structure="liver",
    label_source="expert",
    modality="ct",
    prompt="box",
    method="m",
    dice=1.0,
    prompt_slice_dice=1.0,
    reference_ml=10.0,
    prediction_ml=10.0,
    prompt_slice=3,
    seconds=0.5,
)


def test_a_case_with_many_structures_weighs_no_more_than_a_case_with_one() -> None:
    scores = [
        replace(SCORE, case="a", structure="liver", dice=0.9),
        replace(SCORE, case="a", structure="spleen", dice=0.7),
        replace(SCORE, case="b", structure="liver", dice=0.2),
    ]
    (mean,) = means(scores)
    assert mean.dice == pytest.approx(((0.9 + 0.7) / 2 + 0.2) / 2)
    assert (mean.cases, mean.structures, mean.failures) == (2, 3, 0)


def test_label_sources_prompts_and_methods_are_kept_apart_in_order_of_appearance() -> None:
    scores = [
        replace(SCORE, label_source="non-expert"),
        replace(SCORE, prompt="mask"),
        replace(SCORE, method="n"),
        replace(SCORE),
    ]
    assert [(mean.label_source, mean.prompt, mean.method) for mean in means(scores)] == [
        ("non-expert", "box", "m"),
        ("expert", "mask", "m"),
        ("expert", "box", "n"),
        ("expert", "box", "m"),
    ]


def test_a_failure_counts_as_zero_and_is_told() -> None:
    failed = replace(SCORE, case="b", dice=0.0, prompt_slice_dice=0.0, prediction_ml=None, error="no memory")
    (mean,) = means([SCORE, failed])
    assert (mean.dice, mean.failures) == (0.5, 1)
