"""Prompts in millimetres land on the right voxels of a region."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, Mask, Point
from synthfm3d.regions import region_grid, resample
from synthfm3d.segmentation.placement import checked_prompts, place
from synthfm3d.volume import Grid, Volume

SCAN = Grid.from_spacing((20, 40, 40), (4.0, 1.0, 1.0))
CENTRE = np.array([10, 20, 20])
# Twice finer in the plane; slices 2 mm apart (four times the pixel), so two to a slice of the scan.
FINER = region_grid(SCAN, SCAN.to_mm(CENTRE), 16.0, (16, 32, 32))
COARSER = region_grid(Grid(SCAN.shape, SCAN.affine), SCAN.to_mm(CENTRE), 320.0, (16, 32, 32))


def at(z, y, x):
    return tuple(SCAN.to_mm(np.array([z, y, x], float)))


def drawn(*boxes):
    voxels = np.zeros(SCAN.shape, np.uint8)
    for low, high in boxes:
        voxels[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = 1
    return Mask(volume=Volume(voxels=voxels, affine=SCAN.affine))


def test_points_keep_their_place_and_those_beyond_the_region_are_left_out():
    prompts = [
        Point(position_mm=at(10, 21, 19.5)),
        Point(position_mm=at(10, 22, 22), positive=False),
        Point(position_mm=at(10, 39, 39), positive=False),
    ]
    placed = place(prompts, SCAN).on(FINER)
    np.testing.assert_allclose(placed.positive, [[8, 18, 15]], atol=1e-9)
    np.testing.assert_allclose(placed.negative, [[8, 20, 20]], atol=1e-9)


def test_a_box_on_a_slice_stays_on_one_slice_and_covers_its_corner_voxels_whole():
    placed = place([Box(corner_mm=at(10, 18, 17), opposite_mm=at(10, 22, 21))], SCAN).on(FINER)
    # A voxel of the scan reaches half a mm, one pixel, around its centre.
    assert placed.boxes.tolist() == [[[8, 11, 9], [8, 21, 19]]]


def test_a_box_in_3d_is_clipped_to_the_region():
    placed = place([Box(corner_mm=at(0, 20, 20), opposite_mm=at(19, 39, 39))], SCAN).on(FINER)
    assert placed.boxes.tolist() == [[[0, 15, 15], [15, 31, 31]]]


def test_a_box_smaller_than_a_pixel_of_the_region_is_still_there():
    placed = place([Box(corner_mm=at(10, 20, 20), opposite_mm=at(10, 21, 21))], SCAN).on(COARSER)
    assert placed.boxes.tolist() == [[[8, 16, 16], [8, 16, 16]]]


def test_where_no_positive_prompt_reaches_the_region_there_is_nothing_to_find():
    with pytest.raises(ValueError, match="nothing says where"):
        place([Box(corner_mm=at(10, 0, 0), opposite_mm=at(10, 5, 5))], SCAN).on(FINER)


def test_an_outlined_slice_is_said_whole_and_the_others_not_at_all():
    mask = place([drawn(([10, 18, 17], [10, 22, 21]))], SCAN).on(FINER).mask
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [8]
    assert set(np.unique(mask[8])) == {-1, 1}
    inside = np.argwhere(mask[8] > 0)
    # Half-mm pixels on 5 x 5 mm: ten pixels to a side, give or take rounding.
    assert (np.abs(inside.min(axis=0) - [12, 10]) <= 1).all()
    assert (np.abs(inside.max(axis=0) - [20, 18]) <= 1).all()


def test_every_outlined_slice_sets_the_nearest_slice_of_a_finer_region():
    mask = place([drawn(([9, 18, 17], [11, 22, 21]))], SCAN).on(FINER).mask
    # 4 mm are two slices of 2 mm.
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [6, 8, 10]


def test_a_coarser_region_takes_the_nearest_slice_of_the_scan():
    mask = place([drawn(([8, 10, 10], [12, 30, 30]))], SCAN).on(COARSER).mask
    step = COARSER.spacing_mm[0] / SCAN.spacing_mm[0]
    expected = [n for n in range(16) if 8 <= round(10 + (n - 8) * step) <= 12]
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == expected


@pytest.mark.parametrize("region", [FINER, COARSER], ids=["finer", "coarser"])
def test_an_outlined_slice_is_what_training_makes_of_the_same_object(region):
    # A cylinder through all slices, so that its section does not depend on how slices are smoothed.
    y, x = np.ogrid[:40, :40]
    disc = (y - 20) ** 2 + (x - 18.3) ** 2 < (4 if region is FINER else 15) ** 2
    target = np.broadcast_to(disc, SCAN.shape)
    in_training = resample(target.astype(np.float32), SCAN, region, outside=0.0) > 0.5
    outlined = np.zeros(SCAN.shape, bool)
    outlined[10] = disc
    mask = place([Mask(volume=Volume(voxels=outlined, affine=SCAN.affine))], SCAN).on(region).mask
    assert np.array_equal(mask[8], np.where(in_training[8], 1, -1))
    assert not np.delete(mask, 8, axis=0).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 39), st.integers(0, 39), st.integers(6, 14), st.integers(0, 3))
def test_an_outlined_voxel_is_never_lost_on_coarser_pixels(y, x, z, longer):
    drawing = drawn(([z, y, x], [z, y, min(39, x + longer)]))
    placed = place([drawing], SCAN).on(COARSER).mask
    (found,) = np.unique(np.argwhere(placed > 0)[:, 0])
    pixels = COARSER.to_mm(np.argwhere(placed > 0))
    distance = np.abs(SCAN.to_index(pixels)[:, None] - np.argwhere(drawing.volume.voxels))
    half_a_voxel = np.array(COARSER.spacing_mm) / SCAN.spacing_mm / 2
    assert (distance.min(axis=1) <= half_a_voxel + 1e-6).all()
    assert (placed[found] != 0).all()


def test_of_two_masks_on_one_slice_the_first_counts():
    first, second = drawn(([10, 18, 18], [10, 20, 20])), drawn(([9, 20, 20], [10, 26, 26]))
    both, alone = place([first, second], SCAN).on(FINER).mask, place([first], SCAN).on(FINER).mask
    assert np.array_equal(both[8], alone[8])
    assert np.array_equal(both[6], place([second], SCAN).on(FINER).mask[6])


@pytest.mark.parametrize("place_mm", [at(25, 3, 3), at(-1, 3, 3), (np.nan, 0, 0)])
def test_a_point_or_a_corner_outside_the_scan_is_named(place_mm):
    inside = Point(position_mm=at(1, 1, 1))
    with pytest.raises(InputError, match=r"point at .* mm, voxel .* outside the scan, which spans"):
        checked_prompts([inside, Point(position_mm=place_mm, positive=False)], SCAN)
    with pytest.raises(InputError, match="box corner at"):
        checked_prompts([Box(corner_mm=at(1, 1, 1), opposite_mm=place_mm)], SCAN)


def test_prompts_that_say_nothing_are_refused():
    for prompts in ([], [Point(position_mm=at(1, 1, 1), positive=False)]):
        with pytest.raises(InputError, match="nothing says where"):
            checked_prompts(prompts, SCAN)
    with pytest.raises(InputError, match="empty"):
        checked_prompts([drawn()], SCAN)


def test_a_mask_on_other_voxels_is_refused_and_one_in_another_axis_order_turned():
    mask = drawn(([10, 18, 17], [11, 22, 21]))
    with pytest.raises(InputError, match="voxels of the scan"):
        checked_prompts([mask], Grid.from_spacing(SCAN.shape, (4.0, 1.0, 1.1)))
    turned = Mask(volume=mask.volume.reordered((2, 0, 1), (True, False, True)))
    (checked,) = checked_prompts([turned], SCAN)
    assert np.array_equal(checked.volume.voxels, mask.volume.voxels)
