"""Training the volumetric family: patches in, some rounds of corrections, cross-entropy and Dice."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

from synthfm3d.errors import InputError
from synthfm3d.loading.patches import PatchDataset, volumes_of_patches
from synthfm3d.model.checkpoint import read_network, weights_path, write_network
from synthfm3d.model.sam2_checkpoint import WEIGHTS_FILE
from synthfm3d.model.volumetric import INPUT_CHANNELS, TOLD_CHANNELS, VolumetricNetwork, with_evidence
from synthfm3d.randomness import stream
from synthfm3d.training.config import TrainingConfig
from synthfm3d.training.family import Family, Sample, bytes_kept
from synthfm3d.training.loss import segmentation_loss
from synthfm3d.training.rounds import after_corrections, after_hand_over
from synthfm3d.training.validation import validate


class Batches(Dataset[Sample]):
    """Patches by the batch."""

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
            raise InputError(f"start: {self.config.start} has no weights to begin with.")
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
        inputs = self.met_at_work(network, batch)
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bf16):
            logits = network(inputs)  # (clip, 1, z, y, x)
        loss = segmentation_loss(logits.float(), batch["target"])
        return {
            "total": loss.total,
            "cross_entropy": loss.cross_entropy,
            "soft_dice": loss.soft_dice.mean(),
        }

    def met_at_work(self, network: nn.Module, batch: Sample, *, corrected: bool = True) -> Tensor:
        """Inputs (clip, channel, z, y, x) after some corrections of the network's answers, or handed on.

        Without ``corrected``, answers are not compared with the whole target.
        """
        inputs, bf16 = batch["inputs"], self.config.precision == "bf16"
        if inputs.shape[1] == TOLD_CHANNELS:
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
