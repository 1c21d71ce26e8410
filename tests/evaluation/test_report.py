"""The report: nothing is missing in it, nothing foreign is in it, nothing is half-written."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.evaluation.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.cases import Case, PendingCase
from synthfm3d.evaluation.method import PROMPT_KINDS, PromptKind
from synthfm3d.evaluation.protocol import PROTOCOL
from synthfm3d.evaluation.report import (
    Report,
    check_report_folder,
    report_data,
    report_page,
    scores_csv,
    write_report,
)
from synthfm3d.evaluation.run import run_evaluation
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.volume import Volume


class Blind:
    """Finds nothing from a point, and fails with any other prompt."""

    name = "blind <b>&</b>"
    accepts: frozenset[PromptKind] = frozenset(PROMPT_KINDS)

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        if not hasattr(prompts[0], "position_mm"):
            raise RuntimeError("only points, please")
        return volume.with_voxels(np.zeros(volume.voxels.shape, np.uint8))


def pending(case: Case) -> PendingCase:
    return PendingCase(name=case.name, targets=case.targets, read=lambda: case)


def unreadable() -> PendingCase:
    def read() -> Case:
        raise InputError("lost.nii.gz: no such file.")

    return PendingCase(name="lost", targets=(), read=read)


@pytest.fixture(scope="module")
def report(case: Case) -> Report:
    sparse = Case(
        name=case.name, image=case.image, label_map=case.label_map, targets=case.targets, absent=("ghost",)
    )
    return run_evaluation([unreadable(), pending(sparse)], [Blind(), EllipsoidFromBox(), ShrinkingMask()])


def test_the_csv_has_a_row_for_each_structure_prompt_and_method(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(scores_csv(report.scores))))
    assert len(rows) == 2 * (3 + 1 + 1)
    first = next(row for row in rows if row["method"] == "ellipsoid from box")
    assert (first["case"], first["structure"], first["prompt"], first["dice"]) == (
        "phantom",
        "egg",
        "box",
        "1.000000",
    )
    failed = [row for row in rows if row["error"]]
    assert len(failed) == 4
    assert failed[0]["error"] == "RuntimeError: only points, please"
    assert failed[0]["prediction_ml"] == ""


def test_the_csv_of_a_second_run_is_the_same(report: Report, case: Case) -> None:
    again = run_evaluation(
        [pending(case)], [Blind(), EllipsoidFromBox(), ShrinkingMask()], with_pictures=False
    )
    slower = [replace(score, seconds=score.seconds + 1) for score in again.scores]
    assert scores_csv(slower) == scores_csv(report.scores)


def test_the_json_holds_scores_means_protocol_and_versions(report: Report) -> None:
    data = json.loads(json.dumps(report_data(report), allow_nan=False))
    assert len(data["scores"]) == 10
    assert data["protocol"] == list(PROTOCOL)
    assert data["absent"] == [{"case": "phantom", "structure": "ghost"}]
    assert data["unusable"] == [{"case": "lost", "reason": "lost.nii.gz: no such file."}]
    assert {"synthfm3d", "python", "numpy", "scipy"} <= set(data["versions"])
    assert len(data["means"]) == 5


def test_the_page_shows_every_score_and_what_went_wrong(report: Report) -> None:
    page = report_page(report)
    assert page.count('<img src="data:image/png;base64,') == 10
    for words in (
        "egg",
        "ball",
        "ellipsoid from box",
        "shrinking mask",
        "only points, please",
        "lost.nii.gz",
    ):
        assert words in page
    assert "ghost: no voxel has this label" in page
    assert "not a medical device" in page
    assert page.count('<td class="bad') == 4
    for line in PROTOCOL:
        assert line.split(";")[0].replace("'", "&#39;").replace(">", "&gt;") in page


def test_the_page_asks_nobody_for_anything(report: Report) -> None:
    page = report_page(report)
    without_pictures = re.sub(r'"data:image/png;base64,[^"]*"', '""', page)
    assert "//" not in without_pictures
    assert not re.search(r"<(script|link|iframe|object|embed)|@import|url\(", without_pictures)
    assert "default-src 'none'" in without_pictures


def test_the_page_shows_names_as_text(report: Report) -> None:
    page = report_page(report)
    assert "<b>&</b>" not in page
    assert "blind &lt;b&gt;&amp;&lt;/b&gt;" in page


def test_agreement_with_automatic_labels_is_not_called_accuracy(report: Report) -> None:
    automatic = [replace(score, label_source="automatic") for score in report.scores[:5]]
    page = report_page(Report(scores=(*automatic, *report.scores[5:])))
    assert "Mean agreement (Dice), automatic labels" in page
    assert "Mean Dice, expert labels" in page


def test_labels_of_unknown_origin_are_kept_apart_and_not_called_expert(report: Report) -> None:
    unknown = [replace(score, label_source="unknown") for score in report.scores[:5]]
    mixed = Report(scores=(*unknown, *report.scores[5:]))
    page = report_page(mixed)
    assert "Mean Dice, labels of unknown origin" in page
    assert "Mean Dice, expert labels" in page
    assert {mean["label_source"] for mean in report_data(mixed)["means"]} == {"unknown", "expert"}


def test_three_files_are_written_and_nothing_else(report: Report, tmp_path: Path) -> None:
    write_report(tmp_path / "new" / "report", report)
    assert sorted(path.name for path in (tmp_path / "new" / "report").iterdir()) == [
        "report.html",
        "report.json",
        "scores.csv",
    ]


def test_nothing_is_written_if_the_page_cannot_be_composed(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(report: Report) -> str:
        raise RuntimeError

    monkeypatch.setattr("synthfm3d.evaluation.report.report_page", fails)
    with pytest.raises(RuntimeError):
        write_report(tmp_path / "report", report)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        check_report_folder(tmp_path / "file")
    check_report_folder(tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_evaluation_without_any_score_is_an_error(case: Case) -> None:
    empty = Case(name="c", image=case.image, label_map=case.label_map, targets=(), absent=("ghost",))
    with pytest.raises(InputError, match="'ghost' has no voxel in c"):
        run_evaluation([pending(empty)], [EllipsoidFromBox()])
    with pytest.raises(InputError, match="no method takes these prompts"):
        run_evaluation([pending(case)], [EllipsoidFromBox()], ["point"])
    with pytest.raises(InputError, match=r"cannot be used.*lost\.nii\.gz"):
        run_evaluation([unreadable()], [EllipsoidFromBox()])


def test_a_report_needs_scores_and_a_picture_for_each_or_none(report: Report) -> None:
    with pytest.raises(ValueError, match="at least one score"):
        Report(scores=())
    with pytest.raises(ValueError, match="1 pictures for 10 scores"):
        Report(scores=report.scores, pictures=(b"",))
