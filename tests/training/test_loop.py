"""Training: it follows prompts, and a resumed run is the run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from synthfm3d.errors import InputError
from synthfm3d.loading.patches import PatchSettings, volumes_of_patches
from synthfm3d.loading.targets import TargetSettings
from synthfm3d.model.checkpoint import load_model, read_network, weights_hash, write_network
from synthfm3d.model.checkpoint import training_record as stored_record
from synthfm3d.model.prompt_channels import prompt_channels
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork, network_input
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.training.config import OptimiserConfig, TrainingConfig, ValidationConfig
from synthfm3d.training.loop import take_step, train
from synthfm3d.training.rounds import RoundSettings
from synthfm3d.training.state import TrainingState

TINY = TrainingConfig(
    steps=6,
    batch_size=1,
    precision="fp32",
    workers=0,
    log_steps=1,
    checkpoint_steps=3,
    model=VolumetricConfig(widths=(4, 4, 4, 4, 4), grid_shape=(16, 32, 32)),
    data=PatchSettings(
        depth=(16,),
        in_plane=(64,),
        per_volume=2,
        least_region_voxels=100,
        targets=TargetSettings(least_voxels=60),
    ),
    validation=ValidationConfig(every_steps=3, patches=2),
)


@pytest.mark.slow
def test_a_network_learns_to_give_the_object_that_the_prompt_names():
    """One image, two objects; inputs differ by the prompt alone. A prompt-blind answer (both, either or
    the union) has a mean IoU of 0.5 at most.
    """
    shape = (16, 32, 32)
    config = replace(
        TINY,
        steps=250,
        batch_size=4,
        model=VolumetricConfig(widths=(8, 8, 16, 16, 16), grid_shape=shape),
        optimiser=OptimiserConfig(rate=5e-3, warmup_steps=10),
        rounds=RoundSettings(shares=(1.0,)),
    )
    z, y, x = np.ogrid[:16, :32, :32]
    objects = [
        (((z - 8) / 5) ** 2 + ((y - cy) / 6) ** 2 + ((x - cx) / 5) ** 2) < 1 for cy, cx in ((10, 9), (20, 22))
    ]
    generator = np.random.default_rng(0)
    image = 0.8 * (objects[0] | objects[1]) + 0.1 * generator.standard_normal(shape)
    channels = np.stack([image.astype(np.float32)] * 3)
    inputs, targets = [], []
    for (cy, cx), target in zip(((10, 9), (20, 22)), objects, strict=True):
        for prompt in (
            GridPrompts(positive=np.array([[8.0, cy, cx]])),
            GridPrompts(boxes=np.array([[[8.0, cy - 6, cx - 5], [8, cy + 6, cx + 5]]])),
        ):
            inputs.append(torch.from_numpy(network_input(channels, prompt_channels(prompt, shape))))
            targets.append(torch.from_numpy(target).float()[None])
    batch = {
        "inputs": torch.stack(inputs),
        "target": torch.stack(targets),
        "number": torch.arange(len(inputs)),
    }
    state = TrainingState(config, torch.device("cpu"))
    accelerator = Accelerator(cpu=True)
    for _ in range(config.steps):
        take_step(state, [batch], accelerator, state.network)
    state.network.eval()
    with torch.inference_mode():
        answer = state.network(batch["inputs"]) > 0
    wanted = batch["target"] > 0.5
    iou = (answer & wanted).sum((1, 2, 3, 4)) / (answer | wanted).sum((1, 2, 3, 4))
    assert iou.min() > 0.9


def _log(folder):
    """Log lines without times, which differ from run to run."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if name not in ("seconds", "waiting")} for line in lines
    ]


def _weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def test_a_run_leaves_weights_a_log_and_a_checkpoint(tmp_path):
    weights = train(TINY, tmp_path / "run", device="cpu")
    assert load_model(str(tmp_path / "run"), "cpu").grid_shape == (16, 32, 32)
    assert weights.name == "model.safetensors"
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line for line in lines if "loss" in line]
    assert [line["step"] for line in losses] == [1, 2, 3, 4, 5, 6]
    assert losses[0]["loss"] == pytest.approx(
        losses[0]["cross_entropy"] + 1 - losses[0]["soft_dice"], abs=1e-4
    )
    assert sum("validation_dice_point" in line or "validation_dice_box" in line for line in lines) == 2
    assert not list((tmp_path / "run").glob("*.tmp"))


def test_a_run_that_was_stopped_and_resumed_ends_with_the_same_bits(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(TINY, whole, device="cpu")

    class Stopped(Exception):
        pass

    def stop_after_four(entry):
        if entry["step"] == 4 and "loss" in entry:
            raise Stopped

    with pytest.raises(Stopped):
        train(TINY, broken, device="cpu", report=stop_after_four)
    assert _weights(broken)["step"] == 3
    train(TINY, broken, device="cpu", resume=True)
    for name in ("network", "average"):
        for key, value in _weights(whole)[name].items():
            assert torch.equal(value, _weights(broken)[name][key]), key
    assert [line for line in _log(broken) if "loss" in line] == [
        line for line in _log(whole) if "loss" in line
    ]


def test_resuming_with_other_settings_names_them(tmp_path):
    train(replace(TINY, steps=3), tmp_path, device="cpu")
    with pytest.raises(InputError, match=r"steps: 3 -> 9.*optimiser|optimiser.*steps: 3 -> 9"):
        train(
            replace(TINY, steps=9, optimiser=OptimiserConfig(rate=1e-4)), tmp_path, resume=True, device="cpu"
        )


def test_a_damaged_checkpoint_is_named(tmp_path):
    train(replace(TINY, steps=3), tmp_path, device="cpu")
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"checkpoint\.pt: is damaged"):
        train(replace(TINY, steps=3), tmp_path, resume=True, device="cpu")


def test_the_weights_say_which_volumes_they_were_trained_on(tmp_path):
    _, record = read_network(train(replace(TINY, steps=3), tmp_path, device="cpu"))
    assert record["seed"] == TINY.seed
    first, after = record["volume_indices"]
    assert first == 0
    assert after == volumes_of_patches(3 * TINY.batch_size, TINY.data).stop


def test_resuming_without_a_checkpoint_says_so_and_leaves_no_folder(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="no checkpoint"):
            train(TINY, folder, resume=True, device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_the_rate_may_be_held_before_it_falls():
    config = OptimiserConfig(rate=1.0, warmup_steps=10, hold_share=0.6, final_share=0.0)
    rates = [config.rate_at(step, 100) for step in range(100)]
    assert rates[10:61] == pytest.approx([1.0] * 51)
    assert rates[80] == pytest.approx(0.5)  # half of a cosine, in the middle of the steps that are left
    assert rates[99] < 0.01


def test_the_rate_warms_up_and_ends_near_a_hundredth():
    config = OptimiserConfig(rate=1.0, warmup_steps=10)
    assert config.rate_at(0, 1000) == pytest.approx(0.1)
    assert config.rate_at(500, 1000) == pytest.approx(0.505)
    assert config.rate_at(999, 1000) == pytest.approx(0.01, abs=1e-4)


def test_the_average_of_weights_follows_them():
    config = replace(TINY, averaging=0.5)
    state = TrainingState(config, torch.device("cpu"))
    with torch.no_grad():
        for parameter in state.network.parameters():
            parameter.fill_(1.0)
        for parameter in state.average.parameters():
            parameter.fill_(0.0)
    state.step = 1000
    for expected in (0.5, 0.75, 0.875):
        state.update_average(config.averaging)
        assert next(state.average.parameters()).mean().item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 0}, "steps"),
        ({"averaging": 1.0}, "averaging"),
        ({"validation": ValidationConfig(seed=0)}, "held out"),
    ],
)
def test_impossible_settings_are_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        replace(TINY, **change)


def test_a_run_can_begin_with_the_weights_of_another(tmp_path):
    first = train(TINY, tmp_path / "first", device="cpu")
    config = replace(TINY, start=str(tmp_path / "first"), seed=5)
    network = TrainingState(config, torch.device("cpu")).network
    for name, weights in read_network(first)[0].state_dict().items():
        assert torch.equal(network.state_dict()[name], weights)
    second = train(replace(config, steps=1), tmp_path / "second", device="cpu")
    weights = tmp_path / "first" / "model.safetensors"
    begun = {"name": str(tmp_path / "first"), "sha256": weights_hash(weights)}
    assert read_network(second)[1]["started_from"] == begun


@pytest.mark.parametrize(
    ("start", "says"),
    [("grow-cut", "no weights"), ("default", "model asks for"), ("nowhere", "no such model")],
)
def test_weights_that_do_not_fit_are_refused(start, says):
    with pytest.raises(InputError, match=says):
        TrainingState(replace(TINY, start=start), torch.device("cpu"))


def test_evidence_of_workers_and_of_the_device_train_alike(tmp_path):
    """On the CPU both compute the same, so that runs agree to the bit."""
    runs = [
        train(replace(TINY, steps=2, evidence=place), tmp_path / place, device="cpu")
        for place in ("workers", "device")
    ]
    first, second = (read_network(run)[0].state_dict() for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_average_begins_with_the_weights():
    """After n steps the decay is at most n / (n + 10): the random weights of the start are soon gone."""
    state = TrainingState(replace(TINY, averaging=0.999), torch.device("cpu"))
    with torch.no_grad():
        for weights, value in ((state.network, 1.0), (state.average, 0.0)):
            for parameter in weights.parameters():
                parameter.fill_(value)
    state.step = 10
    state.update_average(0.999)
    assert next(state.average.parameters()).mean().item() == pytest.approx(0.5)


def test_scans_that_the_start_was_adapted_to_stay_in_the_record(tmp_path):
    adapted = {"data": "labelled scans of the user (1), and synthetic volumes", "scans_sha256": ["abc"]}
    (tmp_path / "start").mkdir()
    write_network(tmp_path / "start" / "model.safetensors", VolumetricNetwork(TINY.model), adapted)
    config = replace(TINY, steps=1, validation=replace(TINY.validation, every_steps=0))
    fresh = train(config, tmp_path / "fresh", device="cpu")
    again = train(replace(config, start=str(tmp_path / "start")), tmp_path / "again", device="cpu")
    assert stored_record(fresh)["data"] == "synthetic volumes only"
    assert stored_record(fresh)["scans_sha256"] == []
    assert {name: stored_record(again)[name] for name in adapted} == adapted
