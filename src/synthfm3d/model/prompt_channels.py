"""Prompts as image channels: how a convolutional network is told where the object is."""

import numpy as np

from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

POSITIVE_CLICKS, NEGATIVE_CLICKS, BOX, MASK, PREVIOUS = range(5)
"""What each channel tells."""
PROMPT_CHANNELS = 5
_CLICK_STD_VOXELS = 2.0
_CLICK_REACH = 8
_PREVIOUS_SCALE = 4.0


def prompt_channels(
    prompts: GridPrompts, shape: tuple[int, int, int], previous: Array | None = None
) -> Array:
    """Float32 (5, z, y, x) for a grid of ``shape``.

    A click is a Gaussian of 2 voxels standard deviation on its slice; a box is 1 inside (on its slice,
    or through all slices of a 3-D box); a mask is 1 and -1 on its slices; the previous logits
    enter as tanh(logits / 4). What is not given is 0. Prompts beyond the grid leave no trace.
    """
    channels = np.zeros((PROMPT_CHANNELS, *shape), np.float32)
    for channel, clicks in ((POSITIVE_CLICKS, prompts.positive), (NEGATIVE_CLICKS, prompts.negative)):
        for z, y, x in clicks:
            draw_click(channels[channel], float(z), float(y), float(x))
    for low, high in prompts.boxes:
        first = [max(0, round(float(v))) for v in low]
        after = [min(n, round(float(v)) + 1) for v, n in zip(high, shape, strict=True)]
        channels[BOX, first[0] : after[0], first[1] : after[1], first[2] : after[2]] = 1.0
    if prompts.mask is not None:
        channels[MASK] = prompts.mask
    if previous is not None:
        channels[PREVIOUS] = previous_channel(previous)
    return channels


def previous_channel(logits: Array) -> Array:
    """What the former logits say, in [-1, 1]."""
    return np.asarray(np.tanh(logits / _PREVIOUS_SCALE))


def draw_click(channel: Array, z: float, y: float, x: float) -> None:
    """Add a click to a channel (z, y, x) of clicks, in place."""
    depth, height, width = channel.shape
    on = round(z)
    low_y, high_y = max(0, round(y) - _CLICK_REACH), min(height, round(y) + _CLICK_REACH + 1)
    low_x, high_x = max(0, round(x) - _CLICK_REACH), min(width, round(x) + _CLICK_REACH + 1)
    if not 0 <= on < depth or low_y >= high_y or low_x >= high_x:
        return
    rows, columns = np.ogrid[low_y:high_y, low_x:high_x]
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * _CLICK_STD_VOXELS**2))
    part = channel[on, low_y:high_y, low_x:high_x]
    np.maximum(part, blob.astype(np.float32), out=part)
