"""The families of models that can be trained, and what a run of one will need, for ``--dry-run``."""

from typing import Any

from synthfm3d.training.config import RunConfig
from synthfm3d.training.family import Family
from synthfm3d.training.sam2 import Sam2Family
from synthfm3d.training.volumetric import VolumetricFamily

FAMILIES: dict[str, type[Family[Any]]] = {"volumetric": VolumetricFamily, "sam2": Sam2Family}
"""Families by the name that a recipe gives."""
_COPIES = 5
"""Of each trained weight in float32: itself, its average, its gradient, and two moments of Adam."""


def family_of(config: RunConfig) -> Family[Any]:
    """The family that a configuration names."""
    return FAMILIES[config.family](config)


def plan(config: RunConfig, processes: int = 1) -> dict[str, Any]:
    """Parameters, samples and memory of a run on ``processes`` processes, found without training.

    ``memory_gb`` is the least that one process needs: weights, their copies, and the activations that the
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
    activations = family.activation_bytes(network) * size / 4
    memory = 4 * (_COPIES * trained + 2 * (parameters - trained)) + activations
    return {
        "family": config.family,
        "parameters": parameters,
        "trained": by_name,
        "rates": [
            {
                "part": g["name"],
                "rate": float(f"{config.optimiser.rate * g['scale']:.3g}"),
                "decay": g["weight_decay"],
            }
            for g in groups
        ],
        "steps": config.steps,
        family.samples: samples,
        "checkpoints": config.steps // config.checkpoint_steps,
        "memory_gb": round(memory / 2**30, 2),
    }
