"""The volumetric family: a 3-D U-Net that takes prompts as channels beside the image.

It learns to follow prompts from random weights in CPU hours. A residual encoder with instance
normalisation (Isensee et al., MICCAI 2024, "nnU-Net revisited") works at half the in-plane
resolution; a sub-pixel convolution brings the logits back to full resolution.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from synthfm3d.intensity import CHANNELS
from synthfm3d.model.evidence_on_device import evidence_channels_on_device
from synthfm3d.model.interface import Judge
from synthfm3d.model.prompt_channels import (
    EVIDENCE_CHANNELS,
    PROMPT_CHANNELS,
    evidence_channels,
    prompt_channels,
)
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

IMAGE_AND_PROMPT_CHANNELS = CHANNELS + PROMPT_CHANNELS
"""Channels of the image and of the prompts, which come before those that follow from both."""
INPUT_CHANNELS = IMAGE_AND_PROMPT_CHANNELS + EVIDENCE_CHANNELS
_LEAST_SIDE_FOR_BFLOAT16 = 3
_STRIDES = ((1, 1, 1), (1, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumetricConfig:
    """Size of the network.

    Parameters
    ----------
    widths
        Channels of the five resolution levels, finest first.
    grid_shape
        (z, y, x) voxels of the region it sees; z a multiple of 8, y and x of 32.
    """

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 192)
    grid_shape: tuple[int, int, int] = (24, 96, 96)

    def __post_init__(self) -> None:
        z, y, x = self.grid_shape
        if z < 8 or y < 32 or x < 32 or z % 8 or y % 32 or x % 32:
            raise ValueError(f"grid_shape must be multiples of (8, 32, 32), got {self.grid_shape}.")
        if (z, y, x) == (8, 32, 32):
            raise ValueError(
                "grid_shape (8, 32, 32) leaves one voxel at the coarsest level: none to normalise."
            )
        if min(self.widths) < 1:
            raise ValueError(f"widths must be positive, got {self.widths}.")


class ResidualBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions with instance norm, beside a 1 x 1 x 1 one where shapes differ."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int, int] = (1, 1, 1)) -> None:
        super().__init__()
        self.first = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.InstanceNorm3d(outputs, affine=True)
        self.second = nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.InstanceNorm3d(outputs, affine=True)
        same = inputs == outputs and stride == (1, 1, 1)
        self.skip = nn.Identity() if same else nn.Conv3d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # oneDNN's bfloat16 gradient of a 3 x 3 x 3 convolution reads unset memory where its map has 2 voxels
        # along every axis (torch 2.13 on AVX512-BF16), so the smallest maps are computed in float32.
        smallest = min((n - 1) // s + 1 for n, s in zip(x.shape[2:], self.first.stride, strict=True))
        if smallest < _LEAST_SIDE_FOR_BFLOAT16:
            with torch.autocast(x.device.type, enabled=False):
                return self._residual(x.float())
        return self._residual(x)

    def _residual(self, x: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.first_norm(self.first(x)), 0.01)
        return functional.leaky_relu(self.second_norm(self.second(inner)) + self.skip(x), 0.01)


class VolumetricNetwork(nn.Module):
    """``network_input`` (clip, 17, z, y, x) to logits (clip, 1, z, y, x).

    A coarser map is projected to the width of the finer one and added to it: half of the computation of
    concatenated maps, of which most is at the finest level.
    """

    def __init__(self, config: VolumetricConfig) -> None:
        super().__init__()
        widths = config.widths
        self.config = config
        self.stem = nn.Conv3d(INPUT_CHANNELS, widths[0], 3, (1, 2, 2), 1)
        inputs = (widths[0], *widths[:-1])
        self.encoder = nn.ModuleList(
            ResidualBlock(i, o, s) for i, o, s in zip(inputs, widths, _STRIDES, strict=True)
        )
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.projections = nn.ModuleList(nn.Conv3d(deep, fine, 1) for deep, fine in pairs)
        self.decoder = nn.ModuleList(ResidualBlock(fine, fine) for _, fine in pairs)
        self.head = nn.Conv3d(widths[0], 4, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.stem(x)]  # (clip, channels, z, y / 2, x / 2)
        for block in self.encoder:
            levels.append(block(levels[-1]))
        x = levels.pop()
        for projection, block in zip(self.projections, self.decoder, strict=True):
            finer = levels.pop()
            x = functional.interpolate(projection(x), finer.shape[2:], mode="trilinear")
            x = block(x + finer)
        return _shuffle_in_plane(self.head(x))


def _shuffle_in_plane(x: Tensor) -> Tensor:
    """(clip, 4, z, y, x) to (clip, 1, z, 2 y, 2 x): a sub-pixel convolution's last step."""
    clips, _, depth, height, width = x.shape
    x = x.view(clips, 2, 2, depth, height, width).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(clips, 1, depth, 2 * height, 2 * width)


def network_input(image: Array, prompts: Array) -> Array:
    """Float32 (17, z, y, x): image (3, z, y, x), prompt channels (5, z, y, x), and what follows from both."""
    return np.concatenate([image, prompts, evidence_channels(image, prompts)])


def with_evidence(channels: Tensor) -> Tensor:
    """Image and prompt channels (clip, 8, z, y, x) with what follows from both: (clip, 17, z, y, x).

    On an accelerator in torch, for all clips together; on the CPU as ``network_input``.
    """
    if channels.device.type != "cpu":
        found = evidence_channels_on_device(channels[:, :CHANNELS], channels[:, CHANNELS:])
    else:
        clips = [evidence_channels(clip[:CHANNELS], clip[CHANNELS:]) for clip in channels.numpy()]
        found = torch.from_numpy(np.stack(clips))
    return torch.cat([channels, found], 1)


class VolumetricModel:
    """A trained network behind the interface of all promptable models (``model.interface``)."""

    def __init__(
        self, network: VolumetricNetwork, name: str, device: torch.device, judge: Judge | None = None
    ) -> None:
        self.name = name
        self.judge = judge
        self.grid_shape = network.config.grid_shape
        self.device = device
        self.network = network.to(device).eval()

    def prepare(self, channels: Array, spacing_mm: tuple[float, float, float]) -> Array:
        """The image channels (3, z, y, x), checked."""
        if channels.shape != (CHANNELS, *self.grid_shape):
            raise ValueError(f"channels must be {(CHANNELS, *self.grid_shape)}, got {channels.shape}.")
        return channels

    @torch.inference_mode()
    def logits(self, features: Array, prompts: GridPrompts, previous: Array | None = None) -> Array:
        """Log-odds of the object, float32 (z, y, x)."""
        channels = prompt_channels(prompts, self.grid_shape, previous)
        inputs = torch.from_numpy(network_input(features, channels)).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=computes_bfloat16(self.device)):
            logits = self.network(inputs[None])
        answer: Array = logits[0, 0].float().cpu().numpy()
        return answer


def computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16, in which the network was trained, is fast here: elsewhere float32 is."""
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
