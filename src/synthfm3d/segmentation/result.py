"""What a segmenter returns: a mask on the scan's own voxels, and what a reader should know about it."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality
from synthfm3d.segmentation.search import View
from synthfm3d.segmentation.sequence import as_slices
from synthfm3d.segmentation.slices import working_form
from synthfm3d.segmentation.zoom import measured
from synthfm3d.volume import Modality, Volume, on_grid_of

STARTING_LOGIT = np.float16(5)
"""Log-odds inside a mask of which nothing else is known; the negative of it outside."""
STARTING_FIELD_OF_VIEW_PER_EXTENT = 3.0
"""Field of view for corrections of such a mask, over its extent on the slice where it is largest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """A mask, and what a reader should know about it.

    Parameters
    ----------
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

    mask: Volume
    modality: Modality | None
    field_of_view_mm: float
    warnings: tuple[str, ...]
    logits: Volume | None = None
    alternatives: tuple[View, ...] = ()
    chosen: int = 0

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
    return measured(slices.voxels[index], slices.grid, index)[1]
