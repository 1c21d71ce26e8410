"""An engine for models that follow objects from slice to slice: whole slices, one after the other.

Nothing is cut out and nothing is resampled across slices. A slice is windowed when the model asks for it,
and of its answer only the log-odds on the scan's own pixels are kept.
"""

import numpy as np

from synthfm3d.intensity import model_channels, windows_of
from synthfm3d.model.interface import SliceModel, Slices
from synthfm3d.segmentation.canvas import Canvas, says_nothing_new
from synthfm3d.segmentation.engine import Found, doubts, doubts_about_correction
from synthfm3d.segmentation.look import connected_to_prompts
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.segmentation.prompt_kinds import PlacedMask
from synthfm3d.segmentation.watching import stop_if_cancelled
from synthfm3d.volume import Array, Volume


class SliceEngine:
    """Finds and corrects objects with a model that follows them by itself."""

    def __init__(self, model: SliceModel) -> None:
        self.model = model

    def first(self, scan: Volume, prompts: PlacedPrompts) -> Found:
        """See ``Engine``. All prompts are given at once."""
        canvas, hits = self._followed(scan, prompts)
        canvas.keep_depth(*prompts.depth_limits())
        notes = doubts(canvas.mask, prompts, hits=hits, ended=True)
        return Found(logits=canvas.logits, field_of_view_mm=_width_mm(scan), warnings=notes)

    def correct(
        self, scan: Volume, before: Found, earlier: PlacedPrompts, corrections: PlacedPrompts
    ) -> Found:
        """See ``Engine``."""
        prompts = earlier + corrections
        canvas = Canvas(before.logits.copy())
        if not says_nothing_new(before.mask, corrections):
            used = self._with_something_positive(prompts, corrections, canvas)
            canvas = Canvas.like(before.logits)
            if used is not None:
                canvas, _ = self._followed(scan, used, before.logits)
        canvas.keep_outlines(prompts.outlined_slices(but=corrections.clicked_slices()))
        canvas.take_back(before.logits, corrections)
        notes = doubts_about_correction(canvas.mask, before.mask, prompts, ended=True)
        return Found(logits=canvas.logits, field_of_view_mm=before.field_of_view_mm, warnings=notes)

    def _followed(
        self, scan: Volume, prompts: PlacedPrompts, previous: Array | None = None
    ) -> tuple[Canvas, bool]:
        """The object on all slices, and whether it holds a prompt.

        Components that no positive prompt touches are taken out, unless none is touched. ``previous`` are
        the log-odds of an earlier answer that the prompts correct.
        """
        windows = windows_of(scan)
        placed = prompts.on(scan.grid, whole_strokes=False)  # such models take clicks one by one

        def read(index: int) -> Array:
            channels: Array = model_channels(scan.voxels[index : index + 1], windows)[:, 0]
            return channels

        canvas = Canvas.blank(scan.grid)
        for index, logits in self.model.follow(Slices(scan.grid.shape, read), placed, previous):
            stop_if_cancelled()
            canvas.paste_slice(index, logits)
        mask = canvas.mask
        connected = connected_to_prompts(mask, placed)
        hits = bool(connected.any())
        if hits:
            canvas.forget(mask & ~connected)
        return canvas, hits

    @staticmethod
    def _with_something_positive(
        prompts: PlacedPrompts, corrections: PlacedPrompts, canvas: Canvas
    ) -> PlacedPrompts | None:
        """The prompts, after a slice of the former mask if all are negative.

        None if the former mask shows on corrected slices alone.
        """
        if prompts.any_positive:
            return prompts
        corrected = corrections.clicked_slices()
        trusted = canvas.nearest_slice(float(np.mean(sorted(corrected))), corrected)
        if trusted is None:
            return None
        outlined = PlacedMask(canvas.outline(slice(trusted, trusted + 1)))
        return prompts.only([outlined, *prompts])


def _width_mm(scan: Volume) -> float:
    _, height, width = (n * mm for n, mm in zip(scan.grid.shape, scan.spacing_mm, strict=True))
    return float(max(height, width))
