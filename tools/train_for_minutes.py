"""Train by a recipe for a given number of minutes, on an accelerator that is available for a short time.

    python tools/train_for_minutes.py recipes/nano.yaml -o OUT --minutes 9 --workers 16 --batch-size 32

The number of steps that fit into the time is measured first, so that the learning rate reaches its end.
Weights, log and checkpoint are written to OUT; ``--miniature`` rehearses everything on a CPU. Only torch,
accelerate, safetensors, numba, SciPy, blosc2 and PyYAML are needed: where accelerate is missing, carry its
wheel and put it into PYTHONPATH.
"""

import argparse
import dataclasses
import shutil
import time
import typing
from pathlib import Path
from typing import Any

import yaml

from synthfm3d.model.checkpoint import choose_device
from synthfm3d.training.config import TrainingConfig
from synthfm3d.training.loop import train

_TRIAL_STEPS = 24
_SAVED_SECONDS = 20.0
"""For the last validation, and for writing."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("recipe", type=Path)
    arguments.add_argument("-o", "--output", type=Path, required=True)
    arguments.add_argument("--minutes", type=float, default=9.0)
    arguments.add_argument("--workers", type=int, default=16)
    arguments.add_argument("--batch-size", type=int, default=32)
    arguments.add_argument("--rate", type=float, help="of the optimiser; the recipe's if not given")
    arguments.add_argument("--start", help="weights to begin with; the recipe's if not given")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--miniature", action="store_true", help="a tiny network, for a rehearsal")
    given = arguments.parse_args()
    begun = time.monotonic()
    config = _configured(given)
    per_step = _seconds_per_step(config, given.output / "trial", given.device)
    left = 60 * given.minutes - (time.monotonic() - begun) - _SAVED_SECONDS
    steps = max(1, int(left / per_step))
    print(
        f"{per_step:.3f} s a step of {config.batch_size} patches: {steps} steps in {left:.0f} s", flush=True
    )
    every = max(1, steps // 4)
    validation = dataclasses.replace(config.validation, every_steps=every)
    config = dataclasses.replace(config, steps=steps, checkpoint_steps=every, validation=validation)
    weights = train(config, given.output, device=given.device, report=lambda entry: print(entry, flush=True))
    print(f"{weights}: {steps * config.batch_size} patches in {time.monotonic() - begun:.0f} s")


def _configured(given: argparse.Namespace) -> TrainingConfig:
    config: TrainingConfig = built(TrainingConfig, yaml.safe_load(given.recipe.read_text()))
    on_cpu = choose_device(given.device).type == "cpu"
    config = dataclasses.replace(
        config,
        workers=given.workers,
        batch_size=given.batch_size,
        evidence="workers" if on_cpu else "device",
        start=given.start or config.start,
        optimiser=dataclasses.replace(
            config.optimiser, rate=given.rate or config.optimiser.rate, hold_share=0.5
        ),
    )
    if given.miniature:
        model = dataclasses.replace(config.model, widths=(4, 8, 8, 8, 8), grid_shape=(16, 64, 64))
        validation = dataclasses.replace(config.validation, patches=4)
        config = dataclasses.replace(config, model=model, validation=validation, start=None)
    return config


def built(kind: Any, values: Any) -> Any:
    """Make a frozen dataclass from the mappings and lists of YAML, without pydantic, which may be missing."""
    if dataclasses.is_dataclass(kind) and isinstance(values, dict):
        make: Any = kind
        hints = typing.get_type_hints(make)
        unknown = set(values) - set(hints)
        if unknown:
            raise ValueError(f"{make.__name__} has no {', '.join(sorted(unknown))}.")
        return make(**{name: built(hints[name], value) for name, value in values.items()})
    if isinstance(values, list):
        return tuple(values)
    return float(values) if kind is float else values


def _seconds_per_step(config: TrainingConfig, folder: Path, device: str) -> float:
    """Seconds per step in the second half of a short run, when the workers keep up with the network."""
    times: list[float] = []
    trial = dataclasses.replace(
        config,
        steps=_TRIAL_STEPS,
        log_steps=1,
        checkpoint_steps=10 * _TRIAL_STEPS,
        validation=dataclasses.replace(config.validation, every_steps=0),
    )
    train(trial, folder, device=device, report=lambda entry: times.append(time.monotonic()))
    shutil.rmtree(folder)
    half = len(times) // 2
    return (times[-1] - times[half]) / (len(times) - 1 - half)


if __name__ == "__main__":
    main()
