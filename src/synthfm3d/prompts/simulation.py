"""Prompts drawn from a true mask, in training and in evaluation.

This is the only way by which the truth reaches a model.
"""

from typing import Literal

import numpy as np
from scipy import ndimage

from synthfm3d.volume import Array

SliceRule = Literal["largest", "middle", "first"]
STRAY_SHARE = 0.01
"""Components smaller than this share of the largest one are not prompted: voxels that slipped off a brush."""


def largest_slice(mask: Array) -> int:
    """Index of the slice with the largest area of a mask (z, y, x); the first of equals.

    Stray components are not counted, which would otherwise choose the slice. Raises ValueError for an empty
    mask.
    """
    return int(without_stray_components(mask).sum(axis=(1, 2)).argmax())


def ruled_slice(mask: Array, rule: SliceRule) -> int:
    """Index of the slice of a mask (z, y, x) that a rule names; the mask has no stray components any more.

    ``largest`` area (the first of equals), ``middle`` one of those that show the object (the farther of
    two), or ``first`` of them. Raises ValueError for an empty mask.
    """
    areas = mask.sum(axis=(1, 2))
    shown = np.flatnonzero(areas)
    if not len(shown):
        raise ValueError("the mask is empty: there is nothing to prompt.")
    if rule == "largest":
        return int(areas.argmax())
    return int(shown[len(shown) // 2] if rule == "middle" else shown[0])


def without_stray_components(mask: Array) -> Array:
    """The mask without components below ``STRAY_SHARE`` of its largest one, for choosing prompts.

    Raises ValueError for an empty mask.
    """
    components, count = ndimage.label(mask)
    if count == 0:
        raise ValueError("the mask is empty: there is nothing to prompt.")
    sizes = np.bincount(components.reshape(-1))
    sizes[0] = 0
    return np.asarray((sizes >= STRAY_SHARE * sizes.max())[components])


def innermost_point(slice_mask: Array) -> tuple[int, int]:
    """(y, x) of the pixel farthest from the boundary of a 2-D mask; the first of equals."""
    distance = ndimage.distance_transform_edt(np.pad(slice_mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(y), int(x)


def tight_box(slice_mask: Array) -> Array:
    """Inclusive corners [[y0, x0], [y1, x1]] of the smallest box around a 2-D mask."""
    inside = np.argwhere(slice_mask)
    return np.stack([inside.min(axis=0), inside.max(axis=0)])


def points_inside(slice_mask: Array, count: int, draw: np.random.Generator) -> Array:
    """(count, 2) pixels (y, x): the innermost, then others drawn from the 2-D mask, all equally likely.

    A mask of fewer pixels gives as many as it has.
    """
    first = innermost_point(slice_mask)
    others = np.array([pixel for pixel in np.argwhere(slice_mask) if tuple(pixel) != first]).reshape(-1, 2)
    chosen = draw.permutation(len(others))[: count - 1]
    return np.concatenate([[first], others[chosen]]).astype(int)


def points_outside(slice_mask: Array, count: int, margin: float) -> Array:
    """(count, 2) pixels (y, x) beside a 2-D mask, far from its innermost point and from each other.

    They are chosen one by one, each as far as possible, in pixels, from the innermost point and those
    before, among the background in the tight box widened by ``margin`` of its sides (two pixels at least)
    on each side: where a user would click to say "not this". Fewer, if the box has no more background.
    """
    low, high = tight_box(slice_mask)
    reach = np.maximum(2, np.ceil(margin * (high - low + 1))).astype(int)
    low, high = np.maximum(low - reach, 0), np.minimum(high + reach, np.array(slice_mask.shape) - 1)
    candidates = np.argwhere(~(slice_mask[low[0] : high[0] + 1, low[1] : high[1] + 1] != 0)) + low
    chosen = [np.array(innermost_point(slice_mask))]
    for _ in range(min(count, len(candidates))):
        squared = [np.square(candidates - place).sum(axis=1) for place in chosen]
        chosen.append(candidates[np.min(squared, axis=0).argmax()])
    return np.array(chosen[1:], int).reshape(-1, 2)


def jittered(corners: Array, share: float, shape: tuple[int, ...], draw: np.random.Generator) -> Array:
    """A 2-D box, inclusive corners (2, 2), whose sides moved, each by itself, by up to a share of its size.

    Uniform both ways, rounded to pixels, within an image of ``shape`` (y, x), one pixel wide at least.
    """
    low, high = np.asarray(corners)
    reach = share * (high - low + 1)
    low = low + np.rint(draw.uniform(-reach, reach)).astype(int)
    high = np.maximum(high + np.rint(draw.uniform(-reach, reach)).astype(int), low)
    return np.asarray(np.clip(np.stack([low, high]), 0, np.array(shape) - 1))


def correcting_click(
    prediction: Array, truth: Array, spacing_mm: tuple[float, ...]
) -> tuple[tuple[int, ...], bool] | None:
    """Where a patient user clicks next, and whether it is a positive click; None if nothing is wrong.

    The errors are what is missing and what is too much, each in pieces that hang together (faces). The
    click goes into the largest piece, to its voxel farthest from its border in mm, the first of equals.
    Both masks are boolean, of the same two or three axes.
    """
    best: tuple[int, Array, bool] | None = None
    for positive, wrong in ((True, truth & ~prediction), (False, prediction & ~truth)):
        pieces, count = ndimage.label(wrong)
        if count:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            largest = int(sizes.argmax())
            if best is None or sizes[largest] > best[0]:
                best = (int(sizes[largest]), pieces == largest, positive)
    if best is None:
        return None
    _, piece, positive = best
    part = ndimage.find_objects(piece.view(np.uint8))[0]
    # The border of the scan is a border of the piece, too.
    depth = ndimage.distance_transform_edt(np.pad(piece[part], 1), sampling=spacing_mm)
    inner = depth[(slice(1, -1),) * piece.ndim]
    place = np.unravel_index(int(inner.argmax()), inner.shape)
    return tuple(int(p) + s.start for p, s in zip(place, part, strict=True)), positive
