"""Prompts drawn from a true mask, in training and in evaluation.

This is the only way by which the truth reaches a model.
"""

import numpy as np
from scipy import ndimage

from synthfm3d.volume import Array


def largest_slice(mask: Array) -> int:
    """Index of the slice with the largest area of a mask (z, y, x); the first of equals.

    Components smaller than 1 % of the largest are not counted: stray voxels of a label map would
    otherwise choose the slice. Raises ValueError for an empty mask.
    """
    return int(without_stray_components(mask).sum(axis=(1, 2)).argmax())


def without_stray_components(mask: Array, smallest_fraction: float = 0.01) -> Array:
    """The mask without components below a fraction of its largest one, for choosing prompts."""
    components, count = ndimage.label(mask)
    if count == 0:
        raise ValueError("the mask is empty: there is nothing to prompt.")
    sizes = np.bincount(components.reshape(-1))
    sizes[0] = 0
    return np.asarray((sizes >= smallest_fraction * sizes.max())[components])


def innermost_point(slice_mask: Array) -> tuple[int, int]:
    """(y, x) of the pixel farthest from the boundary of a 2-D mask; the first of equals."""
    distance = ndimage.distance_transform_edt(np.pad(slice_mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(y), int(x)


def correction_click(wanted: Array, found: Array) -> tuple[tuple[int, int, int], bool] | None:
    """What a user clicks next: the middle of the greatest error, (z, y, x), and whether it is positive.

    Of all slices it is the one with the most wrong pixels of one kind, missing or too much; on it, the pixel
    that lies deepest in them. None if ``found`` bool (z, y, x) is ``wanted``.
    """
    missing, too_much = wanted & ~found, found & ~wanted
    areas = np.stack([missing.sum(axis=(1, 2)), too_much.sum(axis=(1, 2))])
    if not areas.any():
        return None
    kind, z = np.unravel_index(int(areas.argmax()), areas.shape)
    y, x = innermost_point((missing, too_much)[kind][z])
    return (int(z), y, x), bool(kind == 0)


def tight_box(slice_mask: Array) -> Array:
    """Inclusive corners [[y0, x0], [y1, x1]] of the smallest box around a 2-D mask."""
    inside = np.argwhere(slice_mask)
    return np.stack([inside.min(axis=0), inside.max(axis=0)])
