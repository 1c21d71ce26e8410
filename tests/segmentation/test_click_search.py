"""Several scales around a click, and which of the answers is kept."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scaled import RADIUS, Scaled

from synthfm3d.intensity import windows_of
from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.randomness import stream
from synthfm3d.regions import region_grid
from synthfm3d.segmentation.click_search import (
    MOST_ALTERNATIVES,
    MOST_VIEWS,
    SAME_ANSWER,
    View,
    better_than,
    contradicted,
    distinct,
    is_settled,
    look_for,
    ranked,
    view_widths,
)
from synthfm3d.segmentation.look import Focus, Look, ModelOnScan, field_of_view_limits, touches_border
from synthfm3d.segmentation.placement import place
from synthfm3d.segmentation.view_features import agreement
from synthfm3d.volume import Grid, Volume

SCAN = Grid.from_spacing((20, 200, 160), (4.0, 1.0, 1.0))


def at(z, y, x):
    return tuple(SCAN.to_mm(np.array([z, y, x], float)))


class Script:
    """Stands for a model on a scan: a view of some width shows a square of some width, or nothing."""

    def __init__(self, square_mm, hits=lambda field_of_view_mm: True):
        self.scan = Volume(voxels=np.zeros(SCAN.shape, np.float32), affine=SCAN.affine)
        self.model = SimpleNamespace(grid_shape=(16, 64, 64))
        self.square_mm, self.hits, self.widths = square_mm, hits, []

    def look(self, prompts, centre_mm, field_of_view_mm):
        self.widths.append(field_of_view_mm)
        region = region_grid(SCAN, centre_mm, field_of_view_mm, self.model.grid_shape)
        half = min(32, int(self.square_mm(field_of_view_mm) / region.spacing_mm[1] / 2))
        logits = np.full(region.shape, -5.0)
        logits[:, 32 - half : 32 + half, 32 - half : 32 + half] = 5.0
        return Look(region, logits, (slice(None),) * 3, half > 0 and self.hits(field_of_view_mm))


def look_at(script):
    best = look_for(script, place([Point(position_mm=at(10, 100, 80))], SCAN))[0]
    look, focus = best.look, best.focus
    assert look.region.spacing_mm[1] * 64 == pytest.approx(focus.field_of_view_mm)
    return look, focus


def test_the_same_square_seen_at_any_scale_agrees_with_itself():
    script = Script(lambda width: 30.0)
    looks = [script.look([], at(10, 100, 80), width) for width in (128.0, 64.0, 45.0)]
    for one in looks:
        for other in looks:
            assert agreement(one, other) > 0.9
            assert agreement(one, other) == agreement(other, one)


def test_squares_of_different_size_agree_as_their_dice_says():
    small, large = (Script(lambda width, mm=mm: mm).look([], at(10, 100, 80), 64.0) for mm in (20.0, 40.0))
    assert agreement(small, large) == pytest.approx(2 * 400 / (400 + 1600))


def test_what_lies_beyond_the_narrower_view_is_not_found_by_it():
    all_of_it = Script(lambda width: width).look([], at(10, 100, 80), 32.0)
    large = Script(lambda width: 64.0).look([], at(10, 100, 80), 128.0)
    assert agreement(all_of_it, large) == pytest.approx(2 * 32**2 / (32**2 + 64**2), abs=0.02)


def test_where_views_disagree_the_answer_that_fits_is_kept():
    # Seen from 60 mm and more the object is small; in closer views it is all there is.
    script = Script(lambda width: 10.0 if width > 50 else width)
    look, focus = look_at(script)
    assert focus.field_of_view_mm > 50
    assert look.mask.any()
    assert not touches_border(look.mask[8])


def test_an_object_that_is_lost_in_closer_views_is_not_forgotten():
    look, focus = look_at(Script(lambda width: 10.0 if width > 50 else 0.0))
    assert look.mask.any()
    assert focus.field_of_view_mm > 50


def test_a_closer_view_that_misses_the_click_is_not_preferred():
    look, _ = look_at(Script(lambda width: 10.0, hits=lambda width: width > 50))
    assert look.hits_prompts


class Speck(Script):
    """Views of 50 to 100 mm see a speck, and surely; the others all see the same 12 mm."""

    def look(self, prompts, centre_mm, field_of_view_mm):
        seen = super().look(prompts, centre_mm, field_of_view_mm)
        return replace(seen, logits=seen.logits * 3) if 50 < field_of_view_mm < 100 else seen


def test_the_answer_that_other_views_agree_with_is_kept_and_not_the_surest():
    _, focus = look_at(Speck(lambda width: 2.0 if 50 < width < 100 else 12.0))
    assert not 50 < focus.field_of_view_mm < 100


class Hesitant(Script):
    """Finds a fifth of every view, and is sure of it at one scale only."""

    def look(self, prompts, centre_mm, field_of_view_mm):
        seen = super().look(prompts, centre_mm, field_of_view_mm)
        sure = np.isclose(field_of_view_mm, 200 / 1.5**2)
        return replace(seen, logits=seen.logits * (1.0 if sure else 0.02))


def test_of_views_that_agree_as_little_the_one_that_the_model_is_sure_of_is_kept():
    _, focus = look_at(Hesitant(lambda width: width / 5))
    assert focus.field_of_view_mm == pytest.approx(200 / 1.5**2)


@pytest.mark.parametrize("square_mm", [lambda width: 0.0, lambda width: 0.0 if width > 50 else width])
def test_look_and_focus_belong_together_where_no_scale_is_right(square_mm):
    script = Script(square_mm)
    look_at(script)
    assert len(script.widths) <= MOST_VIEWS


# ---------------------------------------------------------------- with a judge


def scan_of(grid, modality="mr"):
    noise = stream(0, "search").normal(100, 10, grid.shape).astype(np.float32)
    return Volume(voxels=noise, affine=grid.affine, modality=modality)


def views_of(model, *prompts, known=()):
    scan = scan_of(SCAN)
    return look_for(ModelOnScan(model, scan, windows_of(scan)), place(prompts, SCAN), place(known, SCAN))


CLICK = Point(position_mm=at(10, 100, 80))


@given(
    st.sampled_from([64, 200, 512, 1024]), st.floats(0.15, 3.0), st.floats(0.5, 8.0), st.sampled_from([2, 4])
)
def test_views_are_those_of_the_image_however_finely_it_is_stored(pixels, pixel_mm, slice_mm, factor):
    stored = Grid.from_spacing((20, pixels, pixels), (slice_mm, pixel_mm, pixel_mm))
    fine = (slice_mm, pixel_mm / factor, pixel_mm / factor)
    finer = Grid.from_spacing((20, factor * pixels, factor * pixels), fine)
    widths, others = (
        view_widths(grid, field_of_view_limits(grid, (24, 96, 96), 1.0)) for grid in (stored, finer)
    )
    shared = len(widths) if len(widths) == len(others) else len(widths) - 1  # the last may be the smallest
    np.testing.assert_allclose(widths[:shared], others[:shared])


def test_the_series_of_views_begins_with_the_whole_image_and_is_short():
    widths = view_widths(SCAN, (1.0, 200.0))
    np.testing.assert_allclose(widths, [200 / 1.5**n for n in range(MOST_VIEWS)])


def test_the_smallest_useful_view_ends_the_series():
    assert view_widths(SCAN, (45.0, 200.0))[-2:] == [pytest.approx(200 / 1.5**3), 45.0]
    # Clicks that are far apart leave no choice.
    assert view_widths(SCAN, (270.0, 270.0)) == [270.0]


def test_the_view_that_the_judge_likes_best_is_kept():
    best = views_of(Scaled(), CLICK)[0]
    assert best.focus.field_of_view_mm == pytest.approx(200 / 1.5**3)
    assert best.predicted_dice == pytest.approx(1.0)


def test_the_search_ends_where_closer_views_are_clearly_worse():
    # One and two steps closer than the best of these views: 0.61 and 0.37 are expected, not 1.
    decided = Scaled(steepness=0.5)
    views_of(decided, CLICK)
    assert decided.looks == 6
    undecided = Scaled(steepness=0.01)
    views_of(undecided, CLICK)
    assert undecided.looks == 7  # 200 mm / 1.5**6 is the last above 16 mm: 64 quarters of a pixel


def test_alternatives_are_few_different_and_ranked():
    offered = distinct(views_of(Scaled(), CLICK))
    assert len(offered) == MOST_ALTERNATIVES
    expected = [view.predicted_dice for view in offered]
    assert expected == sorted(expected, reverse=True)
    for one in offered:
        for other in offered:
            assert one is other or agreement(one.look, other.look) < SAME_ANSWER
    # Radius of the disc: 13 of 64 pixels of the view.
    assert offered[0].diameter_mm == pytest.approx(2 * RADIUS / 64 * 200 / 1.5**3, rel=0.05)


def test_an_answer_that_contradicts_what_the_model_is_told_comes_after_all_others():
    near = Point(position_mm=at(10, 100, 88), positive=False)
    best = views_of(Scaled(), CLICK, near)[0]
    assert best.diameter_mm < 16


def test_further_clicks_make_answers_less_likely_one_by_one():
    far = [
        Point(position_mm=at(10, 100, 110 + n)) for n in range(30)
    ]  # only discs of more than 60 mm hold them
    preferred = views_of(Scaled(), CLICK)[0].diameter_mm
    for count in (0, 1):  # one may have been placed badly
        assert views_of(Scaled(), CLICK, known=far[:count])[0].diameter_mm == preferred
    assert views_of(Scaled(), CLICK, known=far)[0].diameter_mm > 60


def test_a_click_on_a_slice_that_the_view_does_not_show_contradicts_nothing():
    look = views_of(Scaled(), CLICK)[-1].look
    elsewhere = Point(position_mm=tuple(look.region.to_mm(np.array([-5.0, 32, 32]))))
    assert contradicted(look, place([elsewhere], SCAN)) == 0
    assert contradicted(look, place([replace(elsewhere, positive=False)], SCAN)) == 0


def test_a_box_tells_the_size_so_there_is_one_look_and_nothing_to_judge(region_growing):
    box = Box(corner_mm=at(10, 80, 60), opposite_mm=at(10, 120, 100))
    (view,) = views_of(region_growing(), box)
    assert view.focus.field_of_view_mm == pytest.approx(2.25 * 41)
    assert view.predicted_dice is None


# ---------------------------------------------------------------- the limits of the search


def square(width_mm, predicted_dice):
    """A view of 64 mm with a square of some width around the click."""
    look = Script(lambda _: width_mm).look([], at(10, 100, 80), 64.0)
    return View(look=look, focus=Focus(np.array(at(10, 100, 80)), 64.0), predicted_dice=predicted_dice)


@pytest.mark.parametrize(("share", "replaces"), [(0.55, False), (0.65, True), (0.9, True)])
def test_an_answer_that_agrees_with_more_clicks_replaces_another_if_it_is_0_6_times_as_plausible(
    share, replaces
):
    chosen, larger = square(10.0, 0.8), square(40.0, 0.8 * share)
    beyond = place([Point(position_mm=at(10, 100, 92))], SCAN)  # 12 mm from the middle: in the larger only
    assert (better_than(chosen, [chosen, larger], beyond) is larger) == replaces


def test_an_answer_that_agrees_with_as_many_clicks_does_not_replace_the_chosen_one():
    chosen, larger = square(10.0, 0.8), square(40.0, 0.8)
    assert better_than(chosen, [larger], place([CLICK], SCAN)) is None


@pytest.mark.parametrize(("margin", "settled"), [(0.2, False), (0.3, True)])
def test_a_search_is_settled_where_two_closer_views_are_a_quarter_of_dice_worse(margin, settled):
    assert is_settled(np.array([0.5, 0.9, 0.9 - margin, 0.3])) == settled
    assert is_settled(np.array([0.5, 0.9, 0.3, 0.9 - margin])) == settled


def test_a_search_is_not_settled_before_four_looks():
    assert not is_settled(np.array([0.9, 0.1, 0.1]))
    assert is_settled(np.array([0.9, 0.1, 0.1, 0.1]))


@pytest.mark.parametrize(("ratio", "added"), [(1.1, False), (1.3, True)])
def test_the_closest_view_is_added_if_it_is_a_fifth_closer_than_the_one_before(ratio, added):
    smallest = 200 / 1.5**2 / ratio
    assert (view_widths(SCAN, (smallest, 200.0))[-1] == smallest) == added


@pytest.mark.parametrize(("share", "smaller_first"), [(0.8, True), (0.9, False)])
def test_a_contradicted_click_counts_as_much_as_a_sixth_of_the_expected_dice(share, smaller_first):
    smaller, larger = square(10.0, 0.8), square(40.0, 0.8 * share)
    beyond = place([Point(position_mm=at(10, 100, 92))], SCAN)
    best = ranked([smaller, larger], place([CLICK], SCAN), beyond)[0]
    assert (best is smaller) == smaller_first


@pytest.mark.parametrize(("other_mm", "offered"), [(34.0, 1), (20.0, 2)])
def test_answers_are_offered_beside_each_other_if_their_dice_is_below_three_quarters(other_mm, offered):
    # Squares of 34 and 40 mm have a Dice of 0.84, those of 20 and 40 mm one of 0.4.
    assert len(distinct([square(40.0, 0.9), square(other_mm, 0.8)])) == offered


def test_no_more_than_three_answers_are_offered():
    assert len(distinct([square(width, 0.5) for width in (64.0, 40.0, 24.0, 14.0, 8.0)])) == 3


def test_the_closest_view_of_a_large_scan_shows_a_seventeenth_of_its_width():
    assert view_widths(SCAN, (0.1, 200.0))[-1] == pytest.approx(200 / 17, rel=0.01)
