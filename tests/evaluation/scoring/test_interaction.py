"""Clicks into errors."""

from collections.abc import Sequence

import numpy as np
import pytest

from synthfm3d.evaluation.methods.method import Restarting
from synthfm3d.evaluation.scoring.interaction import click_into_error, predictions
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Point, Prompt, PromptKind
from synthfm3d.volume import Grid, ThirdAxis, Volume

SHAPE, SPACING_MM = (12, 30, 40), (4.0, 1.0, 1.0)
GRID = Grid.from_spacing(SHAPE, SPACING_MM)


def volume(mask: np.ndarray, third_axis: ThirdAxis = "space") -> Volume:
    return Volume(voxels=mask.astype(np.uint8), affine=GRID.affine, third_axis=third_axis)


def block(z: slice, y: slice, x: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[z, y, x] = True
    return mask


TRUTH = block(slice(3, 8), slice(10, 21), slice(10, 21))


def test_a_click_goes_into_the_middle_of_what_is_missing() -> None:
    click = click_into_error(volume(np.zeros(SHAPE)), volume(TRUTH))
    assert click is not None
    assert click.positive
    # Eleven pixels of 1 mm, five slices of 4 mm: 6 mm deep at most, from the second slice on.
    assert GRID.to_index(np.array(click.position_mm)) == pytest.approx((4, 15, 15))


def test_a_click_is_negative_where_the_largest_error_is_too_much() -> None:
    spilled = TRUTH | block(slice(0, 12), slice(22, 29), slice(20, 40))
    spilled[4, 10, 10] = False
    click = click_into_error(volume(spilled), volume(TRUTH))
    assert click is not None
    assert not click.positive
    assert GRID.to_index(np.array(click.position_mm))[1] == pytest.approx(25)


def test_pieces_that_touch_by_missing_and_too_much_are_two_errors() -> None:
    moved = np.roll(TRUTH, 4, axis=2)
    moved[:, :, 24] &= moved[:, :, 24] & False
    click = click_into_error(volume(moved), volume(TRUTH))
    assert click is not None
    assert click.positive  # 4 columns are missing, 3 too much
    assert TRUTH[tuple(GRID.to_index(np.array(click.position_mm)).round().astype(int))]


def test_nothing_wrong_nothing_to_click() -> None:
    assert click_into_error(volume(TRUTH), volume(TRUTH)) is None


def test_of_a_sequence_the_frame_with_most_wrong_pixels_is_clicked() -> None:
    prediction = TRUTH.copy()
    prediction[4, 10:12] = False
    prediction[6, 10:15] = False
    click = click_into_error(volume(prediction, "time"), volume(TRUTH, "time"))
    assert click is not None
    assert GRID.to_index(np.array(click.position_mm)) == pytest.approx((6, 12, 12))


class Painter(Restarting):
    """A ball of 4 pixels around each positive click, on its slice and the two beside it."""

    name = "painter"
    accepts: frozenset[PromptKind] = frozenset({"point"})

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        mask = np.zeros(SHAPE, np.uint8)
        z, y, x = np.ogrid[:12, :30, :40]
        for prompt in prompts:
            assert isinstance(prompt, Point)
            a, b, c = scan.grid.to_index(np.array(prompt.position_mm))
            near = (abs(z - a) <= 1) & ((y - b) ** 2 + (x - c) ** 2 <= 16)
            mask[near] = prompt.positive
        return scan.with_voxels(mask)


def test_a_method_that_cannot_correct_is_given_all_clicks_and_gets_better() -> None:
    scan = volume(np.zeros(SHAPE))
    first = Point(position_mm=tuple(GRID.to_mm(np.array([5, 15, 15]))))
    found = list(predictions(Painter(), scan, (first,), volume(TRUTH), 5))
    overlaps = [dice(answer.mask.voxels, TRUTH) for answer in found if answer.mask is not None]
    assert len(overlaps) == 6
    assert overlaps[-1] > overlaps[0] + 0.1


def test_the_last_answer_stands_once_nothing_is_wrong() -> None:
    class Right(Painter):
        calls = 0

        def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
            self.calls += 1
            return scan.with_voxels(TRUTH)

    right = Right()
    first = Point(position_mm=tuple(GRID.to_mm(np.array([5, 15, 15]))))
    found = list(predictions(right, volume(np.zeros(SHAPE)), (first,), volume(TRUTH), 3))
    assert (len(found), right.calls) == (4, 1)


def test_a_failure_stands() -> None:
    class Failing(Painter):
        def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
            raise RuntimeError("no memory")

    first = Point(position_mm=tuple(GRID.to_mm(np.array([5, 15, 15]))))
    found = list(predictions(Failing(), volume(np.zeros(SHAPE)), (first,), volume(TRUTH), 2))
    assert [answer.error for answer in found] == ["RuntimeError: no memory"] * 3


def test_a_method_that_takes_no_clicks_answers_once() -> None:
    class BoxOnly(Painter):
        accepts: frozenset[PromptKind] = frozenset({"box"})

        def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
            return scan

    box = Box(corner_mm=(0.0, 0.0, 0.0), opposite_mm=(1.0, 1.0, 0.0))
    assert len(list(predictions(BoxOnly(), volume(TRUTH), (box,), volume(TRUTH), 5))) == 1
