"""``synthfm3d segment``: what has no effect is an error; what cannot be written is told before any work."""

import codecs
import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from synthfm3d.cli import main
from synthfm3d.randomness import stream

AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])
SHAPE = (32, 28, 12)
CLICK = "18,16,6"


def part(at, radii=(7, 6, 3)):
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    return (((index - np.array(at)) / radii) ** 2).sum(axis=-1) <= 1


INSIDE = part((18, 16, 6))


def save(path, values, affine=AFFINE):
    nib.save(nib.Nifti1Image(values, affine), path)
    return path


@pytest.fixture
def scan(tmp_path):
    values = 100 + 100 * INSIDE + stream(0, "inputs").normal(0, 5, SHAPE)
    return save(tmp_path / "scan.nii.gz", values.astype(np.int16))


@pytest.fixture
def run(scan, capsys, monkeypatch):
    """Runs ``segment``; a command that is to be refused must not come as far as the model."""

    def segment(*words, on=scan, out="mask.nii.gz", refused=True):
        if refused:
            for module in ("synthfm3d.cli.segment_folder", "synthfm3d.evaluation.methods.models"):
                monkeypatch.setattr(f"{module}.model_method", no_model)
        words = [str(on), "-o", str(scan.parent / out), "--model", "grow-cut", *map(str, words)]
        code = main(["segment", *words])
        told = capsys.readouterr()
        assert code == (2 if refused else 0), told.err
        return told.err if refused else told.out

    return segment


def no_model(*_):
    raise AssertionError("the model was loaded")


# ---------------------------------------------------------------- options without effect


@pytest.mark.parametrize(
    "words",
    [
        ["--spacing", "1,1,5"],
        ["--spacing", "1,1,5", "--series", "3"],
        ["--series", "3"],
        ["--allow-gaps"],
        ["--keep-identity"],
        ["--label", "2"],
        ["--jobs", "2"],
        ["--resume"],
        ["--format", ".nrrd"],
    ],
)
def test_an_option_that_changes_nothing_is_refused(run, words):
    message = run("--point", CLICK, *words)
    assert all(word in message for word in words if word.startswith("--"))
    assert "leave" in message or "needs" in message


def test_a_unit_without_numbers_is_refused(run, scan):
    save(scan.parent / "outline.nii.gz", INSIDE.astype(np.uint8))
    assert "--mm has no effect" in run("--mm", "--mask-prompt", scan.parent / "outline.nii.gz")


@pytest.mark.parametrize("words", [["--frame", "1"], ["--series", "1"], ["--allow-gaps"]])
def test_pictures_and_arrays_take_a_spacing_and_nothing_else(run, scan, words):
    np.save(scan.parent / "scan.npy", np.zeros(SHAPE[::-1]))
    message = run("--point", CLICK, "--spacing", "1,1,2", *words, on=scan.parent / "scan.npy")
    assert "a NumPy file" in message
    assert words[0] in message


# ---------------------------------------------------------------- the output, before any work


@pytest.mark.parametrize("name", ["mask.mhd", "mask.png", "mask.nii.bz2"])
def test_an_ending_that_is_not_known_is_called_one_also_of_a_folder(run, scan, name):
    folder = scan.parent / "slices"
    folder.mkdir()
    for z in range(3):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / f"{z}.png")
    for one, more in ((scan, ()), (folder, ("--spacing", "1,1,1"))):
        message = run("--point", "3,3,1", *more, on=one, out=name)
        assert ".nii.gz" in message
        assert "folder of scans" not in message


def test_a_folder_without_prompts_for_all_is_told_both_ways_out(run, scan):
    message = run("--point", CLICK, on=scan.parent, out="masks")
    assert "mask.nii.gz" in message
    assert "--prompts" in message


@pytest.mark.parametrize(("suffix", "word"), [("mha", "right angles"), ("nrrd", "time"), ("mha", "time")])
def test_a_grid_that_the_format_cannot_hold_is_told_before_the_model_is_loaded(run, scan, suffix, word):
    sheared = AFFINE.copy()
    sheared[1, 2] = 0.4
    values = np.asanyarray(nib.load(scan).dataobj)
    save(scan, values, sheared)
    cine = ["--cine"] if word == "time" else []
    message = run("--point", CLICK, *cine, out=f"mask.{suffix}")
    assert word in message
    assert not (scan.parent / f"mask.{suffix}").exists()


# ---------------------------------------------------------------- label maps


@pytest.mark.parametrize("option", ["--correct", "--mask-prompt", "--scribble"])
def test_a_label_map_is_refused_or_one_label_of_it_taken(run, scan, option):
    labels = INSIDE.astype(np.uint8) + 2 * part((4, 4, 3), (3, 3, 2)).astype(np.uint8)
    path = save(scan.parent / "organs.nii.gz", labels)
    clicks = ["--negative", "30,2,10"] if option == "--correct" else []
    message = run(option, path, *clicks)
    assert "holds the labels 1, 2" in message
    assert "--label" in message
    assert "no label 7" in run(option, path, "--label", "7", *clicks)


def test_a_correction_of_one_label_leaves_the_others_out(run, scan):
    labels = INSIDE.astype(np.uint8) + 2 * part((4, 4, 3), (3, 3, 2)).astype(np.uint8)
    path = save(scan.parent / "organs.nii.gz", labels)
    run("--correct", path, "--label", "1", "--negative", "30,2,10", refused=False)
    found = np.asanyarray(nib.load(scan.parent / "mask.nii.gz").dataobj)
    assert np.array_equal(found > 0, labels == 1)


def test_a_mask_in_another_storage_order_is_the_same_correction(run, scan):
    stored = INSIDE.astype(np.uint8)
    turned = save(scan.parent / "turned.nii", stored.transpose(2, 0, 1)[::-1], AFFINE @ _turn())
    run("--correct", turned, "--negative", "30,2,10", refused=False)
    assert np.array_equal(np.asanyarray(nib.load(scan.parent / "mask.nii.gz").dataobj), stored)


def _turn():
    """Takes an index (k', i, j) of the turned array, k' = 11 - k, to (i, j, k)."""
    turn = np.zeros((4, 4))
    turn[0, 1] = turn[1, 2] = turn[3, 3] = 1
    turn[2, 0], turn[2, 3] = -1, SHAPE[2] - 1
    return turn


@pytest.mark.parametrize("label", [0, 65536, 70000])
def test_a_label_that_no_label_map_holds_is_refused_with_the_limits(run, scan, label):
    content = {"objects": [{"label": label, "points": [{"at": [18, 16, 6]}]}]}
    (scan.parent / "p.json").write_text(json.dumps(content))
    assert "1 to 65535" in run("--prompts", scan.parent / "p.json")


# ---------------------------------------------------------------- files of Windows, and small voxels


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_prompts_are_read_with_and_without_a_byte_order_mark(run, scan, encoding):
    content = json.dumps({"objects": [{"name": "Niere", "points": [{"at": [18, 16, 6]}]}]})
    (scan.parent / "p.json").write_text(content, encoding=encoding)
    if encoding != "utf-8":
        assert (scan.parent / "p.json").read_bytes()[:2] in (codecs.BOM_UTF8[:2], codecs.BOM_UTF16)
    run("--prompts", scan.parent / "p.json", refused=False)


def test_the_volume_of_small_voxels_is_not_rounded_away(run, scan):
    values = np.asanyarray(nib.load(scan).dataobj)
    save(scan, values, np.diag([-0.005, -0.005, 0.01, 1]))
    out = run("--point", CLICK, refused=False)
    report = json.loads((scan.parent / "mask.json").read_text())
    true = report["voxels"] * 0.005 * 0.005 * 0.01 / 1000
    assert report["voxels"] > 100
    assert report["volume_ml"] == pytest.approx(true, rel=1e-3)
    assert report["objects"][0]["volume_ml"] == pytest.approx(true, rel=1e-3)
    assert f"{true:.2g} ml" in out


def test_all_options_without_effect_are_named_at_once(run):
    message = run("--point", CLICK, "--spacing", "1,1,5", "--series", "3")
    assert "--spacing" in message
    assert "--series" in message
