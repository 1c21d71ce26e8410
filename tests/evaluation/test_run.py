"""Runs: in several processes, resumed, and the results that they leave."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from blocks import baselines, blocks, deadly

import synthfm3d
from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase, Target
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.report import scores_csv
from synthfm3d.evaluation.run import RunSettings, run_evaluation, run_in_processes
from synthfm3d.evaluation.scoring.results import code_digest
from synthfm3d.files import safe_name
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.volume import Volume


class Counting(EllipsoidFromBox):
    """Counts how often it is asked."""

    asked = 0

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        Counting.asked += 1
        return super().segment(scan, prompts)


@pytest.fixture(autouse=True)
def _nobody_was_asked() -> None:
    Counting.asked = 0


def pending(case: Case) -> PendingCase:
    return PendingCase(name=case.name, targets=case.targets, read=lambda: case)


BOX = Protocol(prompts=("box",))


def test_a_resumed_run_asks_nothing_again_and_gives_the_same_report(case: Case, tmp_path: Path) -> None:
    first = run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path)
    assert Counting.asked == 2
    heard: list[str] = []
    again = run_evaluation(
        [pending(case)],
        [Counting()],
        BOX,
        folder=tmp_path,
        resume=True,
        on_score=lambda score: heard.append(score.structure),
    )
    assert Counting.asked == 2
    assert heard == ["egg", "ball"]
    assert again == first


def test_without_resume_everything_is_asked_again(case: Case, tmp_path: Path) -> None:
    for _ in range(2):
        run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path)
    assert Counting.asked == 4


@pytest.mark.parametrize("changed", ["protocol", "methods", "targets"])
def test_results_of_another_protocol_method_or_target_are_not_taken(
    case: Case, tmp_path: Path, changed: str
) -> None:
    run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path)
    protocol = replace(BOX, prompt_slice="middle") if changed == "protocol" else BOX
    methods = [Counting(), ShrinkingMask()] if changed == "methods" else [Counting()]
    targets = case.targets
    if changed == "targets":
        targets = (Target(structure="egg", labels=(1, 2)), *targets[1:])
    other = PendingCase(name=case.name, targets=targets, read=lambda: case)
    run_evaluation([other], methods, protocol, folder=tmp_path, resume=True)
    assert Counting.asked == 4


@pytest.mark.parametrize(
    ("file", "is_other"),
    [("prompts/simulation.py", True), ("metrics/overlap.py", True), ("cli/stored.py", False)],
)
def test_results_depend_on_the_code_that_determines_scores(tmp_path: Path, file: str, is_other: bool) -> None:
    copy = tmp_path / "synthfm3d"
    shutil.copytree(Path(synthfm3d.__file__).parent, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    before = code_digest(copy)
    code_digest.cache_clear()
    with (copy / file).open("a") as source:
        source.write("\n")
    assert before == code_digest(Path(synthfm3d.__file__).parent)
    assert (code_digest(copy) != before) == is_other


def test_results_of_other_code_are_not_taken(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path)
    monkeypatch.setattr("synthfm3d.evaluation.scoring.results.code_digest", lambda: "other")
    run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path, resume=True)
    assert Counting.asked == 4


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"made_with": 3}', "cut"])
def test_a_damaged_result_is_made_again(case: Case, tmp_path: Path, damage: str) -> None:
    run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path)
    path = tmp_path / "phantom.json"
    path.write_text(path.read_text()[:-40] if damage == "cut" else damage)
    run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path, resume=True)
    assert Counting.asked == 4


def test_a_result_of_before_calibration_was_recorded_is_made_again(case: Case, tmp_path: Path) -> None:
    run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path)
    path = tmp_path / "phantom.json"
    content = json.loads(path.read_text())
    for score in content["scores"]:
        del score["calibration"]
    path.write_text(json.dumps(content))
    run_evaluation([pending(case)], [Counting()], BOX, folder=tmp_path, resume=True)
    assert Counting.asked == 4


def test_a_run_that_was_stopped_goes_on_with_the_case_it_was_at(case: Case, tmp_path: Path) -> None:
    def stop() -> Case:
        raise KeyboardInterrupt

    stopped = PendingCase(name="second", targets=case.targets, read=stop)
    with pytest.raises(KeyboardInterrupt):
        run_evaluation([pending(case), stopped], [Counting()], BOX, folder=tmp_path)
    second = PendingCase(name="second", targets=case.targets, read=lambda: replace(case, name="second"))
    report = run_evaluation([pending(case), second], [Counting()], BOX, folder=tmp_path, resume=True)
    assert Counting.asked == 2 + 2
    assert [score.case for score in report.scores] == ["phantom", "phantom", "second", "second"]


def test_case_names_become_file_names_that_do_not_collide() -> None:
    assert safe_name("patient0001_2CH") == "patient0001_2CH"
    names = {safe_name(name) for name in ("a/b", "a b", "a_b", "../a", "é", "")}
    assert len(names) == 6
    assert not any("/" in name or name.startswith(".") for name in names)


@pytest.mark.slow
def test_several_processes_give_the_report_of_one(tmp_path: Path) -> None:
    cases, protocol = partial(blocks, 3), Protocol(prompts=("box", "jittered-box", "mask"), prompt_seeds=2)
    told: list[str] = []
    plan = RunSettings(cases=cases, methods=baselines, protocol=protocol, folder=tmp_path / "several", jobs=2)
    several = run_in_processes(plan, lambda result: told.append(result.case))
    one = run_evaluation(cases(), baselines(), protocol)
    assert scores_csv(several.scores) == scores_csv(one.scores)
    assert several.pictures == one.pictures
    assert several.unusable == one.unusable == (("lost", "lost.nii.gz: no such file."),)
    assert sorted(told) == ["block 0", "block 1", "block 2", "lost"]
    assert run_in_processes(replace(plan, resume=True)) == several


@pytest.mark.slow
def test_a_case_that_kills_its_process_is_tried_once_more_and_the_others_are_scored(tmp_path: Path) -> None:
    plan = RunSettings(
        cases=partial(blocks, 4), methods=partial(deadly, tmp_path / "once"), protocol=BOX, jobs=2
    )
    report = run_in_processes(plan)
    assert [score.case for score in report.scores] == ["block 0", "block 1", "block 3"]
    assert dict(report.unusable)["block 2"].startswith("its process died twice")


def test_a_method_to_compare_with_must_have_been_scored(case: Case) -> None:
    report = run_evaluation([pending(case)], [EllipsoidFromBox()], BOX, against="nobody")
    with pytest.raises(InputError, match="nobody"):
        report.comparisons  # noqa: B018 it is worked out when it is asked for


def test_what_was_repaired_or_assumed_is_noted(case: Case) -> None:
    noted = replace(case, notes=("the sform was not believed.",))
    report = run_evaluation([pending(noted)], [EllipsoidFromBox()], BOX)
    assert report.notes == (("phantom", "the sform was not believed."),)
    assert "phantom" in json.dumps(report.notes)
