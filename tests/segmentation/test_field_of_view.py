"""Where to look, and how wide."""

import numpy as np
import pytest

from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.regions import (
    FIELD_OF_VIEW_PER_EXTENT,
    LEAST_FIELD_OF_VIEW_PER_EXTENT,
    SLICE_SPACING_RANGE,
)
from synthfm3d.segmentation.look import (
    centre_and_extent,
    field_of_view_for,
    field_of_view_limits,
    touches_border,
)
from synthfm3d.segmentation.placement import place
from synthfm3d.volume import Grid

SCAN = Grid.from_spacing((20, 200, 160), (4.0, 1.0, 1.0))
SHAPE = (32, 128, 128)


def at(z, y, x):
    return tuple(SCAN.to_mm(np.array([z, y, x], float)))


def test_the_middle_of_several_prompts_lies_on_a_prompted_slice():
    prompts = [Point(position_mm=at(2, 10, 10)), Box(corner_mm=at(9, 40, 20), opposite_mm=at(9, 60, 30))]
    placed = place(prompts, SCAN)
    # The middle of slices 2 and 9 is 5.5; the first of the equally near ones is taken.
    np.testing.assert_allclose(placed.middle(), [2, 35, 20], atol=1e-9)
    assert placed.extent_mm == pytest.approx(51.0)  # from row 10 to row 60, both included


def test_negative_clicks_do_not_say_where_the_object_is():
    prompts = [Point(position_mm=at(2, 10, 10)), Point(position_mm=at(19, 100, 100), positive=False)]
    placed = place(prompts, SCAN)
    np.testing.assert_allclose(placed.middle(), [2, 10, 10], atol=1e-9)
    assert placed.extent_mm == pytest.approx(1.0)


def test_an_object_of_known_size_fills_its_part_of_the_view():
    limits = field_of_view_limits(SCAN, SHAPE, 50.0)
    assert field_of_view_for(50.0, limits) == 50.0 * FIELD_OF_VIEW_PER_EXTENT


def test_the_view_is_not_wider_than_the_scan_nor_finer_than_it_resolves():
    smallest, largest = field_of_view_limits(SCAN, SHAPE, 1.0)
    assert smallest == 32.0  # a quarter of a pixel of 1 mm, 128 times
    assert largest == 200.0


def test_a_large_object_fits_even_where_the_scan_ends():
    needed = LEAST_FIELD_OF_VIEW_PER_EXTENT * 180.0
    assert needed > 200.0  # the scan's own width
    assert field_of_view_limits(SCAN, SHAPE, 180.0)[1] == pytest.approx(needed)


def test_a_view_reaches_the_next_slice_however_thick_slices_are():
    thick = Grid.from_spacing((20, 200, 160), (10.0, 1.0, 1.0))
    smallest, _ = field_of_view_limits(thick, SHAPE, 1.0)
    reach_mm = 32 / 4 * SLICE_SPACING_RANGE[1] * smallest / 128  # a quarter of 32 slices
    assert reach_mm >= 10.0


def test_a_mask_is_measured_by_its_voxels_not_their_centres():
    mask = np.zeros((160, 160), bool)
    mask[10:20, 30:35] = True
    centre, extent = centre_and_extent(mask, SCAN, 7)
    np.testing.assert_allclose(SCAN.to_index(centre), [7, 14.5, 32], atol=1e-9)
    assert extent == pytest.approx(10.0)


@pytest.mark.parametrize(("pixel", "touches"), [((0, 5), True), ((5, 9), True), ((8, 8), False)])
def test_touching_the_border_is_reaching_an_edge(pixel, touches):
    mask = np.zeros((10, 10), bool)
    mask[pixel] = True
    assert touches_border(mask) is touches
