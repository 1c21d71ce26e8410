"""Groups of SAM 2's parameters: rates decrease towards the input, norms have no decay, parts can be frozen.

As in the fine-tuning of SAM 2, the encoder has its own rate, and each of its blocks a tenth less than the
next; biases, norms and embeddings have no weight decay.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.training.config import OptimiserConfig

Part = Literal["encoder", "neck", "prompt_encoder", "decoder", "memory"]

_PREFIXES: dict[Part, tuple[str, ...]] = {
    "encoder": ("sam.vision_encoder.backbone.",),
    "neck": ("sam.vision_encoder.neck.",),
    "prompt_encoder": ("sam.prompt_encoder.", "sam.mask_downsample."),
    "decoder": ("sam.mask_decoder.", "sam.object_pointer_proj."),
    "memory": (
        "sam.memory", "sam.no_", "sam.occlusion", "sam.temporal_positional_encoding_projection_layer",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam2OptimiserConfig(OptimiserConfig):
    """The optimiser of SAM 2, whose encoder has a rate of its own.

    Rates, decay, clipping and the last tenth are those of ``sam2.1_hiera_b+_MOSE_finetune.yaml``. The warm-up
    is added for the first steps of Adam.

    Parameters
    ----------
    encoder_rate
        Largest rate of the encoder's last block.
    layer_decay
        Factor from one block of the encoder to the one before it.
    """

    rate: float = 5e-6
    encoder_rate: float = 3e-6
    layer_decay: float = 0.9
    weight_decay: float = 0.1
    warmup_steps: int = 100
    max_grad_norm: float = 0.1
    final_share: float = 0.1

    def __post_init__(self) -> None:
        OptimiserConfig.__post_init__(self)  # super() fails in a dataclass with slots
        if self.encoder_rate <= 0:
            raise ValueError(f"encoder_rate must be positive, got {self.encoder_rate}.")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay must be above 0 and at most 1, got {self.layer_decay}.")


def part_of(name: str) -> Part:
    """The part of a network that a parameter belongs to."""
    for part, prefixes in _PREFIXES.items():
        if name.startswith(prefixes):
            return part
    raise ValueError(f"{name} belongs to no part of SAM 2.")


def freeze(network: Sam2Network, frozen: tuple[Part, ...]) -> None:
    """Freeze parts of a network."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(part_of(name) not in frozen)


def parameter_groups(network: Sam2Network, config: Sam2OptimiserConfig) -> list[dict[str, Any]]:
    """Groups for AdamW: parameters with the same ``scale`` of the rate and the same decay.

    Each has a ``name``, for the dry run and the log.
    """
    undecayed = _undecayed(network)
    blocks = len(network.sam.vision_encoder.backbone.blocks)
    groups: dict[tuple[str, float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        part = part_of(name)
        scale = 1.0
        if part == "encoder":
            scale = config.encoder_rate / config.rate * config.layer_decay ** (blocks - _layer(name, blocks))
        decay = 0.0 if name in undecayed else config.weight_decay
        groups.setdefault((part, scale, decay), []).append(parameter)
    return [
        {"params": parameters, "scale": scale, "weight_decay": decay, "lr": config.rate * scale, "name": part}
        for (part, scale, decay), parameters in groups.items()
    ]


def _layer(name: str, blocks: int) -> int:
    """0 before the blocks, 1 for the first of them …; the position embedding is not slowed down."""
    if "pos_embed" in name:
        return blocks
    found = re.search(r"\.blocks\.(\d+)\.", name)
    return int(found[1]) + 1 if found else 0


def _undecayed(network: Sam2Network) -> set[str]:
    norms = {
        f"{path}.{name}"
        for path, module in network.named_modules()
        if isinstance(module, nn.LayerNorm | nn.Embedding)
        for name, _ in module.named_parameters(recurse=False)
    }
    return norms | {name for name, p in network.named_parameters() if name.endswith("bias") or p.ndim < 2}
