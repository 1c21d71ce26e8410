"""Several scales around a click, and which of the answers is kept."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from synthfm3d.prompts.prompt import Point
from synthfm3d.regions import region_grid
from synthfm3d.segmentation.look import Look
from synthfm3d.segmentation.search import look_for
from synthfm3d.segmentation.views import MOST_VIEWS, agreement
from synthfm3d.segmentation.zoom import touches_border
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
    best = look_for(script, [Point(position_mm=at(10, 100, 80))])[0]
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
