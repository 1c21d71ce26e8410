"""What a segmenter returns: a mask on the scan's own voxels with its prompts, and label maps of several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.segmentation.click_search import View
from synthfm3d.segmentation.look import centre_and_extent
from synthfm3d.segmentation.slices import as_slices, working_form
from synthfm3d.volume import Array, Modality, Volume, on_grid_of

STARTING_LOGIT = np.float16(5)
"""Log-odds inside a mask of which nothing else is known; the negative of it outside."""
STARTING_FIELD_OF_VIEW_PER_EXTENT = 3.0
"""Field of view for corrections of such a mask, over its extent on the slice where it is largest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """A mask, and what a reader should know about it.

    Parameters
    ----------
    scan
        What was segmented.
    prompts
        What the mask was made from, in the order in which it was given; empty for a mask from elsewhere.
    mask
        uint8 0 or 1 on the scan's own grid.
    modality
        What the scan was taken for; None: unknown, its contrast was normalised by percentiles.
    field_of_view_mm
        Width of the region in which the object was looked at; of the scan, for a ``SliceModel``.
    warnings
        What may be wrong, one sentence each, beginning with the doubts about the scan.
    logits
        Log-odds of the object on the scan's own grid, float16; None where the model keeps masks only.
    alternatives
        Answers of different sizes to clicks, at most three, the best first: ``Segmenter.choose`` makes a
        segmentation of any of them. Empty after a box, a mask or a correction.
    chosen
        Position among the alternatives of the one that this is.
    """

    scan: Volume
    mask: Volume
    modality: Modality | None
    field_of_view_mm: float
    warnings: tuple[str, ...]
    logits: Volume | None = None
    alternatives: tuple[View, ...] = ()
    chosen: int = 0
    prompts: tuple[Prompt, ...] = ()

    @property
    def predicted_dice(self) -> float | None:
        """The Dice that the model expects on the clicked slice; None without a judge or a choice."""
        return self.alternatives[self.chosen].predicted_dice if self.alternatives else None

    @classmethod
    def from_mask(cls, scan: Volume, mask: Volume) -> Self:
        """A mask that was made before or elsewhere, as something that prompts can correct.

        Parameters
        ----------
        mask
            Non-zero is the object. It covers the voxels of the scan; its axes may be stored in another order.

        Raises
        ------
        InputError
            The mask is empty, or does not cover the voxels of the scan.
        """
        try:
            inside = on_grid_of(mask, scan.grid).voxels != 0
        except ValueError as error:
            raise InputError(f"the mask must lie on the voxels of the scan: {error}") from error
        if not inside.any():
            raise InputError("the mask is empty: there is nothing to correct.")
        return cls(
            scan=scan,
            mask=scan.with_voxels(inside.astype(np.uint8)),
            modality=assumed_modality(scan),
            field_of_view_mm=STARTING_FIELD_OF_VIEW_PER_EXTENT * _largest_extent_mm(scan.with_voxels(inside)),
            warnings=scan.doubts,
            logits=scan.with_voxels(np.where(inside, STARTING_LOGIT, -STARTING_LOGIT)),
        )

    @property
    def volume_ml(self) -> float:
        """Volume of the object in millilitres; not a number along time, which has none."""
        if self.mask.third_axis == "time":
            return float("nan")
        return float(np.count_nonzero(self.mask.voxels)) * self.mask.grid.voxel_ml

    @property
    def log_odds(self) -> Volume:
        """``logits``; where only a mask is known, those of somebody who is sure of it."""
        if self.logits is not None:
            return self.logits
        return self.mask.with_voxels(np.where(self.mask.voxels > 0, STARTING_LOGIT, -STARTING_LOGIT))


def _largest_extent_mm(mask: Volume) -> float:
    """Larger in-plane extent, mm, of a mask on the slice (of the working form) where its area is largest."""
    slices = working_form(as_slices(mask))
    index = int(slices.voxels.sum(axis=(1, 2)).argmax())
    return centre_and_extent(slices.voxels[index], slices.grid, index)[1]


def label_map(scan: Volume, objects: Mapping[int, Segmentation]) -> Volume:
    """Several objects in one label map (uint8, or uint16 above 255) on the scan's grid.

    Where two objects claim a voxel, the likelier one has it.

    Parameters
    ----------
    objects
        Segmentations on this scan by label value, 1 or higher. Of two that are equally likely, or whose
        model keeps no logits, the first has the voxel.
    """
    largest = max(objects, default=0)
    if min(objects, default=1) < 1 or largest > np.iinfo(np.uint16).max:
        raise ValueError(f"label values must be 1 to 65535, got {sorted(objects)}.")
    labels: Array = np.zeros(scan.voxels.shape, np.uint8 if largest < 256 else np.uint16)
    best: Array = np.full(scan.voxels.shape, -np.inf, np.float16) if len(objects) > 1 else np.empty(0)
    for value, found in objects.items():
        inside = found.mask.voxels > 0
        if len(objects) == 1:
            labels[inside] = value
            continue
        odds = np.float16(0) if found.logits is None else found.logits.voxels[inside]
        claims = best[inside]
        won = odds > claims
        inside[inside] = won
        labels[inside] = value
        best[inside] = np.broadcast_to(odds, claims.shape)[won]
    return scan.with_voxels(labels)
