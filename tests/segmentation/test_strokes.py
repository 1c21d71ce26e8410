"""Scribbles and lassos: on the right voxels in any plane, and what the segmentation makes of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Scribble
from synthfm3d.regions import region_grid
from synthfm3d.segmentation.placement import checked_prompts, place
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import Session
from synthfm3d.segmentation.slices import Orientation
from synthfm3d.volume import Grid, Volume

SCAN = Grid.from_spacing((20, 40, 40), (4.0, 1.0, 1.0))


def at(*voxels):
    return tuple(tuple(float(mm) for mm in SCAN.to_mm(np.array(voxel, float))) for voxel in voxels)


def scribble(*voxels, positive=True):
    return Scribble(positions_mm=at(*voxels), positive=positive)


def line(axis, first, last):
    """A scribble along one axis, and its voxels."""
    start, end = [10, 20, 20], [10, 20, 20]
    start[axis], end[axis] = first, last
    voxels = np.tile(start, (last - first + 1, 1))
    voxels[:, axis] = np.arange(first, last + 1)
    return scribble(start, end), voxels


# ---------------------------------------------------------------- validation


@pytest.mark.parametrize(("kind", "least"), [(Scribble, 1), (Lasso, 3)])
def test_too_few_or_too_many_positions_are_refused(kind, least):
    for count in (least - 1, 20_001):
        with pytest.raises(InputError, match=f"takes {least} to 20000 positions, got {count}"):
            kind(positions_mm=((0.0, 0.0, 0.0),) * count)


@pytest.mark.parametrize(("kind", "word"), [(Scribble, "scribble"), (Lasso, "lasso")])
def test_positions_outside_the_scan_are_named(kind, word):
    with pytest.raises(InputError, match=rf"of the {word} at .* outside the scan"):
        checked_prompts([kind(positions_mm=at([1, 1, 1], [1, 1, 5], [1, 50, 5]))], SCAN)


def test_a_lasso_that_leaves_its_slice_is_refused():
    with pytest.raises(InputError, match="one slice"):
        checked_prompts([Lasso(positions_mm=at([5, 10, 10], [8, 20, 12], [5, 30, 30]))], SCAN)


def test_an_endless_line_is_refused():
    back_and_forth = [[0, 0, 0], [19, 39, 39]] * 3000
    with pytest.raises(InputError, match="too long"):
        checked_prompts([scribble(*back_and_forth)], SCAN)


def test_a_negative_scribble_alone_does_not_say_where_the_object_is():
    with pytest.raises(InputError, match="nothing says where"):
        checked_prompts([scribble([5, 5, 5], positive=False)], SCAN)


def test_an_empty_brush_is_no_scribble():
    with pytest.raises(InputError, match="empty"):
        Scribble.of_voxels(Volume(voxels=np.zeros(SCAN.shape, bool), affine=SCAN.affine))


# ---------------------------------------------------------------- placement


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_line_passes_every_voxel_between_its_ends(axis):
    drawn, voxels = line(axis, 3, 17)
    (placed,) = place([drawn], SCAN)
    assert placed.voxels.tolist() == voxels.tolist()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 39), st.integers(0, 39)), min_size=2, max_size=5)
)
def test_a_line_in_any_direction_has_no_gaps_and_keeps_to_its_corners(corners):
    (placed,) = place([scribble(*corners)], SCAN)
    voxels = {tuple(voxel) for voxel in placed.voxels.tolist()}
    assert voxels >= set(corners)
    assert len(voxels) == len(placed.voxels)
    if len(set(corners)) > 1:  # each voxel has another one that touches it
        for voxel in voxels:
            assert any(max(abs(a - b) for a, b in zip(voxel, other, strict=True)) == 1 for other in voxels)


def test_the_voxels_of_a_brush_are_not_joined():
    drawn = np.zeros(SCAN.shape, bool)
    drawn[4, 5, 6] = drawn[4, 30, 6] = True
    (placed,) = place([Scribble.of_voxels(Volume(voxels=drawn, affine=SCAN.affine))], SCAN)
    assert placed.voxels.tolist() == [[4, 5, 6], [4, 30, 6]]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_square_lasso_encloses_its_square_in_any_plane(axis):
    corners = [np.insert(corner, axis, 7) for corner in ([5, 6], [5, 15], [12, 15], [12, 6])]
    (placed,) = place([Lasso(positions_mm=at(*corners))], SCAN)
    expected = np.zeros(SCAN.shape, bool)
    np.moveaxis(expected, axis, 0)[7, 5:13, 6:16] = True
    assert np.array_equal(placed.voxels, expected)
    assert placed.flat_axes == [axis]


def test_each_pixel_of_a_region_that_a_stroke_passes_is_clicked_once():
    region = region_grid(SCAN, SCAN.to_mm(np.array([10, 20, 20])), 80.0, (16, 32, 32))  # pixels of 2.5 mm
    drawn, voxels = line(2, 5, 35)
    clicks = place([drawn], SCAN).on(region).positive
    passed = {tuple(n) for n in np.rint(region.to_index(SCAN.to_mm(voxels))).astype(int).tolist()}
    assert {tuple(n) for n in np.rint(clicks).astype(int).tolist()} == passed
    assert len(clicks) == len(passed)
    few = place([drawn], SCAN).on(region, whole_strokes=False).positive
    assert 1 < len(few) <= 8


def test_a_stroke_follows_its_scan_through_every_storage_order():
    scan = Volume(voxels=np.zeros(SCAN.shape, np.float32), affine=SCAN.affine)
    drawn = scribble([4, 5, 6], [4, 9, 6], [4, 9, 20])
    _, placed = Orientation.of(scan, [drawn])
    _, turned = Orientation.of(scan.reordered((2, 0, 1), (True, False, True)), [drawn])
    assert placed.prompts[0].voxels.tolist() == turned.prompts[0].voxels.tolist()


# ---------------------------------------------------------------- segmentation


def in_ball(ball, *offsets, positive=True):
    middle = np.array([20, 40, 40])
    places = ball.scan.grid.to_mm(np.array([middle + offset for offset in offsets], float))
    return Scribble(positions_mm=tuple(map(tuple, places.tolist())), positive=positive)


def overlap(found, truth):
    return 2 * np.count_nonzero((found > 0) & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


def test_a_stroke_finds_the_object_that_it_lies_in(ball, region_growing):
    stroke = in_ball(ball, [0, -6, 0], [0, 6, 0])
    found = Segmenter(region_growing()).segment(ball.scan, [stroke]).voxels
    assert overlap(found, ball.truth) > 0.9


def test_a_lasso_finds_the_object_and_is_not_kept_as_it_was_drawn(ball, region_growing):
    places = [[20, 25, 27], [20, 25, 53], [20, 55, 53], [20, 55, 27]]
    corners = ball.scan.grid.to_mm(np.array(places, float))
    lasso = Lasso(positions_mm=tuple(map(tuple, corners.tolist())))
    found = Segmenter(region_growing()).segment(ball.scan, [lasso]).voxels
    enclosed = place([lasso], ball.scan.grid).prompts[0].voxels
    exact = Segmenter(region_growing()).segment(ball.scan, [Mask(volume=ball.scan.with_voxels(enclosed))])
    assert np.array_equal(exact.voxels[20] > 0, enclosed[20])
    assert not np.array_equal(found[20] > 0, enclosed[20])


def test_a_negative_stroke_corrects_the_voxels_that_it_passes(ball, region_growing):
    class Heeding(region_growing):
        def logits(self, features, prompts, previous=None):
            logits = super().logits(features, prompts, previous)
            for z, y, x in np.rint(prompts.negative).astype(int):
                logits[z, y - 1 : y + 2, x - 1 : x + 2] = -5
            return logits

    session = Session(Segmenter(Heeding()), ball.scan)
    before = session.add(in_ball(ball, [0, 0, 0])).mask.voxels
    after = session.add(in_ball(ball, [0, -7, 4], [0, 7, 4], positive=False)).mask.voxels
    assert before[20, 33:48, 44].all()
    assert not after[20, 33:48, 44].any()
    assert np.array_equal(after[20, :, :40], before[20, :, :40])


def test_a_stroke_that_agrees_with_the_mask_changes_nothing(ball, region_growing):
    session = Session(Segmenter(region_growing()), ball.scan)
    before = session.add(in_ball(ball, [0, 0, 0])).mask.voxels
    inside = session.add(in_ball(ball, [0, -3, 0], [0, 3, 0]))
    assert np.array_equal(inside.mask.voxels, before)
    assert "changed nothing" in inside.warnings[-1]


def test_a_mask_between_the_voxels_of_the_scan_is_no_mask_and_no_error(ball, region_growing):
    """A view of quarter pixels may find one pixel that lies between four voxels of the scan."""

    class Speck(region_growing):
        def logits(self, features, prompts, previous=None):
            logits = np.full(features.shape, -5.0, np.float32)
            logits[8, 30, 30] = 5.0  # two quarter pixels from the prompted one
            return logits

    middle = ball.scan.grid.to_mm(np.array([20, 40, 40], float))
    box = Box(corner_mm=tuple(middle), opposite_mm=tuple(middle))
    found = Segmenter(Speck()).segment_with_details(ball.scan, [box])
    assert not found.mask.voxels.any()


def test_a_scribble_of_one_voxel_is_a_click_there(ball, region_growing):
    middle = tuple(ball.scan.grid.to_mm(np.array([20.0, 40, 40])))
    segmenter = Segmenter(region_growing())
    by_stroke = segmenter.segment(ball.scan, [Scribble(positions_mm=(middle,))])
    by_click = segmenter.segment(ball.scan, [Point(position_mm=middle)])
    assert np.array_equal(by_stroke.voxels, by_click.voxels)
