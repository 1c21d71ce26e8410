"""Measures of the errors that occur when an object is followed through slices.

Chakrabarty & Soni (arXiv:2511.21926) name three errors: over-segmentation of the prompted slice, propagation
beyond the object, and decay with distance from the prompt. Slices are along the first axis. For a sequence in
time they are its frames, and there is no volume.
"""

from dataclasses import dataclass

import numpy as np

from synthfm3d.metrics.overlap import dice
from synthfm3d.volume import Array, Volume

RETENTION_PLACES = 11
"""Number of points of the retention curve, evenly spaced from the prompted slice (0) to the last one (1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureModes:
    """Errors of a mask that follows an object through slices.

    Parameters
    ----------
    prompt_slice_dice
        Dice of the prompted slice alone.
    prompt_slice_excess
        Area of the mask outside the object on the prompted slice, divided by the object's area there. If
        the object is not on this slice: 0 for an empty mask, 1 for any other.
    slices_beyond
        Slices with mask voxels before the object's first slice or after its last.
    ml_beyond
        Volume of the mask in these slices, in ml; None if the third axis is time.
    retention
        Dice of the slices at 0, 0.1, ... 1 of the way from the prompted slice to the object's end,
        interpolated, and averaged over both directions; None if the object is only on the prompted slice.
    """

    prompt_slice_dice: float
    prompt_slice_excess: float
    slices_beyond: int
    ml_beyond: float | None
    retention: tuple[float, ...] | None


def failure_modes(prediction: Volume, reference: Volume, prompt_slice: int) -> FailureModes:
    """Failure modes of a mask with slices along its first axis; non-zero voxels are inside.

    Raises ValueError if the shapes differ, the reference is empty or there is no such slice.
    """
    if prediction.voxels.shape != reference.voxels.shape:
        raise ValueError(f"masks differ in shape: {prediction.voxels.shape} and {reference.voxels.shape}.")
    if not 0 <= prompt_slice < len(reference.voxels):
        raise ValueError(f"there is no slice {prompt_slice} among {len(reference.voxels)}.")
    marked, inside = prediction.voxels != 0, reference.voxels != 0
    shown = np.flatnonzero(inside.any(axis=(1, 2)))
    if not len(shown):
        raise ValueError("the reference is empty: there is no object to follow.")
    first, last = int(shown[0]), int(shown[-1])
    beyond = np.concatenate([marked[:first], marked[last + 1 :]]).sum(axis=(1, 2))
    in_space = reference.third_axis == "space"
    return FailureModes(
        prompt_slice_dice=dice(marked[prompt_slice], inside[prompt_slice]),
        prompt_slice_excess=_excess(marked[prompt_slice], inside[prompt_slice]),
        slices_beyond=int(np.count_nonzero(beyond)),
        ml_beyond=int(beyond.sum()) * reference.grid.voxel_ml if in_space else None,
        retention=_retention(marked, inside, prompt_slice, (first, last)),
    )


def _excess(marked: Array, inside: Array) -> float:
    beside = int(np.count_nonzero(marked & ~inside))
    area = int(np.count_nonzero(inside))
    return beside / area if area else float(beside > 0)


def _retention(
    marked: Array, inside: Array, prompt_slice: int, ends: tuple[int, int]
) -> tuple[float, ...] | None:
    way = np.linspace(0, 1, RETENTION_PLACES)
    curves = []
    for end in ends:
        slices = range(prompt_slice, end + 1) if end > prompt_slice else range(prompt_slice, end - 1, -1)
        # Slices in a gap of the object are left out.
        shown = [z for z in slices if inside[z].any()]
        if end == prompt_slice or len(shown) < 2:
            continue
        fractions = [(z - prompt_slice) / (end - prompt_slice) for z in shown]
        curves.append(np.interp(way, fractions, [dice(marked[z], inside[z]) for z in shown]))
    return tuple(float(value) for value in np.mean(curves, axis=0)) if curves else None
