"""Slices that the user has outlined are what the user said; no model knows better."""

from collections.abc import Collection, Sequence

import numpy as np

from synthfm3d.prompts.prompt import Mask, Prompt
from synthfm3d.segmentation.look import CERTAINLY_NOT
from synthfm3d.volume import Array

_CERTAINLY = -CERTAINLY_NOT


def keep_outlined(logits: Array, prompts: Sequence[Prompt], *, but: Collection[int] = ()) -> None:
    """Write the slices of mask prompts into logits (z, y, x) of the same grid, in place.

    Of several masks that outline the same slice the first counts, as where they are placed. Slices
    named by ``but`` are left to the model: the user has changed their mind about them.
    """
    kept = set(but)
    for prompt in prompts:
        if not isinstance(prompt, Mask):
            continue
        outlined = prompt.volume.voxels != 0
        for z in set(np.flatnonzero(outlined.any(axis=(1, 2))).tolist()) - kept:
            logits[z] = np.where(outlined[z], _CERTAINLY, CERTAINLY_NOT)
            kept.add(z)
