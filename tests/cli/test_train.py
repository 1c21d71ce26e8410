"""``synthfm3d train``: a recipe in, weights that the other commands take out."""

import json

import pytest

from synthfm3d.cli import main

TINY = [
    "--set", "steps=2", "--set", "batch_size=1", "--set", "precision=fp32", "--set", "workers=0",
    "--set", "model.widths=[4, 4, 4, 4, 4]", "--set", "model.grid_shape=[16, 32, 32]",
    "--set", "data.depth=[16]", "--set", "data.in_plane=[64]", "--set", "data.targets.least_voxels=60",
    "--set", "validation.every_steps=0", "--device", "cpu",
]  # fmt: skip


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("seed: 3\noptimiser:\n  rate: 1e-3\n")
    return str(path)


def test_a_recipe_becomes_weights(tmp_path, capsys, recipe):
    assert main(["train", recipe, "-o", str(tmp_path / "run"), "--json", "--quiet", *TINY]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"weights": str(tmp_path / "run" / "model.safetensors"), "steps": 2}


def test_a_run_is_not_overwritten_but_can_be_resumed(tmp_path, capsys, recipe):
    command = ["train", recipe, "-o", str(tmp_path / "run"), "--quiet", *TINY]
    assert main(command) == 0
    assert main(command) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0


def test_a_finished_run_goes_on_for_more_steps_with_extend_only(tmp_path, capsys, recipe):
    command = ["train", recipe, "-o", str(tmp_path / "run"), "--quiet", *TINY]
    assert main(command) == 0
    longer = [*command, "--set", "steps=3"]
    assert main([*longer, "--resume"]) == 2
    assert "--extend" in capsys.readouterr().err
    assert main([*longer, "--extend", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3
    assert main([*command, "--extend"]) == 2  # fewer steps than the run has already


def test_an_unknown_setting_is_named_with_those_that_exist(tmp_path, capsys, recipe):
    assert main(["train", recipe, "-o", str(tmp_path / "run"), "--set", "optimiser.lr=1"]) == 2
    message = capsys.readouterr().err
    assert "optimiser.lr" in message
    assert "rate" in message
    assert not (tmp_path / "run").exists()


def test_a_missing_recipe_is_named(tmp_path, capsys):
    assert main(["train", str(tmp_path / "none.yaml"), "-o", str(tmp_path / "run")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_a_dry_run_tells_the_size_of_the_shipped_recipe(tmp_path, capsys):
    assert main(["train", "recipes/nano.yaml", "-o", str(tmp_path / "run"), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert 3e6 < plan["parameters"] < 4e6
    assert plan["patches"] == 4 * plan["steps"]
    assert not (tmp_path / "run").exists()


def test_the_schema_names_every_setting(capsys):
    assert main(["train", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"steps", "model", "data", "optimiser", "validation"} <= set(schema["properties"])


def test_without_a_recipe_the_way_out_is_told(capsys):
    assert main(["train"]) == 2
    assert "recipes/nano.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("data.depth=[]", "depth"),
        ("data.off_centre=7", "off_centre"),
        ("data.pixel_mm=[2, 0.5]", "pixel_mm"),
        ("data.prompts.negative=5", "negative"),
        ("validation.patches=-4", "patches"),
        ("optimiser.warmup_steps=-3", "warmup_steps"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(tmp_path, capsys, recipe, setting, named):
    assert main(["train", recipe, "-o", str(tmp_path / "run"), "--set", setting]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
