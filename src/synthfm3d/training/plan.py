"""``plan``: what a run will need (parameters, samples, memory), found without training."""

from typing import Any

from synthfm3d.training.config import RunConfig
from synthfm3d.training.families import family_of

_COPIES = 5
"""Of each trained weight in float32: itself, its average, its gradient, and two moments of Adam."""


def plan(config: RunConfig, processes: int = 1) -> dict[str, Any]:
    """Numbers of a run on ``processes`` processes.

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
