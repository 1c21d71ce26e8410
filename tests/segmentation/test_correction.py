"""A correction mends the error that it lies in, and leaves alone what it does not speak of."""

import numpy as np
import pytest
from altered_growing import AlteredGrowing
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.randomness import stream
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.segmentation.session import Session
from synthfm3d.volume import Grid, Volume


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


def test_a_click_that_says_nothing_new_changes_nothing(session, tube):
    before = session.add(click(tube.scan, 60, 40, 40)).mask.voxels
    found_already = session.add(click(tube.scan, 60, 42, 42))
    outside_already = session.add(click(tube.scan, 60, 5, 5, positive=False))
    assert (before == found_already.mask.voxels).all()
    assert (before == outside_already.mask.voxels).all()
    assert "changed nothing" in outside_already.warnings[-1]


def test_a_box_speaks_of_all_that_it_holds(session, tube):
    before = session.add(click(tube.scan, 60, 40, 40))
    low, high = tube.scan.grid.to_mm(np.array([[60, 20, 20], [60, 60, 60]]))
    added = [
        click(tube.scan, 60, 45, 45, positive=False),
        Box(corner_mm=tuple(low), opposite_mm=tuple(high)),
    ]
    after = session.segmenter.correct(before, added)
    assert before.mask.voxels[60, 26, 26]
    assert not after.mask.voxels[60, 26, 26]  # the corner that the model lost lies in the box


class Blind(AlteredGrowing):
    """Region growing that finds nothing from one click."""

    def alter(self, logits, prompts, previous):
        if len(prompts.positive) < 2:
            logits[:] = -5


def test_an_empty_mask_is_segmented_anew_from_all_prompts(tube, region_growing):
    segmenter = Segmenter(Blind(region_growing()))
    clicks = [click(tube.scan, 60, 40, 40), click(tube.scan, 60, 45, 45)]
    empty = segmenter.segment_with_details(tube.scan, clicks[:1])
    assert not empty.mask.voxels.any()
    found = segmenter.correct(empty, clicks[1:])
    assert found.mask.voxels.any()
    assert found.prompts == tuple(clicks)
    assert np.array_equal(found.mask.voxels, segmenter.segment_with_details(tube.scan, clicks).mask.voxels)


def test_a_correction_needs_a_prompt(session, tube):
    before = session.add(click(tube.scan, 60, 40, 40))
    with pytest.raises(ValueError, match="nothing to correct"):
        session.segmenter.correct(before, [])


# ---------------------------------------------------------------- whatever a model answers


class Erratic:
    """A model that answers something else at every look, and heeds no prompt."""

    name, grid_shape = "erratic", (8, 24, 24)

    def __init__(self, seed):
        self.draw = stream(seed, "erratic")

    def prepare(self, channels, spacing_mm):
        return None

    def logits(self, features, prompts, previous=None):
        return self._blobs(self.grid_shape)

    def _blobs(self, shape):
        smooth = ndimage.gaussian_filter(self.draw.normal(size=shape), 1.5)
        return (20 * (smooth / smooth.std()) + self.draw.normal(0, 10)).astype(np.float32)


class ErraticSlices(Erratic):
    """The same as a model that follows objects through whole slices by itself."""

    def follow(self, slices, prompts, previous=None):
        yield from enumerate(self._blobs(slices.shape))


def voxels_that_share_no_change_with(corrections, before, after, grid):
    """Number of voxels that changed apart from every click, by a flood from the clicks."""
    changed = before != after
    reached = np.zeros_like(changed)
    for one in corrections:
        z, y, x = np.rint(grid.to_index(np.array(one.position_mm))).astype(int)
        around = (slice(z, z + 1), slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
        reached[around] |= changed[around] & (after[around] == one.positive)
    while True:
        grown = ndimage.binary_dilation(reached) & changed
        if (grown == reached).all():
            return np.count_nonzero(changed & ~reached)
        reached = grown


@pytest.mark.parametrize("model", [Erratic, ErraticSlices])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 3), keeps_logits=st.booleans())
def test_voxels_change_only_together_with_a_click_and_only_as_it_says(model, seed, count, keeps_logits):
    draw = stream(seed, "corrections")
    grid = Grid.from_spacing((14, 30, 32), (3.0, 1.0, 1.0))
    order, flips = tuple(draw.permutation(3)), tuple(draw.random(3) < 0.5)
    scan = Volume(voxels=draw.normal(size=grid.shape).astype(np.float32), affine=grid.affine, modality="mr")
    scan = scan.reordered(tuple(int(n) for n in order), tuple(bool(f) for f in flips))
    parts = ndimage.gaussian_filter(draw.normal(size=scan.voxels.shape), 2) > 0.05
    before = Segmentation(
        scan=scan,
        mask=scan.with_voxels(parts.astype(np.uint8)),
        modality="mr",
        field_of_view_mm=float(draw.choice([12, 20, 60])),
        warnings=(),
        logits=scan.with_voxels(np.where(parts, 3, -3).astype(np.float16)) if keeps_logits else None,
    )
    clicks = []
    for place in draw.integers(0, scan.voxels.shape, size=(count, 3)):
        positive = bool(draw.random() < 0.5)
        clicks.append(Point(position_mm=tuple(scan.grid.to_mm(place)), positive=positive))
    after = Segmenter(model(seed)).correct(before, clicks)
    was, now = before.mask.voxels > 0, after.mask.voxels > 0
    # The eight voxels around a click lie on its slice, across the thick axis.
    axial = [scan.with_voxels(one).axial().voxels for one in (was, now)]
    assert voxels_that_share_no_change_with(clicks, *axial, scan.axial().grid) == 0
    if all(one.positive for one in clicks):
        assert not (was & ~now).any()
    if not any(one.positive for one in clicks):
        assert not (now & ~was).any()
    if keeps_logits:  # what stays in the mask is as likely as it was: other objects win nothing there
        assert (before.logits.voxels[was & now] == after.logits.voxels[was & now]).all()
