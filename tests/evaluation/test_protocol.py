"""The protocol: what methods are given, and how their answers are scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.evaluation.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.cases import Case, Target, make_case
from synthfm3d.evaluation.method import PROMPT_KINDS, Method, PromptKind
from synthfm3d.evaluation.protocol import evaluate_case, prompt_slice, simulated_prompt
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt
from synthfm3d.volume import Array, Volume


@dataclass
class Spy:
    """Answers with the whole scan and remembers what it was given."""

    name: str = "spy"
    accepts: frozenset[PromptKind] = frozenset(PROMPT_KINDS)
    given: list[tuple[Volume, tuple[Prompt, ...]]] = field(default_factory=list)

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        self.given.append((volume, tuple(prompts)))
        return volume.with_voxels(np.ones(volume.voxels.shape, np.uint8))


class Cheat(Spy):
    """Takes every array that it can reach from its arguments; answers with the fullest label map."""

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        found = [
            array for array in reachable_arrays([volume, *prompts]) if array.shape == volume.voxels.shape
        ]
        labels = [array for array in found if array.dtype.kind in "biu"]
        largest = max(labels, key=np.count_nonzero, default=np.zeros(volume.voxels.shape, np.uint8))
        return volume.with_voxels((largest != 0).astype(np.uint8))


def reachable_arrays(value: Any) -> list[Array]:
    """Arrays in a value: in its fields, its items, and the memory that a view was cut from."""
    if isinstance(value, np.ndarray):
        return [value, *(reachable_arrays(value.base) if value.base is not None else [])]
    if is_dataclass(value):
        return [array for f in fields(value) for array in reachable_arrays(getattr(value, f.name))]
    if isinstance(value, list | tuple):
        return [array for item in value for array in reachable_arrays(item)]
    return []


def test_an_ellipsoid_as_deep_as_narrow_is_found_whole_by_the_ellipsoid_baseline(case: Case) -> None:
    scores = [outcome.score for outcome in evaluate_case(case, [EllipsoidFromBox()])]
    assert [(score.structure, score.prompt, score.dice) for score in scores] == [
        ("egg", "box", 1.0),
        ("ball", "box", 1.0),
    ]
    # 4/3 pi abc of the egg in ml, to a voxel's worth of surface.
    assert scores[0].reference_ml == pytest.approx(4 / 3 * np.pi * 15.5 * 15.5 * 20.5 / 1000, rel=0.03)
    assert scores[0].prediction_ml == scores[0].reference_ml


def test_every_voxel_counts_so_a_mask_of_everything_has_the_dice_of_its_volume(case: Case) -> None:
    score = next(evaluate_case(case, [Spy()])).score
    truth = np.count_nonzero(case.label_map.voxels == 1)
    truth_on_slice = np.count_nonzero(case.label_map.voxels[12] == 1)
    whole, whole_slice = case.image.voxels.size, case.image.voxels[0].size
    assert score.dice == pytest.approx(2 * truth / (whole + truth))
    assert score.prompt_slice_dice == pytest.approx(2 * truth_on_slice / (whole_slice + truth_on_slice))
    assert score.prompt_slice == 12


def test_structures_prompts_and_methods_come_in_the_order_given(case: Case) -> None:
    methods: list[Method] = [ShrinkingMask(), EllipsoidFromBox(), Spy()]
    rows = [
        (outcome.score.structure, outcome.score.prompt, outcome.score.method)
        for outcome in evaluate_case(case, methods, ["mask", "box"])
    ]
    assert rows == [
        (structure, prompt, method)
        for structure in ("egg", "ball")
        for prompt, method in (
            ("mask", "shrinking mask"),
            ("mask", "spy"),
            ("box", "ellipsoid from box"),
            ("box", "spy"),
        )
    ]


def test_a_cheat_finds_nothing_of_the_truth_but_its_prompt(case: Case) -> None:
    outcomes = list(evaluate_case(case, [Cheat(name="cheat")]))
    for outcome in outcomes:
        if outcome.score.prompt == "mask":
            # The best that a thief can take home is the outline of one slice.
            truth = np.count_nonzero(outcome.reference.voxels)
            outline = np.count_nonzero(outcome.reference.voxels[outcome.score.prompt_slice])
            assert outcome.score.prompt_slice_dice == 1.0
            assert outcome.score.dice == pytest.approx(2 * outline / (truth + outline))
        else:
            assert outcome.score.dice == 0.0
    assert len(outcomes) == 6


def test_truths_that_share_their_prompt_slice_give_a_method_the_same_inputs(scan: Volume) -> None:
    column = np.zeros(scan.voxels.shape, np.uint8)
    column[12, 20:40, 20:40] = 1
    upwards, downwards = column.copy(), column.copy()
    upwards[13:20, 25:35, 25:35] = 1
    downwards[5:12, 22:38, 22:24] = 1
    spies = []
    for labels in (upwards, downwards):
        target = Target(structure="column", labels=(1,))
        spies.append(Spy())
        list(evaluate_case(make_case("column", scan, scan.with_voxels(labels), [target]), [spies[-1]]))
    for first, second in zip(spies[0].given, spies[1].given, strict=True):
        one, other = reachable_arrays(list(first)), reachable_arrays(list(second))
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        if not isinstance(first[1][0], Mask):
            assert first[1] == second[1]


def test_prompts_are_the_innermost_point_the_tight_box_and_the_true_slice(scan: Volume) -> None:
    truth = np.zeros(scan.voxels.shape, np.uint8)
    truth[10, 20:31, 30:45] = 1  # the larger slice: 11 rows, 15 columns
    truth[11, 20:30, 30:45] = 1
    prompted = prompt_slice(scan.with_voxels(truth))
    assert prompted.index == 10
    point, box, mask = (simulated_prompt(kind, prompted) for kind in PROMPT_KINDS)
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
        one, other = simulated_prompt(kind, expected), simulated_prompt(kind, found)
        ends = [
            np.array([getattr(prompt, f.name) for f in fields(prompt) if f.name.endswith("_mm")])
            for prompt in (one, other)
        ]
        assert ends[0] == pytest.approx(ends[1])
    outline, turned = simulated_prompt("mask", expected), simulated_prompt("mask", found)
    assert isinstance(outline, Mask)
    assert isinstance(turned, Mask)
    assert turned.volume.grid.same_as(stored.grid)
    assert np.array_equal(turned.volume.axial().voxels, outline.volume.axial().voxels)


def test_stray_components_choose_no_prompt_but_are_scored(scan: Volume) -> None:
    truth = np.zeros(scan.voxels.shape, np.uint8)
    truth[5:15, 10:30, 10:30] = 1
    truth[5, 50, 60] = 1  # one voxel of 4001, on the prompt slice
    case = make_case("stray", scan, scan.with_voxels(truth), [Target(structure="cube", labels=(1,))])
    spy = Spy(accepts=frozenset({"box"}))
    outcome = next(evaluate_case(case, [spy]))
    (box,) = spy.given[0][1]
    assert isinstance(box, Box)
    assert scan.grid.to_index(np.array(box.opposite_mm)) == pytest.approx((5, 29, 29))
    assert outcome.score.dice == pytest.approx(2 * 4001 / (4001 + scan.voxels.size))


def test_a_union_of_labels_is_one_structure(case: Case, scan: Volume, label_map: Volume) -> None:
    both = make_case("both", scan, label_map, [Target(structure="both", labels=(1, 2))])
    outcome = next(evaluate_case(both, [Spy()]))
    assert np.array_equal(outcome.reference.voxels, (label_map.voxels > 0).astype(np.uint8))


class Failing(Spy):
    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        raise RuntimeError("out of memory")


class Shrunk(Spy):
    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        return Volume(voxels=volume.voxels[:-1], affine=volume.affine)


class Vandal(Spy):
    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        volume.voxels[:] = 0
        return volume


@pytest.mark.parametrize(
    ("method", "reason"),
    [(Failing(), "RuntimeError: out of memory"), (Shrunk(), "does not lie on"), (Vandal(), "read-only")],
)
def test_a_method_that_fails_scores_zero_with_its_error_and_the_run_goes_on(
    case: Case, method: Spy, reason: str
) -> None:
    before = case.image.voxels.copy()
    method.name = "broken"
    scores = [outcome.score for outcome in evaluate_case(case, [method, EllipsoidFromBox()], ["box"])]
    broken = [score for score in scores if score.method == "broken"]
    assert [score.dice for score in scores if score.method != "broken"] == [1.0, 1.0]
    assert len(broken) == 2
    for score in broken:
        assert (score.dice, score.prompt_slice_dice, score.prediction_ml) == (0.0, 0.0, None)
        assert score.error is not None
        assert reason in score.error
    assert np.array_equal(case.image.voxels, before)


def test_a_mask_in_another_storage_order_is_scored_on_the_grid_of_the_scan(case: Case) -> None:
    class Turned(EllipsoidFromBox):
        def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
            return super().segment(volume, prompts).reordered((1, 2, 0), (True, False, True))

    assert next(evaluate_case(case, [Turned()])).score.dice == 1.0


def test_two_methods_of_one_name_are_an_error(case: Case) -> None:
    with pytest.raises(InputError, match="share a name"):
        list(evaluate_case(case, [Spy(), Spy()]))
