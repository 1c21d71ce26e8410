"""Size and shape of a target, against solids that can be measured by hand."""

import math

import numpy as np
import pytest

from synthfm3d.metrics.shape import shape_of, slice_overlaps, sphericity
from synthfm3d.volume import Grid, Volume


def volume(voxels, spacing_mm=(1.0, 1.0, 1.0), third_axis="space"):
    grid = Grid.from_spacing(voxels.shape, spacing_mm)
    return Volume(voxels=voxels.astype(np.uint8), affine=grid.affine, third_axis=third_axis)


def ball(radius, size):
    z, y, x = np.ogrid[tuple(slice(-(size // 2), size - size // 2) for _ in range(3))]
    return z**2 + y**2 + x**2 <= radius**2


def test_a_box_is_measured_as_by_hand():
    voxels = np.zeros((10, 20, 25))
    voxels[2:8, 5:10, 3:13] = 1
    shape = shape_of(volume(voxels, (3.0, 0.5, 2.0)))
    assert shape.voxels == 300
    assert shape.volume_ml == pytest.approx(300 * 3 / 1000)
    assert shape.extent_mm == pytest.approx((18.0, 2.5, 20.0))
    assert shape.slices == 6
    assert shape.empty_slice_share == pytest.approx(0.4)
    assert shape.largest_slice_percent == pytest.approx(10.0)
    assert shape.slice_dice_mean == shape.slice_dice_p5 == 1.0
    assert (shape.parts, shape.parts_per_slice_mean, shape.parts_per_slice_max) == (1, 1.0, 1)
    assert not shape.cut


@pytest.mark.parametrize("place", [np.s_[0:3, 5:9, 5:9], np.s_[4:6, 5:9, 17:20], np.s_[4:6, 0:3, 5:9]])
def test_what_reaches_the_edge_is_cut(place):
    voxels = np.zeros((10, 20, 20))
    voxels[place] = 1
    assert shape_of(volume(voxels)).cut


def test_a_ball_is_as_round_as_can_be_and_a_lens_is_not():
    assert sphericity(ball(20, 45), (1.0, 1.0, 1.0)) == pytest.approx(1.0, abs=0.02)
    # An oblate ellipsoid a, a, c: area 2 pi a² (1 + (1 - e²) / e atanh e) with e² = 1 - c² / a².
    a, c = 20.0, 5.0
    e = math.sqrt(1 - (c / a) ** 2)
    area = 2 * math.pi * a**2 * (1 + (1 - e**2) / e * math.atanh(e))
    expected = (36 * math.pi * (4 / 3 * math.pi * a * a * c) ** 2) ** (1 / 3) / area
    assert sphericity(ball(20, 45), (c / a, 1.0, 1.0)) == pytest.approx(expected, rel=0.03)


def test_neighbouring_slices_of_an_oblique_cylinder_overlap_like_two_shifted_discs():
    # Discs of radius R whose centres are d apart share 2 R² acos(d/2R) - d/2 sqrt(4R² - d²).
    radius, shift = 20.0, 6
    y, x = np.ogrid[:64, :120]
    voxels = np.stack([(y - 32) ** 2 + (x - 30 - shift * z) ** 2 <= radius**2 for z in range(8)])
    lens = 2 * radius**2 * math.acos(shift / (2 * radius)) - shift / 2 * math.sqrt(4 * radius**2 - shift**2)
    assert shape_of(volume(voxels)).slice_dice_mean == pytest.approx(lens / (math.pi * radius**2), abs=0.01)


def test_a_gap_between_slices_is_no_overlap():
    voxels = np.zeros((9, 4, 4), bool)
    voxels[[1, 2, 6]] = True
    # 1 with 2; 2 with the empty 3; the empty 5 with 6. Two empty slices are no pair.
    assert slice_overlaps(voxels) == [1.0, 0.0, 0.0]


def test_the_fifth_percentile_is_the_worst_of_few_pairs():
    voxels = np.zeros((5, 4, 8))
    voxels[:4, :, :4] = 1
    voxels[4, :, 4:] = 1
    shape = shape_of(volume(voxels))
    assert shape.slice_dice_mean == pytest.approx(0.75)
    # Of 0, 1, 1, 1 the percentile lies 0.05 x 3 of the way from the first to the second.
    assert shape.slice_dice_p5 == pytest.approx(0.15)


def test_one_slice_has_nothing_to_overlap_with():
    voxels = np.zeros((5, 8, 8))
    voxels[2, 2:5, 2:5] = 1
    assert shape_of(volume(voxels)).slice_dice_mean is None


def test_parts_are_counted_in_space_and_in_each_slice():
    # A fork: two prongs in three slices, joined in the fourth; and an island.
    voxels = np.zeros((6, 12, 20))
    voxels[0:3, 4:8, 2:6] = voxels[0:3, 4:8, 10:14] = 1
    voxels[3, 4:8, 2:14] = 1
    voxels[5, 1:3, 17:19] = 1
    shape = shape_of(volume(voxels))
    assert shape.parts == 2
    assert shape.parts_per_slice_mean == pytest.approx((2 + 2 + 2 + 1 + 1) / 5)
    assert shape.parts_per_slice_max == 2


def test_time_has_neither_millilitres_nor_roundness():
    shape = shape_of(volume(ball(6, 16), (0.04, 1.0, 1.0), third_axis="time"))
    assert shape.volume_ml is None
    assert shape.sphericity is None
    assert shape.extent_mm == (13, 13, 13)
    assert shape.slice_dice_mean is not None


def test_an_empty_mask_cannot_be_measured():
    with pytest.raises(ValueError, match="empty"):
        shape_of(volume(np.zeros((3, 4, 5))))
