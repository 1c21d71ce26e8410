"""The right size from a click, which does not tell it: look at several scales, and judge the answers.

A model that has a judge (``model.view_judge``) predicts how good each of its answers is. For other models
an answer is credible that the model is sure of and that the other views agree with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from synthfm3d.model.interface import JudgedModel
from synthfm3d.segmentation.look import (
    Focus,
    Look,
    ModelOnScan,
    field_of_view_for,
    field_of_view_limits,
    touches_border,
)
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.segmentation.view_features import FEATURES, ViewTable, agreement
from synthfm3d.segmentation.watching import report_first_slice
from synthfm3d.volume import Array, Grid

STEP = 1.5
"""Width of a view over that of the next closer one. Training shows a network objects of half to double the
size that it likes best, so some view of the series shows any object well."""
MOST_VIEWS = 8
"""The closest one shows 1/17 of the image's width, and objects of 1/40 of it well."""
WORTH_A_VIEW = 1.2
"""Least ratio of the widths of two neighbouring views."""
MOST_ALTERNATIVES = 3
SAME_ANSWER = 0.75
"""Dice of two answers on the clicked slice from which on they are not offered beside each other."""
FEWEST_LOOKS = 4
"""Looks before a search may end early."""
CLEARLY_BETTER = 0.25
"""A search ends where the two closest views are predicted to be worse than the best one by this Dice."""
CONTRADICTED = 0.85
"""Factor on the predicted Dice of an answer for each further click that it contradicts."""
AS_PLAUSIBLE = 0.6
"""Predicted Dice of an answer that replaces another one, over that of the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """One answer to the prompts.

    Parameters
    ----------
    look, focus
        What was seen, and where.
    predicted_dice
        The Dice that the model expects on the clicked slice; None where it has no judge.
    """

    look: Look
    focus: Focus
    predicted_dice: float | None = None

    @property
    def diameter_mm(self) -> float:
        """Diameter of a disc as large as the mask is on the clicked slice."""
        pixel_mm = self.look.region.spacing_mm[1]
        return float(2 * pixel_mm * np.sqrt(np.count_nonzero(self.look.middle_mask) / np.pi))


def look_for(model: ModelOnScan, prompts: PlacedPrompts, known: PlacedPrompts | None = None) -> list[View]:
    """Answers to the prompts, best first: one for a box or mask, those of several scales for clicks.

    Parameters
    ----------
    prompts
        What the model is told.
    known
        Further clicks. The model is not told of them, but answers that contradict them are less likely.
    """
    grid = model.scan.grid
    centre_mm, extent_mm = grid.to_mm(prompts.middle()), prompts.extent_mm
    limits = field_of_view_limits(grid, model.model.grid_shape, extent_mm)
    if not prompts.are_clicks:
        focus = Focus(centre_mm, field_of_view_for(extent_mm, limits))
        return [View(look=model.look(prompts, focus.centre_mm, focus.field_of_view_mm), focus=focus)]
    return ranked(_views(model, prompts, centre_mm, limits), prompts, known or prompts.only(()))


def ranked(views: Sequence[View], prompts: PlacedPrompts, known: PlacedPrompts) -> list[View]:
    """Views, best first: not empty, no prompt contradicted, then by the predicted Dice.

    Without a prediction: an answer that fits into its view, then by credibility. A ``known`` click that an
    answer contradicts makes it less likely: a click near the border is easily missed, while a mask that holds
    all clicks may be far too large.
    """
    looks = [view.look for view in views]

    def quality(view: View) -> tuple[float, ...]:
        found, fits = bool(view.look.mask.any()), not touches_border(view.look.middle_mask)
        trust = CONTRADICTED ** contradicted(view.look, known)
        given = (
            (float(fits and view.look.middle_mask.any()), trust * _credibility(view.look, looks))
            if view.predicted_dice is None
            else (trust * view.predicted_dice,)
        )
        return float(found), -contradicted(view.look, prompts), float(view.look.hits_prompts), *given

    return sorted(views, key=quality, reverse=True)


def distinct(views: Sequence[View]) -> tuple[View, ...]:
    """The best answers of ranked views that differ from each other; of the empty ones none but the first."""
    kept = list(views[:1])
    for view in views[1:]:
        if not view.look.hits_prompts or len(kept) == MOST_ALTERNATIVES:
            continue
        if all(agreement(view.look, other.look) < SAME_ANSWER for other in kept):
            kept.append(view)
    return tuple(kept)


def contradicted(look: Look, prompts: PlacedPrompts) -> int:
    """Number of clicks that an answer contradicts, among those on the slices that it covers."""
    return sum(_contradicts(look, *click) for click in prompts.clicks_on(look.region))


def _contradicts(look: Look, index: Array, positive: bool) -> bool:
    """Whether an answer contradicts a click at a voxel (3,) of its region, or beyond it."""
    mask = look.mask
    if not -0.5 <= index[0] < mask.shape[0] - 0.5:
        return False
    inside = bool(look.region.contains(index)) and bool(mask[tuple(np.rint(index).astype(int))])
    return inside != positive


def better_than(chosen: View, views: Sequence[View], prompts: PlacedPrompts) -> View | None:
    """Of ranked views the best that agrees with more clicks than the chosen one; None without one.

    An answer that is much less plausible than the chosen one is not better.
    """
    least = AS_PLAUSIBLE * (chosen.predicted_dice or 0.0)
    plausible = [view for view in views if view.predicted_dice is None or view.predicted_dice >= least]
    best = min(plausible, key=lambda view: contradicted(view.look, prompts), default=chosen)
    fewer = contradicted(best.look, prompts) < contradicted(chosen.look, prompts)
    return best if fewer else None


def view_widths(scan: Grid, limits: tuple[float, float]) -> list[float]:
    """Widths of the views around a click in mm, widest first: a geometric series from the whole image down.

    Where the smallest useful width ends the series early, it is the last one.

    Parameters
    ----------
    scan
        Grid of the scan, slices first.
    limits
        Smallest and largest useful width (``look.field_of_view_limits``).
    """
    smallest, largest = limits
    series = [min(image_width_mm(scan) / STEP**n, largest) for n in range(MOST_VIEWS)]
    widths = [width for width in series if width >= smallest]
    if not widths or (len(widths) < MOST_VIEWS and widths[-1] > WORTH_A_VIEW * smallest):
        widths.append(smallest)
    return widths


def image_width_mm(scan: Grid) -> float:
    """Larger edge of a scan's slices, in mm."""
    return float(max(n * mm for n, mm in zip(scan.shape[1:], scan.spacing_mm[1:], strict=True)))


def _views(
    model: ModelOnScan, prompts: PlacedPrompts, centre_mm: Array, limits: tuple[float, float]
) -> list[View]:
    """Views around a click from the whole image inwards, until one is clearly best."""
    grid = model.scan.grid
    judge = model.model.judge if isinstance(model.model, JudgedModel) else None
    table = ViewTable(image_width_mm(grid))
    views: list[View] = []
    predicted: Array | None = None
    for width in view_widths(grid, limits):
        look = model.look(prompts, centre_mm, width)
        views.append(View(look=look, focus=Focus(centre_mm, width)))
        if judge is None:
            continue
        table.add(look)
        predicted = judge.predicted_dice(FEATURES, table.features)
        best = views[int(predicted.argmax())].look
        report_first_slice(partial(model.middle_on_scan, best))
        if is_settled(predicted):
            break
    if predicted is None:
        return views
    return [replace(view, predicted_dice=float(dice)) for view, dice in zip(views, predicted, strict=True)]


def is_settled(predicted: Array) -> bool:
    """Whether the two closest views so far are clearly worse than the best one."""
    return len(predicted) >= FEWEST_LOOKS and bool(predicted[-2:].max() < predicted.max() - CLEARLY_BETTER)


def _credibility(look: Look, looks: Sequence[Look]) -> float:
    """The model's certainty times the mean Dice with the answers of the other views."""
    others = [agreement(look, other) for other in looks if other is not look]
    return look.certainty * (float(np.mean(others)) if others else 1.0)
