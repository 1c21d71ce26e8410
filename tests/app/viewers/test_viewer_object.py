"""What a viewer's prompts become, what waits, what is taken back, and which part of the mask has changed."""

import numpy as np
import pytest
from viewer_phantom import MIDDLE, SHAPE, Sticky

from synthfm3d.app.viewers.arrays import WireError
from synthfm3d.app.viewers.region import Region, crop_corner, inclusive_bounds
from synthfm3d.app.viewers.scan import grid_of_spacing, scan_of_array
from synthfm3d.app.viewers.viewer_object import MOST_WAITING, ViewerObject
from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.segmentation.predictor import Segmenter


@pytest.fixture
def viewed(scan):
    return ViewerObject(Segmenter(Sticky()), scan, most_steps=20)


def prompts_of(viewed):
    return viewed.session.prompts.get(1, ())


def region(low, high):
    return Region(tuple(low), np.ones(np.array(high) - low, bool))


# ---------------------------------------------------------------- geometry


@pytest.mark.parametrize(
    ("ends", "inclusive"),
    [
        ((10, 31), (10, 30)),
        ((10.2, 30.7), (10, 30)),
        ((30.7, 10.2), (10, 30)),
        ((8.0, 9.0), (8, 8)),
        ((8.4, 8.4), (8, 8)),
        ((-5, 3), (0, 2)),
        ((35, 99), (35, 39)),
    ],
)
def test_the_ends_of_a_box_are_rounded_and_clipped_to_voxels(ends, inclusive):
    corners = inclusive_bounds([(0, 1), ends, (2, 5)], (3, 40, 40))
    assert tuple(corners[:, 1]) == inclusive
    assert tuple(corners[:, 0]) == (0, 0)
    assert tuple(corners[:, 2]) == (2, 4)


@pytest.mark.parametrize("ends", [(-9, 0), (40, 50), (1e300, 2e300)])
def test_a_box_beside_the_scan_covers_nothing(ends):
    assert inclusive_bounds([(0, 1), ends, (0, 5)], (3, 40, 40)) is None


def test_a_crop_that_reaches_out_of_the_scan_is_clipped():
    drawn = np.arange(27).reshape(3, 3, 3)
    found = Region.clipped((-1, 2, 3), drawn, (9, 4, 9))
    expected = [(z - 1, y + 2, x + 3) for z, y, x in np.argwhere(drawn) if z >= 1 and y < 2]
    assert found.places().tolist() == [list(place) for place in expected]


@pytest.mark.parametrize("corner", [(-3, 0, 0), (0, 4, 0), (0, 0, -99)])
def test_a_crop_beside_the_scan_is_none(corner):
    assert Region.clipped(corner, np.ones((3, 3, 3)), (9, 4, 9)) is None


@pytest.mark.parametrize(
    "bounds", [[(2, 2), (0, 1), (0, 1)], [(3, 1), (0, 1), (0, 1)], [(0, 10), (0, 1), (0, 1)]]
)
def test_the_bounds_of_a_crop_are_neither_empty_nor_larger_than_the_scan(bounds):
    with pytest.raises(WireError, match="crop"):
        crop_corner(bounds, (9, 9, 9))


# ---------------------------------------------------------------- images


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "uint64", "float16", "float64"])
def test_images_of_any_type_become_scans(dtype):
    voxels = (np.arange(60).reshape(3, 4, 5) % 2).astype(dtype)
    scan = scan_of_array(voxels, grid_of_spacing((3, 4, 5), [3, 2, 1]))
    assert np.array_equal(scan.voxels, voxels)
    assert scan.voxels.dtype.itemsize <= 4
    assert scan.spacing_mm == (3, 2, 1)


def test_voxels_that_are_no_numbers_become_the_minimum_and_are_told():
    voxels = np.arange(60, dtype=np.float32).reshape(3, 4, 5) + 1
    voxels[0, 0] = np.nan
    voxels[2, 3, 4] = np.inf
    scan = scan_of_array(voxels, grid_of_spacing((3, 4, 5), None))
    assert scan.voxels[0, 0, 0] == scan.voxels[2, 3, 4] == 6
    assert "6 voxels" in scan.doubts[0]


@pytest.mark.parametrize("value", [0, np.nan])
def test_an_image_that_shows_nothing_is_refused(value):
    with pytest.raises(InputError):
        scan_of_array(np.full((3, 4, 5), value), grid_of_spacing((3, 4, 5), None))


@pytest.mark.parametrize(
    ("said", "spacing"),
    [
        (None, (1, 1, 1)),
        ([], (1, 1, 1)),
        ([2, 3], (1, 2, 3)),
        ([5, 0, 0.5], (5, 1, 0.5)),
        ([5, -2, float("nan")], (5, 1, 1)),
        ([float("inf"), 2, 3], (1, 2, 3)),
        ([1, 2, 3, 4], (1, 1, 1)),
    ],
)
def test_a_spacing_that_is_missing_or_impossible_is_a_millimetre(said, spacing):
    assert grid_of_spacing((3, 4, 5), said).spacing_mm == pytest.approx(spacing)


# ---------------------------------------------------------------- prompts


def test_a_negative_click_waits_for_something_positive(viewed):
    assert viewed.add_point((7, 11, 24), positive=False)
    assert prompts_of(viewed) == ()
    assert viewed.changed_part() is None
    assert viewed.add_point(MIDDLE, positive=True)
    assert [prompt.positive for prompt in prompts_of(viewed)] == [False, True]


def test_points_and_boxes_outside_of_the_scan_change_nothing(viewed):
    assert viewed.add_point((-1, 0, 0), positive=True)
    assert viewed.add_point((0, 0, 38), positive=True)
    assert viewed.add_box([(0, 1), (26, 30), (0, 5)], positive=True)
    assert viewed.add_lasso(None, positive=True)
    assert viewed.add_scribble(None, positive=False)
    assert prompts_of(viewed) == ()


def test_a_box_of_no_size_is_one_voxel(viewed):
    viewed.add_box([(7, 7), (11.2, 11.4), (22, 22)], positive=True)
    (box,) = prompts_of(viewed)
    assert box.corner_mm == box.opposite_mm
    assert viewed.scan.grid.to_index(np.array(box.corner_mm)) == pytest.approx(np.array([7, 11, 22]))


def test_a_negative_box_is_clicks_in_it_where_the_mask_is(viewed):
    viewed.add_box([(7, 8), (5, 17), (13, 31)], positive=True)
    before = viewed.mask
    viewed.add_box([(7, 8), (5, 10), (10, 20)], positive=False)
    clicks = [prompt for prompt in prompts_of(viewed) if isinstance(prompt, Point)]
    assert clicks
    assert not any(click.positive for click in clicks)
    for click in clicks:
        z, y, x = np.rint(viewed.scan.grid.to_index(np.array(click.position_mm))).astype(int)
        assert before[z, y, x]
        assert z == 7
        assert 5 <= y < 10
        assert 10 <= x < 20
    assert np.count_nonzero(viewed.mask[:, 5:10, 10:20]) < np.count_nonzero(before[:, 5:10, 10:20])


@pytest.mark.parametrize("add", ["add_lasso", "add_scribble"])
def test_a_negative_region_beside_the_mask_says_nothing(viewed, add):
    viewed.add_point(MIDDLE, positive=True)
    before = viewed.mask
    assert getattr(viewed, add)(region((0, 0, 0), (1, 3, 3)), positive=False)
    assert np.array_equal(viewed.mask, before)
    assert len(prompts_of(viewed)) == 1


def test_a_lasso_is_the_box_around_it(viewed):
    drawn = np.zeros((1, 5, 7), bool)
    drawn[0, 1:4, 2] = drawn[0, 2, 1:6] = True
    viewed.add_lasso(Region((7, 8, 20), drawn), positive=True)
    (box,) = prompts_of(viewed)
    assert isinstance(box, Box)
    corners = viewed.scan.grid.to_index(np.array([box.corner_mm, box.opposite_mm]))
    assert corners == pytest.approx(np.array([[7, 9, 21], [7, 11, 25]]))


def test_a_scribble_is_given_whole(viewed):
    viewed.add_scribble(region((7, 11, 15), (8, 12, 30)), positive=True)
    (scribble,) = prompts_of(viewed)
    voxels = np.rint(viewed.scan.grid.to_index(np.array(scribble.positions_mm)))
    assert voxels.tolist() == [[7, 11, x] for x in range(15, 30)]
    assert scribble.positive
    assert not scribble.joined


def test_a_failing_prompt_leaves_everything_as_it_was(scan):
    class Failing(Sticky):
        fails = False

        def logits(self, features, prompts, previous=None):
            if self.fails:
                raise RuntimeError("no memory")
            return super().logits(features, prompts, previous)

    model = Failing()
    viewed = ViewerObject(Segmenter(model), scan, most_steps=20)
    viewed.add_point((7, 11, 26), positive=False)
    model.fails = True
    with pytest.raises(RuntimeError):
        viewed.add_point(MIDDLE, positive=True)
    model.fails = False
    assert prompts_of(viewed) == ()
    viewed.add_point(MIDDLE, positive=True)
    assert len(prompts_of(viewed)) == 2
    assert [viewed.undo() for _ in range(3)] == [True, True, False]


# ---------------------------------------------------------------- waiting, and back


def test_prompts_wait_for_a_prediction(viewed):
    viewed.add_point((7, 11, 18), positive=True, predict=False)
    viewed.add_point((7, 11, 26), positive=True, predict=False)
    assert prompts_of(viewed) == ()
    assert viewed.predict()
    assert len(prompts_of(viewed)) == 2
    assert not viewed.predict()


def test_prompts_that_wait_come_with_the_next_one_that_predicts(viewed):
    viewed.add_point((7, 11, 18), positive=True, predict=False)
    viewed.add_point((7, 11, 26), positive=True)
    assert len(prompts_of(viewed)) == 2
    assert not viewed.predict()


def test_each_undo_takes_back_the_last_prompt_whether_it_was_used_or_waits(viewed):
    viewed.add_point((7, 11, 18), positive=True, predict=False)
    viewed.add_point((7, 11, 26), positive=True, predict=False)
    viewed.predict()
    assert viewed.undo()  # the second point, and with it the prediction
    assert prompts_of(viewed) == ()
    viewed.predict()
    assert len(prompts_of(viewed)) == 1
    assert viewed.undo()
    assert not viewed.undo()
    assert not viewed.predict()


def test_an_ignored_prompt_is_taken_back_as_one_that_was_used(viewed):
    viewed.add_point(MIDDLE, positive=True)
    viewed.add_point((-5, 0, 0), positive=True)
    assert viewed.undo()
    assert len(prompts_of(viewed)) == 1
    assert viewed.undo()
    assert prompts_of(viewed) == ()


def test_what_is_too_long_ago_is_not_taken_back(scan):
    viewed = ViewerObject(Segmenter(Sticky()), scan, most_steps=2)
    for x in (18, 22, 26):
        viewed.add_point((7, 11, x), positive=True)
    assert [viewed.undo() for _ in range(4)] == [True, True, False, False]
    assert len(prompts_of(viewed)) == 1


def test_only_so_many_prompts_wait(viewed):
    for _ in range(MOST_WAITING):
        viewed.add_point(MIDDLE, positive=True, predict=False)
    with pytest.raises(InputError, match="wait"):
        viewed.add_point(MIDDLE, positive=True, predict=False)


# ---------------------------------------------------------------- what has changed


def test_the_changed_part_is_the_smallest_box_around_what_differs(viewed):
    buffer = np.zeros(SHAPE, np.uint8)
    for index, positive in (((7, 11, 15), True), ((7, 11, 28), True), ((7, 11, 15), False)):
        before = buffer.copy()
        viewed.add_point(index, positive=positive)
        part = viewed.changed_part()
        buffer[tuple(slice(*pair) for pair in part.bounds)] = part.voxels
        assert np.array_equal(buffer, viewed.mask)
        places = np.argwhere(buffer != before)
        assert part.bounds == np.stack([places.min(axis=0), places.max(axis=0) + 1], axis=1).tolist()
    assert viewed.changed_part() is None


def test_an_undo_that_empties_the_object_sends_zeros_over_its_extent(viewed):
    viewed.add_point(MIDDLE, positive=True)
    bounds = viewed.changed_part().bounds
    viewed.undo()
    part = viewed.changed_part()
    assert part.bounds == bounds
    assert not part.voxels.any()


def test_a_buffer_that_was_emptied_gets_the_whole_object_with_the_next_change(viewed):
    viewed.add_point(MIDDLE, positive=True)
    viewed.changed_part()
    viewed.forget_shown()
    viewed.add_point((7, 11, 26), positive=True)
    part = viewed.changed_part()
    buffer = np.zeros(SHAPE, np.uint8)
    buffer[tuple(slice(*pair) for pair in part.bounds)] = part.voxels
    assert np.array_equal(buffer, viewed.mask)


def test_a_start_is_known_to_the_viewer_and_replaces_what_was_there(viewed, truth):
    viewed.add_point((4, 5, 5), positive=True)
    viewed.add_point((4, 5, 6), positive=True, predict=False)
    viewed.start(truth.astype(np.uint8))
    assert viewed.changed_part() is None
    assert np.array_equal(viewed.mask, truth)
    assert not viewed.undo()
    assert not viewed.predict()
    with pytest.raises(InputError, match="empty"):
        viewed.start(np.zeros(SHAPE, np.uint8))
    assert np.array_equal(viewed.mask, truth)
