"""A correction mends the error that it lies in, and leaves alone what it does not speak of."""

import numpy as np
import pytest
from altered_growing import AlteredGrowing

from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import Session


class Fickle(AlteredGrowing):
    """Region growing that loses a corner of every view once it is corrected, and heeds negative clicks."""

    def alter(self, logits, prompts, previous):
        if previous is not None:
            logits[:, :26, :26] = -5
        for _, y, x in np.rint(prompts.negative).astype(int):
            logits[:, y - 2 : y + 3, x - 2 : x + 3] = -5


def column(offset):
    """A column through the whole stack, 30 mm wide."""
    return (np.abs(offset[..., 1:]) < 15).all(axis=-1)


@pytest.fixture(scope="module")
def tube(phantom):
    return phantom(column, shape=(120, 80, 80), spacing_mm=(1.5, 1.0, 1.0))


@pytest.fixture
def session(tube, region_growing):
    return Session(Segmenter(Fickle(region_growing())), tube.scan)


def click(scan, z, y, x, positive=True):
    return Point(position_mm=tuple(scan.grid.to_mm(np.array([z, y, x]))), positive=positive)


def test_only_the_error_that_was_clicked_is_changed(session, tube):
    before = session.add(click(tube.scan, 60, 40, 40)).mask.voxels
    after = session.add(click(tube.scan, 60, 45, 45, positive=False)).mask.voxels
    changed = np.argwhere(before != after)[:, 1:]
    assert not after[60, 45, 45]
    assert len(changed) > 0
    assert (np.abs(changed - 45) <= 4).all()  # the corner that the model lost stays


def test_slices_that_the_object_enters_as_before_are_not_looked_at_again(session, tube):
    session.add(click(tube.scan, 60, 40, 40))
    model = session.segmenter.model
    looks = model.looks
    session.add(click(tube.scan, 60, 45, 45, positive=False))
    assert model.looks == looks + 1


def test_a_correction_that_the_model_does_not_heed_there_may_change_other_places(session, tube):
    before = session.add(click(tube.scan, 60, 40, 40)).mask.voxels
    after = session.add(click(tube.scan, 60, 42, 42)).mask.voxels  # was found already
    assert (before != after).any()


def test_a_box_speaks_of_all_that_it_holds(session, tube):
    before = session.add(click(tube.scan, 60, 40, 40))
    low, high = tube.scan.grid.to_mm(np.array([[60, 20, 20], [60, 60, 60]]))
    added = [
        click(tube.scan, 60, 45, 45, positive=False),
        Box(corner_mm=tuple(low), opposite_mm=tuple(high)),
    ]
    prompts = [click(tube.scan, 60, 40, 40), *added]
    after = session.segmenter.correct(tube.scan, before, prompts, new=len(added))
    assert before.mask.voxels[60, 26, 26]
    assert not after.mask.voxels[60, 26, 26]  # the corner that the model lost lies in the box
