"""A scan through a model that follows objects from slice to slice: whole slices, one after the other.

Nothing is cut out and nothing is resampled across slices. A slice is windowed when the model asks for it,
and its answer is a mask as soon as it is there, so that only masks are kept.
"""

from collections.abc import Sequence

import numpy as np

from synthfm3d.intensity import Windows, model_channels
from synthfm3d.model.interface import SliceModel, Slices
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.segmentation.look import connected_to_prompts
from synthfm3d.segmentation.placement import place
from synthfm3d.volume import Array, Volume


def follow_slices(
    model: SliceModel, scan: Volume, windows: Windows, prompts: Sequence[Prompt]
) -> tuple[Array, bool]:
    """The mask bool (z, y, x) of an object on a scan in working form, and whether it holds a prompt.

    It is the components that a positive prompt touches, or all where none is touched.
    """
    depth, height, width = scan.grid.shape
    placed = place(prompts, scan.grid, scan.grid)

    def read(index: int) -> Array:
        channels: Array = model_channels(scan.voxels[index : index + 1], windows)[:, 0]
        return channels

    mask = np.zeros((depth, height, width), bool)
    for index, logits in model.follow(Slices((depth, height, width), read), placed):
        mask[index] = logits > 0
    connected = connected_to_prompts(mask, placed)
    hits = bool(connected.any())
    return (connected if hits else mask), hits
