"""What a run would be: sizes, samples and memory, without training anything."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from synthfm3d.model.volumetric import INPUT_CHANNELS
from synthfm3d.training.config import RunConfig, TrainingConfig
from synthfm3d.training.family import family_of
from synthfm3d.training.sam2_clip import ClipTracker
from synthfm3d.training.sam2_config import Sam2TrainingConfig

_COPIES = 5
"""Of each trained weight in float32: itself, its average, its gradient, and two moments of Adam."""


def plan(config: RunConfig, processes: int = 1) -> dict[str, Any]:
    """Numbers of a run on so many processes.

    ``memory_gb`` is what one process needs at least: weights, their copies, and the activations that the
    network (of SAM 2: its encoder, by far the most) keeps for the gradient.
    """
    family = family_of(config)
    network = family.network(started=True)  # random weights have the right sizes
    groups = family.parameter_groups(network)
    by_name: dict[str, int] = {}
    for group in groups:
        by_name[group["name"]] = by_name.get(group["name"], 0) + sum(p.numel() for p in group["params"])
    parameters = sum(p.numel() for p in network.parameters())
    trained = sum(by_name.values())
    samples = config.steps * config.batch_size * config.accumulation * processes
    size = 2 if config.precision == "bf16" else 4
    activations = _activations(network, config) * size / 4
    memory = 4 * (_COPIES * trained + 2 * (parameters - trained)) + activations
    return {
        "family": getattr(config, "family"),  # noqa: B009 each family names itself
        "parameters": parameters,
        "trained": by_name,
        "rates": [
            {
                "part": g["name"],
                "rate": float(f"{family.optimiser.rate * g['scale']:.3g}"),
                "decay": g["weight_decay"],
            }
            for g in groups
        ],
        "steps": config.steps,
        "clips" if isinstance(config, Sam2TrainingConfig) else "patches": samples,
        "checkpoints": config.steps // config.checkpoint_steps,
        "memory_gb": round(memory / 2**30, 2),
    }


def _activations(network: nn.Module, config: RunConfig) -> int:
    """Bytes that one pass keeps in float32, found by a pass that computes nothing (torch's meta device)."""
    if isinstance(config, Sam2TrainingConfig):
        assert isinstance(network, ClipTracker)
        side = config.model.image_size
        together = 1 if config.recompute else config.batch_size * config.data.length
        inputs, inner = torch.empty(together, 3, side, side, device="meta"), network.network.to("meta")
        return _kept_by(lambda: inner.encode(inputs), inner)
    assert isinstance(config, TrainingConfig)
    shape = (config.batch_size, INPUT_CHANNELS, *config.model.grid_shape)
    inputs = torch.empty(shape, device="meta")
    network = network.to("meta")
    return _kept_by(lambda: network(inputs), network)


def _kept_by(step: Callable[[], object], network: nn.Module) -> int:
    weights = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in weights)
