"""The surroundings of a target in the region that a model sees: similar greys at its border, and edges.

A mask leaks where both sides of a border have the same grey. The share of such borders and the number of
edges nearby measure how crowded volumes are.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthfm3d.intensity import model_channels, windows_of
from synthfm3d.loading.targets import filled_slices, largest_piece
from synthfm3d.metrics.contrast import boundary_contrast
from synthfm3d.regions import FIELD_OF_VIEW_PER_EXTENT, region_grid, resample
from synthfm3d.volume import Array, Volume

_SHAPE = (24, 96, 96)
_LEAST_FIELD_PIXELS = 32
"""Smaller targets are not magnified further, as in training."""
_LEAST_REGION_VOXELS = 200
_BORDER_PIXELS = 3
_AROUND_PIXELS = (4, 14)
_SMOOTHING_PIXELS = 1.0
_LEAST_CONTRAST, _MOST_INVISIBLE = 1.0, 0.35
"""Contrast-to-noise of the boundary that a person could follow, and the share of it that may be missing."""
_SMALL_HOLES = 0.15
"""Holes up to this share of a single label's slice belong to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What lies around a target, in the pixels of its region.

    Parameters
    ----------
    like_border
        Share of the voxels within 3 pixels of the target, in the plane, whose grey lies within one
        standard deviation of the target's own mean.
    edges
        Mean absolute Laplacian of the image, smoothed in the plane by one pixel, 4 to 14 pixels away.
        Greys run from 0 to 1, black and white of the first window.
    """

    like_border: float
    edges: float


def surroundings_of(image: Volume, mask: Array) -> Surroundings | None:
    """Measure around a mask, bool (z, y, x), in a region of 2.25 times its extent.

    None where nothing is left of the target that a person could outline: closed, of one piece, with a
    boundary that is seen along most of its length; or where the region shows too little of it.
    """
    drawn = as_drawn(mask)
    seen = boundary_contrast(image.voxels, drawn.view(np.uint8), 1)
    if (
        seen is None
        or min(seen.certain, seen.median) < _LEAST_CONTRAST
        or seen.invisible_share > _MOST_INVISIBLE
    ):
        return None
    grid = image.grid
    prompted = int(drawn.sum(axis=(1, 2)).argmax())
    outline = np.argwhere(drawn[prompted])
    low, high = outline.min(axis=0), outline.max(axis=0)
    extent = float((high - low).max()) + 1.0
    field = max(FIELD_OF_VIEW_PER_EXTENT * extent, _LEAST_FIELD_PIXELS) * grid.spacing_mm[1]
    region = region_grid(grid, grid.to_mm(np.array([prompted, *(low + high) / 2])), field, _SHAPE)
    inside = resample(drawn.astype(np.float32), grid, region, outside=0.0) > 0.5
    if inside.sum() < _LEAST_REGION_VOXELS:
        return None
    windows = windows_of(image)
    grey = model_channels(resample(image.voxels, grid, region, outside=windows.outside), windows)[0]
    distance = np.stack([ndimage.distance_transform_edt(~plane) for plane in inside])
    distance[~inside.any(axis=(1, 2))] = np.inf
    border = (distance > 0) & (distance <= _BORDER_PIXELS)
    around = (distance >= _AROUND_PIXELS[0]) & (distance <= _AROUND_PIXELS[1])
    if not border.any() or not around.any():
        return None
    own = grey[inside]
    smooth = ndimage.gaussian_filter(grey, (0.0, _SMOOTHING_PIXELS, _SMOOTHING_PIXELS))
    return Surroundings(
        like_border=float(np.mean(np.abs(grey[border] - own.mean()) <= own.std())),
        edges=float(np.abs(ndimage.laplace(smooth))[around].mean()),
    )


def as_drawn(mask: Array) -> Array:
    """A mask (z, y, x) as a person would draw it: the largest piece, small holes filled in each slice."""
    piece = largest_piece(mask)
    closed = filled_slices(piece)
    small = closed.sum(axis=(1, 2)) < (1 + _SMALL_HOLES) * piece.sum(axis=(1, 2))
    return np.where(small[:, None, None], closed, piece)
