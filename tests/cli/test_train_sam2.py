"""``synthfm3d train`` with a recipe of SAM 2: the family is told by the recipe."""

import json
from pathlib import Path

import pytest

from synthfm3d.cli import main
from synthfm3d.cli.settings import named_setting, read_settings
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.training.sam2 import Sam2TrainingConfig

RECIPES = sorted(path for path in Path("recipes").rglob("*.yaml") if named_setting("family", path) == "sam2")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(recipe):
    config = read_settings(Sam2TrainingConfig, recipe)
    assert config.steps > 0


def test_there_are_the_recipes_that_the_documentation_names():
    names = {path.relative_to("recipes").with_suffix("").as_posix() for path in RECIPES}
    assert {"paper", "sam2.1-tiny", "sam2.1-base-plus", "scratch-small"} <= names
    assert {f"ablation/{axis}-off" for axis in ("anatomy", "contrast", "boundary", "noise")} <= names


def test_the_papers_recipe_is_the_papers_preset_on_ten_thousand_volumes():
    config = read_settings(Sam2TrainingConfig, Path("recipes/paper.yaml"))
    assert config.data.volumes == 10_000
    assert config.data.synthesis(64, 256).anatomy == PRESETS["paper"].anatomy
    # Shares and weights of SAM 2's own fine-tuning, which the paper follows.
    assert (config.data.prompts.mask, config.data.prompts.box) == (0.5, 0.25)
    assert (config.loss.focal, config.loss.dice, config.loss.iou, config.loss.score) == (20.0, 1.0, 1.0, 1.0)
    assert (config.optimiser.rate, config.optimiser.encoder_rate) == (5e-6, 3e-6)


def test_a_dry_run_tells_rates_and_memory_and_needs_no_folder(capsys):
    assert main(["train", "recipes/scratch-small.yaml", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["family"] == "sam2"
    assert plan["clips"] == 8 * plan["steps"]
    assert 8e6 < plan["parameters"] < 10e6
    assert plan["memory_gb"] > 0.1
    assert main(["train", "recipes/scratch-small.yaml", "--dry-run"]) == 0
    assert "decoder: rate" in capsys.readouterr().out


def test_the_schema_is_that_of_the_recipes_family(capsys):
    assert main(["train", "recipes/scratch-small.yaml", "--schema"]) == 0
    assert "recompute" in json.loads(capsys.readouterr().out)["properties"]


def test_an_unknown_family_is_named(capsys):
    assert main(["train", "recipes/scratch-small.yaml", "-o", "x", "--set", "family=sam3"]) == 2
    assert "family sam3: is not one of volumetric, sam2" in capsys.readouterr().err


def test_start_weights_that_are_not_there_are_named(tmp_path, capsys):
    command = ["train", "recipes/scratch-small.yaml", "-o", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, "--set", f"start={tmp_path}/none.pt"]) == 2
    assert "none.pt: no such model" in capsys.readouterr().err


def test_a_trained_model_segments_and_is_scored_like_any_other(tmp_path, capsys):
    import numpy as np

    from synthfm3d.io.nifti import write_nifti
    from synthfm3d.volume import Grid, Volume

    settings = [
        "steps=1", "batch_size=1", "workers=0", "precision=fp32", "validation.every_steps=0",
        "model={size: micro, image_size: 64}", "data.depth=[8, 9]", "data.least_pixels=8", "data.length=2",
    ]  # fmt: skip
    run = str(tmp_path / "run")
    words = [word for setting in settings for word in ("--set", setting)]
    assert main(["train", "recipes/scratch-small.yaml", "-o", run, "--device", "cpu", "-q", *words]) == 0
    grid = Grid.from_spacing((6, 40, 48), (3.0, 1.0, 1.0))
    voxels = np.zeros(grid.shape, np.int16)
    voxels[2:5, 10:20, 12:30] = 100
    write_nifti(tmp_path / "scan.nii.gz", Volume(voxels=voxels, affine=grid.affine, modality="mr"))
    write_nifti(tmp_path / "labels.nii.gz", Volume(voxels=(voxels > 0).astype(np.uint8), affine=grid.affine))
    scan, mask = str(tmp_path / "scan.nii.gz"), str(tmp_path / "mask.nii.gz")
    capsys.readouterr()
    common = ["--model", run, "--device", "cpu", "-q", "--json"]
    assert main(["segment", scan, "-o", mask, "--point", "20,15,3", *common]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"]["weights_sha256"]
    assert told["field_of_view_mm"] == 48.0
    command = [
        "evaluate", "--image", scan, "--labels", str(tmp_path / "labels.nii.gz"), "--prompt", "mask",
        "-o", str(tmp_path / "report"), *common,
    ]  # fmt: skip
    assert main(command) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    mine = next(score for score in scores if score["method"] == run)
    assert mine["error"] is None
    assert mine["prompt_slice_dice"] > 0.9
