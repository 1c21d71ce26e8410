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
from synthfm3d.evaluation.datasets.cases import Case, PendingCase
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.methods.method import Restarting
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.report import (
    Report,
    check_report_folder,
    latex_tables,
    means_csv,
    report_data,
    report_page,
    scores_csv,
    write_report,
)
from synthfm3d.evaluation.report.contents import STATISTICS
from synthfm3d.evaluation.report.pictures import chosen_pictures
from synthfm3d.evaluation.run import run_evaluation
from synthfm3d.evaluation.scoring.results import Round, Score
from synthfm3d.prompts.prompt import PROMPT_KINDS, Prompt, PromptKind
from synthfm3d.volume import Volume


class Blind(Restarting):
    """Finds nothing from a point, and fails with any other prompt."""

    name = "blind <b>&</b>"
    accepts: frozenset[PromptKind] = frozenset(PROMPT_KINDS)

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        if not hasattr(prompts[0], "position_mm"):
            raise RuntimeError("only points, please")
        return scan.with_voxels(np.zeros(scan.voxels.shape, np.uint8))


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
    assert data["protocol"]["words"] == list(Protocol().words())
    assert data["protocol"]["prompt_slice"] == "largest"
    assert data["against"] == Blind.name
    assert {(row["prompt"], row["method"]) for row in data["comparisons"]} == {
        ("box", "ellipsoid from box"),
        ("mask", "shrinking mask"),
    }
    assert data["absent"] == [{"case": "phantom", "structure": "ghost"}]
    assert data["unusable"] == [{"case": "lost", "reason": "lost.nii.gz: no such file."}]
    assert {"synthfm3d", "python", "numpy", "scipy"} <= set(data["versions"])
    assert len(data["means"]) == 5 * 3  # two structures and both together


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
    assert page.count("1 failed") == 4  # the blind method, two prompts, two structures
    for line in (*Protocol().words(), *STATISTICS):
        assert line.replace("'", "&#39;").replace(">", "&gt;") in page


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
    page = report_page(replace(report, scores=(*automatic, *report.scores[5:]), pictures={}))
    assert "Mean agreement (Dice), automatic labels" in page
    assert "Mean Dice, expert labels" in page


def test_labels_of_unknown_origin_are_kept_apart_and_not_called_expert(report: Report) -> None:
    unknown = [replace(score, label_source="unknown") for score in report.scores[:5]]
    mixed = replace(report, scores=(*unknown, *report.scores[5:]), pictures={})
    page = report_page(mixed)
    assert "Mean Dice, labels of unknown origin" in page
    assert "Mean Dice, expert labels" in page
    assert {mean["label_source"] for mean in report_data(mixed)["means"]} == {"unknown", "expert"}


def test_five_files_are_written_and_nothing_else(report: Report, tmp_path: Path) -> None:
    write_report(tmp_path / "new" / "report", report)
    assert sorted(path.name for path in (tmp_path / "new" / "report").iterdir()) == [
        "means.csv",
        "report.html",
        "report.json",
        "scores.csv",
        "table.tex",
    ]


def test_nothing_is_written_if_the_page_cannot_be_composed(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(report: Report) -> str:
        raise RuntimeError

    monkeypatch.setattr("synthfm3d.evaluation.report.files.report_page", fails)
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
        run_evaluation([pending(case)], [EllipsoidFromBox()], Protocol(prompts=("point",)))
    with pytest.raises(InputError, match=r"cannot be used.*lost\.nii\.gz"):
        run_evaluation([unreadable()], [EllipsoidFromBox()])


def test_a_report_needs_scores_and_pictures_of_them(report: Report) -> None:
    with pytest.raises(ValueError, match="at least one score"):
        replace(report, scores=(), pictures={})
    with pytest.raises(ValueError, match="does not exist"):
        replace(report, pictures={10: b""})


@pytest.fixture(scope="module")
def trial(score: Score) -> Report:
    """Eight patients; ``new`` gains with each of them, ``same`` is ``old``; one tool's name is awkward."""
    scores = []
    for n in range(8):
        for method, gain in (("old", 0.0), ("new_50%", 0.1 + n / 100), ("same", 0.0)):
            for structure in ("liver", "spleen"):
                scores.append(
                    replace(
                        score,
                        case=f"c{n}",
                        patient=f"p{n}",
                        structure=structure,
                        method=method,
                        dice=0.5 + n / 50 + gain,
                        retention=(1.0,) * 11,
                    )
                )
    return Report(scores=tuple(scores), protocol=Protocol(prompts=("box",)), against="old")


def test_the_page_gives_interval_difference_and_adjusted_p(trial: Report) -> None:
    page = report_page(trial)
    assert "+0.14, p = 0.031" in page  # 2 / 2⁸ × 4: two structures, two methods
    assert "+0.00, p = 1.000" in page
    assert "effect 1.00, 8 patients" in page
    low, high = trial.means[0].dice_interval or (0, 0)
    assert f"[{low:.2f}, {high:.2f}]" in page
    assert page.count("<svg") == 2  # boxes and retention of one prompt
    assert "NSD at 5 mm" in page  # liver


def test_the_page_is_readable_in_light_and_dark_and_on_paper(trial: Report) -> None:
    page = report_page(trial)
    for words in ("prefers-color-scheme: dark", "@media print", 'content="light dark"'):
        assert words in page


def test_the_latex_table_has_a_row_for_each_structure_and_marks_what_differs(trial: Report) -> None:
    table = latex_tables(trial)
    liver = next(line for line in table.splitlines() if line.startswith("liver"))
    old, new, same = liver.removesuffix(r" \\").split(" & ")[1:]
    assert old.startswith("57.0 {")
    assert new.startswith(r"\textbf{70.5}$^{*}$ {\scriptsize [")
    assert "*" not in same
    assert r"new\_50\%" in table
    assert table.count(r"\begin{tabular}") == table.count(r"\end{tabular}") == 1


def test_the_csv_of_means_has_comparisons_beside_them(trial: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(means_csv(trial))))
    assert len(rows) == 3 * 3
    row = next(row for row in rows if (row["structure"], row["method"]) == ("liver", "new_50%"))
    assert float(row["dice"]) == pytest.approx(0.705)
    assert float(row["p_holm"]) == pytest.approx(8 / 256)
    assert float(row["difference_low"]) < 0.135 < float(row["difference_high"])
    assert next(row for row in rows if row["method"] == "old")["p"] == ""


def test_clicks_have_a_curve_and_an_area(trial: Report) -> None:
    rounds = tuple(Round(clicks=n, dice=0.5 + n / 10, nsd=0.5, seconds=0.1) for n in range(3))
    clicked = replace(trial, scores=tuple(replace(score, rounds=rounds) for score in trial.scores))
    page = report_page(clicked)
    assert page.count("<svg") == 3
    assert "Area: old 0.600" in page
    assert report_data(clicked)["scores"][0]["click_area"] == pytest.approx(0.6)


def test_what_a_model_saw_in_training_is_told(trial: Report) -> None:
    methods = {"new_50%": {"weights": "abc", "training data": "AMOS22 & more", "said by": "its README"}}
    page = report_page(replace(trial, methods=methods))
    assert "AMOS22 &amp; more" in page
    assert "its README" in page


def test_datasets_are_named_beside_what_models_saw(trial: Report) -> None:
    assert "Datasets scored here" not in report_page(trial)
    scores = tuple(replace(score, case=f"camus/{score.case}") for score in trial.scores)
    assert "Datasets scored here: camus." in report_page(replace(trial, scores=scores))


def test_the_best_and_the_worst_case_are_shown_of_a_large_evaluation(score: Score) -> None:
    scores = [
        replace(score, case=f"c{n}", method=method, dice=n / 40) for n in range(40) for method in ("a", "b")
    ]
    asked: list[str] = []

    def pictures_of(case: str) -> list[bytes | None]:
        asked.append(case)
        return [f"{case} a".encode(), f"{case} b".encode()]

    shown = chosen_pictures(scores, pictures_of)
    assert list(shown.values()) == [b"c0 a", b"c0 b", b"c39 a", b"c39 b"]
    assert asked == ["c0", "c39"]  # no other picture is read
    assert len(chosen_pictures(scores[:40], pictures_of)) == 40
