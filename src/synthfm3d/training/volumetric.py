"""Training of the volumetric family: batches of patches, the loss, and validation on held-out patches."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset, default_collate

from synthfm3d.errors import InputError
from synthfm3d.loading.patches import PatchDataset, volumes_of_patches
from synthfm3d.model.checkpoint import read_network, weights_path, write_network
from synthfm3d.model.interface import WEIGHTS_FILE
from synthfm3d.model.volumetric import (
    IMAGE_AND_PROMPT_CHANNELS,
    INPUT_CHANNELS,
    VolumetricNetwork,
    with_evidence,
)
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.randomness import stream
from synthfm3d.training.config import TrainingConfig
from synthfm3d.training.family import Family, Sample, bytes_kept, hard_dice, soft_dice
from synthfm3d.training.rounds import after_corrections, after_hand_over


class Batches(Dataset[Sample]):
    """Batches of patches."""

    def __init__(self, patches: Dataset[Any], size: int) -> None:
        self.patches = patches
        self.size = size

    def __getitem__(self, index: int) -> Sample:
        numbers = range(index * self.size, (index + 1) * self.size)
        batch: Sample = default_collate([self.patches[number] for number in numbers])
        return batch


class VolumetricFamily(Family[TrainingConfig]):
    """``Family`` of the volumetric network."""

    config_type = TrainingConfig
    samples = "patches"

    def network(self, *, started: bool) -> VolumetricNetwork:
        torch.manual_seed(self.config.seed)
        if self.config.start is None or started:
            return VolumetricNetwork(self.config.model)
        path = weights_path(self.config.start)
        if path is None:
            raise InputError(f"start: {self.config.start} has no weights to start from.")
        network, _ = read_network(path)
        if network.config != self.config.model:
            raise InputError(f"start: {path} holds {network.config}, and model asks for {self.config.model}.")
        return network

    def parameter_groups(self, network: nn.Module) -> list[dict[str, Any]]:
        decay = self.config.optimiser.weight_decay
        return [
            {"params": list(network.parameters()), "scale": 1.0, "weight_decay": decay, "name": "network"}
        ]

    def batches(self) -> Dataset[Sample]:
        config = self.config
        patches = PatchDataset(
            config.seed, config.model.grid_shape, config.data, evidence=config.evidence == "workers"
        )
        return Batches(patches, self.config.batch_size)

    def loss(self, network: nn.Module, batch: Sample) -> dict[str, Tensor]:
        bf16 = self.config.precision == "bf16"
        inputs = self.inputs_after_rounds(network, batch)
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bf16):
            logits = network(inputs)  # (clip, 1, z, y, x)
        loss = segmentation_loss(logits.float(), batch["target"])
        return {
            "total": loss.total,
            "cross_entropy": loss.cross_entropy,
            "soft_dice": loss.soft_dice.mean(),
        }

    def inputs_after_rounds(self, network: nn.Module, batch: Sample, *, corrected: bool = True) -> Tensor:
        """Inputs (clip, channel, z, y, x) after some corrections of the network's answers, or propagation.

        Without ``corrected``, answers are not compared with the whole target.
        """
        inputs, bf16 = batch["inputs"], self.config.precision == "bf16"
        if inputs.shape[1] == IMAGE_AND_PROMPT_CHANNELS:
            inputs = with_evidence(inputs)
        draw = stream(self.config.seed, "rounds", int(batch["number"][0]))
        rounds = self.config.rounds.draw(draw)
        if rounds == 0 and draw.random() < self.config.rounds.handed_on:
            inputs = after_hand_over(network, inputs, batch["target"], draw, bf16=bf16)
        return after_corrections(network, inputs, batch["target"], rounds * corrected, bf16=bf16)

    def validate(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        assert isinstance(network, VolumetricNetwork)
        return validate(network, self.config, device)

    def volumes(self, batches: int) -> list[int]:
        shown = volumes_of_patches(batches * self.config.batch_size, self.config.data)
        return [shown.start, shown.stop]

    def activation_bytes(self, network: nn.Module) -> int:
        shape = (self.config.batch_size, INPUT_CHANNELS, *self.config.model.grid_shape)
        inputs, network = torch.empty(shape, device="meta"), network.to("meta")
        return bytes_kept(lambda: network(inputs), network)

    def write(self, folder: Path, network: nn.Module, record: dict[str, Any]) -> Path:
        assert isinstance(network, VolumetricNetwork)
        folder.mkdir(parents=True, exist_ok=True)
        write_network(folder / WEIGHTS_FILE, network, record)
        return folder / WEIGHTS_FILE


@dataclass(frozen=True, slots=True)
class Loss:
    """Terms of the loss (scalars), and the soft Dice of each clip (clip,), detached."""

    cross_entropy: Tensor
    dice: Tensor
    soft_dice: Tensor

    @property
    def total(self) -> Tensor:
        return self.cross_entropy + self.dice


def segmentation_loss(logits: Tensor, target: Tensor, known: Tensor | None = None) -> Loss:
    """Binary cross-entropy plus 1 - soft Dice, of logits and targets (clip, 1, z, y, x).

    ``known``, of the same shape, is 1 where the target is known and 0 where it is not; unknown voxels do not
    count, and their target is 0. The cross-entropy is the mean over known voxels.
    """
    if known is None:
        dice = soft_dice(logits.sigmoid(), target)
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, target)
    else:
        dice = soft_dice(logits.sigmoid() * known, target)
        each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        cross_entropy = (each * known).sum() / known.sum().clamp(min=1)
    return Loss(cross_entropy=cross_entropy, dice=(1 - dice).mean(), soft_dice=dice.detach())


_CORRECTIONS = 4
"""After one click: five clicks in all."""


def validate(network: VolumetricNetwork, config: TrainingConfig, device: torch.device) -> dict[str, float]:
    """Mean Dice by kind of prompt over the held-out patches, ``validation_dice_<kind>``, and their mean.

    ``corrected`` are the patches that began with clicks, after four corrections.
    """
    return score_patches(network, held_out_patches(config), device, bf16=config.precision == "bf16")


def held_out_patches(config: TrainingConfig) -> Iterator[Sample]:
    """The validation patches of a run, rendered on request."""
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
