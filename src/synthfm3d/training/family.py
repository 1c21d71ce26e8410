"""``Family``: the parts of training that differ between families of models. All families share the loop."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthfm3d.training.config import RunConfig

Config = TypeVar("Config", bound=RunConfig)
Sample = Mapping[str, Any]
"""One batch: tensors by name."""
SampleType = TypeVar("SampleType", bound=Sample)


class Family(ABC, Generic[Config]):
    """One family of models under one configuration.

    Attributes
    ----------
    config_type
        The dataclass of its configurations.
    samples
        What a batch consists of, in plural, for ``--dry-run``.
    """

    config_type: ClassVar[type[RunConfig]]
    samples: ClassVar[str]

    def __init__(self, config: Config) -> None:
        self.config = config

    def learning_rate(self, step: int) -> float:
        """The rate of a step, counted from 0; each group of parameters scales it."""
        return self.config.optimiser.rate_at(step, self.config.steps)

    @abstractmethod
    def network(self, *, started: bool) -> nn.Module:
        """A function of the seed and, unless a run has ``started`` before, of the start weights."""

    @abstractmethod
    def parameter_groups(self, network: nn.Module) -> list[dict[str, Any]]:
        """Groups for AdamW, each with a ``name``, its ``weight_decay`` and the ``scale`` of its rate."""

    @abstractmethod
    def batches(self) -> Dataset[Any]:
        """Samples by number, each a function of the seed and its number."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Any) -> dict[str, Tensor]:
        """Terms of the loss by name, for the log; ``total`` is minimised."""

    @abstractmethod
    def validate(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Measures on held-out samples; the best weights are chosen by ``validation_dice``."""

    @abstractmethod
    def volumes(self, batches: int) -> list[int]:
        """The indices ``[first, after]`` of the volumes of the seed that this many batches may show."""

    @abstractmethod
    def activation_bytes(self, network: nn.Module) -> int:
        """Bytes in float32 that one batch keeps for the gradient; the network is moved to the meta device."""

    @abstractmethod
    def write(self, folder: Path, network: nn.Module, record: dict[str, Any]) -> Path:
        """Write weights that ``load_model(folder)`` takes; returns the file."""


def on_device(sample: SampleType, device: torch.device) -> SampleType:
    """The same tensors on a device."""
    return cast(SampleType, {name: tensor.to(device) for name, tensor in sample.items()})


def bytes_kept(step: Callable[[], object], network: nn.Module) -> int:
    """Bytes of the tensors that a step keeps for the gradient, without the weights of the network."""
    weights = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in weights)


def soft_dice(probability: Tensor, target: Tensor) -> Tensor:
    """Dice of probabilities (clip, …) against targets of the same shape, one value per clip.

    One is added to numerator and denominator, so that two empty masks have a Dice of 1 (Milletari et al., 3DV
    2016).
    """
    axes = tuple(range(1, probability.ndim))
    overlap = (probability * target).sum(axes)
    return (2 * overlap + 1) / (probability.sum(axes) + target.sum(axes) + 1)


def hard_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Dice of the mask where logits are positive, one value per clip."""
    return soft_dice((logits > 0).float(), target)
