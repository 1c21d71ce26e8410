"""Runs of SAM 2: killed and resumed to the bit, on two processes as on one, and what they leave."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from synthfm3d.errors import InputError
from synthfm3d.loading.clips import ClipSettings
from synthfm3d.loading.shares import ClipPromptSettings
from synthfm3d.model.checkpoint import load_model
from synthfm3d.model.interface import SliceModel
from synthfm3d.model.sam2_sizes import Sam2Settings
from synthfm3d.training.config import ValidationConfig
from synthfm3d.training.families import plan
from synthfm3d.training.loop import train
from synthfm3d.training.sam2 import Sam2TrainingConfig
from synthfm3d.training.sam2_groups import Sam2OptimiserConfig

TINY = Sam2TrainingConfig(
    steps=4,
    batch_size=1,
    precision="fp32",
    workers=0,
    log_steps=1,
    checkpoint_steps=2,
    model=Sam2Settings(size="micro", image_size=64),
    data=ClipSettings(
        depth=(8, 10),
        length=3,
        most_objects=2,
        least_pixels=8,
        prompts=ClipPromptSettings(mask=0.4, box=0.3, correction_clicks=1),
    ),
    optimiser=Sam2OptimiserConfig(rate=1e-4, encoder_rate=5e-5, warmup_steps=2),
    validation=ValidationConfig(every_steps=2, patches=3),
)

RECIPE = """
family: sam2
seed: 3
steps: {steps}
accumulation: {accumulation}
precision: fp32
workers: {workers}
log_steps: 1
checkpoint_steps: 2
model: {{size: micro, image_size: 64}}
data: {{depth: [8, 10], length: 3, most_objects: 2, least_pixels: 8, prompts: {{correction_clicks: 1}}}}
optimiser: {{rate: 1e-4, encoder_rate: 5e-5, warmup_steps: 2}}
validation: {{every_steps: 0}}
"""


def _recipe(folder, **settings):
    path = folder / f"{'-'.join(f'{k}{v}' for k, v in settings.items())}.yaml"
    path.write_text(RECIPE.format(**{"steps": 4, "accumulation": 1, "workers": 0, **settings}))
    return path


def _command(recipe, folder, *more):
    return [
        sys.executable,
        "-m",
        "synthfm3d",
        "train",
        str(recipe),
        "-o",
        str(folder),
        "--device",
        "cpu",
        *more,
    ]


def _weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def _losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_a_run_leaves_a_model_a_card_a_log_and_the_best(tmp_path):
    train(TINY, tmp_path, device="cpu")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]
    judged = [line for line in lines if "validation_dice" in line]
    assert [line["step"] for line in judged] == [2, 4]
    assert {"validation_under_propagation", "validation_over_propagation"} & set(judged[0])
    assert list(tmp_path.glob("tensorboard/events*"))
    for folder in (tmp_path, tmp_path / "best"):
        model = load_model(str(folder), "cpu")
        assert isinstance(model, SliceModel)
        assert model.grid_shape[1:] == (64, 64)
        assert "synthetic volumes only" in (folder / "README.md").read_text()
    assert _weights(tmp_path)["best"] == max(line["validation_dice"] for line in judged)
    average = _weights(tmp_path)["average"]
    for name, tensor in load_model(str(tmp_path), "cpu").network.state_dict().items():
        assert torch.equal(tensor, average[f"network.{name}"]), name
    assert not list(tmp_path.glob("**/*.tmp"))


@pytest.mark.slow
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(tmp_path):
    """SIGKILL, which no program can answer, in the middle of a run; dropout is on, workers render."""
    recipe = _recipe(tmp_path, steps=8, workers=1)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(_command(recipe, whole), check=True, capture_output=True)
    process = subprocess.Popen(_command(recipe, killed), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    log = killed / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and len(log.read_text().splitlines()) >= 5):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 2 <= _weights(killed)["step"] < 8
    subprocess.run(_command(recipe, killed, "--resume"), check=True, capture_output=True)
    one, other = _weights(whole), _weights(killed)
    assert one["step"] == other["step"] == 8
    for name in ("network", "average"):
        for key, value in one[name].items():
            assert torch.equal(value, other[name][key]), key
    for number, moments in one["optimiser"]["state"].items():
        for key, value in moments.items():
            assert torch.equal(value, other["optimiser"]["state"][number][key]), (number, key)
    assert _losses(whole) == _losses(killed)
    assert (whole / "model.safetensors").read_bytes() == (killed / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_two_processes_train_as_one_with_twice_the_accumulation(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run(_command(_recipe(tmp_path, steps=4, accumulation=2), one), check=True, capture_output=True)
    launch = [
        # --multi_gpu starts processes; --device cpu of our own keeps them off any GPU (gloo).
        sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
        "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
        "--main_process_port", "0", "-m", "synthfm3d",
    ]  # fmt: skip
    command = _command(_recipe(tmp_path, steps=4, accumulation=1), two)
    subprocess.run([*launch, *command[3:]], check=True, capture_output=True)
    assert _losses(two) == pytest.approx(_losses(one), rel=1e-4)
    assert _weights(two)["batches_per_step"] == _weights(one)["batches_per_step"] == 2
    for key, value in _weights(one)["network"].items():
        torch.testing.assert_close(_weights(two)["network"][key], value, atol=1e-5, rtol=1e-3)


def test_resuming_with_other_batches_in_a_step_is_refused(tmp_path):
    train(replace(TINY, steps=2), tmp_path, device="cpu")
    with pytest.raises(InputError, match="batches in a step: 1 -> 2"):
        train(replace(TINY, steps=2, accumulation=2), tmp_path, resume=True, device="cpu")


def test_a_run_may_start_from_any_sam2_of_its_size(tmp_path):
    short = replace(TINY, steps=1, validation=ValidationConfig(every_steps=0))
    train(short, tmp_path / "first", device="cpu")
    settings = replace(short, start=str(tmp_path / "first"), model=Sam2Settings(size="micro", image_size=96))
    train(
        replace(settings, optimiser=Sam2OptimiserConfig(rate=1e-12, encoder_rate=1e-12)),
        tmp_path / "second",
        device="cpu",
    )
    before, after = (load_model(str(tmp_path / n), "cpu").network.state_dict() for n in ("first", "second"))
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, atol=1e-6, rtol=1e-5)
    with pytest.raises(InputError, match=r"is not of size mini.*set model\.size"):
        train(replace(settings, model=Sam2Settings(size="mini")), tmp_path / "third", device="cpu")
    for other in ("random-walker", "default"):
        with pytest.raises(InputError, match="is not a SAM 2"):
            train(replace(settings, start=other), tmp_path / "fourth", device="cpu")


def test_a_plan_tells_rates_sizes_and_memory():
    told = plan(TINY)
    assert told["clips"] == 4
    assert sum(told["trained"].values()) == told["parameters"]
    frozen = plan(replace(TINY, frozen=("encoder",)))
    assert "encoder" not in frozen["trained"]
    longer = replace(TINY, data=replace(TINY.data, length=12))
    assert plan(longer)["memory_gb"] > told["memory_gb"]
    assert plan(replace(longer, recompute=True))["memory_gb"] < plan(longer)["memory_gb"]
