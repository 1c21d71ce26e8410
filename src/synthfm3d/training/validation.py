"""Dice on synthetic patches that training never sees, by kind of prompt."""

import torch

from synthfm3d.loading.datasets import PatchDataset
from synthfm3d.model.volumetric import VolumetricNetwork
from synthfm3d.training.config import TrainingConfig
from synthfm3d.training.loss import hard_dice

_KINDS = ("point", "box", "mask")


@torch.inference_mode()
def validate(network: VolumetricNetwork, config: TrainingConfig, device: torch.device) -> dict[str, float]:
    """Mean Dice per kind of prompt over the held-out patches, ``validation_dice_<kind>``, and their mean."""
    dataset = PatchDataset(config.validation.seed, config.model.grid_shape, config.data)
    found: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for index in range(config.validation.patches):
        sample = dataset[index]
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            logits = network(sample["inputs"][None].to(device))
        dice = hard_dice(logits.float(), sample["target"][None].to(device)).item()
        found[_KINDS[int(sample["kind"])]].append(dice)
    means = {kind: sum(values) / len(values) for kind, values in found.items() if values}
    return {"validation_dice": round(sum(means.values()) / len(means), 4)} | {
        f"validation_dice_{kind}": round(mean, 4) for kind, mean in means.items()
    }
