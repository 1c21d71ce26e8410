"""From a scan and a click, a box or a mask to the object's mask on the scan's own voxels.

The story: turn the scan so that its slices come first; look at the prompted place at a scale that the
model knows; follow the object where it leaves the region through the slices; turn the mask back. A model
that follows objects by itself (``SliceModel``) gets the whole slices instead.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality, windows_of
from synthfm3d.model.interface import PromptableModel, SliceModel
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt, box_voxels
from synthfm3d.segmentation.correction import correct, is_positive, trusted_slice
from synthfm3d.segmentation.follow import depth_limits, follow
from synthfm3d.segmentation.locality import says_nothing_new, take_back
from synthfm3d.segmentation.look import CERTAINLY_NOT, ModelOnScan
from synthfm3d.segmentation.outlined import keep_outlined
from synthfm3d.segmentation.placement import checked_prompts
from synthfm3d.segmentation.propagation import follow_slices
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.segmentation.search import View, better_than, distinct, look_for
from synthfm3d.segmentation.sequence import as_slices, moved
from synthfm3d.segmentation.slices import working_form
from synthfm3d.segmentation.widening import outgrown, widened
from synthfm3d.volume import Array, Volume, checked_volume, on_grid_of


class Segmenter:
    """Segments one object of a scan from prompts, with any promptable model.

    Examples
    --------
    >>> segmenter = Segmenter.from_pretrained()  # doctest: +SKIP
    >>> mask = segmenter.segment(scan, [Point(position_mm=(12.0, -30.5, 41.0))])  # doctest: +SKIP
    """

    def __init__(self, model: PromptableModel) -> None:
        self.model = model

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
        prompts = checked_prompts(prompts, checked_volume(volume).grid)
        later = _later_clicks(prompts)
        if not later or isinstance(self.model, SliceModel):
            return self._at_once(volume, prompts)
        said = [prompt for n, prompt in enumerate(prompts) if n not in later]
        found = self._at_once(volume, said, known=[prompts[n] for n in later])
        for n in later:
            said.append(prompts[n])
            if not found.mask.voxels.any():
                found = self._at_once(volume, said)
            elif _missed(found.mask, [prompts[n]]):
                found = self.correct(volume, found, said, new=1)
        return found

    def _at_once(
        self, volume: Volume, prompts: Sequence[Prompt], known: Sequence[Prompt] = ()
    ) -> Segmentation:
        """Segment from all prompts together, which are good ones (``placement.checked_prompts``).

        Answers that contradict ``known`` clicks, which the model is not told of, are not taken if there
        are others.
        """
        slices = as_slices(volume)
        if slices is not volume:
            moves, other = (
                [moved(prompt, volume.grid, slices.grid) for prompt in some] for some in (prompts, known)
            )
            return _on(volume, self._at_once(slices, moves, other))
        working = working_form(volume, prompts)
        prompts = [_turned(prompt, working) for prompt in prompts]
        if not isinstance(self.model, SliceModel):
            model = ModelOnScan(self.model, working, windows_of(working))
            views = look_for(model, prompts, known)
            offered = distinct(views) if all(isinstance(prompt, Point) for prompt in prompts) else ()
            return _followed(model, volume, prompts, views[0], offered)
        logits, hits = follow_slices(self.model, working, windows_of(working), prompts)
        first, last = depth_limits(prompts, working.grid)
        logits[:first] = logits[last + 1 :] = CERTAINLY_NOT
        notes = _doubts(working.with_voxels(logits > 0), prompts, hits=hits, ended=True)
        return _segmentation(volume, working, logits, notes, _width_mm(working))

    def choose(
        self, volume: Volume, found: Segmentation, prompts: Sequence[Prompt], position: int
    ) -> Segmentation:
        """Another of the alternatives of a segmentation, on the whole scan.

        Parameters
        ----------
        prompts
            Those that ``found`` was made from.
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
        slices = as_slices(volume)
        if slices is not volume:
            moves = [moved(prompt, volume.grid, slices.grid) for prompt in prompts]
            return _on(volume, self.choose(slices, found, moves, position))
        working = working_form(volume, prompts)
        model = ModelOnScan(self.model, working, windows_of(working))
        return _followed(model, volume, prompts, found.alternatives[position], found.alternatives)

    def correct(
        self, volume: Volume, before: Segmentation, prompts: Sequence[Prompt], new: int
    ) -> Segmentation:
        """A segmentation after more prompts: what they lie in is mended, the rest stays exactly.

        Whatever the model answers, a voxel changes only together with the place of a correction
        (``locality.take_back``). If an alternative of the first answer agrees with more clicks, it is
        corrected in its place. Where positive prompts lie so far apart that the object must be larger than
        the view in which it was found, the answer is that to all of them.

        Parameters
        ----------
        before
            What is corrected; the model gets its logits, or is told to be sure of the mask.
        prompts
            All prompts of the object, the corrections last.
        new
            How many of them are corrections. They may be negative clicks alone.
        """
        prompts = checked_prompts(prompts, volume.grid, correcting=True)
        slices = as_slices(volume)
        if slices is not volume:
            moves = [moved(prompt, volume.grid, slices.grid) for prompt in prompts]
            return _on(volume, self.correct(slices, _on(slices, before), moves, new))
        working = working_form(volume, prompts)
        former = on_grid_of(before.log_odds, working.grid).voxels
        turned = [_turned(prompt, working) for prompt in prompts]
        corrections = turned[len(turned) - new :]
        logits, width_mm, ended = self._corrected(working, turned, corrections, former, before)
        keep_outlined(logits, turned, but=_slices_of(corrections, working))
        take_back(logits, former, corrections, working.grid)
        mask = logits > 0
        notes = _doubts(working.with_voxels(mask), turned, hits=True, ended=ended)
        if not mask.any():
            notes = ["Nothing is left of the object: undo, or prompt it again."]
        elif np.array_equal(mask, former > 0):
            notes.append("The correction changed nothing: click where the mask is wrong, or outline a slice.")
        return replace(_segmentation(volume, working, logits, notes, width_mm), modality=before.modality)

    def _corrected(
        self,
        working: Volume,
        prompts: Sequence[Prompt],
        corrections: Sequence[Prompt],
        former: Array,
        before: Segmentation,
    ) -> tuple[Array, float, bool]:
        """Log-odds of the working form, the width of the view, and whether the ends were found."""
        width_mm = before.field_of_view_mm
        if says_nothing_new(former > 0, corrections, working.grid):
            return former.copy(), width_mm, True
        windows = windows_of(working)
        if isinstance(self.model, SliceModel):
            said = _with_something_positive(prompts, corrections, former, working)
            if said is None:
                return np.full_like(former, CERTAINLY_NOT), width_mm, True
            logits, _ = follow_slices(self.model, working, windows, said, previous=former)
            return logits, width_mm, True
        model = ModelOnScan(self.model, working, windows)
        logits = former.copy()
        better = None
        if before.alternatives:
            better = better_than(before.alternatives[before.chosen], before.alternatives, prompts)
        if better is not None:
            other = _followed(model, working, prompts, better, ())
            assert other.logits is not None
            logits, width_mm = other.logits.voxels.copy(), other.field_of_view_mm
            if not _contradicts(other.mask, corrections):
                return logits, width_mm, True
        if outgrown(model, prompts, corrections, width_mm):
            anew = self._at_once(working, prompts)
            assert anew.logits is not None
            return on_grid_of(anew.logits, working.grid).voxels.copy(), anew.field_of_view_mm, True
        width_mm = widened(model, logits, prompts, corrections, width_mm)
        ended = correct(model, logits, prompts, corrections, width_mm)
        return logits, width_mm, ended


def _followed(
    model: ModelOnScan, volume: Volume, prompts: Sequence[Prompt], view: View, offered: tuple[View, ...]
) -> Segmentation:
    """The answer of a view, followed where it leaves its region through the slices."""
    working = model.scan
    logits = np.full(working.voxels.shape, CERTAINLY_NOT, np.float16)
    part, seen = model.on_scan(view.look)
    logits[part] = seen
    ends = [follow(model, prompts, logits, part[0], view.focus, direction) for direction in (-1, 1)]
    first, last = depth_limits(prompts, working.grid)
    logits[:first] = logits[last + 1 :] = CERTAINLY_NOT
    notes = _doubts(working.with_voxels(logits > 0), prompts, hits=view.look.hits_prompts, ended=all(ends))
    keep_outlined(logits, prompts)
    found = _segmentation(volume, working, logits, notes, view.focus.field_of_view_mm)
    chosen = next((n for n, other in enumerate(offered) if other is view), 0)
    return replace(found, alternatives=offered, chosen=chosen)


def _segmentation(
    volume: Volume, working: Volume, logits: Array, notes: Sequence[str], field_of_view_mm: float
) -> Segmentation:
    """What log-odds (z, y, x) on the working form of a scan say on the scan's own grid."""
    turned = on_grid_of(working.with_voxels((logits > 0).astype(np.uint8)), volume.grid)
    return Segmentation(
        mask=volume.with_voxels(np.ascontiguousarray(turned.voxels)),
        modality=assumed_modality(volume),
        field_of_view_mm=field_of_view_mm,
        warnings=(*volume.doubts, *notes),
        logits=volume.with_voxels(on_grid_of(working.with_voxels(logits), volume.grid).voxels),
    )


def _contradicts(mask: Volume, corrections: Sequence[Prompt]) -> bool:
    """Whether a positive click lies outside of a mask (on its grid), or a negative one inside.

    A box or an outline is taken to ask for more than any mask gives.
    """
    for click in corrections:
        if not isinstance(click, Point):
            return True
        index = np.rint(mask.grid.to_index(np.array(click.position_mm))).astype(int)
        inside = bool(mask.voxels[tuple(np.clip(index, 0, np.array(mask.grid.shape) - 1))])
        if inside != click.positive:
            return True
    return False


def _with_something_positive(
    prompts: Sequence[Prompt], corrections: Sequence[Prompt], former: Array, working: Volume
) -> Sequence[Prompt] | None:
    """The prompts; if all are negative, with a slice of the former mask; None if only wrong ones are left."""
    if any(is_positive(prompt) for prompt in prompts):
        return prompts
    corrected = _slices_of(corrections, working)
    trusted = trusted_slice(former, corrected, float(np.mean(sorted(corrected))))
    if trusted is None:
        return None
    outlined = np.zeros(former.shape, bool)
    outlined[trusted] = former[trusted] > 0
    return [Mask(volume=working.with_voxels(outlined)), *prompts]


def _width_mm(scan: Volume) -> float:
    _, height, width = (n * mm for n, mm in zip(scan.grid.shape, scan.spacing_mm, strict=True))
    return float(max(height, width))


def _slices_of(prompts: Sequence[Prompt], working: Volume) -> set[int]:
    """Slices of the working form on which there are clicks."""
    points = [prompt for prompt in prompts if isinstance(prompt, Point)]
    return {round(float(working.grid.to_index(np.array(point.position_mm))[0])) for point in points}


def _on(volume: Volume, found: Segmentation) -> Segmentation:
    """A segmentation on the same voxels of another grid of the same shape."""
    logits = None if found.logits is None else volume.with_voxels(found.logits.voxels)
    return replace(found, mask=volume.with_voxels(found.mask.voxels), logits=logits)


def _turned(prompt: Prompt, working: Volume) -> Prompt:
    """Points and boxes are in mm and need no turning; a mask follows the scan's axes."""
    return Mask(volume=on_grid_of(prompt.volume, working.grid)) if isinstance(prompt, Mask) else prompt


def _later_clicks(prompts: Sequence[Prompt]) -> list[int]:
    """Places of the positive clicks after the first, where there are only clicks."""
    if not all(isinstance(prompt, Point) for prompt in prompts):
        return []
    return [n for n, prompt in enumerate(prompts) if isinstance(prompt, Point) and prompt.positive][1:]


def _doubts(mask: Volume, prompts: Sequence[Prompt], *, hits: bool, ended: bool) -> list[str]:
    """What may be wrong with what a model found, in sentences."""
    notes = []
    if not mask.voxels.any():
        notes.append("The model found nothing at the prompts: try a box, or more points.")
    elif not hits:
        notes.append("The mask does not contain the prompts: try a box, or more points.")
    elif missed := _missed(mask, prompts):
        notes.append(f"{missed} of the positive prompts lie outside the mask: it may be incomplete.")
    if not ended:
        notes.append("The object was not followed to its end: prompt it again farther on.")
    return notes


def _missed(mask: Volume, prompts: Sequence[Prompt]) -> int:
    """Number of positive points, boxes and masks (on its grid) of which the mask holds no voxel."""
    missed = 0
    for prompt in prompts:
        if isinstance(prompt, Mask):
            missed += not mask.voxels[prompt.volume.voxels > 0].any()
        elif isinstance(prompt, Box):
            part = tuple(slice(a, b + 1) for a, b in box_voxels(prompt, mask.grid).T)
            missed += not mask.voxels[part].any()
        elif prompt.positive:
            index = np.rint(mask.grid.to_index(np.array(prompt.position_mm))).astype(int)
            missed += not mask.voxels[tuple(np.clip(index, 0, np.array(mask.grid.shape) - 1))]
    return missed
