"""The overlap of two masks and their volumes: Dice, volume in ml, volume error.

Empty masks are treated in the same way in the whole package. Two empty masks agree perfectly (1); an empty
and a non-empty mask do not agree at all (0). No result is NaN, so every result counts in a mean.
"""

from statistics import fmean

import numpy as np

from synthfm3d.volume import Array, Volume


def dice(prediction: Array, reference: Array) -> float:
    r"""Dice coefficient :math:`2|A \cap B| / (|A| + |B|)` of two masks of the same shape, in [0, 1].

    Non-zero voxels are foreground. Both empty: 1; one empty: 0. Raises ValueError if the shapes differ.

    Dice, Ecology 26:297 (1945), doi:10.2307/1932409.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"masks differ in shape: {prediction.shape} and {reference.shape}.")
    prediction, reference = prediction != 0, reference != 0
    both_sizes = int(np.count_nonzero(prediction)) + int(np.count_nonzero(reference))
    if both_sizes == 0:
        return 1.0
    return 2.0 * int(np.count_nonzero(prediction & reference)) / both_sizes


def volume_dice(prediction: Volume, reference: Volume) -> float:
    """Dice over all voxels of two masks; for a sequence in time, the mean Dice of its frames."""
    if reference.third_axis == "space":
        return dice(prediction.voxels, reference.voxels)
    return fmean(dice(*frames) for frames in zip(prediction.voxels, reference.voxels, strict=True))


def volume_error(prediction: Array, reference: Array) -> float:
    r"""Relative error of the volume, :math:`(|A| - |B|) / |B|`, with its sign: 1 means twice the volume.

    Non-zero voxels are foreground. Both empty: 0; only the reference empty: 1.
    """
    found, true = int(np.count_nonzero(prediction)), int(np.count_nonzero(reference))
    return (found - true) / true if true else float(found > 0)


def volume_ml(mask: Volume) -> float:
    """Volume of the non-zero voxels in millilitres; raises ValueError if the third axis is time."""
    if mask.third_axis == "time":
        raise ValueError("a cine sequence has no volume in ml: its third axis is time.")
    return int(np.count_nonzero(mask.voxels)) * mask.grid.voxel_ml
