"""From a scan and a click, a box or a mask to the object's mask on the scan's own voxels.

Turn the scan so that its slices come first, and place the prompts on them; ask an engine; turn the mask back.
"""

import warnings
from collections.abc import Sequence
from typing import Self

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality
from synthfm3d.model.interface import PromptableModel, SliceModel
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.segmentation.engine import Engine, Found
from synthfm3d.segmentation.placement import checked_prompts
from synthfm3d.segmentation.region_engine import RegionEngine
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.segmentation.slice_engine import SliceEngine
from synthfm3d.segmentation.slices import Orientation
from synthfm3d.volume import Volume, checked_volume


class Segmenter:
    """Segments one object of a scan from prompts, with any promptable model.

    Examples
    --------
    >>> segmenter = Segmenter.from_pretrained()  # doctest: +SKIP
    >>> mask = segmenter.segment(scan, [Point(position_mm=(12.0, -30.5, 41.0))])  # doctest: +SKIP
    """

    def __init__(self, model: PromptableModel) -> None:
        self.model = model
        self._engine: Engine = SliceEngine(model) if isinstance(model, SliceModel) else RegionEngine(model)

    @classmethod
    def from_pretrained(cls, name: str = "default", device: str = "auto") -> Self:
        """With a model by name or checkpoint path, on ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``."""
        from synthfm3d.model.checkpoint import load_model  # torch: seconds, and not needed by other models

        return cls(load_model(name, device))

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        """Mask (uint8, 0 or 1) of the prompted object on the scan's own grid.

        Parameters
        ----------
        volume
            The scan, in any storage order and orientation.
        prompts
            Points, boxes and masks in RAS mm, at least one of them positive.

        Raises
        ------
        InputError
            A prompt lies outside the scan, is empty or on another grid, or nothing is positive.

        Warns
        -----
        UserWarning
            What ``segment_with_details`` returns as warnings.
        """
        result = self.segment_with_details(volume, prompts)
        for sentence in result.warnings:
            warnings.warn(sentence, stacklevel=2)
        return result.mask

    def segment_with_details(self, volume: Volume, prompts: Sequence[Prompt]) -> Segmentation:
        """As ``segment``, with the assumed modality, the field of view and the warnings.

        The mask holds the components that a positive prompt touches; a stray one elsewhere is
        dropped, unless no component is touched at all. It ends exactly on the first and last slice of
        a 3-D box; in the plane, a box says where the object is and does not cut it. A region model (no
        ``SliceModel``) leaves an outlined slice as it was drawn. It takes several clicks one after the
        other: the first says where to look, and the others which size is meant, if answers of several
        sizes were found; each that the mask still does not hold corrects it.
        """
        checked = checked_prompts(prompts, checked_volume(volume).grid)
        orientation, placed = Orientation.of(volume, checked)
        return _segmentation(orientation, checked, self._engine.first(orientation.slices, placed))

    def correct(self, found: Segmentation, new: Sequence[Prompt]) -> Segmentation:
        """A segmentation after more prompts: what they lie in is corrected, the rest stays exactly.

        Whatever the model answers, a voxel changes only together with the place of a correction, positive
        clicks alone remove nothing and negative clicks alone add nothing (``Canvas.take_back``). How
        much clicks may change depends on the size of the error that they lie in (``reach.Reach``). An empty
        mask holds nothing to correct, so it is segmented anew from all prompts.

        Parameters
        ----------
        found
            What is corrected; the model gets its logits, or is told to be sure of the mask.
        new
            At least one prompt; they may be negative clicks alone.

        Raises
        ------
        InputError
            A prompt lies outside the scan, is empty or on another grid.
        """
        prompts = (*found.prompts, *new)
        if not found.mask.voxels.any():
            return self.segment_with_details(found.scan, prompts)
        if not new:
            raise ValueError("there is nothing to correct: give at least one prompt.")
        checked = checked_prompts(prompts, found.scan.grid, correcting=True)
        orientation, placed = Orientation.of(found.scan, checked)
        earlier, corrections = placed.split(len(found.prompts))
        before = _found(orientation, found)
        answer = self._engine.correct(orientation.slices, before, earlier, corrections)
        return _segmentation(orientation, checked, answer)

    def choose(self, found: Segmentation, position: int) -> Segmentation:
        """Another of the alternatives of a segmentation, on the whole scan.

        Parameters
        ----------
        position
            Of the alternative in ``found.alternatives``.

        Raises
        ------
        InputError
            There is no such alternative.
        """
        if not 0 <= position < len(found.alternatives):
            raise InputError(
                f"there is no alternative {position}: this segmentation has {len(found.alternatives)}."
            )
        orientation, placed = Orientation.of(found.scan, found.prompts)
        before = _found(orientation, found)
        answer = RegionEngine(self.model).choose(orientation.slices, before, placed, position)
        return _segmentation(orientation, found.prompts, answer)


def _found(orientation: Orientation, segmentation: Segmentation) -> Found:
    """A segmentation on the slices of its scan."""
    return Found(
        logits=orientation.to_slices(segmentation.log_odds),
        field_of_view_mm=segmentation.field_of_view_mm,
        alternatives=segmentation.alternatives,
        chosen=segmentation.chosen,
    )


def _segmentation(orientation: Orientation, prompts: Sequence[Prompt], found: Found) -> Segmentation:
    """What was found on the slices, on the scan as it was stored."""
    scan = orientation.stored
    mask = orientation.to_stored(found.mask.astype(np.uint8))
    return Segmentation(
        scan=scan,
        mask=mask.with_voxels(np.ascontiguousarray(mask.voxels)),
        modality=assumed_modality(scan),
        field_of_view_mm=found.field_of_view_mm,
        warnings=(*scan.doubts, *found.warnings),
        logits=orientation.to_stored(found.logits),
        alternatives=found.alternatives,
        chosen=found.chosen,
        prompts=tuple(prompts),
    )
