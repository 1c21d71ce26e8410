"""How much a correcting click may change, by its depth in the error."""

from dataclasses import replace

import numpy as np
import pytest
from altered_growing import AlteredGrowing

from synthfm3d.prompts.prompt import Box, Point, Scribble
from synthfm3d.segmentation.placement import place
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.reach import MOST_CHANGE, REACH, Reach
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.segmentation.session import Session
from synthfm3d.volume import Grid

GRID = Grid.from_spacing((20, 60, 60), (2.0, 1.0, 1.0))


def click(z, y, x, positive=True, grid=GRID):
    return Point(position_mm=tuple(grid.to_mm(np.array([z, y, x]))), positive=positive)


def reach_of(mask, corrections, earlier=()):
    return Reach.of(mask, place(earlier, GRID), place(corrections, GRID))


def cube():
    """Voxels 20 to 39 of each axis of the plane, on slices 5 to 14."""
    mask = np.zeros(GRID.shape, bool)
    mask[5:15, 20:40, 20:40] = True
    return mask


@pytest.mark.parametrize(
    ("place_of_click", "positive", "depth_mm"),
    [
        ((10, 30, 45), True, 6.0),  # six pixels beside the mask
        ((17, 30, 30), True, 6.0),  # three slices of 2 mm above it
        ((10, 30, 22), False, 3.0),  # the third pixel inside it
        ((6, 30, 30), False, 4.0),  # the second slice inside it
        ((10, 23, 44), True, 5.0),
        ((10, 43, 43), True, np.sqrt(32)),  # beside a corner
    ],
)
def test_the_depth_of_a_click_is_its_distance_to_the_border_in_mm(place_of_click, positive, depth_mm):
    reach = reach_of(cube(), [click(*place_of_click, positive=positive)])
    assert reach.depths_mm == pytest.approx([depth_mm])
    assert reach.ball_voxels == pytest.approx(4 / 3 * np.pi * depth_mm**3 / 2)


def test_far_clicks_are_measured_as_near_ones_are():
    mask = np.zeros(GRID.shape, bool)
    mask[0, 0, 0] = True
    reach = reach_of(mask, [click(19, 59, 59)])
    assert reach.depths_mm == pytest.approx([np.sqrt(38**2 + 59**2 + 59**2)])


def test_nothing_limits_a_correction_that_is_no_error_or_has_no_mask_to_correct():
    assert reach_of(cube(), [click(10, 30, 30)]) is None
    assert reach_of(cube(), [click(10, 5, 5, positive=False)]) is None
    assert reach_of(np.zeros(GRID.shape, bool), [click(10, 30, 30)]) is None
    low, high = GRID.to_mm(np.array([[10, 5, 5], [10, 15, 15]]))
    assert reach_of(cube(), [Box(corner_mm=tuple(low), opposite_mm=tuple(high))]) is None


def test_voxels_in_reach_lie_in_a_ball_and_on_the_side_of_the_click():
    earlier = [click(10, 30, 20, positive=True)]
    reach = reach_of(cube(), [click(10, 30, 37, positive=False)], earlier)
    near = reach.near()
    z, y, x = np.indices(GRID.shape)
    squared = 4 * (z - 10) ** 2 + (y - 30) ** 2 + (x - 37) ** 2
    assert reach.depths_mm == pytest.approx([3.0])
    assert np.array_equal(near, (squared <= (3 * REACH) ** 2) & (x >= 28.5))


def test_a_change_is_too_large_if_it_is_many_balls_and_only_what_was_asked_for_counts():
    mask = cube()
    reach = reach_of(mask, [click(10, 30, 41, positive=True)])  # depth 2 mm: a ball of 17 voxels
    grown, moved = mask.copy(), mask.copy()
    grown[:5] = True
    moved[5:10] = False
    assert grown.sum() - mask.sum() > MOST_CHANGE * reach.ball_voxels
    assert reach.changed_too_much(mask, grown)
    assert not reach.changed_too_much(mask, moved)
    assert reach.changed_too_little(mask, moved)


def test_a_click_is_ignored_if_less_than_a_tenth_of_a_ball_changes():
    mask = cube()
    reach = reach_of(mask, [click(10, 30, 45)])  # depth 6 mm: a ball of 452 voxels
    for voxels, ignored in ((40, True), (50, False)):
        grown = mask.copy()
        grown[0].ravel()[:voxels] = True
        assert reach.changed_too_little(mask, grown) == ignored


def test_an_earlier_click_is_contradicted_if_it_agreed_before_and_does_not_agree_after():
    before, after = cube(), cube()
    after[10, 30, 20] = False
    correction = click(10, 30, 37, positive=False)
    kept, lost = click(10, 30, 25), click(10, 30, 20)
    assert not reach_of(before, [correction], [kept]).contradicts_earlier(before, after)
    assert reach_of(before, [correction], [kept, lost]).contradicts_earlier(before, after)
    assert not reach_of(before, [correction], [lost]).contradicts_earlier(after, after)


def test_a_stroke_shows_by_itself_what_is_wrong_and_is_never_unused():
    points = GRID.to_mm(np.array([[10, 25, 30], [10, 35, 30]]))
    stroke = Scribble(positions_mm=tuple(tuple(point) for point in points), positive=False)
    reach = reach_of(cube(), [stroke])
    assert reach.has_strokes
    assert not reach.changed_too_little(cube(), cube())


# ---------------------------------------------------------------- with a model


class Panicking(AlteredGrowing):
    """Region growing that loses all slices of a view once a click denies one of them."""

    def alter(self, logits, prompts, previous):
        if previous is not None and len(prompts.negative):
            logits[:] = -5


class Deaf(AlteredGrowing):
    """Region growing that repeats its former answer when it is corrected."""

    def alter(self, logits, prompts, previous):
        if previous is not None:
            logits[:] = previous


def test_a_model_that_drops_the_whole_object_is_kept_within_reach_of_the_click(phantom, region_growing):
    wide = phantom(lambda offset: (np.abs(offset[..., 1:]) < 30).all(axis=-1), shape=(40, 80, 80))
    session = Session(Segmenter(Panicking(region_growing())), wide.scan)
    grid = wide.scan.grid
    before = session.add(click(20, 40, 40, grid=grid)).mask.voxels > 0
    after = session.add(click(20, 40, 66, positive=False, grid=grid)).mask.voxels > 0
    assert not after[20, 40, 66]
    lost = np.argwhere(before & ~after)
    depth_mm = Reach.of(before, place([], grid), place([click(20, 40, 66, False, grid)], grid)).depths_mm[0]
    distance_mm = np.sqrt((((lost - [20, 40, 66]) * np.array(grid.spacing_mm)) ** 2).sum(axis=1))
    assert distance_mm.max() <= REACH * depth_mm
    assert not (after & ~before).any()


def test_what_a_deaf_model_leaves_out_is_found_as_an_object_of_its_own(phantom, region_growing):
    def two_balls(offset):
        return (np.minimum(*(((offset + [0, 0, side]) ** 2).sum(axis=-1) for side in (-20, 20)))) < 144

    pair = phantom(two_balls, shape=(32, 80, 96), spacing_mm=(1.5, 1.0, 1.0))
    grid = pair.scan.grid
    session = Session(Segmenter(Deaf(region_growing())), pair.scan)
    first = session.add(click(16, 40, 28, grid=grid)).mask.voxels > 0
    both = session.add(click(16, 40, 67, grid=grid)).mask.voxels > 0
    right = np.arange(96) >= 48
    assert not (first & right).any()
    assert (both & pair.truth & right).sum() > 0.7 * (pair.truth & right).sum()
    assert (both | first == both).all()


def test_a_mask_of_which_no_prompt_is_known_is_corrected_by_negative_clicks_alone(phantom, region_growing):
    wide = phantom(lambda offset: (np.abs(offset[..., 1:]) < 30).all(axis=-1), shape=(40, 80, 80))
    session = Session(Segmenter(region_growing()), wide.scan)
    found = session.add(click(20, 40, 40, grid=wide.scan.grid))
    after = session.segmenter.correct(
        replace(found, prompts=(), alternatives=()), [click(20, 40, 40, positive=False, grid=wide.scan.grid)]
    )
    assert not (after.mask.voxels & ~found.mask.voxels.astype(bool)).any()


@pytest.mark.parametrize(("slices_beyond", "reaches_the_end"), [(2, False), (8, True)])
def test_what_is_found_beyond_the_view_is_kept_only_if_a_click_is_deep_enough(
    phantom, region_growing, slices_beyond, reaches_the_end
):
    tube = phantom(lambda offset: (offset[..., 1:] ** 2).sum(axis=-1) < 36, shape=(120, 64, 64))
    half = tube.truth.copy()
    half[60:] = False
    before = Segmentation(
        scan=tube.scan,
        mask=tube.scan.with_voxels(half.astype(np.uint8)),
        modality="mr",
        field_of_view_mm=30.0,
        warnings=(),
    )
    beyond = click(59 + slices_beyond, 32, 32, grid=tube.scan.grid)
    after = Segmenter(region_growing()).correct(before, [beyond]).mask.voxels > 0
    assert after[59 + slices_beyond, 32, 32]
    assert after[-1].any() == reaches_the_end
