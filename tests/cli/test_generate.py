"""``synthfm3d generate``: same seed, same bytes; files that other tools read."""

import errno
import hashlib
import json
import os

import nibabel
import numpy as np
import pytest

from synthfm3d.cli import main
from synthfm3d.generate import generate
from synthfm3d.synthesis.settings import SynthesisSettings

SMALL = ["--shape", "12,48,48", "--quiet"]


def _digests(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_threads(tmp_path):
    for name, threads in (("one", "1"), ("again", "1"), ("two", "2")):
        command = ["generate", "-n", "3", "--seed", "5", "-o", str(tmp_path / name), "--threads", threads]
        assert main([*command, *SMALL]) == 0
    first = _digests(tmp_path / "one")
    assert len(first) == 3 * 3 + 1
    assert _digests(tmp_path / "again") == first == _digests(tmp_path / "two")


def test_volumes_can_be_made_in_parts(tmp_path):
    assert main(["generate", "-n", "3", "-o", str(tmp_path / "all"), *SMALL]) == 0
    assert main(["generate", "-n", "1", "--first", "2", "-o", str(tmp_path / "last"), *SMALL]) == 0
    whole, part = _digests(tmp_path / "all"), _digests(tmp_path / "last")
    name = "volume_00002/image.nii.gz"
    assert part[name] == whole[name]


def test_image_labels_and_scene_agree_with_the_volume_in_memory(tmp_path):
    assert main(["generate", "-n", "1", "--preset", "ct", "-o", str(tmp_path), *SMALL]) == 0
    folder = tmp_path / "volume_00000"
    made = generate(0, 0, SynthesisSettings(shape=(12, 48, 48), modalities=("ct",)))
    image = nibabel.load(folder / "image.nii.gz")
    labels = nibabel.load(folder / "labels.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj).T, made.image.voxels)
    assert np.array_equal(np.asarray(labels.dataobj).T, made.labels.voxels)
    assert image.header.get_zooms() == pytest.approx(made.image.spacing_mm[::-1])
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
    scene = json.loads((folder / "scene.json").read_text())
    assert scene["modality"] == "ct"
    assert set(np.unique(made.labels.voxels)) - {0} <= {int(v) for v in scene["label_names"]}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-n", "0"], "--count"),
        (["--preset", "pet"], "choose default"),
        (["--set", "anatomy.organ=3"], "anatomy.organ"),
        (["--set", "noise.mr.noise=[0.2, 0.1]"], "noise.mr: noise"),
        (["--set", "noise.mr_ghost_share=0.5"], "noise.mr_ghost_share is now noise.mr.ghost_share"),
        (["--set", "contrast.us_texture=[0.1, 0.2]"], "contrast.us_texture is now contrast.us.texture"),
        (["--set", "boundary.ct_fade_share=0"], "boundary.ct_fade_share is now boundary.ct.fade_share"),
        (
            ["--set", "noise.gamma_share=0"],
            "noise.gamma_share is not a setting: write noise.grey.gamma_share",
        ),
        (["--settings", "none.yaml"], "none.yaml"),
        (["--shape", "12,48"], "shape"),
        (["--shape", "12,48,0"], "shape"),
        (["--shape", "4096,4096,4096"], "shape"),
    ],
)
def test_impossible_wishes_are_refused_in_one_line(tmp_path, capsys, words, told):
    assert main(["generate", "-o", str(tmp_path / "out"), *words]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_two_runs_are_never_mixed_in_a_folder(tmp_path, capsys):
    output = tmp_path / "out"
    assert main(["generate", "-n", "2", "-o", str(output), *SMALL]) == 0
    before = (output / "volume_00000" / "image.nii.gz").read_bytes()
    again = ["generate", "-n", "1", "--seed", "9", "-o", str(output), *SMALL]
    capsys.readouterr()
    assert main(again) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (output / "volume_00000" / "image.nii.gz").read_bytes() == before
    (output / "notes.txt").write_text("mine")
    assert main([*again, "--overwrite"]) == 0
    names = sorted(path.name for path in output.iterdir())
    assert names == ["contact_sheet.png", "notes.txt", "volume_00000"]
    assert (output / "volume_00000" / "image.nii.gz").read_bytes() != before


def test_a_folder_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["generate", "-n", "1", "-o", str(tmp_path / "file"), *SMALL]) == 2
    assert "file" in capsys.readouterr().err


@pytest.mark.parametrize("writes_that_fit", [0, 1, 2])
def test_a_disk_that_fills_up_leaves_no_part_of_a_volume(tmp_path, capsys, monkeypatch, writes_that_fit):
    left = writes_that_fit

    def filling(descriptor):
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        left -= 1

    monkeypatch.setattr(os, "fsync", filling)
    assert main(["generate", "-n", "1", "-o", str(tmp_path), *SMALL]) == 2
    assert "no space" in capsys.readouterr().err.lower()
    assert not list(tmp_path.iterdir())


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(tmp_path, capsys):
    assert main(["generate", "-n", "4", "-o", str(tmp_path / "out"), "--dry-run", "--json", *SMALL]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["volumes"] == 4
    assert plan["bytes_uncompressed"] == 4 * 3 * 12 * 48 * 48
    assert not (tmp_path / "out").exists()


def test_settings_printed_and_read_back_give_the_same_volumes(tmp_path, capsys):
    assert main(["generate", "--preset", "paper", "--print-settings"]) == 0
    (tmp_path / "paper.yaml").write_text(capsys.readouterr().out)
    for name, words in (("a", ["--preset", "paper"]), ("b", ["--settings", str(tmp_path / "paper.yaml")])):
        assert main(["generate", "-n", "2", "-o", str(tmp_path / name), *words, *SMALL]) == 0
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")


def test_an_ablation_is_one_setting(tmp_path):
    for name, words in (("whole", []), ("quiet", ["--set", "noise.mode=off"])):
        command = ["generate", "-n", "1", "--preset", "mr", "-o", str(tmp_path / name), *words, *SMALL]
        assert main(command) == 0
    whole, quiet = _digests(tmp_path / "whole"), _digests(tmp_path / "quiet")
    assert whole["volume_00000/labels.nii.gz"] == quiet["volume_00000/labels.nii.gz"]
    assert whole["volume_00000/image.nii.gz"] != quiet["volume_00000/image.nii.gz"]


def test_the_schema_names_the_four_axes(capsys):
    assert main(["generate", "--schema"]) == 0
    assert {"anatomy", "contrast", "boundary", "noise"} <= set(
        json.loads(capsys.readouterr().out)["properties"]
    )


def test_without_a_folder_the_way_out_is_told(capsys):
    assert main(["generate", "-n", "1"]) == 2
    assert "-o" in capsys.readouterr().err
