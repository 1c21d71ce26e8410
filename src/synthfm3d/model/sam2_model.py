"""SAM 2 behind the interface of all promptable models (``model.interface``)."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from synthfm3d.intensity import CHANNELS
from synthfm3d.model.interface import Slices
from synthfm3d.model.sam2 import Sam2Network, normalised
from synthfm3d.model.sam2_propagation import SliceStack, propagate
from synthfm3d.model.sam2_slice import SlicePrompt
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

REGION_DEPTH = 32
"""Slices of a region, if one is needed; ``follow`` accepts any number of slices."""


class Sam2Model:
    """A SAM 2 with weights, ready to segment."""

    def __init__(self, network: Sam2Network, name: str, device: torch.device) -> None:
        self.name = name
        self.device = device
        self.network = network.to(device).eval()
        self.grid_shape = (REGION_DEPTH, network.image_size, network.image_size)

    def prepare(self, channels: Array, spacing_mm: tuple[float, float, float]) -> Slices:
        """Channels (3, z, y, x) as slices; z may be any number. They are encoded when they are reached."""
        if channels.ndim != 4 or len(channels) != CHANNELS:
            raise ValueError(f"channels must be ({CHANNELS}, z, y, x), got {channels.shape}.")
        _, depth, height, width = channels.shape
        return Slices((depth, height, width), lambda index: channels[:, index])

    def logits(self, features: Slices, prompts: GridPrompts, previous: Array | None = None) -> Array:
        """Log-odds of the object, float32 (z, y, x)."""
        answer = np.empty(features.shape, np.float32)
        for index, logits in self.follow(features, prompts, previous):
            answer[index] = logits
        return answer

    def follow(
        self, slices: Slices, prompts: GridPrompts, previous: Array | None = None
    ) -> Iterator[tuple[int, Array]]:
        """Log-odds (y, x) of one slice after the other, each with its index; see ``SliceModel``."""
        _, height, width = slices.shape
        by_slice = slice_prompts(prompts, slices.shape, self.network.image_size, self.device)
        stack = SliceStack(slices.shape[0], lambda index: self._read(slices, index))
        starting = _starting(by_slice, prompts, revised=previous is not None)
        earlier: dict[int, Tensor] = {}
        if previous is not None:
            earlier = {index: self._shrunk(previous[index]) for index in by_slice if index not in starting}
        elif len(starting) < len(by_slice):
            found = propagate(self.network, stack, {index: [by_slice[index]] for index in starting})
            earlier = {index: decoded.best for index, decoded in found if index in by_slice.keys() - starting}
        for index, decoded in propagate(self.network, stack, {z: [p] for z, p in by_slice.items()}, earlier):
            native = functional.interpolate(
                decoded.best.float(), (height, width), mode="bilinear", align_corners=False
            )
            yield index, native[0, 0].cpu().numpy()

    def _read(self, slices: Slices, index: int) -> Tensor:
        """A slice as the network sees it: (3, size, size), normalised."""
        size = self.network.image_size
        channels = torch.from_numpy(np.ascontiguousarray(slices.read(index), np.float32)).to(self.device)
        if channels.shape[-2:] != (size, size):
            channels = functional.interpolate(
                channels[None], (size, size), mode="bilinear", align_corners=False, antialias=True
            )[0]
        return normalised(channels).to(next(self.network.parameters()).dtype)

    def _shrunk(self, logits: Array) -> Tensor:
        size = self.network.image_size // 4
        whole = torch.from_numpy(np.ascontiguousarray(logits, np.float32)).to(self.device)[None, None]
        return functional.interpolate(
            whole, (size, size), mode="bilinear", align_corners=False, antialias=True
        )


def slice_prompts(
    prompts: GridPrompts, shape: tuple[int, int, int], image_size: int, device: torch.device
) -> dict[int, SlicePrompt]:
    """Prompts on a grid of ``shape`` (z, y, x), by slice, in pixels of the model's square slices.

    A box through several slices is given on the middle one of them.
    """
    depth, height, width = shape
    scale = np.array([image_size / width, image_size / height])
    points: dict[int, list[tuple[Array, int]]] = {}

    def add(z: float, y: float, x: float, label: int) -> None:
        index = int(np.clip(np.rint(z), 0, depth - 1))
        points.setdefault(index, []).append(((np.array([x, y]) + 0.5) * scale - 0.5, label))

    for low, high in prompts.boxes:
        middle = float((low[0] + high[0]) // 2)
        add(middle, float(low[1]), float(low[2]), 2)
        add(middle, float(high[1]), float(high[2]), 3)
    for places, label in ((prompts.positive, 1), (prompts.negative, 0)):
        for z, y, x in places:
            add(float(z), float(y), float(x), label)
    masks: dict[int, Tensor] = {}
    if prompts.mask is not None:
        for index in np.flatnonzero((prompts.mask > 0).any(axis=(1, 2))).tolist():
            masks[index] = _mask(prompts.mask[index] > 0, image_size).to(device)
    by_slice = {}
    for index in sorted(set(points) | set(masks)):
        on_slice = points.get(index, [])
        xy, labels = [position for position, _ in on_slice], [label for _, label in on_slice]
        by_slice[index] = SlicePrompt(
            torch.tensor(np.array(xy).reshape(-1, 2), dtype=torch.float32, device=device),
            torch.tensor(labels, dtype=torch.int32, device=device),
            masks.get(index),
        )
    return by_slice


def _starting(by_slice: dict[int, SlicePrompt], prompts: GridPrompts, *, revised: bool) -> set[int]:
    """Slices on which propagation starts; the prompts on the others correct its result.

    Negative clicks start nothing. Of a ``revised`` answer only boxes and masks do, or the first click:
    later clicks were made on seeing it.
    """
    named = {at for at, prompt in by_slice.items() if prompt.mask is not None or (prompt.labels > 0).any()}
    if not revised:
        return named
    outlined = {at for at in named if by_slice[at].mask is not None or (by_slice[at].labels > 1).any()}
    if outlined or not len(prompts.positive):
        return outlined or named
    first = int(np.rint(prompts.positive[0][0]))
    return {min(named, key=lambda at: abs(at - first))}


def _mask(outline: Array, image_size: int) -> Tensor:
    """A mask bool (y, x) at the model's size; one too small for it keeps its strongest pixel."""
    whole = torch.from_numpy(np.ascontiguousarray(outline, np.float32))[None, None]
    share = functional.interpolate(
        whole, (image_size, image_size), mode="bilinear", align_corners=False, antialias=True
    )[0, 0]
    return share >= min(0.5, float(share.max()))
