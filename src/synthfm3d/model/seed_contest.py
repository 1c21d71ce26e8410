r"""Object and background seeds compete for every voxel: whichever gets there along the smoother path.

A step between neighbours costs :math:`-\log(1 - \lVert \Delta \rVert)`, so that distances are the negative
logarithms of grow-cut's strengths (Vezhnevets & Konouchine, Graphicon 2005), here between voxels that share
a face: 2 ms instead of 200 on a region, for the same masks.
"""

import numpy as np
from scipy import ndimage

from synthfm3d.model.geodesic import path_distance
from synthfm3d.volume import Array

_SMOOTHING = (0.5, 1.0, 1.0)
"""Standard deviations (z, y, x), voxels, of the smoothed contest: noise is a border everywhere."""
_SHARPNESS = 5.0
"""Of distances before they are squashed; a clear border of organs is some 0.3 high."""
_LEAST = 1e-3
"""Least share of strength that is left after a step: costs stay finite."""


def seed_contest(values: Array, inside: Array, outside: Array) -> Array:
    """Float32 (3, z, y, x): contest on the values, on smoothed ones, and nearness to the object's seeds.

    A contest is tanh of 5 (distance to background - distance to object), nearness is exp(-5 distance to
    the object) on the smoothed values.

    Parameters
    ----------
    values
        (channel, z, y, x) in [0, 1].
    inside, outside
        Seeds of object and background, bool (z, y, x), each at least one voxel.
    """
    smoothed = ndimage.gaussian_filter(values, (0.0, *_SMOOTHING), mode="nearest")
    contests = []
    for image in (values, smoothed):
        steps = step_costs(image)
        near = path_distance(steps, inside)
        contests.append(np.tanh(_SHARPNESS * (path_distance(steps, outside) - near)))
    return np.stack([*contests, np.exp(-_SHARPNESS * near)]).astype(np.float32)


def step_costs(values: Array) -> tuple[Array, Array, Array]:
    """Costs along z, y and x for ``path_distance``, of values (channel, z, y, x) in [0, 1]."""
    along_z, along_y, along_x = (_costs_along(values, axis) for axis in (1, 2, 3))
    return along_z, along_y, along_x


def _costs_along(values: Array, axis: int) -> Array:
    before = np.concatenate([np.take(values, [0], axis), np.delete(values, -1, axis)], axis)
    difference = np.sqrt(np.square(values - before).mean(axis=0))
    return np.asarray(-np.log(np.maximum(1 - difference, _LEAST)), np.float32)
