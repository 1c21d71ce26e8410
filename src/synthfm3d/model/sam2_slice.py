"""Inputs and outputs of SAM 2 for one slice: its features, its prompts, and the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The output of the encoder for n slices.

    Parameters
    ----------
    fine, middle, coarse
        Maps (n, channel, y, x) of stride 4, 8 and 16 pixels.
    position
        Position encoding of the coarse map, (1, channel, y, x).
    """

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    position: Tensor

    def of(self, index: Tensor) -> "Features":
        """The features of chosen slices, (m,), which may repeat: one for each object."""
        return Features(self.fine[index], self.middle[index], self.coarse[index], self.position)

    def repeated(self, objects: int) -> "Features":
        """The features of one slice for several objects, without a copy."""
        fine, middle, coarse = (f.expand(objects, -1, -1, -1) for f in (self.fine, self.middle, self.coarse))
        return Features(fine, middle, coarse, self.position)


@dataclass(frozen=True, slots=True, eq=False)
class SlicePrompt:
    """The prompts for one object on one slice.

    Parameters
    ----------
    points, labels
        Points (p, 2), (x, y) in pixels of the model's slices, and what they are, (p,): 1 inside the object, 0
        outside, 2 and 3 the upper left and the lower right corner of a box, which come first.
    mask
        bool (y, x), the object's outline, or None.
    """

    points: Tensor
    labels: Tensor
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        if not len(self.points) and self.mask is None:
            raise ValueError("a prompt needs a point or a mask.")


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """The answer of the model for n objects on one slice.

    Parameters
    ----------
    candidates
        Logits (n, m, y, x) at a quarter of the resolution; m is 3, or 1 if the prompts are not ambiguous.
    iou
        The predicted IoU of each candidate, (n, m).
    score
        Log-odds that the object is on this slice, (n, 1).
    best, best_high
        Logits of the best candidate, (n, 1, y, x), at a quarter of and at the full resolution.
    pointer
        (n, channel), see ``Memory``.
    """

    candidates: Tensor
    iou: Tensor
    score: Tensor
    best: Tensor
    best_high: Tensor
    pointer: Tensor


def joined(parts: Sequence[Decoded], order: Tensor) -> Decoded:
    """Answers of groups as one, in the order of the objects.

    One candidate beside three counts as three equal ones, which changes neither the best nor a mean.
    """
    most = max(part.candidates.shape[1] for part in parts)

    def of_all(name: str) -> Tensor:
        tensors = [getattr(part, name) for part in parts]
        if name in ("candidates", "iou"):
            tensors = [t if t.shape[1] == most else t.repeat_interleave(most, dim=1) for t in tensors]
        return torch.cat([t.to(tensors[0].dtype) for t in tensors])[order]

    names = ("candidates", "iou", "score", "best", "best_high", "pointer")
    return Decoded(**{name: of_all(name) for name in names})
