"""Everything that a training run depends on, in frozen dataclasses that check themselves."""

from dataclasses import dataclass
from typing import Literal

from synthfm3d.loading.patches import PatchSettings
from synthfm3d.model.volumetric import VolumetricConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserConfig:
    """AdamW with linear warm-up and cosine decay to a hundredth; gradients clipped by norm."""

    rate: float = 1.5e-3
    warmup_steps: int = 50
    weight_decay: float = 1e-4
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.max_grad_norm <= 0:
            raise ValueError(f"rate and max_grad_norm must be positive, got {self}.")
        if self.warmup_steps < 0 or self.weight_decay < 0:
            raise ValueError(f"warmup_steps and weight_decay must be 0 or more, got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """Patches of a seed that training never sees, judged every so many steps; 0 steps is never."""

    seed: int = 1_000_003
    every_steps: int = 250
    patches: int = 24

    def __post_init__(self) -> None:
        if self.every_steps < 0 or self.patches < 1:
            raise ValueError(f"every_steps must be 0 or more and patches 1 or more, got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """One training run.

    Parameters
    ----------
    seed
        Names all data and the initial weights.
    steps, batch_size
        Optimiser steps, and patches in each.
    precision
        ``"bf16"`` computes convolutions in bfloat16 (autocast), ``"fp32"`` does not.
    averaging
        Decay per step of the moving average of the weights, which is what is kept in the end.
    workers
        Processes that render patches; 0 renders in the training process.
    log_steps, checkpoint_steps
        Steps between lines of the log, and between checkpoints.
    """

    seed: int = 0
    steps: int = 3000
    batch_size: int = 2
    precision: Literal["bf16", "fp32"] = "bf16"
    averaging: float = 0.995
    workers: int = 1
    log_steps: int = 10
    checkpoint_steps: int = 100
    model: VolumetricConfig = VolumetricConfig()
    data: PatchSettings = PatchSettings()
    optimiser: OptimiserConfig = OptimiserConfig()
    validation: ValidationConfig = ValidationConfig()

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "log_steps", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.workers < 0:
            raise ValueError(f"workers must be 0 or more, got {self.workers}.")
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging must be from 0 to below 1, got {self.averaging}.")
        if self.validation.seed == self.seed:
            raise ValueError(f"validation.seed must differ from seed ({self.seed}): it is held out.")
