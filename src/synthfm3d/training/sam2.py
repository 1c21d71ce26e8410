"""Training SAM 2: clips in, its own loss, Dice by kind of prompt and distance from it to judge it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthfm3d.errors import InputError
from synthfm3d.loading.clips import ClipDataset, ClipSample, clip_volumes
from synthfm3d.model.checkpoint import load_model
from synthfm3d.model.model_card import model_card
from synthfm3d.model.sam2_checkpoint import WEIGHTS_FILE, write_folder
from synthfm3d.model.sam2_initial import fresh_network
from synthfm3d.model.sam2_model import Sam2Model
from synthfm3d.training.family import Family, bytes_kept
from synthfm3d.training.sam2_clip import ClipTracker
from synthfm3d.training.sam2_config import Sam2TrainingConfig
from synthfm3d.training.sam2_groups import freeze, parameter_groups
from synthfm3d.training.sam2_loss import clip_loss
from synthfm3d.training.sam2_validation import validate_clips


class Sam2Family(Family[Sam2TrainingConfig]):
    """``Family`` of SAM 2."""

    config_type = Sam2TrainingConfig
    samples = "clips"

    def network(self, *, started: bool) -> ClipTracker:
        config = self.config
        network = fresh_network(config.model, config.seed)
        if config.start is not None and not started:
            model = load_model(config.start, "cpu")  # no weight depends on the size of the image
            if not isinstance(model, Sam2Model):
                raise InputError(f"start {config.start}: is no SAM 2: give one, or start: null.")
            try:
                network.load_state_dict(model.network.state_dict())
            except RuntimeError as error:
                raise InputError(
                    f"start {config.start}: is not of size {config.model.size}, version "
                    f"{config.model.version}: set model.size and model.version to what it is."
                ) from error
        freeze(network, config.frozen)
        if config.compile:
            network.sam.vision_encoder.compile()
        return ClipTracker(network, config.data.prompts, recompute=config.recompute)

    def parameter_groups(self, network: nn.Module) -> list[dict[str, Any]]:
        assert isinstance(network, ClipTracker)
        return parameter_groups(network.network, self.config.optimiser)

    def batches(self) -> Dataset[ClipSample]:
        config = self.config
        return ClipDataset(config.seed, config.batch_size, config.model.image_size, config.data)

    def loss(self, network: nn.Module, batch: ClipSample) -> dict[str, Tensor]:
        # Dropout is drawn from the batch's own name: the same whoever computes it, and when.
        torch.manual_seed(int(batch["key"]))
        targets = batch["targets"]
        with torch.autocast(targets.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            answers = network(batch)
        inner: Any = getattr(network, "module", network)  # what DistributedDataParallel wraps
        return clip_loss(inner.network, answers, targets, self.config.loss)

    def validate(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        assert isinstance(network, ClipTracker)
        return validate_clips(network, self.config, device)

    def volumes(self, batches: int) -> list[int]:
        config = self.config
        return [0, config.data.volumes or clip_volumes(batches * config.batch_size).start]

    def activation_bytes(self, network: nn.Module) -> int:
        """That of the encoder, which needs by far the most."""
        assert isinstance(network, ClipTracker)
        config = self.config
        together = 1 if config.recompute else config.batch_size * config.data.length
        side = config.model.image_size
        inputs, inner = torch.empty(together, 3, side, side, device="meta"), network.network.to("meta")
        return bytes_kept(lambda: inner.encode(inputs), inner)

    def write(self, folder: Path, network: nn.Module, record: dict[str, Any]) -> Path:
        assert isinstance(network, ClipTracker)
        name = f"synthfm3d-sam2-{self.config.model.size}-{self.config.model.image_size}"
        write_folder(folder, network.network, model_card(name, record))
        return folder / WEIGHTS_FILE
