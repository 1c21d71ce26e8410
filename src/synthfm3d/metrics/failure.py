"""How following an object through slices goes wrong, as numbers: too much, too far, and less and less.

Chakrabarty & Soni (arXiv:2511.21926) name three ways: over-segmentation of the prompted slice,
propagation beyond the object, and decay with distance from the prompt. Slices are those of the first
axis; a mask of a sequence in time has frames for slices, and no volume.
"""

from dataclasses import dataclass

import numpy as np

from synthfm3d.metrics.overlap import dice
from synthfm3d.volume import Array, Volume

RETENTION_PLACES = 11
"""Where retention is given: from the prompted slice (0) to the object's last (1), in tenths of the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureModes:
    """What went wrong on the way through the slices.

    Parameters
    ----------
    prompt_slice_dice
        Dice of the prompted slice alone.
    prompt_slice_excess
        Area marked beside the object on the prompted slice, over the object's area there; 0 is none. Where
        the object does not show, 0 for an empty slice and 1 for any other.
    slices_beyond
        Slices marked before the object's first or after its last.
    ml_beyond
        Volume marked there, in ml; None where the third axis is time.
    retention
        Dice of the slices at 0, 0.1, ... 1 of the way from the prompted slice to the object's last slice,
        interpolated, both ways averaged; None where the object shows on the prompted slice alone.
    """

    prompt_slice_dice: float
    prompt_slice_excess: float
    slices_beyond: int
    ml_beyond: float | None
    retention: tuple[float, ...] | None


def failure_modes(prediction: Volume, reference: Volume, prompt_slice: int) -> FailureModes:
    """Failure modes of a mask whose first axis counts slices; non-zero voxels are inside.

    Raises ValueError if the shapes differ, the reference is empty or there is no such slice.
    """
    if prediction.voxels.shape != reference.voxels.shape:
        raise ValueError(f"masks differ in shape: {prediction.voxels.shape} and {reference.voxels.shape}.")
    if not 0 <= prompt_slice < len(reference.voxels):
        raise ValueError(f"there is no slice {prompt_slice} among {len(reference.voxels)}.")
    marked, inside = prediction.voxels != 0, reference.voxels != 0
    shown = np.flatnonzero(inside.any(axis=(1, 2)))
    if not len(shown):
        raise ValueError("the reference is empty: nothing can be followed.")
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
        # Not every slice between shows the object: one in a gap says nothing about following it.
        shown = [z for z in slices if inside[z].any()]
        if end == prompt_slice or len(shown) < 2:
            continue
        places = [(z - prompt_slice) / (end - prompt_slice) for z in shown]
        curves.append(np.interp(way, places, [dice(marked[z], inside[z]) for z in shown]))
    return tuple(float(value) for value in np.mean(curves, axis=0)) if curves else None
