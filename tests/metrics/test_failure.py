"""Failure modes on columns whose slices are known."""

import numpy as np
import pytest

from synthfm3d.metrics.failure import RETENTION_PLACES, failure_modes
from synthfm3d.volume import Array, Grid, ThirdAxis, Volume

SHAPE, SPACING_MM = (20, 30, 30), (5.0, 1.0, 2.0)


def column(first: int, last: int, size: int = 10) -> Array:
    mask = np.zeros(SHAPE, np.uint8)
    mask[first : last + 1, 5 : 5 + size, 5:15] = 1
    return mask


def volume(mask: Array, third_axis: ThirdAxis = "space") -> Volume:
    grid = Grid.from_spacing(SHAPE, SPACING_MM)
    return Volume(voxels=mask, affine=grid.affine, third_axis=third_axis)


def test_a_perfect_mask_fails_in_no_way():
    found = failure_modes(volume(column(4, 12)), volume(column(4, 12)), 8)
    assert (found.prompt_slice_dice, found.prompt_slice_excess) == (1.0, 0.0)
    assert (found.slices_beyond, found.ml_beyond) == (0, 0.0)
    assert found.retention == (1.0,) * RETENTION_PLACES


def test_a_mask_that_runs_on_is_counted_in_slices_and_ml_on_both_sides():
    found = failure_modes(volume(column(2, 15)), volume(column(4, 12)), 8)
    assert found.slices_beyond == 2 + 3
    assert found.ml_beyond == pytest.approx(5 * 100 * 10 / 1000)  # 100 voxels of 10 mm³ a slice
    assert found.retention == (1.0,) * RETENTION_PLACES  # on the slices of the object nothing is wrong


def test_area_beside_the_object_on_the_prompted_slice_is_told_in_areas_of_the_object():
    found = failure_modes(volume(column(4, 12, size=25)), volume(column(4, 12)), 8)
    assert found.prompt_slice_excess == pytest.approx(1.5)
    assert found.prompt_slice_dice == pytest.approx(2 * 10 / 35)


def test_an_object_lost_half_way_is_retained_to_there():
    prediction = column(0, 9)  # the object is lost after slice 9; the prompt was on its first slice
    found = failure_modes(volume(prediction), volume(column(0, 19)), 0)
    assert found.retention is not None
    assert found.retention[:5] == (1.0,) * 5
    assert found.retention[6:] == (0.0,) * 5
    assert 0 < found.retention[5] < 1


def test_both_ways_count_alike_however_long_they_are():
    found = failure_modes(volume(column(8, 8)), volume(column(7, 18)), 8)
    assert found.retention is not None
    # Upwards nothing but the prompted slice is right; downwards the only other slice is missed.
    assert found.retention[0] == 1.0
    assert found.retention[-1] == 0.0
    # At half the way: half way down to slice 7 (interpolated), all lost upwards.
    assert found.retention[5] == pytest.approx((0.5 + 0.0) / 2)


def test_a_slice_in_a_gap_of_the_object_does_not_count():
    truth = column(2, 8)
    truth[5] = 0
    found = failure_modes(volume(truth), volume(truth), 2)
    assert found.retention == (1.0,) * RETENTION_PLACES


def test_an_object_on_one_slice_has_no_way_to_go():
    assert failure_modes(volume(column(3, 3)), volume(column(3, 3)), 3).retention is None


def test_a_slice_without_the_object_has_all_or_no_excess():
    truth = column(2, 8)
    truth[5] = 0
    assert failure_modes(volume(truth), volume(truth), 5).prompt_slice_excess == 0.0
    assert failure_modes(volume(column(2, 8)), volume(truth), 5).prompt_slice_excess == 1.0


def test_frames_beyond_are_counted_and_have_no_volume():
    found = failure_modes(volume(column(2, 15), "time"), volume(column(4, 12), "time"), 8)
    assert (found.slices_beyond, found.ml_beyond) == (5, None)


def test_what_cannot_be_measured_is_refused():
    empty = volume(np.zeros(SHAPE, np.uint8))
    with pytest.raises(ValueError, match="empty"):
        failure_modes(empty, empty, 0)
    with pytest.raises(ValueError, match="no slice 20"):
        failure_modes(volume(column(2, 4)), volume(column(2, 4)), 20)
