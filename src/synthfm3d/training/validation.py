"""Dice on synthetic patches that training never sees, by kind of prompt and after corrections."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from synthfm3d.loading.patches import PatchDataset
from synthfm3d.model.volumetric import VolumetricNetwork
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.training.config import TrainingConfig
from synthfm3d.training.family import Sample
from synthfm3d.training.loss import hard_dice
from synthfm3d.training.rounds import after_corrections

_CORRECTIONS = 4
"""After one click: five clicks in all."""


def validate(network: VolumetricNetwork, config: TrainingConfig, device: torch.device) -> dict[str, float]:
    """Mean Dice by kind of prompt over the held-out patches, ``validation_dice_<kind>``, and their mean.

    ``corrected`` are the patches that began with clicks, after four corrections.
    """
    return score_patches(network, held_out_patches(config), device, bf16=config.precision == "bf16")


def held_out_patches(config: TrainingConfig) -> Iterator[Sample]:
    """The patches that the validation of a run judges by, rendered when they are asked for."""
    dataset = PatchDataset(config.validation.seed, config.model.grid_shape, config.data)
    return (dataset[index] for index in range(config.validation.patches))


@torch.inference_mode()
def score_patches(
    network: VolumetricNetwork, patches: Iterable[Sample], device: torch.device, *, bf16: bool
) -> dict[str, float]:
    """As ``validate``, on these patches."""

    def score(inputs: Tensor, target: Tensor) -> float:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits = network(inputs)
        return float(hard_dice(logits.float(), target).item())

    found: dict[str, list[float]] = defaultdict(list)
    for sample in patches:
        inputs, target = sample["inputs"][None].to(device), sample["target"][None].to(device)
        kind = PROMPT_KINDS[int(sample["kind"])]
        found[kind].append(score(inputs, target))
        if kind == "point":
            inputs = after_corrections(network, inputs, target, _CORRECTIONS, bf16=bf16)
            found["corrected"].append(score(inputs, target))
    means = {kind: sum(values) / len(values) for kind, values in sorted(found.items())}
    return {"validation_dice": round(sum(means.values()) / len(means), 4)} | {
        f"validation_dice_{kind}": round(mean, 4) for kind, mean in means.items()
    }
