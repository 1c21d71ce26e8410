"""Clicks that show an object to be larger than the first answer: the view grows with them."""

import numpy as np
import pytest
from altered_growing import AlteredGrowing

from synthfm3d.prompts.prompt import Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import Session

SPECK = 5
"""Pixels around a single click that the shy model believes in."""


class Shy(AlteredGrowing):
    """Region growing that sees a speck around one click, whatever the scale; the whole object from two.

    Of its views of one click it likes that of 4 / 9 of the image best: 71 mm of the large phantom's 160.
    """

    @property
    def judge(self):
        return self

    def predicted_dice(self, names, values):
        return np.exp(-np.abs(values[:, names.index("view_in_image")] - np.log(4 / 9)))

    def alter(self, logits, prompts, previous):
        if len(prompts.positive) == 1 and prompts.mask is None:
            place = np.stack(np.indices(logits.shape), axis=-1)
            logits[np.abs(place - prompts.positive[0]).max(axis=-1) > SPECK] = -5


def cylinder(offset):
    """90 mm wide, 24 mm deep."""
    return ((offset[..., 1:] ** 2).sum(axis=-1) < 2025) & (np.abs(offset[..., 0]) < 12)


@pytest.fixture(scope="module")
def large(phantom):
    return phantom(cylinder, shape=(24, 160, 160), spacing_mm=(2.0, 1.0, 1.0))


@pytest.fixture
def session(large, region_growing):
    return Session(Segmenter(Shy(region_growing())), large.scan)


def click(scan, y, x, positive=True):
    return Point(position_mm=tuple(scan.grid.to_mm(np.array([12, y, x]))), positive=positive)


def share_found(found, phantom):
    return (found.mask.voxels.astype(bool) & phantom.truth).sum() / phantom.truth.sum()


def test_clicks_too_far_apart_for_the_view_have_the_object_looked_for_anew(session, large):
    first = session.add(click(large.scan, 80, 50))
    assert first.field_of_view_mm == pytest.approx(160 * 4 / 9)
    assert share_found(first, large) < 0.1
    after = session.add(click(large.scan, 80, 110))
    assert after.field_of_view_mm > 90
    assert share_found(after, large) > 0.85
    assert not after.warnings


def test_a_click_far_from_a_small_mask_has_the_object_looked_for_anew_from_both_clicks(session, large):
    first = session.add(click(large.scan, 80, 60))
    after = session.add(click(large.scan, 80, 102))
    assert share_found(after, large) > 5 * share_found(first, large)
    last = session.add(click(large.scan, 100, 80))
    assert last.field_of_view_mm >= after.field_of_view_mm
    assert share_found(last, large) > 0.7


def test_a_click_into_an_object_that_fits_its_view_keeps_it(session, large):
    first = session.add(click(large.scan, 80, 80))
    after = session.add(click(large.scan, 83, 80))
    assert after.field_of_view_mm == first.field_of_view_mm


def test_a_negative_click_where_the_mask_is_not_changes_nothing(session, large):
    first = session.add(click(large.scan, 80, 60))
    after = session.add(click(large.scan, 80, 155, positive=False))
    assert after.field_of_view_mm == first.field_of_view_mm
    assert (after.mask.voxels == first.mask.voxels).all()
