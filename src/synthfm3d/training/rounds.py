"""Inputs of the network in use, simulated in training: its own answers, corrected or propagated.

In a session with a user, each round gives the network its previous answer and one more click, in the middle
of the largest error. When an object is followed through a scan, the mask that the network found on another
slice is its only prompt, with its errors.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from synthfm3d.intensity import CHANNELS
from synthfm3d.model.prompt_channels import (
    MASK,
    NEGATIVE_CLICKS,
    POSITIVE_CLICKS,
    PREVIOUS,
    PROMPT_CHANNELS,
    draw_click,
    previous_channel,
)
from synthfm3d.model.volumetric import IMAGE_AND_PROMPT_CHANNELS, with_evidence
from synthfm3d.prompts.simulation import correcting_click
from synthfm3d.regions import SLICE_SPACING_RANGE
from synthfm3d.volume import Array

_LEAST_OVERLAP = 0.5
"""Least Dice on a slice whose mask becomes the prompt of other slices."""
_SPACING = (SLICE_SPACING_RANGE[0], 1.0, 1.0)
"""Least distance of slices of a region, in its pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSettings:
    """Corrections and propagation in training before the loss is computed.

    Parameters
    ----------
    shares
        Shares of the batches with 0, 1, 2, ... corrections.
    handed_on
        Share of the batches without corrections in which the network's answer on another slice becomes the
        prompt. (``prompts.handed_on`` draws such prompts from the truth.)
    """

    shares: tuple[float, ...] = (0.75, 0.1, 0.06, 0.04, 0.03, 0.02)
    handed_on: float = 0.15

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares) < 0 or not np.isclose(sum(self.shares), 1):
            raise ValueError(f"shares must be shares of 1, got {self.shares}.")
        if not 0 <= self.handed_on <= 1:
            raise ValueError(f"handed_on is a share from 0 to 1, got {self.handed_on}.")

    def draw(self, draw: np.random.Generator) -> int:
        """A number of corrections."""
        return int(draw.choice(len(self.shares), p=np.array(self.shares) / sum(self.shares)))


@torch.no_grad()
def after_corrections(
    network: nn.Module, inputs: Tensor, target: Tensor, rounds: int, *, bf16: bool
) -> Tensor:
    """Inputs (clip, channel, z, y, x) after this many corrections of the network's answers.

    ``target`` is (clip, 1, z, y, x), of 0 and 1. An answer without a mistake is not corrected.
    """
    truth = target[:, 0].cpu().numpy() > 0
    for _ in range(rounds):
        clips = zip(_image_and_prompts(inputs), truth, _answers(network, inputs, bf16), strict=True)
        inputs = _inputs([_corrected(*one) for one in clips], inputs)
    return inputs


@torch.no_grad()
def after_hand_over(
    network: nn.Module, inputs: Tensor, target: Tensor, draw: np.random.Generator, *, bf16: bool
) -> Tensor:
    """Inputs (clip, channel, z, y, x) that outline what the network finds on another slice, and nothing else.

    ``target`` is (clip, 1, z, y, x), of 0 and 1. Negative clicks are kept, as in propagation. A clip of which
    the network finds too little is not changed, because its mask would mean another object.
    """
    truth = target[:, 0].cpu().numpy() > 0
    clips = zip(_image_and_prompts(inputs), truth, _answers(network, inputs, bf16), strict=True)
    return _inputs([_with_mask_of_another_slice(*one, draw) for one in clips], inputs)


def _image_and_prompts(inputs: Tensor) -> Array:
    """Image and prompt channels of inputs (clip, channel, z, y, x)."""
    return np.asarray(inputs[:, :IMAGE_AND_PROMPT_CHANNELS].cpu().numpy())


def _inputs(channels: list[Array], like: Tensor) -> Tensor:
    """Inputs of the network from image and prompt channels, on the device of other inputs."""
    return with_evidence(torch.from_numpy(np.stack(channels)).to(like.device))


def _with_mask_of_another_slice(
    channels: Array, truth: Array, logits: Array, draw: np.random.Generator
) -> Array:
    found = logits > 0
    overlap = (2 * (found & truth).sum(axis=(1, 2)) + 1) / (
        found.sum(axis=(1, 2)) + truth.sum(axis=(1, 2)) + 1
    )
    slices = np.flatnonzero((overlap >= _LEAST_OVERLAP) & truth.any(axis=(1, 2)))
    if not len(slices):
        return channels
    z = int(draw.choice(slices))
    image, prompts = channels[:CHANNELS], np.zeros((PROMPT_CHANNELS, *truth.shape), np.float32)
    prompts[NEGATIVE_CLICKS] = channels[CHANNELS + NEGATIVE_CLICKS]
    prompts[MASK, z] = np.where(found[z], 1.0, -1.0)
    return np.concatenate([image, prompts])


def _answers(network: nn.Module, inputs: Tensor, bf16: bool) -> Array:
    """Logits (clip, z, y, x), float32."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bf16):
        logits: Tensor = network(inputs)
    answers: Array = logits[:, 0].float().cpu().numpy()
    return answers


def _corrected(channels: Array, truth: Array, logits: Array) -> Array:
    correction = correcting_click(logits > 0, truth, _SPACING)
    if correction is None:
        return channels
    place, positive = correction
    image, prompts = channels[:CHANNELS], channels[CHANNELS:].copy()
    z, y, x = place
    draw_click(prompts[POSITIVE_CLICKS if positive else NEGATIVE_CLICKS], z, y, x)
    prompts[PREVIOUS] = previous_channel(logits)
    return np.concatenate([image, prompts])
