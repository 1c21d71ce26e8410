"""An engine for models that see one region at a time.

The object is looked for at the prompted place, at a scale that the model knows, and followed where it leaves
the region through the slices. A click deep in what is wrong says that the size is wrong: then an answer of
another size is tried. Any other correction mends the mask where it was clicked (``correction``).
"""

from dataclasses import replace

from synthfm3d.intensity import windows_of
from synthfm3d.model.interface import PromptableModel
from synthfm3d.segmentation.canvas import Canvas, says_nothing_new
from synthfm3d.segmentation.click_search import View, better_than, distinct, look_for
from synthfm3d.segmentation.correction import mend, prompts_exceed_view, widened
from synthfm3d.segmentation.engine import Found, doubts, doubts_about_correction
from synthfm3d.segmentation.follow import follow
from synthfm3d.segmentation.look import ModelOnScan
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.segmentation.reach import Reach
from synthfm3d.volume import Volume

DEEP = 0.3
"""Depth of a click in what is wrong, over the diameter of the mask, from which on the size may be wrong. A
click that is less deep mends the border."""


class RegionEngine:
    """Finds and corrects objects with a model that sees one region at a time."""

    def __init__(self, model: PromptableModel) -> None:
        self.model = model

    def first(self, scan: Volume, prompts: PlacedPrompts) -> Found:
        """See ``Engine``. Several clicks are taken one after the other.

        The first says where to look. The others say which size is meant, if answers of several sizes were
        found; each that the mask still does not hold corrects it.
        """
        model = self._on(scan)
        later = prompts.later_clicks()
        used = prompts.without(later)
        found = _looked_for(model, used, known=later)
        for click in later:
            one = prompts.only([click])
            if not found.mask.any():
                found = _looked_for(model, used + one)
            elif not one.agree_with(found.mask):
                found = _corrected(model, found, used, one)
            used = used + one
        return found

    def choose(self, scan: Volume, before: Found, prompts: PlacedPrompts, position: int) -> Found:
        """Another of the alternatives of an object, on all slices."""
        found = _followed(self._on(scan), prompts, before.alternatives[position])
        return replace(found, alternatives=before.alternatives, chosen=position)

    def correct(
        self, scan: Volume, before: Found, earlier: PlacedPrompts, corrections: PlacedPrompts
    ) -> Found:
        """See ``Engine``.

        If an alternative of the first answer agrees with more clicks, it is corrected in its place. Where
        positive prompts lie so far apart that the object must be larger than the view in which it was found,
        the answer is that to all of them.
        """
        return _corrected(self._on(scan), before, earlier, corrections)

    def _on(self, scan: Volume) -> ModelOnScan:
        return ModelOnScan(self.model, scan, windows_of(scan))


def _looked_for(model: ModelOnScan, prompts: PlacedPrompts, known: PlacedPrompts | None = None) -> Found:
    """The object from all prompts together.

    Answers that contradict ``known`` clicks, which the model is not told of, are not taken if there are
    others.
    """
    views = look_for(model, prompts, known)
    found = _followed(model, prompts, views[0])
    return replace(found, alternatives=distinct(views)) if prompts.are_clicks else found


def _followed(model: ModelOnScan, prompts: PlacedPrompts, view: View) -> Found:
    """The answer of a view, followed where it leaves its region through the slices."""
    canvas = Canvas.blank(model.scan.grid)
    part, seen = model.on_scan(view.look)
    canvas.paste(part, seen)
    ends = [follow(model, prompts, canvas, part[0], view.focus, direction) for direction in (-1, 1)]
    canvas.keep_depth(*prompts.depth_limits())
    notes = doubts(canvas.mask, prompts, hits=view.look.hits_prompts, ended=all(ends))
    canvas.keep_outlines(prompts.outlined_slices())
    return Found(logits=canvas.logits, field_of_view_mm=view.focus.field_of_view_mm, warnings=notes)


def _corrected(
    model: ModelOnScan, before: Found, earlier: PlacedPrompts, corrections: PlacedPrompts
) -> Found:
    prompts = earlier + corrections
    canvas, width_mm, ended = _answer_to_corrections(model, before, earlier, corrections)
    canvas.keep_outlines(prompts.outlined_slices(but=corrections.clicked_slices()))
    canvas.take_back(before.logits, corrections)
    notes = doubts_about_correction(canvas.mask, before.mask, prompts, ended=ended)
    return Found(logits=canvas.logits, field_of_view_mm=width_mm, warnings=notes)


def _answer_to_corrections(
    model: ModelOnScan, before: Found, earlier: PlacedPrompts, corrections: PlacedPrompts
) -> tuple[Canvas, float, bool]:
    """The whole object after corrections, the width of the view, and whether the ends were found."""
    prompts = earlier + corrections
    if says_nothing_new(before.mask, corrections):
        return Canvas(before.logits.copy()), before.field_of_view_mm, True
    reach = Reach.of(before.mask, earlier, corrections)
    start = before
    if reach is not None and reach.is_deep(before.mask, DEEP):
        start = _other_size(model, before, prompts, reach)
        if corrections.agree_with(start.mask):
            return Canvas(start.logits.copy()), start.field_of_view_mm, True
    if prompts_exceed_view(model, prompts, corrections, start.field_of_view_mm):
        anew = _looked_for(model, prompts)
        return Canvas(anew.logits.copy()), anew.field_of_view_mm, True
    canvas = Canvas(start.logits.copy())
    width_mm = widened(model, canvas, prompts, corrections, start.field_of_view_mm)
    return canvas, width_mm, mend(model, canvas, earlier, corrections, width_mm)


def _other_size(model: ModelOnScan, before: Found, prompts: PlacedPrompts, reach: Reach) -> Found:
    """The object in another size that agrees with more clicks; as before if there is none.

    It is one of the alternatives, or what is found anew from all clicks. It may not change more than the
    clicks ask for.
    """
    if before.alternatives:
        better = better_than(before.alternatives[before.chosen], before.alternatives, prompts)
        if better is not None:
            other = _followed(model, prompts, better)
            return before if reach.changed_too_much(before.mask, other.mask) else other
    if not prompts.any_positive:
        return before
    other = _looked_for(model, prompts)
    fits = prompts.agree_with(other.mask) and not reach.changed_too_much(before.mask, other.mask)
    return other if fits else before
