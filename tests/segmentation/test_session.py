"""Corrections, several objects, and every step back and forth, on phantoms with a known answer."""

from dataclasses import replace

import numpy as np
import pytest
from altered_growing import AlteredGrowing
from scaled import Scaled

from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import label_map
from synthfm3d.segmentation.session import MOST_LOGITS, Session
from synthfm3d.volume import Volume


def dice(found, truth):
    return 2 * np.count_nonzero((found > 0) & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


def two_balls(offset):
    """Radii of 10 mm, 40 mm apart."""
    left = ((offset - [0, 0, -20]) ** 2).sum(axis=-1) <= 100
    return left | (((offset - [0, 0, 20]) ** 2).sum(axis=-1) <= 100)


@pytest.fixture(scope="session")
def pair(phantom):
    return phantom(two_balls, shape=(32, 80, 96), spacing_mm=(1.5, 1.0, 1.0))


def click(scan, z, y, x, positive=True):
    return Point(position_mm=tuple(scan.grid.to_mm(np.array([z, y, x]))), positive=positive)


@pytest.fixture
def session(pair, region_growing):
    return Session(Segmenter(region_growing()), pair.scan)


def test_each_object_has_its_own_prompts_and_its_own_label(session, pair):
    session.add(click(pair.scan, 16, 40, 28), label=1)
    session.add(click(pair.scan, 16, 40, 68), label=7)
    labels = session.label_map()
    assert set(np.unique(labels.voxels)) == {0, 1, 7}
    left = np.arange(96) < 48
    assert dice(labels.voxels == 1, pair.truth & left) > 0.8
    assert dice(labels.voxels == 7, pair.truth & ~left) > 0.8
    assert np.array_equal(labels.affine, pair.scan.affine)


def test_undo_and_redo_give_the_very_masks_without_asking_the_model(session, pair):
    first = session.add(click(pair.scan, 16, 40, 28))
    second = session.add(click(pair.scan, 16, 40, 68))
    looks = session.segmenter.model.looks
    assert session.undo()
    assert session.segmentations[1] is first
    assert session.redo()
    assert session.segmentations[1] is second
    assert not session.redo()
    assert session.undo()
    assert session.undo()
    assert not session.undo()
    assert session.prompts == {}
    assert not session.label_map().voxels.any()
    assert session.segmenter.model.looks == looks


def test_a_new_prompt_after_undo_ends_what_could_be_redone(session, pair):
    session.add(click(pair.scan, 16, 40, 28))
    session.undo()
    session.add(click(pair.scan, 16, 40, 68))
    assert not session.redo()


def test_a_removed_prompt_leaves_the_result_of_the_others(session, pair):
    alone = session.add(click(pair.scan, 16, 40, 28)).mask.voxels.copy()
    session.add(click(pair.scan, 16, 40, 68))
    assert np.array_equal(session.remove(1).mask.voxels, alone)
    assert session.remove(0) is None
    assert session.prompts == {}


def test_a_prompt_that_cannot_be_used_changes_nothing(session, pair):
    session.add(click(pair.scan, 16, 40, 28))
    with pytest.raises(InputError, match="outside"):
        session.add(Point(position_mm=(1e4, 0, 0)))
    with pytest.raises(InputError, match="positive"):
        session.add(click(pair.scan, 16, 40, 28, positive=False), label=2)
    assert {label: len(prompts) for label, prompts in session.prompts.items()} == {1: 1}
    session.undo()
    assert session.prompts == {}


def test_only_the_last_states_keep_their_logits(session, pair):
    for x in range(24, 24 + MOST_LOGITS + 3):
        session.add(click(pair.scan, 16, 40, x))
    kept = [found for found in session._known.values() if found.logits is not None]
    assert len(kept) == MOST_LOGITS
    assert len(session._known) == MOST_LOGITS + 3


class Erasing:
    """Region growing that takes away the slices around a negative click."""

    def __init__(self, growing):
        self.growing, self.grid_shape, self.name = growing, growing.grid_shape, "erasing"

    def prepare(self, channels, spacing_mm):
        return self.growing.prepare(channels, spacing_mm)

    def logits(self, features, prompts, previous=None):
        logits = self.growing.logits(features, prompts)
        for z, _, _ in prompts.negative:
            logits[round(z) - 2 : round(z) + 3] = -5
        return logits


def column(offset):
    """A column through the whole stack."""
    return (offset[..., 1:] ** 2).sum(axis=-1) < 36


def test_a_negative_click_far_from_the_first_mends_the_mask_there_and_onwards(phantom, region_growing):
    tube = phantom(column, shape=(120, 64, 64), spacing_mm=(1.5, 1.0, 1.0))
    model = Erasing(region_growing())
    session = Session(Segmenter(model), tube.scan)
    before = session.add(click(tube.scan, 20, 32, 32))
    assert dice(before.mask.voxels, tube.truth) > 0.9
    assert before.mask.voxels[100].any()
    after = session.add(click(tube.scan, 100, 32, 32, positive=False))
    # What was right is as good as it was.
    assert not after.mask.voxels[100:].any()
    assert dice(after.mask.voxels[:90], tube.truth[:90]) > 0.9


def test_a_positive_click_adds_what_was_missed_and_keeps_the_rest(phantom, region_growing):
    pair = phantom(two_balls, shape=(32, 80, 96), spacing_mm=(1.5, 1.0, 1.0))
    session = Session(Segmenter(region_growing()), pair.scan)
    session.add(click(pair.scan, 16, 40, 28))
    both = session.add(click(pair.scan, 16, 40, 68)).mask.voxels > 0
    assert dice(both, pair.truth) > 0.8
    left = np.arange(96) < 48
    assert (both & pair.truth & left).sum() > 0.75 * (pair.truth & left).sum()


def test_a_box_segments_the_object_anew(session, pair):
    session.add(click(pair.scan, 16, 40, 28))
    low, high = pair.scan.grid.to_mm(np.array([[16, 30, 58], [16, 50, 78]]))
    session.add(Box(corner_mm=tuple(low), opposite_mm=tuple(high)))
    assert session.segmentations[1].mask.voxels[16, 40, 68]


def test_several_prompts_at_once_are_one_step(session, pair):
    session.add([click(pair.scan, 16, 40, 28), click(pair.scan, 16, 44, 28)])
    assert len(session.prompts[1]) == 2
    assert dice(session.segmentations[1].mask.voxels, pair.truth & (np.arange(96) < 48)) > 0.8
    looks = session.segmenter.model.looks
    session.add([click(pair.scan, 16, 40, 68), click(pair.scan, 16, 10, 10, positive=False)])
    assert session.segmenter.model.looks > looks
    assert session.undo()
    assert len(session.prompts[1]) == 2
    assert session.undo()
    assert session.prompts == {}
    assert not session.can_undo
    assert session.can_redo


def test_clicks_given_at_once_are_those_given_one_by_one(session, pair, region_growing):
    first, second = click(pair.scan, 16, 40, 28), click(pair.scan, 16, 40, 68)
    session.add(first)
    one_by_one = session.add(second).mask.voxels
    at_once = Segmenter(region_growing()).segment(pair.scan, [first, second]).voxels
    assert (at_once == one_by_one).all()


def test_a_click_that_the_mask_holds_already_costs_no_look(pair, region_growing):
    first = [click(pair.scan, 16, 40, 28)]
    once, twice = Segmenter(region_growing()), Segmenter(region_growing())
    alone = once.segment(pair.scan, first).voxels
    with_another = twice.segment(pair.scan, [*first, click(pair.scan, 16, 43, 28)]).voxels
    assert (alone == with_another).all()
    assert once.model.looks == twice.model.looks


def test_a_discarded_object_comes_back_with_undo(session, pair):
    found = session.add(click(pair.scan, 16, 40, 28), label=1)
    session.add(click(pair.scan, 16, 40, 68), label=2)
    session.discard(1)
    assert set(session.prompts) == {2}
    session.clear()
    assert session.prompts == {}
    session.undo()
    session.undo()
    assert session.segmentations[1] is found
    with pytest.raises(KeyError):
        session.discard(3)


def test_all_objects_at_once_replace_the_others_as_one_step(session, pair):
    session.add(click(pair.scan, 16, 40, 28), label=5)
    left, right = click(pair.scan, 16, 40, 28), click(pair.scan, 16, 40, 68)
    with pytest.raises(InputError, match="outside"):
        session.segment({1: [left], 2: [Point(position_mm=(1e4, 0, 0))]})
    assert set(session.prompts) == {5}
    session.segment({1: [left], 2: [right]})
    assert set(np.unique(session.label_map().voxels)) == {0, 1, 2}
    session.undo()
    assert set(session.prompts) == {5}


def test_what_can_no_longer_be_reached_is_forgotten(pair, region_growing):
    session = Session(Segmenter(region_growing()), pair.scan, most_steps=2)
    for x in (24, 26, 28, 30):
        session.add(click(pair.scan, 16, 40, x))
    assert [session.undo() for _ in range(3)] == [True, True, False]
    assert len(session.prompts[1]) == 2
    assert session.prompts[1] in {one.prompts for one in session._known}
    assert len(session._known) == 3


# ---------------------------------------------------------------- a choice of sizes


@pytest.fixture
def sizes(phantom):
    """A session in which a click on the middle finds discs of 41, 27, 18 … mm; that of 18 mm is preferred."""
    wide = phantom(column, shape=(24, 152, 152), spacing_mm=(3.0, 1.0, 1.0))
    return Session(Segmenter(Scaled()), wide.scan)


def diameter(found):
    """Of the disc on the clicked slice, in pixels of 1 mm."""
    return 2 * np.sqrt(np.count_nonzero(found.mask.voxels[12]) / np.pi)


def test_a_click_offers_answers_of_other_sizes_and_one_of_them_can_be_taken(sizes):
    first = sizes.add(click(sizes.scan, 12, 76, 76))
    assert first.chosen == 0
    assert first.predicted_dice == pytest.approx(1.0)
    for position, view in enumerate(first.alternatives):
        found = sizes.choose(position)
        assert found.chosen == position
        assert found.alternatives == first.alternatives
        assert diameter(found) == pytest.approx(view.diameter_mm, rel=0.1)
        assert found.field_of_view_mm == view.focus.field_of_view_mm


def test_a_choice_is_a_step_that_can_be_taken_back_and_costs_no_second_search(sizes):
    first = sizes.add(click(sizes.scan, 12, 76, 76))
    looks = sizes.segmenter.model.looks
    other = sizes.choose(1)
    assert sizes.segmenter.model.looks - looks <= 4  # following both ways
    assert sizes.undo()
    assert sizes.segmentations[1] is first
    assert sizes.redo()
    assert sizes.segmentations[1] is other
    assert sizes.choose(1) is other
    assert sizes.undo()
    assert sizes.segmentations[1] is first


def test_there_is_no_choice_among_what_was_not_offered(sizes):
    sizes.add(click(sizes.scan, 12, 76, 76))
    with pytest.raises(InputError, match="no alternative 7"):
        sizes.choose(7)
    assert sizes.segmentations[1].chosen == 0


def chosen_smallest(sizes):
    """The smallest of the offered answers."""
    views = sizes.add(click(sizes.scan, 12, 76, 76)).alternatives
    return sizes.choose(min(range(len(views)), key=lambda n: views[n].diameter_mm))


def test_a_second_click_takes_the_answer_that_agrees_with_it_before_it_corrects(sizes):
    smallest = chosen_smallest(sizes)
    larger = max(smallest.alternatives, key=lambda view: view.diameter_mm)
    looks = sizes.segmenter.model.looks
    second = sizes.add(click(sizes.scan, 12, 76, 76 + 0.45 * larger.diameter_mm))
    assert diameter(second) == pytest.approx(larger.diameter_mm, rel=0.1)
    assert second.alternatives == ()
    assert sizes.segmenter.model.looks - looks <= 4


def test_a_click_and_a_box_may_correct_a_choice_of_sizes_together(sizes):
    smallest = chosen_smallest(sizes)
    larger = max(smallest.alternatives, key=lambda view: view.diameter_mm)
    beyond = click(sizes.scan, 12, 76, 76 + 0.45 * larger.diameter_mm)
    low, high = sizes.scan.grid.to_mm(np.array([[12, 60, 60], [12, 92, 92]]))
    box = Box(corner_mm=tuple(low), opposite_mm=tuple(high))
    found = sizes.segmenter.correct(smallest, [beyond, box])
    assert found.mask.voxels.sum() > smallest.mask.voxels.sum()


def test_a_click_near_the_border_mends_it_and_leaves_the_size(sizes):
    first = sizes.add(click(sizes.scan, 12, 76, 76))
    beside = sizes.add(click(sizes.scan, 12, 76, 76 + 0.55 * diameter(first)))
    assert beside.field_of_view_mm == first.field_of_view_mm


def test_the_model_of_a_box_offers_no_other_sizes(session, pair):
    low, high = pair.scan.grid.to_mm(np.array([[16, 30, 58], [16, 50, 78]]))
    found = session.add(Box(corner_mm=tuple(low), opposite_mm=tuple(high)))
    assert found.alternatives == ()
    assert found.predicted_dice is None


def test_a_sequence_offers_sizes_in_the_plane_too(sizes):
    cine = replace(sizes.scan, third_axis="time")
    session = Session(sizes.segmenter, cine)
    first = session.add(click(cine, 12, 76, 76))
    assert diameter(first) == pytest.approx(first.alternatives[0].diameter_mm, rel=0.1)
    other = session.choose(1)
    assert other.mask.third_axis == "time"
    assert diameter(other) == pytest.approx(first.alternatives[1].diameter_mm, rel=0.1)


# ---------------------------------------------------------------- overlapping objects


def test_the_likelier_object_has_the_voxel(session, pair):
    found = session.add(click(pair.scan, 16, 40, 28))
    z, y, x = np.argwhere(found.mask.voxels > 0)[0]
    doubted = found.logits.voxels.copy()
    doubted[z, y, x] = 0.1
    less_sure = replace(found, logits=found.logits.with_voxels(doubted))
    labels = label_map(pair.scan, {1: less_sure, 2: found})
    assert labels.voxels[z, y, x] == 2
    assert (labels.voxels[found.mask.voxels > 0] == 1).sum() == np.count_nonzero(found.mask.voxels) - 1


def test_labels_above_255_get_the_room_they_need(session, pair):
    found = session.add(click(pair.scan, 16, 40, 28))
    assert label_map(pair.scan, {300: found}).voxels.max() == 300
    with pytest.raises(ValueError, match="1 to 65535"):
        label_map(pair.scan, {0: found})


# ---------------------------------------------------------------- sequences


def test_frames_of_a_sequence_stay_slices_whatever_their_affine_says(ball, region_growing):
    affine = ball.scan.affine.copy()
    affine[:3, 0] /= 100  # nothing to measure: time has no millimetres
    cine = Volume(
        voxels=ball.scan.voxels, affine=affine, modality="us", third_axis="time", doubts=("assumed",)
    )
    z = 20
    found = Segmenter(region_growing()).segment_with_details(
        cine, [Point(position_mm=tuple(cine.grid.to_mm(np.array([z, 40, 40]))))]
    )
    assert found.mask.third_axis == "time"
    assert dice(found.mask.voxels[z], ball.truth[z]) > 0.8
    assert np.isnan(found.volume_ml)
    assert found.warnings[0] == "assumed"


def slab_of(pair):
    """A mask of the left ball whose upper half is missing."""
    inside = pair.truth & (np.arange(96) < 48)
    inside[17:] = False
    return pair.scan.with_voxels(inside.astype(np.uint8))


def test_an_object_may_begin_with_a_mask_and_be_that_mask(session, pair):
    mask = slab_of(pair)
    found = session.start(mask, label=3)
    assert np.array_equal(found.mask.voxels, mask.voxels)
    assert session.prompts == {3: ()}
    assert np.array_equal(session.label_map().voxels, 3 * mask.voxels)
    assert session.segmenter.model.looks == 0


def test_a_click_corrects_the_mask_that_an_object_began_with(session, pair):
    session.start(slab_of(pair))
    session.add(click(pair.scan, 19, 40, 28))
    left = np.arange(96) < 48
    assert dice(session.label_map().voxels, pair.truth & left) > 0.8


def test_removing_the_only_click_leaves_the_mask_that_the_object_began_with(session, pair):
    mask = slab_of(pair)
    session.start(mask)
    session.add(click(pair.scan, 19, 40, 28))
    left = session.remove(0)
    assert np.array_equal(left.mask.voxels, mask.voxels)


def test_beginning_with_a_mask_can_be_taken_back(session, pair):
    first = session.add(click(pair.scan, 16, 40, 68)).mask.voxels.copy()
    session.start(slab_of(pair))
    assert session.undo()
    assert np.array_equal(session.label_map().voxels, first)


class Pecking(AlteredGrowing):
    """Region growing that takes five by five pixels away from every slice where a negative click is."""

    def alter(self, logits, prompts, previous):
        for _, y, x in np.rint(prompts.negative).astype(int):
            logits[:, y - 2 : y + 3, x - 2 : x + 3] = -5


def test_a_negative_click_alone_corrects_a_mask_even_when_later_logits_are_forgotten(pair, region_growing):
    session = Session(Segmenter(Pecking(region_growing())), pair.scan)
    session.start(slab_of(pair))
    for n in range(MOST_LOGITS + 2):
        session.add(click(pair.scan, 12, 34 + n, 22, positive=False))
    for _ in range(MOST_LOGITS + 1):
        session.undo()
    again = session.add(click(pair.scan, 12, 40, 32, positive=False)).mask.voxels
    assert not again[12, 34, 22]
    assert not again[12, 40, 32]
    assert again[12, 40, 28]


def test_a_mask_to_begin_with_may_be_stored_in_another_axis_order(session, pair):
    mask = slab_of(pair)
    turned = mask.reordered((2, 0, 1), (True, False, True))
    assert np.array_equal(session.start(turned).mask.voxels, mask.voxels)


def test_an_object_cannot_begin_with_an_empty_mask_or_one_of_another_scan(session, pair):
    with pytest.raises(InputError, match="empty"):
        session.start(pair.scan.with_voxels(np.zeros(pair.scan.voxels.shape, np.uint8)))
    other = Volume(voxels=np.ones((3, 4, 5), np.uint8), affine=np.eye(4))
    with pytest.raises(InputError, match="voxels of the scan"):
        session.start(other)
    assert not session.can_undo


def test_a_restart_forgets_objects_and_steps(session, pair):
    session.add(click(pair.scan, 16, 40, 28))
    session.undo()
    session.redo()
    session.restart()
    assert session.prompts == {}
    assert not session.can_undo
    assert not session.can_redo


# ---------------------------------------------------------------- from elsewhere


def test_restored_objects_are_the_very_masks_and_clicks_correct_them(session, pair, region_growing):
    session.add(click(pair.scan, 16, 40, 28))
    session.add(click(pair.scan, 16, 40, 68), label=2)
    saved = {label: (session.prompts[label], one.mask) for label, one in session.segmentations.items()}
    other = Session(Segmenter(region_growing()), pair.scan)
    other.restore(saved)
    assert other.prompts == session.prompts
    for label, found in session.segmentations.items():
        assert np.array_equal(other.segmentations[label].mask.voxels, found.mask.voxels)
    other.add(click(pair.scan, 16, 40, 68))
    assert other.segmentations[1].mask.voxels[16, 40, 68] == 1
    assert len(other.prompts[1]) == 2
    assert other.undo()
    assert other.undo()
    assert not other.segmentations


def test_a_restored_object_without_a_mask_is_segmented_and_one_without_prompts_is_its_mask(session, pair):
    ball = pair.scan.with_voxels(pair.truth.astype(np.uint8))
    session.restore({1: ([click(pair.scan, 16, 40, 28)], None), 3: ((), ball)})
    assert session.segmentations[1].mask.voxels[16, 40, 28] == 1
    assert np.array_equal(session.segmentations[3].mask.voxels, ball.voxels)


def test_another_modality_leaves_the_masks_and_holds_for_the_next_click(session, pair):
    before = session.add(click(pair.scan, 16, 40, 28))
    session.take_for("us")
    assert np.array_equal(session.segmentations[1].mask.voxels, before.mask.voxels)
    after = session.add(click(pair.scan, 16, 40, 28, positive=False))
    assert after.modality == "us"
