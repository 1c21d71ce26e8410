"""Everything that a training run depends on, in frozen dataclasses that check themselves.

This module has the settings that all families of models share, and the configuration of the volumetric
family. The configuration of SAM 2 is in ``training.sam2``.
"""

import math
from dataclasses import dataclass
from typing import Literal

from synthfm3d.loading.patches import PatchSettings
from synthfm3d.model.volumetric import VolumetricConfig
from synthfm3d.training.rounds import RoundSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserConfig:
    """AdamW with linear warm-up and cosine decay to a share of the rate; gradients clipped by norm.

    Parameters
    ----------
    rate, warmup_steps
        Largest rate, and the steps in which it is reached.
    hold_share
        Share of the steps before the rate begins to fall. While the rate is held, the moving average of the
        weights is useful at any time.
    final_share
        Share of the rate that is left at the end.
    """

    rate: float = 1.5e-3
    warmup_steps: int = 50
    hold_share: float = 0.0
    weight_decay: float = 1e-4
    max_grad_norm: float = 1.0
    final_share: float = 0.01

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.max_grad_norm <= 0:
            raise ValueError(f"rate and max_grad_norm must be positive, got {self}.")
        if self.warmup_steps < 0 or self.weight_decay < 0:
            raise ValueError(f"warmup_steps and weight_decay must be 0 or more, got {self}.")
        for name in ("hold_share", "final_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, got {getattr(self, name)}.")

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of one of ``steps`` steps: linear warm-up, the full rate, then half a cosine."""
        warmup = min(1.0, (step + 1) / max(1, self.warmup_steps))
        held = self.hold_share * steps
        fallen = max(0.0, step - held) / max(1.0, steps - held)
        cosine = 0.5 * (1 + math.cos(math.pi * fallen))
        return self.rate * warmup * (self.final_share + (1 - self.final_share) * cosine)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """Validation on samples of another seed, every ``every_steps`` steps; 0 means never."""

    seed: int = 1_000_003
    every_steps: int = 250
    patches: int = 60

    def __post_init__(self) -> None:
        if self.every_steps < 0 or self.patches < 1:
            raise ValueError(f"every_steps must be 0 or more and patches 1 or more, got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Settings of every training run.

    Parameters
    ----------
    family
        Which family of models is trained (``training.families``).
    seed
        Names all data and the initial weights.
    steps, batch_size
        Optimiser steps, and samples (patches, clips) that go through the network at a time.
    accumulation
        Batches of each process whose gradients are averaged in a step.
    precision
        ``"bf16"`` computes in bfloat16 where that is safe (autocast), ``"fp32"`` does not.
    averaging
        Decay per step of the moving average of the weights, which is what is kept in the end.
    workers
        Processes that render samples; 0 renders in the training process.
    log_steps, checkpoint_steps
        Steps between lines of the log, and between checkpoints.
    trackers
        Where the log goes besides log.jsonl and TensorBoard: names that accelerate knows, such as
        ``wandb``.
    """

    family: str
    seed: int = 0
    steps: int = 3000
    batch_size: int = 2
    accumulation: int = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    averaging: float = 0.995
    workers: int = 1
    log_steps: int = 10
    checkpoint_steps: int = 100
    trackers: tuple[str, ...] = ()
    validation: ValidationConfig = ValidationConfig()
    optimiser: OptimiserConfig = OptimiserConfig()

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulation", "log_steps", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.workers < 0:
            raise ValueError(f"workers must be 0 or more, got {self.workers}.")
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging must be from 0 to below 1, got {self.averaging}.")
        if self.validation.seed == self.seed:
            raise ValueError(f"validation.seed must differ from seed ({self.seed}): it is held out.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig(RunConfig):
    """A training run of the volumetric family.

    Parameters
    ----------
    start
        Weights of the same size that it begins with, by name or path; None: random ones.
    evidence
        Where the evidence channels are computed: in the ``"workers"`` that render samples, or on the
        ``"device"`` that trains, which is faster if that is an accelerator.
    """

    family: Literal["volumetric"] = "volumetric"
    start: str | None = None
    evidence: Literal["workers", "device"] = "workers"
    model: VolumetricConfig = VolumetricConfig()
    data: PatchSettings = PatchSettings()
    rounds: RoundSettings = RoundSettings()
