"""``synthfm3d segment`` from files to files: what it writes, and what it refuses."""

import errno
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import typer

from synthfm3d.cli import main, segment
from synthfm3d.cli.boundary import guarded
from synthfm3d.randomness import stream

# Stored (i, j, k); i to the left, 1.5 mm slices.
AFFINE = np.array([[-1.0, 0, 0, 20], [0, 1, 0, -30], [0, 0, 1.5, 100], [0, 0, 0, 1]])
SHAPE = (60, 50, 24)
CENTRE = np.array([34, 22, 12])
CLICK = "34,22,12"


@pytest.fixture(scope="session")
def truth():
    """Stored boolean array (i, j, k) of an ellipsoid with radii of 10, 8 and 9 mm."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    return (((index - CENTRE) / [10, 8, 6]) ** 2).sum(axis=-1) <= 1


@pytest.fixture
def scan(tmp_path, truth) -> Path:
    noise = stream(0, "cli").normal(0, 8, size=SHAPE)
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image((100 + 100 * truth + noise).astype(np.int16), AFFINE), path)
    return path


@pytest.fixture
def run(scan, capsys):
    """Runs the command on the scan; returns exit code, stdout, stderr."""

    def run(*words, on=scan, out=None):
        app = typer.Typer()
        segment.register(app)
        app.callback()(lambda: None)
        out = scan.parent / "mask.nii.gz" if out is None else out
        words = ["segment", str(on), "-o", str(out), "--model", "random-walker", *words]
        code = guarded(app, words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(result, *words) -> None:
    """Exit code 2, one line on stderr that holds the words, nothing on stdout."""
    code, out, err = result
    lines = [line for line in err.splitlines() if not line.startswith("Segmenting")]
    assert code == 2, err
    assert out == ""
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]


def dice_of(path: Path, truth) -> float:
    image = nib.load(path)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-4)
    assert image.get_data_dtype() == np.uint8
    found = np.asanyarray(image.dataobj) > 0
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def test_a_click_gives_a_mask_on_the_scans_own_voxels_and_a_report_beside_it(run, tmp_path, truth):
    code, out, err = run("--point", CLICK)
    assert code == 0
    assert dice_of(tmp_path / "mask.nii.gz", truth) > 0.9
    assert files(tmp_path) == ["mask.json", "mask.nii.gz", "scan.nii.gz"]
    report = json.loads((tmp_path / "mask.json").read_text())
    place = [float(number) for number in CLICK.split(",")]
    assert report["prompts"] == {"unit": "voxel", "objects": [{"points": [{"at": place}]}]}
    assert report["model"] == {"name": "random-walker", "weights_sha256": None}
    assert report["volume_ml"] == pytest.approx(report["voxels"] * 1.5 / 1000)
    assert out == f"{tmp_path / 'mask.nii.gz'}: {report['volume_ml']:.2f} ml, {report['voxels']} voxels\n"
    assert "Segmenting" in err


def test_the_scan_may_be_an_option_but_not_two_scans(scan, tmp_path, capsys):
    words = ["segment", "-i", str(scan), "--point", CLICK, "-o", str(tmp_path / "mask.nii.gz")]
    assert main([*words, "--model", "random-walker"]) == 0
    assert (tmp_path / "mask.nii.gz").exists()
    assert main([*words, str(scan)]) == 2
    assert "two scans" in capsys.readouterr().err


def test_what_is_missing_is_named_of_scan_and_output(scan, capsys):
    assert main(["segment", "--point", "5,24,24"]) == 2
    assert "name a scan" in capsys.readouterr().err
    assert main(["segment", str(scan), "--point", "5,24,24"]) == 2
    assert "-o mask.nii.gz" in (said := capsys.readouterr().err)
    assert "name a scan" not in said


def test_json_is_the_report_and_quiet_is_quiet(run, tmp_path):
    _, out, err = run("--point", CLICK, "--json", "--quiet")
    assert json.loads(out) == json.loads((tmp_path / "mask.json").read_text())
    assert err == ""


@pytest.mark.parametrize("style", ["--point={}", "--point {}"])
def test_negative_millimetres_are_understood_and_mean_the_same_place(run, tmp_path, style):
    _, by_voxel, _ = run("--point", CLICK, "--json")
    place = ",".join(str(v) for v in (AFFINE @ [*CENTRE, 1])[:3])
    assert place.startswith("-14.0,-8.0")
    code, by_mm, _ = run(*style.format(place).split(" "), "--mm", "--json")
    assert code == 0
    assert json.loads(by_mm)["voxels"] == json.loads(by_voxel)["voxels"]


def test_a_box_and_a_negative_click_are_understood(run, tmp_path, truth):
    code, *_ = run("--box", "24,14,12,44,30,12", "--negative", "5,5,12")
    assert code == 0
    assert dice_of(tmp_path / "mask.nii.gz", truth) > 0.9


def test_a_mask_on_one_slice_is_a_prompt(run, tmp_path, truth):
    outlined = np.zeros(SHAPE, np.uint8)
    outlined[:, :, 12] = truth[:, :, 12]
    nib.save(nib.Nifti1Image(outlined, AFFINE), tmp_path / "outline.nii.gz")
    code, *_ = run("--mask-prompt", str(tmp_path / "outline.nii.gz"))
    assert code == 0
    assert dice_of(tmp_path / "mask.nii.gz", truth) > 0.9


def test_the_same_call_writes_the_same_bytes(run, tmp_path):
    run("--point", CLICK)
    first = (tmp_path / "mask.nii.gz").read_bytes()
    run("--point", CLICK)
    assert (tmp_path / "mask.nii.gz").read_bytes() == first


def test_doubts_about_the_scan_are_told_and_kept(run, tmp_path, scan):
    values = np.asanyarray(nib.load(scan).dataobj).astype(np.float32)
    values[0, 0, 0] = np.nan
    path = tmp_path / "nan.nii.gz"
    nib.save(nib.Nifti1Image(values, AFFINE), path)
    code, _, err = run("--point", CLICK, on=path)
    assert code == 0
    assert "1 voxels are NaN" in err
    assert "NaN" in json.loads((tmp_path / "mask.json").read_text())["warnings"][0]


# ------------------------------------------------- bad input: one line, code 2, nothing written


def test_a_missing_file_is_named(run, tmp_path):
    refused(run("--point", CLICK, on=tmp_path / "none.nii.gz"), "none.nii.gz", "no such file")
    assert files(tmp_path) == ["scan.nii.gz"]


def test_what_is_not_an_image_is_named(run, tmp_path):
    path = tmp_path / "page.nii.gz"
    path.write_bytes(b"<!doctype html><html></html>" * 50)
    refused(run("--point", CLICK, on=path), "page.nii.gz", "HTML")
    assert files(tmp_path) == ["page.nii.gz", "scan.nii.gz"]


def test_a_truncated_file_is_named(run, tmp_path, scan):
    scan.write_bytes(scan.read_bytes()[:-2000])
    refused(run("--point", CLICK), "scan.nii.gz", "truncated")
    assert files(tmp_path) == ["scan.nii.gz"]


def test_a_4d_scan_needs_a_frame(run, tmp_path, scan):
    values = np.asanyarray(nib.load(scan).dataobj)
    path = tmp_path / "cine.nii.gz"
    nib.save(nib.Nifti1Image(np.stack([values, values], axis=-1), AFFINE), path)
    refused(run("--point", CLICK, on=path), "cine.nii.gz", "2 frames", "--frame")
    assert files(tmp_path) == ["cine.nii.gz", "scan.nii.gz"]
    assert run("--point", CLICK, "--frame", "1", on=path)[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--point", "34,22,24"], ["--point 34,22,24", "outside the scan", "59,49,23"]),
        (["--point", CLICK, "--negative", "-1,0,0"], ["--negative -1,0,0", "outside the scan"]),
        (["--point", "500,0,0", "--mm"], ["(500.0, 0.0, 0.0) mm", "outside the scan"]),
        (["--box", "0,0,0,60,5,5"], ["--box 0,0,0,60,5,5", "outside the scan"]),
        (["--point", "nan,2,3"], ["outside the scan"]),
        (["--point", "1,2"], ["--point 1,2", "3 numbers"]),
        (["--box", "1,2,x,4,5,6"], ["--box 1,2,x,4,5,6", "6 numbers"]),
        ([], ["--point", "--box", "--mask-prompt"]),
        (["--negative", CLICK], ["positive"]),
        (["--point", CLICK, "--modality", "xray"], ["xray"]),
        (["--point", CLICK, "--device", "tpu"], ["tpu"]),
        (["--point", CLICK, "--model", "/no/such/model"], ["/no/such/model"]),
    ],
)
def test_prompts_and_options_that_cannot_be_are_named(run, tmp_path, words, said):
    refused(run(*words), *said)
    assert files(tmp_path) == ["scan.nii.gz"]


def test_an_empty_mask_prompt_and_one_on_other_voxels_are_named(run, tmp_path):
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.uint8), AFFINE), tmp_path / "empty.nii.gz")
    refused(run("--mask-prompt", str(tmp_path / "empty.nii.gz")), "empty.nii.gz", "empty")
    nib.save(nib.Nifti1Image(np.ones((5, 5, 5), np.uint8), AFFINE), tmp_path / "other.nii.gz")
    refused(run("--mask-prompt", str(tmp_path / "other.nii.gz")), "other.nii.gz", "voxels of the scan")
    assert files(tmp_path) == ["empty.nii.gz", "other.nii.gz", "scan.nii.gz"]


def test_a_place_that_cannot_be_written_to_is_found_before_the_model_runs(run, tmp_path, monkeypatch):
    from synthfm3d.evaluation.methods import models

    def never(*_):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(models, "model_method", never)
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "mask.nii.gz", tmp_path / "none" / "mask.nii.gz", tmp_path):
        refused(run("--point", CLICK, out=out), str(out))
    refused(run("--point", CLICK, out=tmp_path / "mask.png"), "mask.png", ".nii.gz")
    assert files(tmp_path) == ["file", "scan.nii.gz"]


def test_without_permission_nothing_is_written(run, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    refused(run("--point", CLICK, out=folder / "mask.nii.gz"), "permission")
    assert files(folder) == []


@pytest.mark.parametrize("at_file", ["mask.json", "mask.nii.gz"])
def test_a_full_disk_leaves_neither_mask_nor_report(run, tmp_path, monkeypatch, at_file):
    replace = Path.replace

    def full(self, target):
        if Path(target).name == at_file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    refused(run("--point", CLICK), at_file, "no space left")
    assert files(tmp_path) == ["scan.nii.gz"]


def test_the_scan_is_never_overwritten(run, tmp_path, scan):
    before = scan.read_bytes()
    refused(run("--point", CLICK, out=scan), "is an input")
    assert scan.read_bytes() == before


@pytest.mark.parametrize("content", ['{"1": "liver"}', "[1, 2]", "no JSON at all", ""])
def test_a_json_of_the_users_own_is_never_overwritten(run, tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    refused(
        run("--point", CLICK, out=tmp_path / "labels.nii.gz"), "labels.json", "is not the report of a mask"
    )
    assert (tmp_path / "labels.json").read_text() == content
    assert files(tmp_path) == ["labels.json", "scan.nii.gz"]
