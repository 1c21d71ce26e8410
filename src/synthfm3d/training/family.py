"""What differs between the families of models while they are trained; the loop is the same for all."""

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthfm3d.errors import InputError
from synthfm3d.training.config import OptimiserConfig, RunConfig, TrainingConfig
from synthfm3d.training.sam2_config import Sam2TrainingConfig
from synthfm3d.training.sam2_groups import Sam2OptimiserConfig

Sample = dict[str, Tensor]


class Family(Protocol):
    """One family of models under one configuration."""

    @property
    def optimiser(self) -> OptimiserConfig | Sam2OptimiserConfig: ...

    def network(self, *, started: bool) -> nn.Module:
        """A function of the seed and, unless a run has ``started`` before, of the start weights."""
        ...

    def parameter_groups(self, network: nn.Module) -> list[dict[str, Any]]:
        """Groups for AdamW, each with the ``scale`` of its rate."""
        ...

    def batches(self) -> Dataset[Sample]:
        """What goes through the network at a time, by number, as a function of the seed."""
        ...

    def loss(self, network: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """Terms of the loss by name, for the log; ``total`` is what is minimised."""
        ...

    def validate(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Measures on held-out samples, ``validation_dice`` among them, by which the best is chosen."""
        ...

    def volumes(self, batches: int) -> list[int]:
        """The indices ``[first, after]`` of the volumes of the seed that so many batches may show."""
        ...

    def write(self, folder: Path, network: nn.Module, record: dict[str, Any]) -> Path:
        """Write weights that ``load_model(folder)`` takes; returns the file."""
        ...


def family_of(config: RunConfig) -> Family:
    """The family that a configuration is of."""
    # Here, since both import what they share from above.
    from synthfm3d.training.sam2 import Sam2Family
    from synthfm3d.training.volumetric import VolumetricFamily

    match config:
        case Sam2TrainingConfig():
            return Sam2Family(config)
        case TrainingConfig():
            return VolumetricFamily(config)
    raise InputError(f"{type(config).__name__} is the configuration of no family.")
