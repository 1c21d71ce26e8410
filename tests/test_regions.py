"""Regions are cut and put back without moving anything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.regions import SLICE_SPACING_RANGE, region_grid, resample
from synthfm3d.volume import Grid

SCAN = Grid.from_spacing((20, 60, 50), (4.0, 1.0, 1.0))


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 19), st.floats(0, 59), st.floats(0, 49), st.floats(10, 300))
def test_the_middle_of_a_region_lies_on_a_slice_of_the_scan(z, y, x, field_of_view):
    centre = SCAN.to_mm(np.array([z, y, x]))
    region = region_grid(SCAN, centre, field_of_view, (16, 32, 32))
    middle = SCAN.to_index(region.to_mm(np.array([8, 16, 16])))
    np.testing.assert_allclose(middle, [round(z), y, x], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.floats(10, 600))
def test_pixels_are_square_and_slices_keep_within_their_range(field_of_view):
    z, y, x = region_grid(SCAN, SCAN.to_mm(np.zeros(3)), field_of_view, (16, 32, 32)).spacing_mm
    assert y == pytest.approx(field_of_view / 32)
    assert x == pytest.approx(y)
    assert SLICE_SPACING_RANGE[0] - 1e-9 <= z / y <= SLICE_SPACING_RANGE[1] + 1e-9


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.floats(12, 40))
def test_a_linear_ramp_is_resampled_exactly(slopes, field_of_view):
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SCAN.shape], indexing="ij"), axis=-1)
    ramp = SCAN.to_mm(index) @ np.array(slopes)
    region = region_grid(SCAN, SCAN.to_mm(np.array([10, 30, 25])), field_of_view, (4, 32, 32))
    places = np.stack(np.meshgrid(*[np.arange(n) for n in region.shape], indexing="ij"), axis=-1)
    expected = region.to_mm(places) @ np.array(slopes)
    np.testing.assert_allclose(resample(ramp, SCAN, region, outside=0.0), expected, atol=2e-3)


def test_what_lies_beyond_the_scan_gets_the_fill():
    region = region_grid(SCAN, SCAN.to_mm(np.array([0, 0, 0])), 64.0, (8, 32, 32))
    values = resample(np.ones(SCAN.shape), SCAN, region, outside=-7.0)
    inside = SCAN.contains(
        SCAN.to_index(
            region.to_mm(np.stack(np.meshgrid(*[np.arange(n) for n in region.shape], indexing="ij"), axis=-1))
        )
    )
    assert (values[inside] == 1).all()
    assert (values[~inside] == -7).all()
    assert 0 < inside.mean() < 1


def test_a_thin_structure_dims_instead_of_flickering():
    # One pixel under four times coarser ones. Smoothed with sigma 1.3, its peak is 1 / (1.3 sqrt(2 pi)) =
    # 0.307, and two pixels beside it, the farthest that a coarse pixel can be, 0.307 exp(-4/3.38) = 0.094.
    sheet = np.zeros(SCAN.shape)
    sheet[:, 30] = 1.0
    for shift in (0.0, 1.0, 2.0, 3.0):
        centre = SCAN.to_mm(np.array([10, 30 + shift, 25]))
        brightest = resample(sheet, SCAN, region_grid(SCAN, centre, 64.0, (4, 16, 16)), outside=0).max(axis=1)
        assert 0.09 < brightest[2, 8] < 0.31


def test_axes_that_are_turned_against_each_other_are_resampled_to_the_same_place():
    turned = Grid((50, 60, 20), SCAN.affine[:, [2, 1, 0, 3]])
    voxels = np.arange(np.prod(SCAN.shape)).reshape(SCAN.shape)
    assert np.array_equal(resample(voxels, SCAN, turned, outside=0), voxels.T)
