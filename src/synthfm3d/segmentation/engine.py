"""What every engine offers: an object found on the slices of a scan, and corrected there.

There are two engines, ``region_engine`` and ``slice_engine``. They know neither how the scan was stored nor
positions of prompts in millimetres.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from synthfm3d.segmentation.click_search import View
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.volume import Array, Volume


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """An object on the slices of a scan.

    Parameters
    ----------
    logits
        Log-odds (z, y, x), positive inside the object; nobody changes them any more.
    field_of_view_mm
        Width of the region in which the object was looked at; of the scan, for whole slices.
    warnings
        What may be wrong, one sentence each.
    alternatives, chosen
        Answers of different sizes to clicks, the best first, and the position of the one that this is.
    """

    logits: Array
    field_of_view_mm: float
    warnings: tuple[str, ...] = ()
    alternatives: tuple[View, ...] = ()
    chosen: int = 0

    @property
    def mask(self) -> Array:
        """The object, boolean (z, y, x)."""
        return np.asarray(self.logits > 0)


class Engine(Protocol):
    """A model with a way to use it on all slices of a scan."""

    def first(self, scan: Volume, prompts: PlacedPrompts) -> Found:
        """Find an object on a scan in working form (``slices.working_form``), on which the prompts lie."""
        ...

    def correct(
        self, scan: Volume, before: Found, earlier: PlacedPrompts, corrections: PlacedPrompts
    ) -> Found:
        """Change what the corrections ask for, and nothing else.

        Parameters
        ----------
        before
            The object as it is, which is not empty; it is left unchanged.
        earlier
            The prompts that it was made from, if there are any.
        corrections
            New prompts; they may be negative clicks alone.
        """
        ...


def doubts(mask: Array, prompts: PlacedPrompts, *, hits: bool, ended: bool) -> tuple[str, ...]:
    """What may be wrong with a mask (z, y, x) that a model found, in sentences."""
    return tuple(_doubts(mask, prompts, hits, ended))


def _doubts(mask: Array, prompts: PlacedPrompts, hits: bool, ended: bool) -> Iterator[str]:
    if not mask.any():
        yield "The model found nothing at the prompts: try a box, or more points."
    elif not hits:
        yield "The mask does not contain the prompts: try a box, or more points."
    elif missed := prompts.missed_by(mask):
        yield f"{missed} of the positive prompts lie outside the mask: it may be incomplete."
    if not ended:
        yield "The object was not followed to its end: prompt it again farther on."


def doubts_about_correction(
    mask: Array, before: Array, prompts: PlacedPrompts, *, ended: bool
) -> tuple[str, ...]:
    """What may be wrong with a corrected mask (z, y, x), in sentences."""
    if not mask.any():
        return ("Nothing is left of the object: undo, or prompt it again.",)
    notes = doubts(mask, prompts, hits=True, ended=ended)
    if np.array_equal(mask, before):
        unchanged = "The correction changed nothing: click where the mask is wrong, or outline a slice."
        return (*notes, unchanged)
    return notes
