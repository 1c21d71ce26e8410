"""Whether probabilities are true: from a method's log-odds to the diagram of the report."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pytest

from synthfm3d.evaluation.datasets.cases import Case, PendingCase, Target, make_case
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox
from synthfm3d.evaluation.methods.method import Dialogue, Method
from synthfm3d.evaluation.methods.models import ModelMethod
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.report import Report, means_csv, report_data, report_page
from synthfm3d.evaluation.report.plots import reliability_diagram
from synthfm3d.evaluation.run import run_evaluation
from synthfm3d.evaluation.scoring.evaluate import evaluate_case
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.metrics.calibration import Calibration, Reliability
from synthfm3d.model.grow_cut import GrowCut
from synthfm3d.prompts.prompt import PROMPT_KINDS, Prompt, PromptKind
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.volume import Array, Grid, Volume

BOX = Protocol(prompts=("box",))
SLICES = 2000


@dataclass
class Reader(Method):
    """Reads its log-odds off the scan, where the test has written them, times how sure it is."""

    name: str = "reader"
    sureness: float = 1.0
    accepts: frozenset[PromptKind] = frozenset(PROMPT_KINDS)

    def start(self, scan: Volume, prompts: Sequence[Prompt]) -> Dialogue:
        return Talk(self.read(scan))

    def read(self, volume: Volume) -> Segmentation:
        logits = volume.with_voxels((self.sureness * volume.voxels).astype(np.float16))
        mask = volume.with_voxels((logits.voxels > 0).astype(np.uint8))
        return Segmentation(
            scan=volume, mask=mask, modality=None, field_of_view_mm=1.0, warnings=(), logits=logits
        )


class Talk:
    """Each click turns the log-odds around."""

    def __init__(self, found: Segmentation) -> None:
        self.mask, self.logits = found.mask, found.logits

    def correct(self, click: Prompt) -> None:
        assert self.logits is not None
        self.logits = self.logits.with_voxels(-self.logits.voxels)


def drawn_case(order: tuple[int, int, int] = (0, 1, 2)) -> Case:
    """A scan that holds log-odds, one value a slice; slices show the structure whole or not, as drawn."""
    generator = np.random.default_rng(5)
    probability = generator.uniform(0.01, 0.99, SLICES)
    truth = generator.random(probability.shape) < probability
    slices = (SLICES, 4, 5)

    def whole(values: Array) -> Array:
        return np.broadcast_to(values[:, None, None], slices).copy()

    grid = Grid.from_spacing(slices, (3.0, 1.0, 1.0))
    scan = Volume(voxels=whole(np.log(probability / (1 - probability))), affine=grid.affine, modality="mr")
    labels = scan.with_voxels(whole(truth).astype(np.uint8))
    flips = (False, True, False)
    turned = [volume.reordered(order, flips) for volume in (scan, labels)]
    return make_case("drawn", *turned, [Target(structure="rain", labels=(1,), label_source="expert")])


@pytest.fixture(scope="module")
def drawn() -> Case:
    return drawn_case()


def calibration_of(case: Case, method: Method, protocol: Protocol = BOX) -> Calibration:
    found = next(evaluate_case(case, [method], protocol)).score.calibration
    assert found is not None
    return found


def test_a_method_whose_truth_is_drawn_from_its_probabilities_lies_on_the_diagonal(drawn: Case) -> None:
    found = calibration_of(drawn, Reader())
    assert sum(found.slices.count) == SLICES
    assert sum(found.voxels.count) == 20 * SLICES
    for sums in (found.voxels, found.slices):
        assert len(sums.points) == 10
        # Some 200 slices a bin: a standard error of 0.035 at most.
        assert all(abs(true - given) < 0.1 for given, true in sums.points)
        assert sums.error < 0.03


def test_a_method_that_is_too_sure_lies_below_the_diagonal_where_it_says_yes(drawn: Case) -> None:
    found = calibration_of(drawn, Reader(sureness=4.0))
    for sums in (found.voxels, found.slices):
        assert all(true < given for given, true in sums.points if given > 0.6)
        assert all(true > given for given, true in sums.points if given < 0.4)
        # Odds to the fourth power: the mean of |p⁴ / (p⁴ + q⁴) - p| over these p is 0.17.
        assert sums.error == pytest.approx(0.17, abs=0.02)


def test_slices_are_those_of_the_scan_in_whatever_order_it_is_stored(drawn: Case) -> None:
    found, turned = calibration_of(drawn, Reader()), calibration_of(drawn_case((2, 1, 0)), Reader())
    for one, other in ((found.slices, turned.slices), (found.voxels, turned.voxels)):
        assert (one.count, one.true) == (other.count, other.true)


def test_the_first_answer_counts_and_not_those_to_corrections(drawn: Case) -> None:
    asked = replace(BOX, rounds=1)
    assert calibration_of(drawn, Reader(), asked) == calibration_of(drawn, Reader())


def test_a_tool_without_weights_gives_probabilities_and_a_baseline_does_not(case: Case) -> None:
    method = ModelMethod(name="grow-cut", segmenter=Segmenter(GrowCut()), weights=None)
    outcomes = list(islice(evaluate_case(case, [method, EllipsoidFromBox()], BOX), 2))
    egg, without = outcomes[0].score, outcomes[1].score
    assert without.calibration is None
    assert egg.calibration is not None
    assert sum(egg.calibration.slices.count) == len(case.image.voxels)
    inside = np.count_nonzero(case.label_map.voxels == 1)
    assert sum(egg.calibration.voxels.true) == inside
    assert inside < sum(egg.calibration.voxels.count) < case.image.voxels.size
    assert Score.from_json(json.loads(json.dumps(egg.as_json()))) == egg


class Broken(Reader):
    def read(self, volume: Volume) -> Segmentation:
        found = super().read(volume)
        return replace(found, logits=volume.with_voxels(np.full(volume.voxels.shape, np.nan)))


class Elsewhere(Reader):
    def read(self, volume: Volume) -> Segmentation:
        found = super().read(volume)
        return replace(found, logits=replace(volume, voxels=volume.voxels[:-1]))


@pytest.mark.parametrize(("method", "reason"), [(Broken(), "between 0 and 1"), (Elsewhere(), "does not lie")])
def test_log_odds_that_are_none_are_the_failure_of_the_method(
    case: Case, method: Reader, reason: str
) -> None:
    score = next(evaluate_case(case, [method], BOX)).score
    assert score.error is not None
    assert reason in score.error
    assert (score.dice, score.calibration) == (0.0, None)


@pytest.fixture(scope="module")
def report(drawn: Case) -> Report:
    pending = [
        PendingCase(name=name, targets=drawn.targets, read=lambda name=name: replace(drawn, name=name))  # type: ignore[misc]
        for name in ("first", "second")
    ]
    methods = [EllipsoidFromBox(), Reader("true <b>"), Reader("too sure", sureness=4.0)]
    return run_evaluation(pending, methods, BOX, with_pictures=False)


def test_the_page_shows_a_diagram_of_each_method_with_probabilities_and_says_what_it_means(
    report: Report,
) -> None:
    page = report_page(report)
    for name, diagrams in (("true &lt;b&gt;", 1), ("too sure", 1), ("ellipsoid from box", 0)):
        assert page.count(f'aria-label="reliability diagram of {name}"') == diagrams
    assert "below it the probabilities are too high" in page
    assert "this threshold is fixed and was never tuned on real scans" in page


def test_a_dot_of_the_diagram_stands_where_the_cases_together_put_it(report: Report) -> None:
    """Reads the picture: frequency 0 and probability 0 are the corner (60, 364), a side has 320 units."""
    page = report_page(report)
    drawn = page[page.index('aria-label="reliability diagram of too sure"') :].partition("</svg>")[0]
    places = re.findall(r'<circle class="dot voxels" cx="([\d.]+)" cy="([\d.]+)"', drawn)
    shown = [((float(x) - 60) / 320, (364 - float(y)) / 320) for x, y in places]
    sums = [score.calibration.voxels for score in report.scores if score.method == "too sure"]  # type: ignore[union-attr]
    assert np.ravel(shown) == pytest.approx(np.ravel(sums[0].points), abs=1e-3)  # two equal cases
    first_bin = f"{2 * sums[0].count[0] / 1000:.0f}k"
    assert f'text-anchor="middle">{first_bin}</text>' in drawn
    assert f"voxels, ECE {sums[0].error:.3f}" in drawn


def test_a_bin_of_a_few_slices_has_a_pale_dot_and_no_line() -> None:
    """By hand: 5 slices at 0.15, all true; 50 at 0.95, 45 true. Nothing else."""
    few = Reliability(
        count=(0, 5, *[0] * 7, 50), given=(0.0, 0.75, *[0.0] * 7, 47.5), true=(0, 5, *[0] * 7, 45)
    )
    drawn = reliability_diagram("m", Calibration(voxels=few + few + few + few, slices=few), colour=0)
    assert drawn.count('class="dot slices few" cx="108.0" cy="44.0"') == 1
    assert drawn.count('<path class="line slices" d="M364.0 76.0"/>') == 1
    assert drawn.count('<path class="line voxels" d="M108.0 44.0M364.0 76.0"/>') == 1  # far apart: not joined
    assert "ECE 0.123" in drawn  # (5 × 0.85 + 50 × 0.05) / 55


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (9_960, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (34_000_000, "34M"),
    ],
)
def test_a_number_below_a_bin_has_four_letters_at_most(count: int, shown: str) -> None:
    one = Reliability(count=(count, *[0] * 9), given=(0.0,) * 10, true=(0,) * 10)
    drawn = reliability_diagram("m", Calibration(voxels=one, slices=one), colour=0)
    assert drawn.count(f'y="415.0" text-anchor="middle">{shown}</text>') == (10 if count == 0 else 1)


def test_a_page_without_probabilities_has_no_word_about_them(case: Case) -> None:
    pending = PendingCase(name=case.name, targets=case.targets, read=lambda: case)
    page = report_page(run_evaluation([pending], [EllipsoidFromBox()], BOX, with_pictures=False))
    assert "reliability" not in page
    assert "probabilit" not in page


def test_json_and_csv_of_means_have_the_sums_over_cases(report: Report) -> None:
    data = json.loads(json.dumps(report_data(report), allow_nan=False))
    mean = next(row for row in data["means"] if (row["method"], row["structure"]) == ("true <b>", None))
    assert sum(mean["calibration"]["slices"]["count"]) == 2 * SLICES
    assert next(row for row in data["means"] if row["method"] == "ellipsoid from box")["calibration"] is None
    rows = list(csv.DictReader(io.StringIO(means_csv(report))))
    errors = {row["method"]: row["voxel_calibration_error"] for row in rows}
    assert errors["ellipsoid from box"] == ""
    assert float(errors["true <b>"]) < 0.03 < 0.1 < float(errors["too sure"])
