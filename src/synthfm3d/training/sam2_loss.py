"""The loss of SAM 2: focal and Dice loss of the best candidate, the predicted IoU, and the object score.

Ravi et al. (2024), arXiv 2408.00714, appendix D.2.2; terms and weights as in ``training/loss_fns.py`` of
facebookresearch/sam2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_slice import Decoded
from synthfm3d.training.sam2_clip import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam2LossSettings:
    """Weights of the four terms, and the focal loss's balance and exponent (Lin et al., ICCV 2017)."""

    focal: float = 20.0
    dice: float = 1.0
    iou: float = 1.0
    score: float = 1.0
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0

    def __post_init__(self) -> None:
        if (
            min(self.focal, self.dice, self.iou, self.score, self.focal_gamma) < 0
            or not 0 < self.focal_alpha < 1
        ):
            raise ValueError(f"weights must be 0 or more, and focal_alpha between 0 and 1, got {self}.")


def clip_loss(
    network: Sam2Network, answers: Sequence[Answer], targets: Tensor, settings: Sam2LossSettings
) -> dict[str, Tensor]:
    """Terms of the loss by name, means over objects, slices and rounds; ``total`` is their weighted sum.

    ``targets`` are bool (object, slice, y, x). If an object is absent, only the object score has a loss.
    """
    terms = [
        answer_loss(network, decoded, targets[:, answer.index], settings)
        for answer in answers
        for decoded in answer.rounds
    ]
    means = {name: torch.stack([term[name] for term in terms]).mean() for name in terms[0]}
    # For the log: the Dice of the best candidates where there is an object.
    present = means.pop("present").clamp(min=1e-6)
    means["soft_dice"] = (1 - means["dice"] / present).detach()
    means["total"] = (
        settings.focal * means["focal"]
        + settings.dice * means["dice"]
        + settings.iou * means["iou"]
        + settings.score * means["score"]
    )
    return means


def answer_loss(
    network: Sam2Network, decoded: Decoded, target: Tensor, settings: Sam2LossSettings
) -> dict[str, Tensor]:
    """Terms of the loss of one answer, for objects bool (object, y, x)."""
    present = target.flatten(1).any(1).float()
    logits = network.enlarged(decoded.candidates)  # (object, candidate, y, x)
    truth = target[:, None].float().expand_as(logits)
    probability = logits.sigmoid()
    focal = _focal(logits, probability, truth, settings)
    dice = _dice_loss(probability, truth)
    best = (settings.focal * focal + settings.dice * dice).argmin(-1, keepdim=True)
    iou_error = (decoded.iou.float() - _iou(logits > 0, truth > 0)).abs().mean(-1)  # of all candidates
    objects = len(present)
    return {
        "focal": (focal.gather(1, best)[:, 0] * present).sum() / objects,
        "dice": (dice.gather(1, best)[:, 0] * present).sum() / objects,
        "iou": (iou_error * present).sum() / objects,
        "present": present.mean(),
        "score": functional.binary_cross_entropy_with_logits(decoded.score[:, 0].float(), present),
    }


def _focal(logits: Tensor, probability: Tensor, truth: Tensor, settings: Sam2LossSettings) -> Tensor:
    """Mean over pixels, (object, candidate)."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    missed = 1 - (probability * truth + (1 - probability) * (1 - truth))
    balance = settings.focal_alpha * truth + (1 - settings.focal_alpha) * (1 - truth)
    return (balance * missed**settings.focal_gamma * entropy).flatten(2).mean(-1)


def _dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    overlap = (probability * truth).flatten(2).sum(-1)
    return 1 - (2 * overlap + 1) / (probability.flatten(2).sum(-1) + truth.flatten(2).sum(-1) + 1)


def _iou(answer: Tensor, truth: Tensor) -> Tensor:
    both = (answer & truth).flatten(2).sum(-1)
    either = (answer | truth).flatten(2).sum(-1)
    return both / either.clamp(min=1)
