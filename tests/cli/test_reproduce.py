"""``synthfm3d reproduce`` as a user meets it; the run itself is tested in tests/pipeline."""

import json
from pathlib import Path

import pytest
from miniatures import BUILDERS

from synthfm3d.cli import main
from synthfm3d.cli.settings import read_settings
from synthfm3d.evaluation.datasets.registry import DATASETS
from synthfm3d.pipeline.reproduction_config import ReproductionConfig
from synthfm3d.training.sam2 import Sam2TrainingConfig

RECIPE = Path("recipes/reproduce.yaml")


def test_the_recipe_trains_as_the_papers_recipe_does():
    config = read_settings(ReproductionConfig, RECIPE)
    assert config.training == read_settings(Sam2TrainingConfig, Path("recipes/paper.yaml"))
    assert set(config.evaluation.datasets) <= set(DATASETS)
    for name, choice in config.evaluation.datasets.items():
        assert choice.path is None
        assert choice.split in DATASETS[name].cases or not DATASETS[name].cases.keys() - {""}


def test_a_dry_run_tells_stages_steps_volumes_and_cases_and_writes_nothing(tmp_path, capsys):
    acdc = BUILDERS["acdc"](tmp_path)
    command = [
        "reproduce",
        str(RECIPE),
        "-o",
        str(tmp_path / "run"),
        "--dataset",
        f"acdc={acdc}",
        "--dry-run",
    ]
    assert main([*command, "--json"]) == 0
    stages = {stage["stage"]: stage for stage in json.loads(capsys.readouterr().out)}
    assert list(stages) == ["start", "generate", "train", "evaluate"]
    assert stages["train"]["steps"] == 25_000
    assert stages["generate"]["volumes"] == 10_000
    assert stages["evaluate"]["cases"] == 4
    assert not any(stage["done"] for stage in stages.values())
    assert main([*command, "--scale", "0.001"]) == 0
    told = capsys.readouterr().out
    assert "steps 25  volumes 10" in told
    assert "cases 1" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say where a copy of a dataset lies (camus, amos-ct"),
        (["--dataset", "camus"], "write it as NAME=PATH"),
        (["--dataset", "kits=."], "there is no such dataset"),
        (["--dataset", "camus=missing"], "no such folder"),
        (["--dataset", "camus=.", "--scale", "0"], "--scale 0: give a share"),
        (["--set", "training.data.volumes=0"], "the volumes are drawn beforehand"),
        (["--set", "evaluation.share=2"], "share is a share"),
        (["--set", "training.stepz=2"], "training.stepz is not a setting"),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(words, told, tmp_path, capsys):
    assert main(["reproduce", str(RECIPE), "-o", str(tmp_path / "run"), *words]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_there_are_told_before_anything_is_made(tmp_path, capsys):
    acdc = BUILDERS["acdc"](tmp_path)
    command = ["reproduce", str(RECIPE), "-o", str(tmp_path / "run"), "--dataset", f"acdc={acdc}"]
    assert main([*command, "--set", f"training.start={tmp_path}/none.pt"]) == 2
    assert "none.pt: no such model" in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("generate-*"))
