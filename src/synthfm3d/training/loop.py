"""``train``: the loop that reads top to bottom.

Patches are rendered while the network learns. A sample is a function of (seed, step), the log is
one JSON line per entry, checkpoints are whole or absent, and a resumed run continues to the bit.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader

from synthfm3d import __version__
from synthfm3d.loading.datasets import PatchDataset, Sample
from synthfm3d.loading.patches import volumes_of
from synthfm3d.model.checkpoint import choose_device, write_network
from synthfm3d.model.sam2_checkpoint import WEIGHTS_FILE
from synthfm3d.synthesis.sampler import GENERATOR_VERSION
from synthfm3d.training.config import OptimiserConfig, TrainingConfig
from synthfm3d.training.loss import segmentation_loss
from synthfm3d.training.state import TrainingState
from synthfm3d.training.validation import validate

LOG_FILE = "log.jsonl"


def train(
    config: TrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    report: Callable[[dict[str, Any]], None] = lambda entry: None,
) -> Path:
    """Train a volumetric network on synthetic volumes.

    Parameters
    ----------
    folder
        Gets ``log.jsonl``, ``checkpoint.pt``, and at the end ``model.safetensors``, which
        ``load_model(folder)`` takes.
    resume
        Go on from the folder's checkpoint.
    report
        Called with every log entry, for a progress bar.

    Returns
    -------
    Path of the weights: the moving average, in float16.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = choose_device(device)
    state = TrainingState(config, place)
    if resume:
        state.load(folder, config)

    _keep_log_until(folder / LOG_FILE, state.step)
    with (folder / LOG_FILE).open("a") as log, _denormals_flushed():

        def note(**entry: Any) -> None:
            log.write(json.dumps({"step": state.step, "seconds": round(state.seconds, 1), **entry}) + "\n")
            log.flush()
            report({"step": state.step, **entry})

        clock = time.monotonic() - state.seconds
        for batch in batches(config, state.step):
            loss = take_step(state, batch, config, place)
            state.seconds = time.monotonic() - clock
            if state.step % config.log_steps == 0:
                note(**loss)
            if config.validation.every_steps and state.step % config.validation.every_steps == 0:
                note(**validate(state.average, config, place))
            if state.step % config.checkpoint_steps == 0:
                state.save(folder, config)

    state.save(folder, config)
    write_network(folder / WEIGHTS_FILE, state.average, training_record(config, state))
    return folder / WEIGHTS_FILE


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Numbers below 1e-38 as zero: gradients so small carry nothing, and take ten times as long."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _keep_log_until(path: Path, step: int) -> None:
    """Drop what a stopped run logged after its last checkpoint; at step 0, everything."""
    lines = path.read_text().splitlines() if path.exists() and step else []
    path.write_text("".join(line + "\n" for line in lines if json.loads(line)["step"] <= step))


def batches(config: TrainingConfig, first_step: int) -> Iterator[Sample]:
    """The batches of steps ``first_step`` onwards; step n always gets the same patches."""
    dataset = PatchDataset(config.seed, config.model.grid_shape, config.data)
    indices = range(first_step * config.batch_size, config.steps * config.batch_size)
    loader = DataLoader(dataset, batch_size=config.batch_size, sampler=indices, num_workers=config.workers)
    return iter(loader)


def take_step(
    state: TrainingState, batch: Sample, config: TrainingConfig, device: torch.device
) -> dict[str, float]:
    """One optimiser step; returns the terms of the loss by name."""
    rate = learning_rate(state.step, config.steps, config.optimiser)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    inputs, target = batch["inputs"].to(device), batch["target"].to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
        logits = state.network(inputs)  # (clip, 1, z, y, x)
    loss = segmentation_loss(logits.float(), target)
    if not torch.isfinite(loss.total):
        raise FloatingPointError(f"the loss is not finite at step {state.step}: lower optimiser.rate.")
    state.optimiser.zero_grad(set_to_none=True)
    loss.total.backward()
    clip_grad_norm_(state.network.parameters(), config.optimiser.max_grad_norm)
    state.optimiser.step()
    state.step += 1
    state.update_average(config.averaging)
    return {
        "loss": round(loss.total.item(), 5),
        "cross_entropy": round(loss.cross_entropy.item(), 5),
        "soft_dice": round(loss.soft_dice.mean().item(), 5),
        "rate": rate,
    }


def learning_rate(step: int, steps: int, config: OptimiserConfig) -> float:
    """Linear warm-up, then half a cosine down to a hundredth of the rate."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return config.rate * warmup * (0.01 + 0.99 * cosine)


def training_record(config: TrainingConfig, state: TrainingState) -> dict[str, Any]:
    """What a weights file says of its training."""
    return {
        "synthfm3d": __version__,
        "generator_version": GENERATOR_VERSION,
        "torch": torch.__version__,
        "data": "synthetic volumes only",
        "steps": state.step,
        "hours": round(state.seconds / 3600, 3),
        "seed": config.seed,
        "volume_indices": [0, volumes_of(state.step * config.batch_size).start],
        "config": asdict(config),
    }
