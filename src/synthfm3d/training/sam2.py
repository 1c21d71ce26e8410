"""Training of SAM 2: its configuration, how it fits into the training loop, and validation on held-out clips.

Validation gives Dice separately for prompted slices and for slices that propagation reached, since one does
not predict the other. Two rates show how often propagation continues beyond the end of an object, or ends
before it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthfm3d.errors import InputError
from synthfm3d.loading.clips import ClipDataset, ClipSample, ClipSettings, clip_volumes
from synthfm3d.model.checkpoint import load_model
from synthfm3d.model.interface import WEIGHTS_FILE
from synthfm3d.model.sam2_checkpoint import model_card, write_folder
from synthfm3d.model.sam2_configuration import fresh_network
from synthfm3d.model.sam2_model import Sam2Model
from synthfm3d.model.sam2_sizes import Sam2Settings
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.training.config import RunConfig, ValidationConfig
from synthfm3d.training.family import Family, bytes_kept, hard_dice, on_device
from synthfm3d.training.sam2_clip import ClipTracker
from synthfm3d.training.sam2_groups import Part, Sam2OptimiserConfig, freeze, parameter_groups
from synthfm3d.training.sam2_loss import Sam2LossSettings, clip_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam2TrainingConfig(RunConfig):
    """A training run of SAM 2.

    Parameters
    ----------
    start
        Weights to start from, as ``load_model`` takes them; None: random ones.
    frozen
        Parts that keep their weights.
    recompute
        Compute activations again for the gradient instead of keeping them: about a third less memory for a
        fifth more time.
    compile
        Compile the encoder (``torch.compile``).
    validation
        ``patches`` are clips.
    """

    family: Literal["sam2"] = "sam2"
    batch_size: int = 1
    averaging: float = 0.999
    start: str | None = None
    model: Sam2Settings = Sam2Settings()
    data: ClipSettings = ClipSettings()
    loss: Sam2LossSettings = Sam2LossSettings()
    optimiser: Sam2OptimiserConfig = Sam2OptimiserConfig()
    validation: ValidationConfig = ValidationConfig(every_steps=500, patches=16)
    frozen: tuple[Part, ...] = ()
    recompute: bool = False
    compile: bool = False


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
                raise InputError(f"start {config.start}: is not a SAM 2: give one, or set start: null.")
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
        # Dropout depends on the key of the batch only, not on the process or the time.
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
        """Bytes of the encoder, which needs by far the most."""
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


@torch.inference_mode()
def validate_clips(
    tracker: ClipTracker, config: Sam2TrainingConfig, device: torch.device
) -> dict[str, float]:
    """Means over objects of the held-out clips.

    - ``validation_dice_<kind>_prompted`` and ``…_propagated``: Dice where the object is visible, on
      prompted and on other slices; ``validation_dice``, by which the best is chosen, is the mean of the
      latter over kinds of prompts;
    - ``validation_over_propagation``: share of slices without the object on which there is a mask;
    - ``validation_under_propagation``: share of slices with it, not prompted, on which there is none.
    """
    tracker.eval()
    clips = ClipDataset(config.validation.seed, 1, config.model.image_size, config.data)
    dice: dict[str, list[float]] = {}
    over: list[float] = []
    under: list[float] = []
    for number in range(config.validation.patches):
        batch = on_device(clips[number], device)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            answers = tracker(batch)
        prompted = set(batch["prompted"].tolist())
        for answer in answers:
            logits = answer.rounds[-1].best_high[:, 0].float()
            truth = batch["targets"][:, answer.index]
            visible, predicted = truth.flatten(1).any(1), (logits > 0).flatten(1).any(1)
            place = "prompted" if answer.index in prompted else "propagated"
            scores = hard_dice(logits, truth.float())[visible].tolist()
            dice.setdefault(f"{PROMPT_KINDS[int(batch['kind'])]}_{place}", []).extend(scores)
            if answer.index not in prompted:
                over += predicted[~visible].float().tolist()
                under += (~predicted[visible]).float().tolist()
    means = {f"validation_dice_{name}": _mean(values) for name, values in sorted(dice.items()) if values}
    propagated = [value for name, value in means.items() if name.endswith("propagated")]
    rates = {"validation_over_propagation": over, "validation_under_propagation": under}
    return (
        {"validation_dice": round(_mean(propagated), 4)}
        | {name: round(value, 4) for name, value in means.items()}
        | {name: round(_mean(values), 4) for name, values in rates.items() if values}
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
