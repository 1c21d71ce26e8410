r"""Shortest paths through a volume, and the contest of object and background seeds along them.

A path steps between voxels that share a face. Either entering a voxel has a cost, or the step between two
voxels has one. Both kinds of path are found by raster sweeps, as for distance transforms (Toivanen, Pattern
Recognition Letters 17:437, 1996).

In the contest each voxel goes to the seeds that reach it at the lower cost. A step between neighbours costs
:math:`-\log(1 - \lVert \Delta \rVert)`, so the distances are the negative logarithms of the strengths of
grow-cut (Vezhnevets & Konouchine, Graphicon 2005), with 6 neighbours instead of 26. On a region this takes
2 ms instead of 200 ms and gives the same masks.
"""

import numpy as np
from scipy import ndimage

from synthfm3d.kernels import kernel
from synthfm3d.volume import Array

_ROUNDS = 4
"""Pairs of sweeps. One sweep follows a path through any number of steps in its own direction. The length of a
path that turns more often than this is slightly overestimated."""
_FAR = 1e6


def geodesic_distance(cost: Array, seeds: Array) -> Array:
    """Least total cost of the voxels entered on the way from the nearest seed, float32 (z, y, x).

    Without any seed every voxel is 1e6 away.

    Parameters
    ----------
    cost
        Positive (z, y, x).
    seeds
        Boolean (z, y, x).
    """
    cost = cost.astype(np.float32)
    distance = _started(seeds)
    for _ in range(_ROUNDS):
        for step in (1, -1):
            _sweep(distance[::step, ::step, ::step], cost[::step, ::step, ::step])
    return distance


def path_distance(steps: tuple[Array, Array, Array], seeds: Array) -> Array:
    """Least total cost of the steps on the way from the nearest seed, float32 (z, y, x).

    Without any seed every voxel is 1e6 away.

    Parameters
    ----------
    steps
        Along z, y and x: non-negative float32 (z, y, x), the cost of the step, either way, between a voxel
        and the one before it; the value of a voxel without one before it is not used.
    seeds
        Boolean (z, y, x).
    """
    distance = _started(seeds)
    for _ in range(_ROUNDS):
        _sweep_forth(distance, *steps)
        _sweep_back(distance, *steps)
    return distance


def _started(seeds: Array) -> Array:
    return np.where(seeds, 0.0, _FAR).astype(np.float32)


@kernel
def _sweep(distance: Array, cost: Array) -> None:
    depth, height, width = distance.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                nearest = distance[z, y, x]
                entered = cost[z, y, x]
                if z > 0:
                    nearest = min(nearest, distance[z - 1, y, x] + entered)
                if y > 0:
                    nearest = min(nearest, distance[z, y - 1, x] + entered)
                if x > 0:
                    nearest = min(nearest, distance[z, y, x - 1] + entered)
                distance[z, y, x] = nearest


@kernel
def _sweep_forth(distance: Array, along_z: Array, along_y: Array, along_x: Array) -> None:
    depth, height, width = distance.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                nearest = distance[z, y, x]
                if z > 0:
                    nearest = min(nearest, distance[z - 1, y, x] + along_z[z, y, x])
                if y > 0:
                    nearest = min(nearest, distance[z, y - 1, x] + along_y[z, y, x])
                if x > 0:
                    nearest = min(nearest, distance[z, y, x - 1] + along_x[z, y, x])
                distance[z, y, x] = nearest


@kernel
def _sweep_back(distance: Array, along_z: Array, along_y: Array, along_x: Array) -> None:
    depth, height, width = distance.shape
    for z in range(depth - 1, -1, -1):
        for y in range(height - 1, -1, -1):
            for x in range(width - 1, -1, -1):
                nearest = distance[z, y, x]
                if z < depth - 1:
                    nearest = min(nearest, distance[z + 1, y, x] + along_z[z + 1, y, x])
                if y < height - 1:
                    nearest = min(nearest, distance[z, y + 1, x] + along_y[z, y + 1, x])
                if x < width - 1:
                    nearest = min(nearest, distance[z, y, x + 1] + along_x[z, y, x + 1])
                distance[z, y, x] = nearest


_SMOOTHING = (0.5, 1.0, 1.0)
"""Standard deviations (z, y, x), voxels, of the smoothed contest: without smoothing, noise is a border
everywhere."""
_SHARPNESS = 5.0
"""Factor on distances before the tanh or exponential; a clear border between organs costs about 0.3."""
_LEAST_STRENGTH = 1e-3
"""Least share of strength that is left after a step, so that costs are finite."""


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
    return np.asarray(-np.log(np.maximum(1 - difference, _LEAST_STRENGTH)), np.float32)
