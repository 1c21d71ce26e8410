"""Corrects a mask with one more look at the place that is wrong.

The model gets every prompt that lies in the view, and its former answer. The slices beyond the view are
followed again only where the mask has changed on the last slice of the view. ``reach.Reach`` limits what may
change. If the model ignores a click, it is asked what lies there.
"""

from dataclasses import dataclass

import numpy as np

from synthfm3d.metrics.overlap import dice
from synthfm3d.regions import LEAST_FIELD_OF_VIEW_PER_EXTENT, OUTLINE_SCALE
from synthfm3d.segmentation.canvas import Canvas
from synthfm3d.segmentation.click_search import contradicted
from synthfm3d.segmentation.follow import follow
from synthfm3d.segmentation.look import (
    Focus,
    ModelOnScan,
    centre_and_extent,
    field_of_view_for,
    field_of_view_limits,
)
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.segmentation.prompt_kinds import PlacedMask, PlacedPoint
from synthfm3d.segmentation.reach import Reach
from synthfm3d.volume import Array, Grid

SAME_OUTLINE = 0.8
"""Dice of the mask before and after a correction, on the last slice that it covers, from which on the slices
beyond are left as they were."""
ERROR_PER_DEPTH = 3.0
"""Extent of an error over the depth of the click in it; a ball that is clicked in its middle has 2."""


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


def widened(
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


def mend(
    model: ModelOnScan,
    canvas: Canvas,
    earlier: PlacedPrompts,
    corrections: PlacedPrompts,
    field_of_view_mm: float,
) -> bool:
    """Correct a canvas where the corrections are, in a view of this width; whether the ends were found.

    Only the changes that the corrections ask for count (``Canvas.take_back``). Clicks and strokes change the
    mask only as far as they reach; a box or an outline among them asks for all that it holds.
    """
    prompts = earlier + corrections
    place = _place_of(model, canvas, prompts, corrections, field_of_view_mm)
    if place is None:
        return True
    before = Canvas(canvas.logits.copy())
    reach = Reach.of(before.mask, earlier, corrections) if corrections.are_clicks else None
    look = model.look(
        place.prompts, place.focus.centre_mm, place.focus.field_of_view_mm, previous=before.logits
    )
    part, found = model.on_scan(look)
    canvas.forget_region(look.region, model.scan.grid)
    canvas.paste(part, found)
    canvas.take_back(before.logits, corrections)
    if reach is not None:
        if reach.changed_too_little(before.mask, canvas.mask):
            _ask_what_is_there(model, canvas, prompts, reach)
            canvas.take_back(before.logits, corrections)
        _limit(canvas, before, corrections, reach)
    looked = canvas.logits.copy()
    ends = [_beyond(model, prompts, canvas, before, part[0], place.focus, side) for side in (-1, 1)]
    if reach is not None and reach.changed_too_much(before.mask, canvas.mask):
        canvas.paste((slice(None),) * 3, looked)  # what was found beyond is more than was asked for
    return all(ends)


def _limit(canvas: Canvas, before: Canvas, corrections: PlacedPrompts, reach: Reach) -> None:
    """Take back what is out of reach, where too much changed or an earlier click is contradicted."""
    was, mask = before.mask, canvas.mask
    if reach.changed_too_much(was, mask) or reach.contradicts_earlier(was, mask):
        canvas.restore(before.logits, ~reach.near())
        canvas.take_back(before.logits, corrections)


def _ask_what_is_there(model: ModelOnScan, canvas: Canvas, prompts: PlacedPrompts, reach: Reach) -> None:
    """Look for what was clicked as for an object of its own, and add it to the mask or take it out.

    The depth of a click tells how large its error is. Clicks that say the opposite do not belong to it. An
    answer that holds one of them is the whole object and is not used.
    """
    grid = model.scan.grid
    limits = field_of_view_limits(grid, model.model.grid_shape, 0.0)
    for place, positive, depth_mm in zip(reach.clicks, reach.positive, reach.depths_mm, strict=True):
        others = prompts.only(
            PlacedPoint(click, positive=False)
            for prompt in prompts
            if prompt.positive != positive
            for click in prompt.clicks
        )
        asked = prompts.only([PlacedPoint(place.astype(float)), *others])
        look = model.look(asked, grid.to_mm(place), field_of_view_for(ERROR_PER_DEPTH * depth_mm, limits))
        if contradicted(look, others):
            continue
        part, found = model.on_scan(look)
        if positive:
            canvas.join(part, found)
        else:
            canvas.remove(part, found)


# ---------------------------------------------------------------- where to look


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where a correction is looked at, and the prompts that reach this place."""

    focus: Focus
    prompts: PlacedPrompts


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
    before: Canvas,
    covered: slice,
    focus: Focus,
    direction: int,
) -> bool:
    """The slices beyond the corrected ones: as they were if the object leaves these as it did, else anew.

    Returns what ``follow`` does.
    """
    end = covered.stop - 1 if direction > 0 else covered.start
    if dice(canvas.section(end), before.section(end)) >= SAME_OUTLINE:
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
