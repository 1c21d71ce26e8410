"""Prompts as image channels: how a convolutional network is told where the object is."""

import numpy as np

from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

PROMPT_CHANNELS = 5
"""Positive clicks, negative clicks, boxes, mask, previous prediction; in this order."""
_CLICK_STD_VOXELS = 2.0
_CLICK_REACH = 8
_PREVIOUS_SCALE = 4.0


def prompt_channels(
    prompts: GridPrompts, shape: tuple[int, int, int], previous: Array | None = None
) -> Array:
    """Float32 (5, z, y, x) for a grid of ``shape``.

    A click is a Gaussian of 2 voxels standard deviation on its slice; a box is 1 inside (on its slice,
    or through all slices of a 3-D box); a mask is 1 and -1 where it says so; the previous logits
    enter as tanh(logits / 4). What is not given is 0. Prompts beyond the grid leave no trace.
    """
    channels = np.zeros((PROMPT_CHANNELS, *shape), np.float32)
    for channel, clicks in ((0, prompts.positive), (1, prompts.negative)):
        for z, y, x in clicks:
            _draw_click(channels[channel], float(z), float(y), float(x))
    for low, high in prompts.boxes:
        first = [max(0, round(float(v))) for v in low]
        after = [min(n, round(float(v)) + 1) for v, n in zip(high, shape, strict=True)]
        channels[2, first[0] : after[0], first[1] : after[1], first[2] : after[2]] = 1.0
    if prompts.mask is not None:
        channels[3] = prompts.mask
    if previous is not None:
        channels[4] = np.tanh(previous / _PREVIOUS_SCALE)
    return channels


def _draw_click(channel: Array, z: float, y: float, x: float) -> None:
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
