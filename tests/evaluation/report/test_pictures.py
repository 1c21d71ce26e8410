"""What a picture of an outcome shows."""

from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.evaluation.datasets.cases import Case
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.report.pictures import (
    NEGATIVE_COLOUR,
    PREDICTION_COLOUR,
    PROMPT_COLOUR,
    REFERENCE_COLOUR,
    prompt_marks,
    scored_mask_picture,
)
from synthfm3d.evaluation.scoring.evaluate import ScoredMask, evaluate_case
from synthfm3d.pictures import Cross, Rectangle
from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.volume import Array, Volume

WINDOW = (-3.0, 3.0)


def holds(picture: Array, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=2).any())


def wrong(outcome: ScoredMask, mask: Volume | None) -> ScoredMask:
    """The outcome as if the method had answered with another mask."""
    return ScoredMask(
        score=outcome.score,
        image=outcome.image,
        reference=outcome.reference,
        prediction=mask,
        prompts=outcome.prompts,
        centre_mm=outcome.centre_mm,
    )


@pytest.mark.parametrize("method", [EllipsoidFromBox(), ShrinkingMask()])
def test_reference_prediction_and_prompt_are_all_seen(
    case: Case, method: EllipsoidFromBox | ShrinkingMask
) -> None:
    outcome = next(evaluate_case(case, [method]))
    # Moved by 6 rows, so that the outlines do not lie on each other.
    moved = outcome.reference.with_voxels(np.roll(outcome.reference.voxels, 6, axis=1))
    picture = scored_mask_picture(wrong(outcome, moved), WINDOW)
    for colour in (REFERENCE_COLOUR, PREDICTION_COLOUR, PROMPT_COLOUR):
        assert holds(picture, colour)


def test_a_failure_is_shown_without_a_prediction(case: Case) -> None:
    outcome = next(evaluate_case(case, [EllipsoidFromBox()]))
    picture = scored_mask_picture(wrong(outcome, None), WINDOW)
    assert holds(picture, REFERENCE_COLOUR)
    assert not holds(picture, PREDICTION_COLOUR)


def test_a_sequence_is_shown_by_its_frames(case: Case) -> None:
    frames = replace(
        case,
        image=replace(case.image, third_axis="time"),
        label_map=replace(case.label_map, third_axis="time"),
    )
    outcome = next(evaluate_case(frames, [ShrinkingMask()]))
    moved = outcome.reference.with_voxels(np.roll(outcome.reference.voxels, 6, axis=1))
    picture = scored_mask_picture(wrong(outcome, moved), WINDOW, height_px=120)
    assert picture.shape[0] == 120
    for colour in (REFERENCE_COLOUR, PREDICTION_COLOUR):
        assert holds(picture, colour)


def test_clicks_become_crosses_and_boxes_frames() -> None:
    marks = prompt_marks(
        [
            Point(position_mm=(1.0, 2.0, 3.0)),
            Point(position_mm=(4.0, 5.0, 6.0), positive=False),
            Box(corner_mm=(0.0, 0.0, 0.0), opposite_mm=(9.0, 9.0, 0.0)),
        ]
    )
    assert marks == [
        Cross(position_mm=(1.0, 2.0, 3.0), colour=PROMPT_COLOUR),
        Cross(position_mm=(4.0, 5.0, 6.0), colour=NEGATIVE_COLOUR),
        Rectangle(corner_mm=(0.0, 0.0, 0.0), opposite_mm=(9.0, 9.0, 0.0), colour=PROMPT_COLOUR),
    ]
