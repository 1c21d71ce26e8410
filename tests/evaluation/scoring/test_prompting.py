"""Prompts from a true mask."""

from dataclasses import fields

import numpy as np
import pytest

from synthfm3d.evaluation.protocol import PROMPT_NAMES, PromptName
from synthfm3d.evaluation.scoring.prompting import PromptSlice, prompt_slice, simulated_prompts
from synthfm3d.prompts.prompt import PROMPT_KINDS, Box, Mask, Point, Prompt
from synthfm3d.prompts.simulation import SliceRule
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume


def only(name: PromptName, prompted: PromptSlice) -> Prompt:
    (prompt,) = simulated_prompts(name, prompted, stream(0, "not used"))
    return prompt


def test_prompts_are_the_innermost_point_the_tight_box_and_the_true_slice(scan: Volume) -> None:
    truth = np.zeros(scan.voxels.shape, np.uint8)
    truth[10, 20:31, 30:45] = 1  # the larger slice: 11 rows, 15 columns
    truth[11, 20:30, 30:45] = 1
    prompted = prompt_slice(scan.with_voxels(truth))
    assert prompted.index == 10
    point, box, mask = (only(kind, prompted) for kind in PROMPT_KINDS)
    assert isinstance(point, Point)
    assert isinstance(box, Box)
    assert isinstance(mask, Mask)
    # Row 25 is six pixels from the background above and below; the first such column is the sixth.
    assert scan.grid.to_index(np.array(point.position_mm)) == pytest.approx((10, 25, 35))
    assert scan.grid.to_index(np.array(box.corner_mm)) == pytest.approx((10, 20, 30))
    assert scan.grid.to_index(np.array(box.opposite_mm)) == pytest.approx((10, 30, 44))
    assert mask.volume.grid.same_as(scan.grid)
    assert np.array_equal(mask.volume.voxels[10], truth[10])
    assert np.count_nonzero(mask.volume.voxels) == 11 * 15


def test_prompts_do_not_depend_on_the_storage_order(scan: Volume, label_map: Volume) -> None:
    truth = scan.with_voxels((label_map.voxels == 1).astype(np.uint8))
    stored = truth.reordered((2, 0, 1), (True, True, False))
    expected, found = prompt_slice(truth), prompt_slice(stored)
    for kind in ("point", "box"):
        one, other = only(kind, expected), only(kind, found)
        ends = [
            np.array([getattr(prompt, f.name) for f in fields(prompt) if f.name.endswith("_mm")])
            for prompt in (one, other)
        ]
        assert ends[0] == pytest.approx(ends[1])
    outline, turned = only("mask", expected), only("mask", found)
    assert isinstance(outline, Mask)
    assert isinstance(turned, Mask)
    assert turned.volume.grid.same_as(stored.grid)
    assert np.array_equal(turned.volume.axial().voxels, outline.volume.axial().voxels)


@pytest.mark.parametrize(("rule", "index"), [("largest", 13), ("middle", 14), ("first", 10)])
def test_the_rule_names_the_prompted_slice(scan: Volume, rule: SliceRule, index: int) -> None:
    truth = np.zeros(scan.voxels.shape, np.uint8)
    truth[10:20, 20:30, 30:40] = 1
    truth[13, 20:35, 30:40] = 1
    truth[15] = 0  # shown: 10 ... 14, 16 ... 19; the fifth of nine is 14
    truth[2, 50, 60] = 1  # a stray voxel
    assert prompt_slice(scan.with_voxels(truth), rule).index == index


def test_a_key_frame_is_prompted_only_if_it_shows_the_structure(scan: Volume) -> None:
    truth = np.zeros(scan.voxels.shape, np.uint8)
    truth[10:20, 20:30, 30:40] = 1
    reference = scan.with_voxels(truth)
    assert prompt_slice(reference, "largest", 17).index == 17
    assert prompt_slice(reference, "largest", 3).index == 10


@pytest.fixture
def prompted(scan: Volume) -> PromptSlice:
    truth = np.zeros(scan.voxels.shape, np.uint8)
    truth[10, 20:41, 25:36] = 1  # 21 rows, 11 columns; the innermost pixel is (25, 30)
    return prompt_slice(scan.with_voxels(truth))


def places(prompts: tuple[Prompt, ...], prompted: PromptSlice) -> np.ndarray:
    assert all(isinstance(prompt, Point) for prompt in prompts)
    positions = np.array([prompt.position_mm for prompt in prompts if isinstance(prompt, Point)])
    return prompted.working.to_index(positions).round().astype(int)


@pytest.mark.parametrize(("name", "count"), [("3-points", 3), ("5-points", 5)])
def test_more_clicks_are_drawn_inside_after_the_innermost_and_by_their_seed(
    prompted: PromptSlice, name: PromptName, count: int
) -> None:
    first, again, other = (
        places(simulated_prompts(name, prompted, stream(seed, "draw")), prompted) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({tuple(place) for place in first}) == count
    assert first[0].tolist() == [10, 25, 30]
    assert all(prompted.outline[y, x] for _, y, x in first)


def test_an_object_of_two_pixels_has_two_clicks(scan: Volume) -> None:
    truth = np.zeros(scan.voxels.shape, np.uint8)
    truth[10, 20, 20:22] = 1
    tiny = prompt_slice(scan.with_voxels(truth))
    assert len(simulated_prompts("5-points", tiny, stream(0, "draw"))) == 2


def test_negative_clicks_lie_beside_the_object_apart_from_each_other(prompted: PromptSlice) -> None:
    inside, *outside = simulated_prompts("point-negative", prompted, stream(0, "not used"))
    assert isinstance(inside, Point)
    assert inside.positive
    assert [point.positive for point in outside if isinstance(point, Point)] == [False, False]
    # The box 20 ... 40, 25 ... 35 widened by 6 and 3 ends at 46 and 22, 38. Its lower left corner is farthest
    # from (25, 30), and (40, 38) from both: by √289 and √292 pixels.
    assert places(tuple(outside), prompted)[:, 1:].tolist() == [[46, 22], [40, 38]]


def test_an_object_that_fills_the_picture_has_no_place_outside(scan: Volume) -> None:
    full = prompt_slice(scan.with_voxels(np.ones(scan.voxels.shape, np.uint8)))
    assert len(simulated_prompts("point-negative", full, stream(0, "not used"))) == 1


def test_a_jittered_box_moves_each_side_by_a_tenth_of_its_size_at_most(prompted: PromptSlice) -> None:
    tight = np.array([[20, 25], [40, 35]])
    corners = []
    for seed in range(50):
        (box,) = simulated_prompts("jittered-box", prompted, stream(seed, "draw"))
        assert isinstance(box, Box)
        index = prompted.working.to_index(np.array([box.corner_mm, box.opposite_mm]))
        corners.append(index[:, 1:].round().astype(int) - tight)
    moved = np.array(corners)
    assert np.abs(moved).max(axis=(0, 1)).tolist() == [2, 1]  # of 21 rows and 11 columns
    assert (moved.min(axis=0) < 0).all()  # outwards and inwards, each side by itself
    assert (moved.max(axis=0) > 0).all()


@pytest.mark.parametrize("name", PROMPT_NAMES)
def test_every_prompt_lies_on_the_prompted_slice(prompted: PromptSlice, name: PromptName) -> None:
    for prompt in simulated_prompts(name, prompted, stream(0, "draw")):
        if isinstance(prompt, Mask):
            assert np.flatnonzero(prompt.volume.voxels.any(axis=(1, 2))).tolist() == [10]
        else:
            for f in fields(prompt):
                if f.name.endswith("_mm"):
                    index = prompted.working.to_index(np.array(getattr(prompt, f.name)))
                    assert index[0] == pytest.approx(10)
