"""Training of the volumetric network on labelled scans; slices that are not labelled are ignored."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthfm3d.loading.labelled_patches import (
    LabelledPatches,
    LabelledPatchSettings,
    MixedPatches,
    sample_of,
)
from synthfm3d.loading.labelled_scans import LabelledScan
from synthfm3d.loading.shares import SYNTHETIC_SHARE
from synthfm3d.model.volumetric import VolumetricNetwork
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.training.config import OptimiserConfig, TrainingConfig, ValidationConfig
from synthfm3d.training.family import Sample, hard_dice
from synthfm3d.training.volumetric import (
    Batches,
    VolumetricFamily,
    held_out_patches,
    score_patches,
    segmentation_loss,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationConfig(TrainingConfig):
    """Further training of a model on a few labelled scans.

    The rate is two thirds of that of training from random weights. Four rates were compared on one synthetic
    scanner (spleen, 5 scans, 60 steps): 1e-3 was better than 3e-4; 2e-3 and 4e-3 were not better than 1e-3.

    Parameters
    ----------
    scans, structures
        Content hashes of the scans, and names of the structures: a run is resumed with the same ones.
    synthetic_share
        Share of the patches that are synthetic. They keep the model able to segment what the labelled scans
        do not show. They take their share of the time. The best share was not measured.
    synthetic_patches
        Held-out synthetic patches that are scored before and after; 0: none.
    patience
        Validations without a better result after which the run ends.
    labelled
        How patches of the labelled scans are cut.
    """

    scans: tuple[str, ...] = ()
    structures: tuple[str, ...] = ()
    synthetic_share: float = SYNTHETIC_SHARE
    synthetic_patches: int = 8
    patience: int = 4
    averaging: float = 0.98
    start: str | None = "default"
    labelled: LabelledPatchSettings = LabelledPatchSettings()
    optimiser: OptimiserConfig = OptimiserConfig(rate=1e-3, warmup_steps=10, hold_share=0.5)
    validation: ValidationConfig = ValidationConfig(every_steps=50, patches=24)

    def __post_init__(self) -> None:
        # super() without arguments fails in dataclasses with slots, which are made anew.
        TrainingConfig.__post_init__(self)
        if not 0 <= self.synthetic_share < 1:
            raise ValueError(f"synthetic_share is a share from 0 to below 1, got {self.synthetic_share}.")
        if self.patience < 1:
            raise ValueError(f"patience must be 1 or more, got {self.patience}.")


class AdaptationFamily(VolumetricFamily):
    """``Family`` of the volumetric network on labelled scans mixed with synthetic volumes.

    Parameters
    ----------
    learnt, judged
        Scans to learn from and scans to judge by. They have no known slice in common.
    """

    def __init__(
        self, config: AdaptationConfig, learnt: Sequence[LabelledScan], judged: Sequence[LabelledScan]
    ) -> None:
        super().__init__(config)
        self.settings = config
        self.learnt = learnt
        self.judged = judged
        self._judging: list[Sample] = []

    def batches(self) -> Dataset[Sample]:
        return Batches(self._mixed(), self.settings.batch_size)

    def loss(self, network: nn.Module, batch: Sample) -> dict[str, Tensor]:
        known = batch["known"]
        # A correction is a click on a difference from the whole target, so the whole target must be known.
        inputs = self.inputs_after_rounds(network, batch, corrected=bool(known.all()))
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
            logits = network(inputs)  # (clip, 1, z, y, x)
        loss = segmentation_loss(logits.float(), batch["target"], known)
        return {
            "total": loss.total,
            "cross_entropy": loss.cross_entropy,
            "soft_dice": loss.soft_dice.mean(),
        }

    def validate(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """See ``means_by_kind``: Dice on patches of the held-back scans."""
        return means_by_kind(self.dice_of_patches(network, device))

    @torch.inference_mode()
    def dice_of_patches(self, network: nn.Module, device: torch.device) -> list[tuple[str, float]]:
        """Kind of prompt and Dice of each patch of the held-back scans; only known voxels count."""
        found: list[tuple[str, float]] = []
        for sample in self._judging_samples():
            with torch.autocast(device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
                logits = network(sample["inputs"][None].to(device)).float().cpu()
            answer = torch.where(sample["known"] > 0, logits, torch.tensor(-1.0))
            kind = PROMPT_KINDS[int(sample["kind"])]
            found.append((kind, float(hard_dice(answer, sample["target"][None]).item())))
        return found

    def synthetic_dice(self, network: nn.Module, device: torch.device) -> float | None:
        """Mean Dice on a few synthetic patches that no training sees; None if none were asked for."""
        assert isinstance(network, VolumetricNetwork)
        if not self.settings.synthetic_patches:
            return None
        patches = islice(held_out_patches(self.settings), self.settings.synthetic_patches)
        scores = score_patches(network, patches, device, bf16=self.settings.precision == "bf16")
        return scores["validation_dice"]

    def volumes(self, batches: int) -> list[int]:
        shown = self._mixed().volumes(batches * self.settings.batch_size)
        return [shown.start, shown.stop]

    def write(self, folder: Path, network: nn.Module, record: dict[str, Any]) -> Path:
        scans = sorted({*record["scans_sha256"], *self.settings.scans})
        data = f"labelled scans of the user ({len(scans)}), and synthetic volumes"
        return super().write(folder, network, record | {"data": data, "scans_sha256": scans})

    def _mixed(self) -> MixedPatches:
        config = self.settings
        labelled = LabelledPatches(self.learnt, config.seed, config.model.grid_shape, config.labelled)
        return MixedPatches(labelled, config.data, config.synthetic_share)

    def _judging_samples(self) -> list[Sample]:
        """Patches of the held-back scans, made once."""
        if not self._judging:
            config = self.settings
            patches = LabelledPatches(
                self.judged, config.validation.seed, config.model.grid_shape, config.labelled
            )
            self._judging = [sample_of(patches[n], n) for n in range(config.validation.patches)]
        return self._judging


def means_by_kind(patches: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Mean Dice for each kind of prompt, ``validation_dice_<kind>``, and the mean of these means."""
    found: dict[str, list[float]] = defaultdict(list)
    for kind, dice in patches:
        found[kind].append(dice)
    means = {kind: sum(values) / len(values) for kind, values in sorted(found.items())}
    return {"validation_dice": round(sum(means.values()) / len(means), 4)} | {
        f"validation_dice_{kind}": round(mean, 4) for kind, mean in means.items()
    }
