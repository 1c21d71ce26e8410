"""What methods are given, and how their answers are scored."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, Target, make_case
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.methods.method import Method, Restarting
from synthfm3d.evaluation.protocol import PROMPT_NAMES, Direction, Protocol
from synthfm3d.evaluation.scoring.evaluate import evaluate_case
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.prompts.prompt import PROMPT_KINDS, Box, Mask, Point, Prompt, PromptKind
from synthfm3d.volume import Array, Volume


@dataclass
class Spy(Restarting):
    """Answers with the whole scan and remembers what it was given."""

    name: str = "spy"
    accepts: frozenset[PromptKind] = frozenset(PROMPT_KINDS)
    given: list[tuple[Volume, tuple[Prompt, ...]]] = field(default_factory=list)

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        self.given.append((scan, tuple(prompts)))
        return scan.with_voxels(np.ones(scan.voxels.shape, np.uint8))


class Cheat(Spy):
    """Takes every array that it can reach from its arguments; answers with the fullest label map."""

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        found = [array for array in reachable_arrays([scan, *prompts]) if array.shape == scan.voxels.shape]
        labels = [array for array in found if array.dtype.kind in "biu"]
        largest = max(labels, key=np.count_nonzero, default=np.zeros(scan.voxels.shape, np.uint8))
        return scan.with_voxels((largest != 0).astype(np.uint8))


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
    protocol = Protocol(prompts=("mask", "box"))
    rows = [
        (outcome.score.structure, outcome.score.prompt, outcome.score.method)
        for outcome in evaluate_case(case, methods, protocol)
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


EVERYTHING = Protocol(prompts=PROMPT_NAMES, prompt_seeds=2)


@pytest.mark.parametrize("direction", ["both", "forward"])
def test_a_cheat_finds_nothing_of_the_truth_but_its_prompt(case: Case, direction: Direction) -> None:
    protocol = replace(EVERYTHING, direction=direction)
    outcomes = list(evaluate_case(case, [Cheat(name="cheat")], protocol))
    for outcome in outcomes:
        if outcome.score.prompt == "mask":
            # The best that a thief can take home is the outline of one slice.
            truth = np.count_nonzero(outcome.reference.voxels)
            outline = np.count_nonzero(outcome.reference.voxels[outcome.score.prompt_slice])
            assert outcome.score.prompt_slice_dice == 1.0
            assert outcome.score.dice == pytest.approx(2 * outline / (truth + outline))
        else:
            assert outcome.score.dice == 0.0
    assert len(outcomes) == 2 * (4 + 2 * 3)  # structures × (prompts + draws of those that hold chance)


class PatientCheat(Cheat):
    """Talks, and takes home whatever it can reach of what was said; its answer is a ball at each click."""

    def start(self, scan: Volume, prompts: Sequence[Prompt]) -> "Talk":
        return Talk(self, scan, prompts)


class Talk:
    def __init__(self, thief: PatientCheat, scan: Volume, prompts: Sequence[Prompt]) -> None:
        self.thief, self.scan, self.prompts = thief, scan, tuple(prompts)

    @property
    def mask(self) -> Volume:
        return self.thief.segment(self.scan, self.prompts)

    @property
    def logits(self) -> None:
        return None

    def correct(self, click: Point) -> None:
        assert not reachable_arrays(click)
        self.prompts = (*self.prompts, click)


@pytest.mark.parametrize("thief", [Cheat(name="cheat"), PatientCheat(name="cheat")])
def test_clicks_into_errors_tell_a_cheat_places_and_nothing_more(case: Case, thief: Cheat) -> None:
    outcomes = list(evaluate_case(case, [thief], replace(EVERYTHING, rounds=3)))
    for outcome in outcomes:
        assert [step.clicks for step in outcome.score.rounds] == [0, 1, 2, 3]
        first, *others = (step.dice for step in outcome.score.rounds)
        assert first == outcome.score.dice
        assert others == [first] * 3  # a click has no array to steal
        assert first == 0.0 or outcome.score.prompt == "mask"


@pytest.mark.parametrize("direction", ["both", "forward"])
def test_truths_that_share_their_prompt_slice_give_a_method_the_same_inputs(
    scan: Volume, direction: Direction
) -> None:
    column = np.zeros(scan.voxels.shape, np.uint8)
    column[12, 20:40, 20:40] = 1
    upwards, downwards = column.copy(), column.copy()
    upwards[13:20, 25:35, 25:35] = 1
    downwards[5:12, 22:38, 22:24] = 1
    spies = []
    for labels in (upwards, downwards):
        target = Target(structure="column", labels=(1,))
        spies.append(Spy())
        shared = make_case("column", scan, scan.with_voxels(labels), [target])
        list(evaluate_case(shared, [spies[-1]], replace(EVERYTHING, direction=direction)))
    for first, second in zip(spies[0].given, spies[1].given, strict=True):
        one, other = reachable_arrays(list(first)), reachable_arrays(list(second))
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        if not isinstance(first[1][0], Mask):
            assert first[1] == second[1]


def test_forward_only_gives_and_scores_the_prompted_slice_and_those_behind_it(case: Case) -> None:
    spy = Spy()
    protocol = Protocol(prompts=("box", "mask"), direction="forward")
    outcomes = list(evaluate_case(case, [spy, ShrinkingMask()], protocol))
    egg = outcomes[0]
    given, prompts = spy.given[0]
    assert np.array_equal(given.voxels, case.image.voxels[12:])
    assert given.grid.to_mm(np.zeros(3)) == pytest.approx(case.image.grid.to_mm(np.array([12.0, 0, 0])))
    assert isinstance(prompts[0], Box)
    assert given.grid.to_index(np.array(prompts[0].corner_mm))[0] == pytest.approx(0)
    truth = np.count_nonzero(case.label_map.voxels[12:] == 1)
    assert egg.score.dice == pytest.approx(2 * truth / (given.voxels.size + truth))
    assert (egg.score.prompt_slice, egg.score.error) == (0, None)
    assert outcomes[2].score.prompt_slice_dice > 0.99  # a mask prompt lies on the cut scan, too


def test_forward_only_takes_a_scan_in_any_storage_order(scan: Volume, label_map: Volume) -> None:
    protocol = Protocol(prompts=("box", "mask"), direction="forward")
    targets = [Target(structure="egg", labels=(1,))]
    scores = []
    for order, flips in (((0, 1, 2), (False,) * 3), ((2, 0, 1), (True, False, True))):
        turned = [volume.reordered(order, flips) for volume in (scan, label_map)]  # type: ignore[arg-type]
        turned_case = make_case("turned", turned[0], turned[1], targets)
        methods = [EllipsoidFromBox(), ShrinkingMask()]
        scores.append([o.score.dice for o in evaluate_case(turned_case, methods, protocol)])
    assert scores[0] == scores[1]
    assert min(scores[0]) > 0.85


def test_every_measure_of_a_mask_of_known_shape_is_in_its_row(case: Case) -> None:
    """The box's ellipsoid is the truth; the spy marks everything."""
    exact, everything = (
        outcome.score
        for outcome in evaluate_case(case, [EllipsoidFromBox(), Spy()], Protocol(prompts=("box",)))
        if outcome.score.structure == "egg"
    )
    assert (exact.nsd, exact.hd95_mm, exact.average_surface_mm, exact.volume_error) == (1.0, 0.0, 0.0, 0.0)
    assert (exact.prompt_slice_excess, exact.slices_beyond, exact.ml_beyond) == (0.0, 0, 0.0)
    assert exact.retention == (1.0,) * 11
    assert exact.tolerance_mm == 3.0
    egg = case.label_map.voxels == 1
    slices = int(egg.any(axis=(1, 2)).sum())
    assert everything.slices_beyond == 24 - slices
    assert everything.ml_beyond == pytest.approx((24 - slices) * 60 * 70 * 3 / 1000)
    assert everything.volume_error == pytest.approx((egg.size - egg.sum()) / egg.sum())
    assert everything.prompt_slice_excess == pytest.approx(60 * 70 / egg[12].sum() - 1)
    assert everything.seconds is not None
    assert everything.peak_mb is None or everything.peak_mb > 1


def test_a_score_goes_through_json_unchanged(case: Case) -> None:
    protocol = Protocol(prompts=("point",), rounds=1)
    for outcome in evaluate_case(case, [Spy()], protocol):
        assert Score.from_json(json.loads(json.dumps(outcome.score.as_json()))) == outcome.score
    with pytest.raises(ValueError, match="other fields"):
        Score.from_json({"case": "a"})


def test_a_sequence_is_prompted_on_the_frame_of_end_diastole_and_scored_frame_by_frame() -> None:
    frames = np.zeros((6, 40, 50), np.uint8)
    for number, size in enumerate((10, 20, 14, 12, 8, 6)):  # the largest is not ED
        frames[number, 5 : 5 + size, 10 : 10 + size] = 1
    image = Volume(voxels=frames.astype(np.float32), affine=np.eye(4), modality="us", third_axis="time")
    case = make_case(
        "beat",
        image,
        image.with_voxels(frames),
        [Target(structure="left_ventricle", labels=(1,))],
        cine=True,
        key_frames={"ED": 0, "ES": 5},
    )
    spy = Spy()
    outcomes = list(evaluate_case(case, [spy, ShrinkingMask()], replace(EVERYTHING, rounds=2)))
    assert {outcome.score.error for outcome in outcomes} == {None}
    score = outcomes[0].score
    assert score.prompt_slice == 0
    whole = 40 * 50
    by_frame = [2 * size**2 / (whole + size**2) for size in (10, 20, 14, 12, 8, 6)]
    assert score.dice == pytest.approx(np.mean(by_frame))
    assert score.frame_dice == pytest.approx({"ED": by_frame[0], "ES": by_frame[5]})
    assert (score.reference_ml, score.prediction_ml, score.ml_beyond) == (None, None, None)
    box = next(prompts[0] for _, prompts in spy.given if isinstance(prompts[0], Box))
    assert image.grid.to_index(np.array(box.corner_mm)) == pytest.approx((0, 5, 10))


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
    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        raise RuntimeError("out of memory")


class Shrunk(Spy):
    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        return Volume(voxels=scan.voxels[:-1], affine=scan.affine)


class Vandal(Spy):
    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        scan.voxels[:] = 0
        return scan


@pytest.mark.parametrize(
    ("method", "reason"),
    [(Failing(), "RuntimeError: out of memory"), (Shrunk(), "does not lie on"), (Vandal(), "read-only")],
)
def test_a_method_that_fails_scores_zero_with_its_error_and_the_run_goes_on(
    case: Case, method: Spy, reason: str
) -> None:
    before = case.image.voxels.copy()
    method.name = "broken"
    scores = [
        outcome.score
        for outcome in evaluate_case(case, [method, EllipsoidFromBox()], Protocol(prompts=("box",)))
    ]
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
        def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
            return super().segment(scan, prompts).reordered((1, 2, 0), (True, False, True))

    assert next(evaluate_case(case, [Turned()])).score.dice == 1.0


def test_two_methods_of_one_name_are_an_error(case: Case) -> None:
    with pytest.raises(InputError, match="share a name"):
        list(evaluate_case(case, [Spy(), Spy()]))
