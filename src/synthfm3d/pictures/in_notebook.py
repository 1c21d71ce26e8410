"""The picture of a volume in a notebook: three planes, or frames of a sequence, as a PNG."""

import numpy as np

from synthfm3d.pictures.planes import Layer, frames_in_time, three_planes
from synthfm3d.pictures.sheet import png_bytes
from synthfm3d.volume import Array, Position, Volume

MOST_LABELS = 64
"""Largest number of different values in a label map; an image has more."""
PERCENTILES = (1.0, 99.5)
"""Percentiles of the voxels that are shown black and white."""
_HEIGHT_PX = 200
_LOOKED_AT = 1_000_000
"""Number of voxels that are inspected to distinguish a label map from an image."""


def notebook_png(image: Volume, labels: Volume | None = None) -> bytes:
    """An image with its labels, or a label map alone, through the middle of the labels or of the image."""
    if labels is None and is_label_map(image):
        labels, image = image, image.with_voxels(np.zeros(image.voxels.shape, np.uint8))
    low, high = (float(v) for v in np.percentile(_sample(image.voxels), PERCENTILES))
    window = (low, high if high > low else low + 1)
    layers = [] if labels is None else [Layer(labels=labels, outline_px=1, fill=0.5)]
    if image.third_axis == "time":
        return png_bytes(frames_in_time(image, window, layers=layers, height_px=_HEIGHT_PX))
    centre = _middle(image if labels is None else labels)
    return png_bytes(three_planes(image, centre, window, layers=layers, height_px=_HEIGHT_PX))


def is_label_map(volume: Volume) -> bool:
    """Whether the voxels have only a few different unsigned values, like a mask or a label map."""
    if volume.voxels.dtype.kind not in "bu":
        return False
    sample = _sample(volume.voxels)
    return len(np.unique(sample)) <= MOST_LABELS


def _sample(voxels: Array) -> Array:
    flat = voxels.reshape(-1)
    return flat[:: max(1, flat.size // _LOOKED_AT)]


def _middle(volume: Volume) -> Position:
    """RAS mm of the middle of a label map's foreground; for other volumes, of the middle of the grid."""
    if is_label_map(volume) and volume.voxels.any():
        found = [np.flatnonzero(volume.voxels.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        index = np.array([indices[len(indices) // 2] for indices in found])
    else:
        index = np.array(volume.voxels.shape) // 2
    r, a, s = (float(mm) for mm in volume.grid.to_mm(index))
    return r, a, s
