"""The paper's experiment in miniature: every stage for real, stopped and resumed, and what the page says."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from miniatures import BUILDERS

from synthfm3d.errors import InputError
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.loading.clips import ClipSettings, volume_scene
from synthfm3d.model.checkpoint import load_model
from synthfm3d.model.sam2_configuration import fresh_network
from synthfm3d.model.sam2_sizes import Sam2Settings
from synthfm3d.pipeline.pages import comparison_rows
from synthfm3d.pipeline.reproduce import SCENES_FILE, planned, reproduce
from synthfm3d.pipeline.reproduction_config import DatasetChoice, EvaluationChoice, ReproductionConfig
from synthfm3d.training.config import ValidationConfig
from synthfm3d.training.sam2 import Sam2TrainingConfig

TINY = Sam2TrainingConfig(
    seed=5,
    steps=4,
    precision="fp32",
    workers=0,
    log_steps=1,
    checkpoint_steps=1,
    model=Sam2Settings(size="micro", image_size=64),
    data=ClipSettings(preset="paper", volumes=3, depth=(8, 10), length=3, least_pixels=8),
    validation=ValidationConfig(every_steps=0),
)


def experiment(folder: Path) -> ReproductionConfig:
    """Two datasets in miniature with a copy, one without."""
    datasets = {
        "mm-whs-ct": DatasetChoice(path=str(BUILDERS["mm-whs-ct"](folder / "mmwhs")), split="training"),
        "cetus": DatasetChoice(path=str(BUILDERS["cetus"](folder / "cetus"))),
        "camus": DatasetChoice(split="test"),
    }
    choice = EvaluationChoice(
        datasets=datasets,
        structures=("left_atrium", "left_ventricle_cavity"),
        protocol=Protocol(prompts=("box", "mask")),
    )
    return ReproductionConfig(pictured=1, training=TINY, evaluation=choice)


def stage_folder(run: Path, name: str) -> Path:
    (found,) = run.glob(f"{name}-*")
    return found


@pytest.mark.slow
def test_the_whole_experiment_runs_stops_and_goes_on_to_the_same_result(tmp_path):
    config = experiment(tmp_path)
    done = reproduce(config, tmp_path / "whole", device="cpu", say=lambda words: None)
    assert done is not None

    def stop_in_training(words: str) -> None:
        if words.startswith("train: step 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce(config, tmp_path / "stopped", device="cpu", say=stop_in_training)
    told: list[str] = []
    again = reproduce(config, tmp_path / "stopped", device="cpu", say=told.append)
    assert again is not None
    assert [words.partition(" ")[2] for words in told[:2]] == [
        f"done before, in {stage_folder(tmp_path / 'stopped', name)}" for name in ("start", "generate")
    ]
    assert not any("step 1 of" in words for words in told)  # it went on behind its checkpoint
    assert again.rows == done.rows
    assert again.facts["train"] == done.facts["train"]

    # A third time nothing is left to do.
    told.clear()
    reproduce(config, tmp_path / "stopped", device="cpu", say=told.append)
    assert len(told) == 4
    assert all("done before" in words for words in told)
    check_products(tmp_path / "whole", done.rows)


def check_products(run: Path, rows) -> None:
    """What the stages of the whole run left."""
    # Before: the random network that the training began with; after: another one.
    started = load_model(str(stage_folder(run, "start")), "cpu")
    fresh = fresh_network(TINY.model, TINY.seed).state_dict()
    for name, value in started.network.state_dict().items():
        assert np.array_equal(value.numpy(), fresh[name].numpy()), name
    trained = load_model(str(stage_folder(run, "train")), "cpu").network.state_dict()
    assert any(not np.array_equal(value.numpy(), fresh[name].numpy()) for name, value in trained.items())

    # The scenes are those of the volumes that clips of the training come from.
    with gzip.open(stage_folder(run, "generate") / SCENES_FILE, "rt") as file:
        scenes = [json.loads(line) for line in file]
    assert [scene["index"] for scene in scenes] == [0, 1, 2]
    expected = volume_scene(TINY.seed, 2, 64, TINY.data).to_dict()
    assert scenes[2] == json.loads(json.dumps(expected))

    assert {(row["dataset"], row["structure"], row["prompt"]) for row in rows} == {
        (dataset, structure, prompt)
        for dataset, structure in (
            ("mm-whs-ct", "left_atrium"),
            ("mm-whs-ct", "left_ventricle_cavity"),
            ("cetus", "left_ventricle_cavity"),
        )
        for prompt in ("box", "mask")
    }
    for row in rows:
        assert {"before", "after"} <= set(row["dice"])
        assert row["cases"] == (2 if row["dataset"] == "cetus" else 1)
        assert row["paper"] is None  # the paper's figures are of CAMUS, which had no copy
    data = json.loads((run / "reproduction.json").read_text())
    assert data["datasets_left_out"] == ["camus"]
    page = (run / "reproduction.html").read_text()
    assert (run / data["report"]).is_file()
    assert data["report"] in page
    assert "rehearsal" not in page.partition("</style>")[2]
    for words in ("0.5735", "0.6380", "0.7241", "prompt it belongs to is not known", "left out: camus"):
        assert words in " ".join(page.split())


def test_a_scaled_run_is_the_rehearsals_model_on_a_share_of_everything(tmp_path):
    config = experiment(tmp_path)
    large = replace(TINY, steps=1000, data=replace(TINY.data, volumes=200), start="somewhere")
    config = replace(config, training=large, rehearsal=replace(TINY, steps=7))
    scaled = config.scaled(0.01)
    assert (scaled.training.steps, scaled.training.data.volumes) == (10, 2)
    assert scaled.training.start is None
    assert scaled.training.model == TINY.model
    assert replace(config, rehearsal=None).scaled(0.01).training.start == "somewhere"
    assert config.scaled(1) is config
    assert scaled.evaluation.limit(1000) == 10
    assert scaled.evaluation.limit(2) == 1
    for scale in (0, -1, 2):
        with pytest.raises(ValueError, match="scale"):
            config.scaled(scale)


def test_a_plan_looks_for_the_datasets_and_writes_nothing(tmp_path):
    config = experiment(tmp_path)
    stages = planned(config, tmp_path / "run")
    assert [p.stage.name for p in stages] == ["start", "generate", "train", "evaluate"]
    assert len(stages[-1].stage.settings["cases"]) == 1 + 2
    assert not (tmp_path / "run").exists()


def test_only_what_changes_a_result_changes_its_folder(tmp_path):
    config = experiment(tmp_path)

    def folders(config: ReproductionConfig) -> list[str]:
        return [p.folder.name for p in planned(config, tmp_path)]

    usual = folders(config)
    assert folders(replace(config, training=replace(TINY, workers=2, checkpoint_steps=9))) == usual
    longer = folders(replace(config, training=replace(TINY, steps=5)))
    assert [a == b for a, b in zip(usual, longer, strict=True)] == [True, True, False, False]
    prompts = replace(config.evaluation, protocol=Protocol(prompts=("point",)))
    assert folders(replace(config, evaluation=prompts))[:3] == usual[:3]


def test_an_experiment_without_any_copy_of_a_dataset_says_what_to_give(tmp_path):
    config = replace(experiment(tmp_path), evaluation=EvaluationChoice(datasets={"camus": DatasetChoice()}))
    with pytest.raises(InputError, match=r"nothing to score.*\(camus\).*--dataset camus=/data"):
        planned(config, tmp_path)


def test_a_figure_of_the_paper_stands_beside_its_dataset_and_structure_only():
    figures = [{"dataset": "camus", "structure": "left_atrium", "dice": 0.5735}]
    shared = {"structure": "left_atrium", "label_source": "expert", "prompt": "box", "cases": 2}
    means = [
        {**shared, "dataset": dataset, "method": method, "dice": 0.1}
        for dataset in ("camus", "camus-stills", "mm-whs-ct")
        for method in ("before", "after")
    ]
    rows = comparison_rows(means, figures)
    assert [row["paper"] for row in rows] == [0.5735, 0.5735, None]
    assert [row["dice"] for row in rows] == [{"before": 0.1, "after": 0.1}] * 3
