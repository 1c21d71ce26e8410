"""Surface metrics of a pair of masks of 256³ voxels, against surface-distance and a plain loop."""

import warnings
from functools import partial

import numpy as np
import surface_distance
from scipy import ndimage

from benchmarks.measure import Results, cpu_seconds
from synthfm3d.metrics.surface import surface_agreement
from synthfm3d.volume import Array, Grid, Volume

_SHAPE, _SPACING_MM = (256, 256, 256), (1.5, 1.0, 1.0)
_RADII = {"large organ": 71, "small organ": 15}
_LOOPED = 200
"""Surface voxels of which the plain loop is timed; it takes the same for each of the others."""


def measure(results: Results) -> None:
    """NSD and HD95 of two balls 6 pixels apart: by this package, by surface-distance, and by a plain loop."""
    for name, radius in _RADII.items():
        reference, prediction = _ball(radius, 0), _ball(radius, 6)
        volumes = (_volume(prediction), _volume(reference))
        theirs, plain = f"{name}: surface-distance", f"{name}: plain loop"
        results.add(theirs, cpu_seconds(partial(_upstream, reference, prediction), 3), "s")
        results.add(plain, _plain_loop_seconds(prediction, reference), "s")
        results.add(
            f"{name}: surface metrics",
            cpu_seconds(partial(_ours, *volumes), 5),
            "s",
            ratio_to=(theirs, plain),
        )


def _ball(radius: int, moved: int) -> Array:
    z, y, x = np.ogrid[tuple(slice(n) for n in _SHAPE)]
    return np.asarray((z - 128) ** 2 + (y - 128 - moved) ** 2 + (x - 128) ** 2 <= radius**2)


def _volume(mask: Array) -> Volume:
    return Volume(voxels=mask.astype(np.uint8), affine=Grid.from_spacing(_SHAPE, _SPACING_MM).affine)


def _ours(prediction: Volume, reference: Volume, run: int) -> None:
    surface_agreement(prediction, reference, 2.0)


def _upstream(reference: Array, prediction: Array, run: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks SciPy for names that are on their way out
        distances = surface_distance.compute_surface_distances(reference, prediction, _SPACING_MM)
    surface_distance.compute_surface_dice_at_tolerance(distances, 2.0)
    surface_distance.compute_robust_hausdorff(distances, 95)
    surface_distance.compute_average_surface_distance(distances)


def _plain_loop_seconds(prediction: Array, reference: Array) -> float:
    """The simplest method: the smallest distance from each border voxel to the border of the other mask."""
    a, b = (np.argwhere(mask & ~ndimage.binary_erosion(mask)) for mask in (prediction, reference))
    spacing = np.array(_SPACING_MM)

    def loop(_: int) -> list[float]:
        return [float(np.sqrt(np.square((b - voxel) * spacing).sum(axis=1)).min()) for voxel in a[:_LOOPED]]

    return cpu_seconds(loop, 1) * (len(a) + len(b)) / min(_LOOPED, len(a))
