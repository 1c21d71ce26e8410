"""Overlap of masks, against shapes whose overlap is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthfm3d.metrics.overlap import dice, volume_dice, volume_error, volume_ml
from synthfm3d.volume import Grid, Volume

EMPTY = np.zeros((3, 4, 5), np.uint8)
FULL = np.ones((3, 4, 5), np.uint8)


def test_two_boxes_that_share_half_of_their_voxels_have_dice_one_half() -> None:
    first, second = np.zeros((4, 6, 4)), np.zeros((4, 6, 4))
    first[:, 0:4], second[:, 2:6] = 1, 1
    assert dice(first, second) == 0.5


def test_two_balls_one_radius_apart_have_dice_five_sixteenths() -> None:
    # The lens of two balls at distance d is 1 - 3/4 (d/R) + 1/16 (d/R)^3 of a ball.
    radius = 24
    z, y, x = np.ogrid[-25:26, -25:26, -25:50]
    first = z**2 + y**2 + x**2 <= radius**2
    second = z**2 + y**2 + (x - radius) ** 2 <= radius**2
    assert dice(first, second) == pytest.approx(5 / 16, rel=0.01)


def test_two_empty_masks_agree_perfectly() -> None:
    assert dice(EMPTY, EMPTY) == 1.0


def test_an_empty_and_a_full_mask_do_not_agree_at_all() -> None:
    assert dice(EMPTY, FULL) == dice(FULL, EMPTY) == 0.0


def test_any_value_but_zero_is_foreground() -> None:
    assert dice(FULL * 7, FULL.astype(bool)) == 1.0


@given(arrays(bool, (3, 4, 2)), arrays(bool, (3, 4, 2)))
def test_dice_is_symmetric_and_follows_from_the_jaccard_index(first: np.ndarray, second: np.ndarray) -> None:
    union = np.count_nonzero(first | second)
    jaccard = np.count_nonzero(first & second) / union if union else 1.0
    assert dice(first, second) == dice(second, first)
    assert dice(first, second) == pytest.approx(2 * jaccard / (1 + jaccard))


def test_masks_of_different_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        dice(EMPTY, EMPTY[1:])


@given(st.integers(0, 60))
def test_ml_is_the_number_of_voxels_times_their_volume(count: int) -> None:
    voxels = np.zeros(60, np.uint8)
    voxels[:count] = 3
    grid = Grid.from_spacing((3, 4, 5), (5.0, 2.0, 1.0))
    mask = Volume(voxels=voxels.reshape(3, 4, 5), affine=grid.affine)
    assert volume_ml(mask) == pytest.approx(count * 10 / 1000)


def test_a_cine_sequence_has_no_volume() -> None:
    with pytest.raises(ValueError, match="time"):
        volume_ml(Volume(voxels=FULL, affine=np.eye(4), third_axis="time"))


def test_volumes_are_compared_with_their_sign() -> None:
    half = FULL.copy()
    half[:, :2] = 0
    assert volume_error(half, FULL) == -0.5
    assert volume_error(FULL, half) == 1.0
    assert volume_error(EMPTY, FULL) == -1.0
    assert (volume_error(EMPTY, EMPTY), volume_error(FULL, EMPTY)) == (0.0, 1.0)


def test_along_time_each_frame_counts_alike_however_large_the_object_is_in_it() -> None:
    reference, prediction = np.zeros((3, 10, 10), np.uint8), np.zeros((3, 10, 10), np.uint8)
    reference[0], prediction[0] = 1, 1  # right on a frame of 100 pixels, wrong on one of 1, both empty on one
    reference[1, 0, 0] = 1
    in_time, in_space = (
        [Volume(voxels=v, affine=np.eye(4), third_axis=axis) for v in (prediction, reference)]
        for axis in ("time", "space")
    )
    assert volume_dice(*in_time) == pytest.approx((1 + 0 + 1) / 3)
    assert volume_dice(*in_space) == pytest.approx(200 / 201)
