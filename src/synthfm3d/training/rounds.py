"""Interactive rounds: the network's own mistakes are clicked on, and it is asked again.

As in a session with a user: each round the network sees its former answer and one more click, in the
middle of the greatest error.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from synthfm3d.intensity import CHANNELS
from synthfm3d.model.prompt_channels import (
    NEGATIVE_CLICKS,
    POSITIVE_CLICKS,
    PREVIOUS,
    PROMPT_CHANNELS,
    draw_click,
    previous_channel,
)
from synthfm3d.model.volumetric import network_input
from synthfm3d.prompts.simulation import correcting_click
from synthfm3d.regions import SLICE_SPACING_RANGE
from synthfm3d.volume import Array

_SPACING = (SLICE_SPACING_RANGE[0], 1.0, 1.0)
"""Of a region, in its pixels: slices lie at least so far apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSettings:
    """How many corrections training goes through before the network is judged.

    Parameters
    ----------
    shares
        Shares of the batches with 0, 1, 2, ... corrections.
    """

    shares: tuple[float, ...] = (0.6, 0.16, 0.1, 0.07, 0.04, 0.03)

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares) < 0 or not np.isclose(sum(self.shares), 1):
            raise ValueError(f"shares must be shares of 1, got {self.shares}.")

    def draw(self, draw: np.random.Generator) -> int:
        """A number of corrections."""
        return int(draw.choice(len(self.shares), p=np.array(self.shares) / sum(self.shares)))


@torch.no_grad()
def after_corrections(
    network: nn.Module, inputs: Tensor, target: Tensor, rounds: int, *, bf16: bool
) -> Tensor:
    """Inputs (clip, 13, z, y, x) as they are after so many corrections of the network's answers.

    ``target`` is (clip, 1, z, y, x), of 0 and 1. An answer without a mistake is not corrected.
    """
    wanted = target[:, 0].cpu().numpy() > 0
    for _ in range(rounds):
        asked = zip(inputs.cpu().numpy(), wanted, _answers(network, inputs, bf16), strict=True)
        inputs = torch.from_numpy(np.stack([_corrected(*one) for one in asked])).to(inputs.device)
    return inputs


def _answers(network: nn.Module, inputs: Tensor, bf16: bool) -> Array:
    """Logits (clip, z, y, x), float32."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bf16):
        logits: Tensor = network(inputs)
    answers: Array = logits[:, 0].float().cpu().numpy()
    return answers


def _corrected(inputs: Array, wanted: Array, logits: Array) -> Array:
    correction = correcting_click(logits > 0, wanted, _SPACING)
    if correction is None:
        return inputs
    place, positive = correction
    image, said = inputs[:CHANNELS], inputs[CHANNELS : CHANNELS + PROMPT_CHANNELS].copy()
    z, y, x = place
    draw_click(said[POSITIVE_CLICKS if positive else NEGATIVE_CLICKS], z, y, x)
    said[PREVIOUS] = previous_channel(logits)
    return network_input(image, said)
