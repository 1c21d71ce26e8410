"""``synthfm3d evaluate`` as a user meets it: files in, report out, one-line errors."""

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from dicom_files import SLICES, make_slice
from pydicom.uid import generate_uid

import synthfm3d.io
from synthfm3d.cli import evaluate
from synthfm3d.cli.boundary import guarded
from synthfm3d.evaluation.methods.models import ModelMethod
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.read import ReadOptions, load
from synthfm3d.volume import Grid, Volume

GRID = Grid.from_spacing((16, 40, 50), (3.0, 1.0, 1.0))


class OneVoxel:
    """Stands for a model: its mask is the first voxel, unless it is told to fail."""

    fails = False

    def segment_with_details(self, volume: Volume, prompts: Any) -> SimpleNamespace:
        if self.fails:
            raise RuntimeError("no memory")
        voxels = np.zeros(volume.voxels.shape, np.uint8)
        voxels[0, 0, 0] = 1
        return SimpleNamespace(mask=volume.with_voxels(voxels), logits=None)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> OneVoxel:
    """No model is loaded: these tests are about the command."""
    stand_in = OneVoxel()
    monkeypatch.setattr(
        "synthfm3d.evaluation.methods.models.model_method",
        lambda name, device: ModelMethod(name=name, segmenter=stand_in, weights=None),  # type: ignore[arg-type]
    )
    return stand_in


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a scan, its labels (1: a ball of 8.5 mm, 2: a box) and their names."""
    z, y, x = np.ogrid[:16, :40, :50]
    labels = np.zeros(GRID.shape, np.uint8)
    labels[((z - 8) * 3) ** 2 + (y - 15) ** 2 + (x - 15) ** 2 <= 8.5**2] = 1
    labels[5:9, 25:35, 30:45] = 2
    noise = np.random.default_rng(0).normal(100, 20, GRID.shape).astype(np.float32)
    write_nifti(tmp_path / "scan.nii.gz", Volume(voxels=noise, affine=GRID.affine))
    write_nifti(tmp_path / "labels.nii.gz", Volume(voxels=labels, affine=GRID.affine))
    (tmp_path / "names.json").write_text('{"1": "ball", "2": "box", "3": "ghost"}')
    return tmp_path


def run(*arguments: object) -> int:
    return guarded(application(), [str(argument) for argument in arguments])


def run_on(files: Path, *arguments: object, out: str = "report") -> int:
    inputs = ("--image", files / "scan.nii.gz", "--labels", files / "labels.nii.gz")
    return run(*inputs, "--names", files / "names.json", "-o", files / out, *arguments)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("model")
def test_every_structure_is_scored_with_every_prompt_and_the_table_is_printed(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_on(files) == 0
    scores = {
        (row["structure"], row["prompt"], row["method"]): float(row["dice"]) for row in rows(files / "report")
    }
    assert len(scores) == 2 * (3 + 1 + 1)
    assert scores["ball", "box", "ellipsoid from box"] == 1.0
    assert scores["ball", "point", "default"] == 0.0
    assert {row["label_source"] for row in rows(files / "report")} == {"unknown"}
    printed = capsys.readouterr()
    assert "Dice against labels of unknown origin" in printed.out
    assert "1.000" in printed.out
    assert "ellipsoid from box" in printed.out
    assert "report.html" in printed.err
    page = (files / "report" / "report.html").read_text()
    assert page.count("<img") == 10


@pytest.mark.usefixtures("model")
def test_structures_prompts_and_models_are_chosen_with_commas_or_repeated(files: Path) -> None:
    arguments = (
        "--structure",
        "box,ball",
        "--prompt",
        "mask",
        "--prompt",
        "point",
        "--model",
        "default,other",
    )
    assert run_on(files, *arguments, "--no-baselines", "--label-source", "automatic", "--modality", "mr") == 0
    found = rows(files / "report")
    assert [(row["structure"], row["prompt"], row["method"]) for row in found] == [
        (structure, prompt, method)
        for structure in ("box", "ball")
        for prompt in ("mask", "point")
        for method in ("default", "other")
    ]
    assert {(row["label_source"], row["modality"], row["case"]) for row in found} == {
        ("automatic", "mr", "scan.nii.gz")
    }


@pytest.mark.usefixtures("model")
def test_json_on_stdout_is_the_json_of_the_report(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(files, "--json", "--quiet") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads((files / "report" / "report.json").read_text())
    assert printed.err == ""


@pytest.mark.usefixtures("model")
def test_a_second_run_writes_the_same_csv(files: Path) -> None:
    assert run_on(files, out="first") == run_on(files, out="second") == 0
    assert (files / "first" / "scores.csv").read_bytes() == (files / "second" / "scores.csv").read_bytes()


@pytest.mark.usefixtures("model")
def test_the_folder_is_an_option_of_the_same_name_as_in_other_commands(files: Path) -> None:
    inputs = ("--image", files / "scan.nii.gz", "--labels", files / "labels.nii.gz")
    assert run(*inputs, "--output", files / "report", "--dry-run") == 0
    assert run(*inputs, "--out", files / "report", "--dry-run") == 2


@pytest.mark.usefixtures("model")
def test_a_dry_run_writes_nothing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(files, "--dry-run") == 0
    assert "10 masks" in capsys.readouterr().err
    assert not (files / "report").exists()


@pytest.mark.usefixtures("model")
def test_an_absent_structure_is_skipped_and_told(files: Path) -> None:
    assert run_on(files, "--structure", "ball,ghost") == 0
    data = json.loads((files / "report" / "report.json").read_text())
    assert data["absent"] == [{"case": "scan.nii.gz", "structure": "ghost"}]


def test_a_model_that_always_fails_is_exit_code_1_with_a_report(
    files: Path, model: OneVoxel, capsys: pytest.CaptureFixture[str]
) -> None:
    model.fails = True
    assert run_on(files, "--no-baselines") == 1
    assert "6 of 6 masks failed; the first: RuntimeError: no memory" in capsys.readouterr().err
    assert len(rows(files / "report")) == 6


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--structure", "spleen"], ["labels.nii.gz", "'spleen'", "ball (1), box (2), ghost (3)"]),
        (["--structure", "ghost"], ["'ghost' has no voxel"]),
        (["--prompt", "scribble"], ["--prompt scribble", "point, 3-points", "mask, all"]),
        (["--image", "missing.nii.gz"], ["missing.nii.gz"]),
        (["--labels", "missing.nii.gz"], ["missing.nii.gz"]),
        (["--names", "missing.json"], ["missing.json"]),
        (["--samples", "."], ["--samples"]),
        (["--label-source", "guess"], ["guess"]),
        (["--frame", "3"], ["scan.nii.gz", "frame 3"]),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2_and_nothing_is_written(
    files: Path, arguments: list[str], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_on(files, *arguments) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for words in told:
        assert words in message
    assert not (files / "report").exists()


@pytest.mark.usefixtures("model")
def test_labels_on_another_grid_are_told_with_both_geometries(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Grid.from_spacing(GRID.shape, (3.0, 1.0, 2.0))
    write_nifti(files / "labels.nii.gz", Volume(voxels=np.ones(GRID.shape, np.uint8), affine=other.affine))
    assert run_on(files) == 2
    message = capsys.readouterr().err
    assert "labels.nii.gz" in message
    assert "50 × 40 × 16 voxels of 2 × 1 × 3 mm" in message


@pytest.mark.usefixtures("model")
def test_a_report_in_a_place_that_is_a_file_is_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "taken").write_text("")
    assert run_on(files, out="taken") == 2
    assert "taken" in capsys.readouterr().err
    assert (files / "taken").read_text() == ""


def test_nothing_to_score_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-o", tmp_path / "report") == 2
    assert "--image and --labels, or --samples" in capsys.readouterr().err


def test_a_model_that_does_not_exist_is_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    assert run_on(files, "--model", "nosuch") == 2
    assert "nosuch: no such model" in capsys.readouterr().err


@pytest.mark.usefixtures("model")
def test_samples_are_scored_case_by_case_and_a_broken_one_is_left_out(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = files / "samples" / "mr_sct_t2"
    folder.mkdir(parents=True)
    (files / "scan.nii.gz").rename(folder / "image.nii.gz")
    (files / "labels.nii.gz").rename(folder / "labels.nii.gz")
    assert run("--samples", files / "samples", "-o", files / "report", "--json") == 0
    printed = capsys.readouterr()
    data = json.loads(printed.out)
    assert {(score["case"], score["structure"]) for score in data["scores"]} == {("mr_sct_t2", "spinal_cord")}
    assert len(data["unusable"]) == 9
    assert printed.err.count("Left out") == 9


def test_the_random_walker_is_scored_end_to_end(files: Path) -> None:
    pytest.importorskip("torch")
    assert run_on(files, "--model", "random-walker", "--structure", "ball", "--prompt", "box") == 0
    walker, ellipsoid = rows(files / "report")
    assert (walker["method"], walker["error"]) == ("random-walker", "")
    assert ellipsoid["dice"] == "1.000000"


@pytest.mark.usefixtures("model")
def test_the_choices_of_the_protocol_are_options_and_stand_in_the_report(files: Path) -> None:
    options = ("--prompt", "all", "--prompt-slice", "middle", "--direction", "forward", "--prompt-seeds", "2")
    assert run_on(files, *options, "--rounds", "1", "--seed", "3", "--no-pictures") == 0
    data = json.loads((files / "report" / "report.json").read_text())
    chosen = data["protocol"]
    assert (chosen["prompt_slice"], chosen["direction"], chosen["prompt_seeds"]) == ("middle", "forward", 2)
    assert (chosen["rounds"], chosen["seed"], len(chosen["prompts"])) == (1, 3, 7)
    assert len(data["scores"]) == 2 * (4 + 2 * 3 + 3 + 1)  # the model; box and its draws; mask
    assert "<img" not in (files / "report" / "report.html").read_text()


@pytest.mark.usefixtures("model")
def test_a_finished_case_is_not_scored_again_when_resumed(files: Path, model: OneVoxel) -> None:
    assert run_on(files) == 0
    before = (files / "report" / "scores.csv").read_bytes()
    model.fails = True
    assert run_on(files, "--resume") == 0
    assert (files / "report" / "scores.csv").read_bytes() == before
    assert run_on(files, "--resume", "--prompt", "box") == 0  # another protocol: scored anew, and it fails
    assert {row["error"] for row in rows(files / "report") if row["method"] == "default"} == {
        "RuntimeError: no memory"
    }


def test_masks_of_another_tool_are_scored_from_exported_prompts(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_on(files, "--prompt", "box", "--export-prompts", files / "asked") == 0
    assert "2 prompts" in capsys.readouterr().err
    assert not (files / "report").exists()
    manifest = json.loads((files / "asked" / "manifest.json").read_text())
    for question in manifest["questions"]:
        mask = files / "masks" / question["mask"]
        mask.parent.mkdir(parents=True, exist_ok=True)
        write_nifti(mask, Volume(voxels=np.ones(GRID.shape, np.uint8), affine=GRID.affine))
    tool = f"my tool={files / 'masks'}"
    assert run_on(files, "--predictions", tool, "--against", "my tool") == 0
    assert [(row["method"], row["prompt"]) for row in rows(files / "report")] == [
        ("my tool", "box"),
        ("ellipsoid from box", "box"),
        ("shrinking mask", "mask"),
    ] * 2
    assert all(row["error"] == "" for row in rows(files / "report"))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--against", "nobody"], "--against nobody: is not one of default"),
        (["--against", "shrinking mask", "--prompt", "point"], "accepts none of the prompts point"),
        (["--predictions", "masks"], "NAME=FOLDER"),
        (["--predictions", "tool=nowhere"], "no such folder"),
        (["--predictions", "default=."], "expected as CASE/STRUCTURE/PROMPT"),
        (["--direction", "forward", "--export-prompts", "asked"], "whole scans only"),
    ],
)
def test_wrong_choices_are_told_in_one_line(
    files: Path,
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (files / "empty").mkdir()
    monkeypatch.chdir(files / "empty")
    assert run_on(files, *arguments) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not (files / "report").exists()
    assert not list((files / "empty").iterdir())


@pytest.mark.slow
def test_several_processes_write_the_files_of_one(files: Path) -> None:
    pytest.importorskip("torch")
    options = ("--model", "random-walker,grow-cut", "--structure", "ball", "--prompt", "box,point")
    assert run_on(files, *options, out="one") == run_on(files, *options, "--jobs", "2", out="two") == 0
    for name in ("scores.csv", "means.csv", "table.tex"):
        assert (files / "one" / name).read_bytes() == (files / "two" / name).read_bytes()


@pytest.fixture
def two_series(tmp_path: Path) -> Path:
    """A folder of two CT series of the same slices, with labels that lie on both."""
    folder = tmp_path / "dicom"
    folder.mkdir()
    for number in (3, 4):
        uid = generate_uid(entropy_srcs=[str(number)])
        for n in range(SLICES):
            dataset = make_slice(n, generate_uid(entropy_srcs=["study"]), uid)
            dataset.SeriesNumber = number
            dataset.save_as(folder / f"{number}-{n}.dcm", enforce_file_format=True)
    scan = load(folder, ReadOptions(series="1"))
    labels = np.zeros(scan.voxels.shape, np.uint8)
    labels[3:6, 10:20, 10:20] = 1
    write_nifti(tmp_path / "labels.nii.gz", scan.with_voxels(labels))
    return folder


@pytest.mark.usefixtures("model")
def test_of_a_folder_of_several_series_the_one_is_scored_that_is_named_as_the_error_advises(
    two_series: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = two_series.parent / "report"
    inputs = ("--image", two_series, "--labels", two_series.parent / "labels.nii.gz", "-o", out)
    assert run(*inputs) == 2
    assert "choose one with --series" in capsys.readouterr().err
    assert run(*inputs, "--series", "2") == 0
    assert {row["structure"] for row in rows(out)} == {"label_1"}


def test_options_that_errors_about_scans_advise_are_options_of_evaluate() -> None:
    sources = "".join(path.read_text() for path in Path(synthfm3d.io.__file__).parent.glob("*.py"))
    advised = set(re.findall(r"\((--[a-z-]+)[ )]|(?:with|one with|is) (--[a-z-]+)", sources))
    named = {option for pair in advised for option in pair if option}
    assert named >= {"--series", "--frame", "--allow-gaps", "--spacing", "--modality"}
    command = typer.main.get_command(application())
    known = {option for parameter in command.params for option in parameter.opts}
    assert named - known <= {"--label", "--mask-prompt"}  # of masks that segment corrects


def application() -> typer.Typer:
    app = typer.Typer()
    evaluate.register(app)
    return app
