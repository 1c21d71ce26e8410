"""Seeds of the classical methods: the voxels that prompts mark, on a region with half the pixels.

- a positive or negative click: a small ball;
- a box: an ellipse of object in its middle (an ellipsoid, if it is 3-D), background outside it on the
  slices that it covers;
- a mask: the outlined slices as they are;
- always: background on the region's in-plane border, since a region is wider than its object.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

REDUCTION = 2
"""In-plane pixels are averaged in blocks of this size: a quarter of the unknowns, some 0.7 s instead
of 7 s, and the averaging takes out noise that would hold walkers back everywhere."""
CLICK_RADIUS = 1.0
"""Radius in reduced voxels of the ball of seeds around a click."""
BOX_CORE = 1 / 2
"""Diameters of the ellipse of object seeds in a box, over the box's own sides."""
OBJECT, BACKGROUND = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class SeededFeatures:
    """Features of the classical methods: channels (z, y, x, 3), reduced, and their spacing in mm."""

    channels: Array
    spacing_mm: tuple[float, float, float]


def seeded_features(channels: Array, spacing_mm: tuple[float, float, float]) -> SeededFeatures:
    """Channels (3, z, y, x) averaged in blocks in the plane."""
    reduced = np.moveaxis(_block_means(channels), 0, -1)
    return SeededFeatures(reduced, (spacing_mm[0], spacing_mm[1] * REDUCTION, spacing_mm[2] * REDUCTION))


def on_full_region(logits: Array) -> Array:
    """Log-odds (z, y, x) of the reduced region on the pixels of the full one, float32."""
    zoom = (1, REDUCTION, REDUCTION)
    return np.asarray(ndimage.zoom(logits, zoom, order=1, mode="nearest", grid_mode=True))


def seeds_of(prompts: GridPrompts, shape: tuple[int, ...]) -> Array:
    """int32 (z, y, x) on the reduced grid: 1 object, 2 background, 0 to be found.

    Later seeds overwrite earlier ones: the border, boxes, masks, then clicks, the most deliberate;
    positive ones last, so that an object seed always remains.
    """
    seeds = np.zeros(shape, np.int32)
    seeds[:, [0, -1], :] = BACKGROUND
    seeds[:, :, [0, -1]] = BACKGROUND
    for lower, upper in prompts.boxes:
        _seed_box(seeds, _reduced(lower), _reduced(upper))
    if prompts.mask is not None:
        # A block is what most of it is; one that is half and half is to be found.
        reduced = _block_means(prompts.mask)
        seeds[reduced > 0] = OBJECT
        seeds[reduced < 0] = BACKGROUND
    for points, label in ((prompts.negative, BACKGROUND), (prompts.positive, OBJECT)):
        for point in points:
            _seed_click(seeds, _reduced(point), label)
    if not (seeds == OBJECT).any():
        # A mask thinner than a block may fill none of them by half.
        seeds[tuple(_deepest(prompts))] = OBJECT
    return seeds


def _seed_click(seeds: Array, centre: Array, label: int) -> None:
    """A ball around a click; only its surroundings are visited, since strokes are many clicks."""
    reach = int(np.ceil(CLICK_RADIUS)) + 1
    nearest = np.clip(np.rint(centre), 0, np.array(seeds.shape) - 1).astype(int)
    low = np.maximum(nearest - reach, 0)
    around = seeds[
        tuple(slice(a, n + reach + 1) for a, n in zip(low.tolist(), nearest.tolist(), strict=True))
    ]
    around[_ellipsoid(around.shape, centre - low, np.full(3, CLICK_RADIUS))] = label


def _seed_box(seeds: Array, lower: Array, upper: Array) -> None:
    first = np.maximum(np.floor(lower), 0).astype(int)  # a corner at 0 is at -1/4 of the reduced grid
    last = np.ceil(upper).astype(int)
    outside = np.ones(seeds.shape[1:], bool)
    outside[first[1] : last[1] + 1, first[2] : last[2] + 1] = False
    seeds[first[0] : last[0] + 1, outside] = BACKGROUND
    radii = np.maximum(BOX_CORE * (upper - lower) / 2, CLICK_RADIUS)
    core = _ellipsoid(seeds.shape, (lower + upper) / 2, radii)
    core[: first[0]] = False
    core[last[0] + 1 :] = False
    seeds[core] = OBJECT


def _block_means(voxels: Array) -> Array:
    """Means (..., z, y, x) over blocks of REDUCTION x REDUCTION pixels in the plane."""
    *others, y, x = voxels.shape
    blocks = voxels.reshape(*others, y // REDUCTION, REDUCTION, x // REDUCTION, REDUCTION)
    return np.asarray(blocks.mean(axis=(-3, -1)))


def _reduced(position: Array) -> Array:
    """A position (z, y, x) in voxels of the region, in voxels of the reduced grid."""
    scale = np.array([1, REDUCTION, REDUCTION])
    reduced: Array = (np.asarray(position, float) + 0.5) / scale - 0.5
    return reduced


def _ellipsoid(shape: tuple[int, ...], centre: Array, radii: Array) -> Array:
    """Voxels of a grid within an ellipsoid, at least the one that is nearest to its centre."""
    z, y, x = np.ogrid[tuple(slice(n) for n in shape)]
    distance = sum(((axis - c) / r) ** 2 for axis, c, r in zip((z, y, x), centre, radii, strict=True))
    inside: Array = np.asarray(np.less_equal(distance, 1))
    nearest = np.clip(np.rint(centre), 0, np.array(shape) - 1).astype(int)
    inside[tuple(nearest)] = True
    return inside


def _deepest(prompts: GridPrompts) -> Array:
    """A voxel of the reduced grid in the middle of the foreground of a mask prompt."""
    assert prompts.mask is not None  # boxes and clicks always leave object seeds
    voxels = np.argwhere(prompts.mask > 0)
    deepest: Array = voxels[len(voxels) // 2] // np.array([1, REDUCTION, REDUCTION])
    return deepest
