"""``synthfm3d adapt``: reads labelled scans and writes a model that the other commands use."""

import json

import numpy as np
import pytest

from synthfm3d.cli import main
from synthfm3d.cli.adapt import _tell
from synthfm3d.io.nifti import write_nifti
from synthfm3d.model.checkpoint import write_network
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork
from synthfm3d.training.adaptation import Adaptation
from synthfm3d.volume import Grid, Volume

SHAPE = (16, 48, 48)


def scan_with_ball(radius: float, seed: int, spacing: float = 1.0) -> tuple[Volume, Volume]:
    grid = Grid.from_spacing(SHAPE, (2.0, spacing, spacing))
    z, y, x = np.ogrid[:16, :48, :48]
    mask = 4 * (z - 8) ** 2 + (y - 24) ** 2 + (x - 24) ** 2 < radius**2
    noise = np.random.default_rng(seed).normal(0, 10, SHAPE)
    image = Volume(voxels=(100 + 60 * mask + noise).astype(np.float32), affine=grid.affine)
    return image, image.with_voxels(mask.astype(np.uint8))


@pytest.fixture
def pairs(tmp_path):
    """Scans 0 to 2 and their labels, as words of the command line."""
    words = []
    for number in range(3):
        image, labels = scan_with_ball(9.0 + number, number)
        write_nifti(tmp_path / f"{number}.nii.gz", image)
        write_nifti(tmp_path / f"{number}_labels.nii.gz", labels)
        words += ["--image", str(tmp_path / f"{number}.nii.gz")]
        words += ["--labels", str(tmp_path / f"{number}_labels.nii.gz")]
    return words


@pytest.fixture
def start(tmp_path):
    """A tiny model to begin with: random weights that a step can only improve."""
    import torch

    torch.manual_seed(0)
    network = VolumetricNetwork(VolumetricConfig(widths=(4, 4, 4, 4, 4), grid_shape=(16, 32, 32)))
    (tmp_path / "start").mkdir()
    write_network(tmp_path / "start" / "model.safetensors", network, {"data": "none"})
    return str(tmp_path / "start")


def run(tmp_path, *words):
    return main(["adapt", "-o", str(tmp_path / "my-model"), "--device", "cpu", *words])


@pytest.mark.slow
def test_a_model_is_adapted_and_other_commands_take_it(tmp_path, capsys, pairs, start):
    words = [*pairs, "--model", start, "--steps", "20", "--synthetic-share", "0", "--quiet", "--json"]
    assert run(tmp_path, *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["after"]["validation_dice"] > told["before"]["validation_dice"]
    scan, mask = str(tmp_path / "0.nii.gz"), str(tmp_path / "mask.nii.gz")
    model = str(tmp_path / "my-model")
    assert main(["segment", scan, "--point", "24,24,8", "--model", model, "-o", mask, "--quiet"]) == 0
    names = [p.read_text() for p in (tmp_path / "my-model").rglob("*.json")]
    assert not any("0.nii" in text or str(tmp_path) in text.replace(start, "") for text in names)


def test_a_dry_run_tells_what_is_learnt_and_what_is_held_back(tmp_path, capsys, pairs):
    assert run(tmp_path, *pairs, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["scans"] == 3
    assert plan["held_back"] == "scans"
    assert plan["learnt"]["label_1"]["scans"] == 2
    assert not (tmp_path / "my-model").exists()


def test_a_folder_of_scans_is_read_as_evaluate_reads_it(tmp_path, capsys, pairs):
    folder = tmp_path / "labelled"
    for kind, ending in (("images", ""), ("labels", "_labels")):
        (folder / kind).mkdir(parents=True)
        for number in range(3):
            (tmp_path / f"{number}{ending}.nii.gz").rename(folder / kind / f"{number}.nii.gz")
    (folder / "labels.json").write_text('{"1": "ball"}')
    assert run(tmp_path, "--scans", str(folder), "--structure", "ball", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["structures"]["ball"]["scans"] == 3


def test_labels_on_another_grid_and_empty_labels_are_told_and_the_rest_goes_on(tmp_path, capsys, pairs):
    _, labels = scan_with_ball(9.0, 0, spacing=1.5)
    write_nifti(tmp_path / "0_labels.nii.gz", labels)
    _, on_grid = scan_with_ball(9.0, 1)
    write_nifti(tmp_path / "1_labels.nii.gz", on_grid.with_voxels(np.zeros(SHAPE, np.uint8)))
    assert run(tmp_path, *pairs, "--dry-run", "--json") == 0
    captured = capsys.readouterr()
    plan = json.loads(captured.out)
    assert plan["scans"] == 1
    said = " ".join(plan["doubts"])
    assert "0.nii.gz is left out" in said
    assert "resample the labels onto the scan" in said
    assert "1.nii.gz is left out" in said
    assert "may become worse on other patients" in said  # one scan is left: its own slices judge
    assert "every voxel is 0" in said


def test_nothing_usable_is_an_error_that_says_why(tmp_path, capsys, pairs):
    for number in range(3):
        _, labels = scan_with_ball(9.0, 0)
        write_nifti(tmp_path / f"{number}_labels.nii.gz", labels.with_voxels(np.zeros(SHAPE, np.uint8)))
    assert run(tmp_path, *pairs, "--dry-run") == 2
    assert "no scan can be used" in capsys.readouterr().err


def test_one_outlined_slice_is_too_few(tmp_path, capsys, pairs):
    _, labels = scan_with_ball(9.0, 0)
    one = np.zeros(SHAPE, np.uint8)
    one[8] = labels.voxels[8]
    write_nifti(tmp_path / "0_labels.nii.gz", labels.with_voxels(one))
    assert run(tmp_path, *pairs[:4], "--dry-run") == 2
    assert "at least two slices" in " ".join(capsys.readouterr().err.split())


def test_scans_of_one_slice_each_are_held_back_as_scans(tmp_path, capsys, pairs):
    for number in range(3):
        image, labels = scan_with_ball(9.0, number)
        write_nifti(tmp_path / f"{number}.nii.gz", image[8:9])
        write_nifti(tmp_path / f"{number}_labels.nii.gz", labels[8:9])
    assert run(tmp_path, *pairs, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["held_back"] == "scans"
    assert (plan["learnt"]["label_1"]["outlined_slices"], plan["judged"]["label_1"]["scans"]) == (2, 1)


def test_a_result_that_is_not_clearly_better_is_reported(tmp_path, capsys):
    score = {"validation_dice": 0.6}
    told = Adaptation(
        weights=None,
        before=score,
        after=score,
        synthetic_before=None,
        synthetic_after=None,
        steps=10,
        seconds=1.0,
    )
    _tell(told, tmp_path, as_json=False, quiet=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no model was written" in " ".join(captured.err.split())


def test_a_structure_that_most_scans_lack_and_two_modalities_are_told(tmp_path, capsys, pairs):
    image, labels = scan_with_ball(9.0, 0)
    two = labels.voxels.copy()
    two[7:10, 4:9, 4:9] = 2
    write_nifti(tmp_path / "0_labels.nii.gz", labels.with_voxels(two))
    write_nifti(tmp_path / "1.nii.gz", image.with_voxels(image.voxels - 900))
    assert run(tmp_path, *pairs, "--dry-run", "--json") == 0
    said = " ".join(json.loads(capsys.readouterr().out)["doubts"])
    assert "label_2 is labelled in 1 of 3 scans" in said
    assert "several modalities" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no labelled scans were given"),
        (["--image", "a.nii.gz"], "give the labels of each scan"),
        (["--scans", "x", "--names", "y.json"], "leave out --names"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, words, said):
    assert run(tmp_path, *words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_holds_something_is_not_written_over(tmp_path, capsys, pairs):
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model" / "notes.txt").write_text("mine")
    assert run(tmp_path, *pairs) == 2
    assert "--resume" in capsys.readouterr().err


def test_other_families_are_not_adapted(tmp_path, capsys, pairs):
    assert run(tmp_path, *pairs, "--model", "random-walker", "--steps", "2", "--quiet") == 2
    assert "only volumetric models" in capsys.readouterr().err
