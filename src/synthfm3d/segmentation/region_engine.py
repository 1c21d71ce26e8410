"""An engine for models that see one region at a time.

The object is looked for at the prompted place, at a scale that the model knows, and followed where it leaves
the region through the slices. A mask that is wrong somewhere is corrected there by one more look; the slices
beyond are followed anew only where the object leaves the corrected ones otherwise than before.
"""

from dataclasses import dataclass, replace

import numpy as np

from synthfm3d.intensity import windows_of
from synthfm3d.metrics.overlap import dice
from synthfm3d.model.interface import PromptableModel
from synthfm3d.regions import LEAST_FIELD_OF_VIEW_PER_EXTENT, OUTLINE_SCALE
from synthfm3d.segmentation.canvas import Canvas, says_nothing_new
from synthfm3d.segmentation.click_search import View, better_than, distinct, look_for
from synthfm3d.segmentation.engine import Found, doubts, doubts_about_correction
from synthfm3d.segmentation.follow import follow
from synthfm3d.segmentation.look import (
    Focus,
    ModelOnScan,
    centre_and_extent,
    field_of_view_for,
    field_of_view_limits,
)
from synthfm3d.segmentation.placed_prompts import PlacedPrompts
from synthfm3d.segmentation.prompt_kinds import PlacedMask
from synthfm3d.volume import Array, Grid, Volume

SAME_OUTLINE = 0.8
"""Dice of the mask before and after a correction, on the last slice that it covers, from which on the slices
beyond are left as they were."""


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
    canvas, width_mm, ended = _answer_to_corrections(model, before, prompts, corrections)
    canvas.keep_outlines(prompts.outlined_slices(but=corrections.clicked_slices()))
    canvas.take_back(before.logits, corrections)
    notes = doubts_about_correction(canvas.mask, before.mask, prompts, ended=ended)
    return Found(logits=canvas.logits, field_of_view_mm=width_mm, warnings=notes)


def _answer_to_corrections(
    model: ModelOnScan, before: Found, prompts: PlacedPrompts, corrections: PlacedPrompts
) -> tuple[Canvas, float, bool]:
    """The whole object after corrections, the width of the view, and whether the ends were found."""
    width_mm = before.field_of_view_mm
    if says_nothing_new(before.mask, corrections):
        return Canvas(before.logits.copy()), width_mm, True
    start, better = before, None
    if before.alternatives:
        better = better_than(before.alternatives[before.chosen], before.alternatives, prompts)
    if better is not None:
        start = _followed(model, prompts, better)
        width_mm = start.field_of_view_mm
        if corrections.agree_with(start.mask):
            return Canvas(start.logits.copy()), width_mm, True
    if prompts_exceed_view(model, prompts, corrections, width_mm):
        anew = _looked_for(model, prompts)
        return Canvas(anew.logits.copy()), anew.field_of_view_mm, True
    canvas = Canvas(start.logits.copy())
    width_mm = _widened(model, canvas, prompts, corrections, width_mm)
    return canvas, width_mm, _mend(model, canvas, prompts, corrections, width_mm)


# ---------------------------------------------------------------- the width of the view of a correction


def prompts_exceed_view(
    model: ModelOnScan, prompts: PlacedPrompts, corrections: PlacedPrompts, field_of_view_mm: float
) -> bool:
    """Whether positive prompts lie too far apart for the view in which the object was found.

    Then the scale was wrong, and so is the mask: the object should be looked for anew.
    """
    section = _marked(model, prompts, corrections, field_of_view_mm)
    if not section.any():
        return False
    _, extent_mm = centre_and_extent(section, model.scan.grid, 0)
    return extent_mm * LEAST_FIELD_OF_VIEW_PER_EXTENT > field_of_view_mm


def _widened(
    model: ModelOnScan,
    canvas: Canvas,
    prompts: PlacedPrompts,
    corrections: PlacedPrompts,
    field_of_view_mm: float,
) -> float:
    """Field of view for corrections, mm: wider than before where training never saw an object fill it so.

    The object is at least what the mask and the positive prompts are together on a corrected slice.
    """
    grid = model.scan.grid
    section = _marked(model, prompts, corrections, field_of_view_mm)
    section |= canvas.section(round(float(corrections.prompts[-1].middle[0])))
    if not section.any():
        return field_of_view_mm
    _, extent_mm = centre_and_extent(section, grid, 0)
    if OUTLINE_SCALE[0] * extent_mm <= field_of_view_mm:
        return field_of_view_mm
    limits = field_of_view_limits(grid, model.model.grid_shape, extent_mm)
    return max(field_of_view_mm, field_of_view_for(extent_mm, limits))


def _marked(
    model: ModelOnScan, prompts: PlacedPrompts, corrections: PlacedPrompts, field_of_view_mm: float
) -> Array:
    """Boolean (y, x): the marks of the positive prompts that a view around a correction would show."""
    grid = model.scan.grid
    corrected = np.array([prompt.middle[0] for prompt in corrections])
    region = model.region(grid.to_mm(np.array([corrected[-1], 0, 0])), field_of_view_mm)
    half = region.shape[0] * region.spacing_mm[0] / grid.spacing_mm[0] / 2
    section = np.zeros(grid.shape[1:], bool)
    marks = np.concatenate([np.zeros((0, 3)), *(prompt.marks for prompt in prompts if prompt.positive)])
    shown = marks[(np.abs(marks[:, :1] - corrected) <= half).any(axis=1), 1:]
    y, x = np.clip(np.rint(shown).astype(int), 0, np.array(section.shape) - 1).T
    section[y, x] = True
    return section


# ---------------------------------------------------------------- one more look


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where a correction is looked at, and the prompts that reach this place."""

    focus: Focus
    prompts: PlacedPrompts


def _mend(
    model: ModelOnScan,
    canvas: Canvas,
    prompts: PlacedPrompts,
    corrections: PlacedPrompts,
    field_of_view_mm: float,
) -> bool:
    """Correct a canvas where the corrections are, in a view of this width; whether the ends were found.

    The model looks at the place of the corrections with every prompt that reaches it, and with its former
    answer. Only the changes that the corrections ask for count (``Canvas.take_back``); where the object
    leaves the slices of the look otherwise than before, it is followed anew.
    """
    place = _place_of(model, canvas, prompts, corrections, field_of_view_mm)
    if place is None:
        return True
    before = canvas.logits.copy()
    focus = place.focus
    look = model.look(place.prompts, focus.centre_mm, focus.field_of_view_mm, previous=before)
    part, found = model.on_scan(look)
    canvas.forget_region(look.region, model.scan.grid)
    canvas.paste(part, found)
    canvas.take_back(before, corrections)
    ends = [_beyond(model, prompts, canvas, before, part[0], focus, direction) for direction in (-1, 1)]
    return all(ends)


def _place_of(
    model: ModelOnScan,
    canvas: Canvas,
    prompts: PlacedPrompts,
    corrections: PlacedPrompts,
    field_of_view_mm: float,
) -> _Place | None:
    """Where corrections are looked at; None if there is nothing to look at.

    Where no positive prompt reaches the place, the outline of the mask some slices nearer to the first
    prompts says which object is meant. An object of one slice, and that is wrong, is taken off the canvas.
    """
    grid = model.scan.grid
    index = np.array([prompt.middle for prompt in corrections])
    centre = index.mean(axis=0)
    centre[0] = index[np.abs(index[:, 0] - centre[0]).argmin(), 0]
    focus = Focus(grid.to_mm(centre), field_of_view_mm)
    region = model.region(focus.centre_mm, field_of_view_mm)
    reaching = prompts.reaching(region)
    if reaching.any_positive:
        return _Place(focus, reaching)
    corrected = corrections.clicked_slices() | {round(float(z)) for z in index[:, 0]}
    wanted = centre[0] + _towards_prompts(prompts, centre[0]) * _some_slices(region, grid)
    trusted = canvas.nearest_slice(wanted, corrected)
    if trusted is None:
        canvas.forget(sorted(corrected))
        return None
    if not _reaches(region, grid, trusted):
        focus = Focus(grid.to_mm(np.array([trusted, *centre[1:]])), field_of_view_mm)
        region = model.region(focus.centre_mm, field_of_view_mm)
    if not _shows(region, grid, canvas.section(trusted), trusted):
        return None  # the mask is elsewhere, and nothing positive is here
    outlined = PlacedMask(canvas.outline(slice(trusted, trusted + 1)))
    return _Place(focus, prompts.only([outlined, *reaching]))


def _beyond(
    model: ModelOnScan,
    prompts: PlacedPrompts,
    canvas: Canvas,
    before: Array,
    covered: slice,
    focus: Focus,
    direction: int,
) -> bool:
    """The slices beyond the corrected ones: as they were if the object leaves these as it did, else anew.

    Returns what ``follow`` does.
    """
    end = covered.stop - 1 if direction > 0 else covered.start
    if dice(canvas.section(end), before[end] > 0) >= SAME_OUTLINE:
        return True
    if not canvas.shows(end):  # the object ends before now, so what came behind it was wrong
        canvas.forget(slice(covered.stop, None) if direction > 0 else slice(0, covered.start))
    return follow(model, prompts, canvas, covered, focus, direction)


def _towards_prompts(prompts: PlacedPrompts, z: float) -> int:
    """-1 or 1: the side of a slice on which the nearest positive prompt lies: there the mask is trusted."""
    places = (float(prompt.middle[0]) for prompt in prompts if prompt.positive)
    nearest = min(places, key=lambda other: abs(other - z), default=z)
    return 1 if nearest > z else -1


def _some_slices(region: Grid, grid: Grid) -> float:
    """A quarter of a region's depth in slices of the scan: well inside, and not beside the wrong one."""
    return region.shape[0] * region.spacing_mm[0] / grid.spacing_mm[0] / 4


def _reaches(region: Grid, grid: Grid, z: int) -> bool:
    """Whether a slice of the scan passes through the region."""
    middle = grid.to_index(region.to_mm((np.array(region.shape) - 1) / 2))
    return bool(region.contains(region.to_index(grid.to_mm(np.array([z, *middle[1:]])))))


def _shows(region: Grid, grid: Grid, section: Array, z: int) -> bool:
    """Whether a part of a mask (y, x) on a slice of the scan lies in the region."""
    places = np.insert(np.argwhere(section), 0, z, axis=1)
    return bool(region.contains(region.to_index(grid.to_mm(places))).any())
