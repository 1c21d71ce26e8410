"""Shortest paths through a volume: entering a voxel costs something, or the step between two voxels does.

Both are found by raster sweeps, as for distance transforms (Toivanen, Pattern Recognition Letters 17:437,
1996). Paths step between voxels that share a face.
"""

import numpy as np

from synthfm3d.kernels import kernel
from synthfm3d.volume import Array

_ROUNDS = 4
"""Pairs of sweeps. Each follows a path through any number of steps forward, or any number backward; a
path that turns more often than this is found a little too long."""
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
        and the one before it; what stands at a voxel that has none before it is not used.
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
