"""How much two masks have in common: Dice, intersection over union, and volume in ml.

Policy for empty masks, the same everywhere in the package: two empty masks agree perfectly (1), an
empty and a non-empty one not at all (0). Nothing is ever nan, so nothing drops out of a mean.
"""

import numpy as np

from synthfm3d.volume import Array, Volume


def dice(prediction: Array, reference: Array) -> float:
    r"""Dice coefficient :math:`2|A \cap B| / (|A| + |B|)` of two masks of the same shape, in [0, 1].

    Non-zero voxels are foreground. Both empty: 1; one empty: 0. Raises ValueError if the shapes differ.

    Dice, Ecology 26:297 (1945), doi:10.2307/1932409.
    """
    common, in_prediction, in_reference = _counts(prediction, reference)
    if in_prediction + in_reference == 0:
        return 1.0
    return 2.0 * common / (in_prediction + in_reference)


def intersection_over_union(prediction: Array, reference: Array) -> float:
    r"""Jaccard index :math:`|A \cap B| / |A \cup B|` of two masks of the same shape, in [0, 1].

    Non-zero voxels are foreground. Both empty: 1; one empty: 0. Raises ValueError if the shapes differ.
    """
    common, in_prediction, in_reference = _counts(prediction, reference)
    union = in_prediction + in_reference - common
    return 1.0 if union == 0 else common / union


def volume_ml(mask: Volume) -> float:
    """Volume of the non-zero voxels in millilitres; raises ValueError where the third axis is time."""
    if mask.third_axis == "time":
        raise ValueError("a cine sequence has no volume in ml: its third axis is time.")
    return int(np.count_nonzero(mask.voxels)) * mask.grid.voxel_ml


def _counts(prediction: Array, reference: Array) -> tuple[int, int, int]:
    """Numbers of voxels in common, in the prediction, in the reference."""
    if prediction.shape != reference.shape:
        raise ValueError(f"masks differ in shape: {prediction.shape} and {reference.shape}.")
    prediction, reference = prediction != 0, reference != 0
    return (
        int(np.count_nonzero(prediction & reference)),
        int(np.count_nonzero(prediction)),
        int(np.count_nonzero(reference)),
    )
