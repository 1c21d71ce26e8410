"""The training loss, as a named sum."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Loss:
    """Terms of the loss (scalars), and the soft Dice of each clip (clip,), detached."""

    cross_entropy: Tensor
    dice: Tensor
    soft_dice: Tensor

    @property
    def total(self) -> Tensor:
        return self.cross_entropy + self.dice


def soft_dice(probability: Tensor, target: Tensor) -> Tensor:
    """Dice of probabilities (clip, …) against targets of the same shape, one value per clip.

    One is added above and below, so that two empty masks agree (Milletari et al., 3DV 2016).
    """
    axes = tuple(range(1, probability.ndim))
    overlap = (probability * target).sum(axes)
    return (2 * overlap + 1) / (probability.sum(axes) + target.sum(axes) + 1)


def segmentation_loss(logits: Tensor, target: Tensor, known: Tensor | None = None) -> Loss:
    """Binary cross-entropy plus 1 - soft Dice, of logits and targets (clip, 1, z, y, x).

    ``known``, of the same shape, is 1 where the target is known and 0 where it is not; there nothing counts,
    and the target is 0. The cross-entropy is the mean over known voxels.
    """
    if known is None:
        dice = soft_dice(logits.sigmoid(), target)
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, target)
    else:
        dice = soft_dice(logits.sigmoid() * known, target)
        each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        cross_entropy = (each * known).sum() / known.sum().clamp(min=1)
    return Loss(cross_entropy=cross_entropy, dice=(1 - dice).mean(), soft_dice=dice.detach())


def hard_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Dice of the mask where logits are positive, one value per clip."""
    return soft_dice((logits > 0).float(), target)
