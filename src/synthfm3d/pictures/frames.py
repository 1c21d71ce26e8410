"""Frames of a cine sequence side by side: the third axis is time, so there are no three planes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from synthfm3d.pictures.overlay import grey, in_colour
from synthfm3d.pictures.planes import Layer, side_by_side
from synthfm3d.volume import Array, Volume


def frames_in_time(
    image: Volume,
    window: tuple[float, float],
    *,
    layers: Sequence[Layer] = (),
    count: int = 3,
    height_px: int = 240,
) -> Array:
    """The middle frames of ``count`` equal parts of a sequence, and the line that the middle column draws.

    The last pane is what an M-mode shows: the middle column of every frame, time to the right, a
    frame as wide as a pixel is high. Pixels keep their proportions in the others.

    Returns
    -------
    uint8 (``height_px``, width, 3).
    """
    for layer in layers:
        layer.check_on(image)
    depth, height, width = image.voxels.shape
    _, pixel_y, pixel_x = image.spacing_mm
    scale = height_px / height
    frame_size = (max(1, round(width * pixel_x / pixel_y * scale)), height_px)
    pieces = [(np.s_[int((n + 0.5) * depth / count)], frame_size) for n in range(count)]
    column = np.s_[:, :, width // 2]
    panes = [_pane(image, piece, size, window, layers, False) for piece, size in pieces]
    panes.append(_pane(image, column, (max(1, round(depth * scale)), height_px), window, layers, True))
    return side_by_side(panes)


def _pane(
    image: Volume,
    piece: int | tuple[slice | int, ...],
    size: tuple[int, int],
    window: tuple[float, float],
    layers: Sequence[Layer],
    transposed: bool,
) -> Array:
    """One cut through a sequence at picture resolution: smooth grey values, labels as they are."""

    def cut(voxels: Array, method: Image.Resampling) -> Array:
        plane = voxels[piece].T if transposed else voxels[piece]
        return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, method))

    picture = cut(grey(image.voxels, window), Image.Resampling.BICUBIC)
    for layer in layers:
        part = cut(layer.labels.voxels.astype(np.int32), Image.Resampling.NEAREST)
        picture = layer.over(picture, part)
    return in_colour(picture)
