"""A scan through a model that follows objects from slice to slice: whole slices, one after the other.

Nothing is cut out and nothing is resampled across slices. A slice is windowed when the model asks for it,
and of its answer only the log-odds on the scan's own pixels are kept.
"""

from collections.abc import Sequence

import numpy as np

from synthfm3d.intensity import Windows, model_channels
from synthfm3d.model.interface import SliceModel, Slices
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.segmentation.look import CERTAINLY_NOT, connected_to_prompts
from synthfm3d.segmentation.placement import place
from synthfm3d.segmentation.watching import stop_if_cancelled
from synthfm3d.volume import Array, Volume


def follow_slices(
    model: SliceModel,
    scan: Volume,
    windows: Windows,
    prompts: Sequence[Prompt],
    previous: Array | None = None,
) -> tuple[Array, bool]:
    """Log-odds float16 (z, y, x) of an object on a scan in working form, and whether it holds a prompt.

    Components that no positive prompt touches are taken out, unless none is touched. ``previous`` are
    the log-odds of an earlier answer that prompts correct.
    """
    depth, height, width = scan.grid.shape
    placed = place(prompts, scan.grid, scan.grid)

    def read(index: int) -> Array:
        channels: Array = model_channels(scan.voxels[index : index + 1], windows)[:, 0]
        return channels

    answer = np.full((depth, height, width), CERTAINLY_NOT, np.float16)
    for index, logits in model.follow(Slices((depth, height, width), read), placed, previous):
        stop_if_cancelled()
        answer[index] = logits
    mask = answer > 0
    connected = connected_to_prompts(mask, placed)
    hits = bool(connected.any())
    if hits:
        answer[mask & ~connected] = CERTAINLY_NOT
    return answer, hits
