"""The state of a run, from which it can continue with the same result."""

import copy
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from synthfm3d.errors import InputError
from synthfm3d.files import atomic_writer
from synthfm3d.training.config import RunConfig
from synthfm3d.training.families import family_of
from synthfm3d.training.family import Family

CHECKPOINT_FILE = "checkpoint.pt"


def check_resumable(folder: Path) -> None:
    """Raise InputError if there is no checkpoint in a folder, or no such folder; nothing is made."""
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise InputError(f"{path}: there is no checkpoint to resume from; start without --resume.")


class TrainingState:
    """Network, the moving average of its weights, optimiser, steps taken, and the best result so far."""

    def __init__(
        self,
        config: RunConfig,
        device: torch.device,
        *,
        started: bool = False,
        family: Family[Any] | None = None,
    ) -> None:
        self.config = config
        self.family = family or family_of(config)
        self.network = self.family.network(started=started).to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(self.family.parameter_groups(self.network))
        self.step = 0
        self.batches_per_step = config.accumulation
        """Over all processes; the samples of a step depend on it."""
        self.seconds = 0.0
        self.best: float | None = None
        self.best_step = 0
        self.metrics: dict[str, float] = {}

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the average towards the weights; early steps weigh more, so that it warms up."""
        decay = min(decay, self.step / (self.step + 10))
        for averaged, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
            averaged.lerp_(current, 1 - decay)

    def save(self, folder: Path) -> None:
        """Write the checkpoint, completely or not at all. Raises InputError if it cannot be written."""
        path = folder / CHECKPOINT_FILE
        content = {
            "config": asdict(self.config),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "batches_per_step": self.batches_per_step,
            "seconds": self.seconds,
            "best": self.best,
            "best_step": self.best_step,
            "metrics": self.metrics,
        }
        try:
            with atomic_writer(path) as file:
                torch.save(content, file)
        except RuntimeError as error:  # as torch reports a full disk
            raise InputError(f"{path}: cannot be written ({error}): free some space.") from error

    def load(self, folder: Path, *, extend: bool = False) -> None:
        """Continue from the checkpoint in the folder. Raises InputError if it has another configuration.

        With ``extend`` that configuration may have had fewer steps.
        """
        check_resumable(folder)
        path = folder / CHECKPOINT_FILE
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, UnpicklingError) as error:
            raise InputError(
                f"{path}: is damaged ({type(error).__name__}); train into a new folder."
            ) from error
        wanted = asdict(self.config)
        if saved["batches_per_step"] == self.batches_per_step:
            # The same number of batches may come from fewer processes.
            wanted["accumulation"] = saved["config"]["accumulation"]
        if extend and saved["config"]["steps"] < wanted["steps"]:
            wanted["steps"] = saved["config"]["steps"]
        changed = _differences(saved["config"], wanted)
        if saved["batches_per_step"] != self.batches_per_step:
            changed.append(f"batches in a step: {saved['batches_per_step']} -> {self.batches_per_step}")
        if changed:
            raise InputError(
                f"{path}: was made with other settings ({'; '.join(changed)}); "
                "resume with the same ones (more steps: --extend), or train into a new folder."
            )
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.seconds = saved["step"], saved["seconds"]
        self.best, self.metrics = saved["best"], saved["metrics"]
        self.best_step = saved.get("best_step", 0)  # older checkpoints have none


INCIDENTAL = frozenset({"workers", "evidence", "log_steps", "checkpoint_steps", "trackers"})
"""Settings that may differ when a run is resumed: how often it logs or saves, where to, the number of
processes, and where the evidence is computed, which changes it by rounding only."""


def _differences(saved: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> list[str]:
    """Settings that differ, as ``name: saved -> wanted``."""
    found: list[str] = []
    for name in sorted(set(saved) | set(wanted)):
        before, after = saved.get(name), wanted.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}{name}.")
        elif before != after and not (not prefix and name in INCIDENTAL):
            found.append(f"{prefix}{name}: {before} -> {after}")
    return found
