"""Kinds of prompts that training draws, and their shares. ``prompts.simulation`` draws each prompt."""

from dataclasses import dataclass

import numpy as np

from synthfm3d.prompts.prompt import PROMPT_KINDS, GridPrompts
from synthfm3d.prompts.simulation import (
    click_in_hole,
    clicks_near,
    grown_or_shrunk,
    loosely_jittered,
    normally_jittered,
    pixel_well_inside,
    random_pixel,
    ring_around,
    smoothly_shifted,
    stroke_inside,
    tight_box,
)
from synthfm3d.volume import Array

SYNTHETIC_SHARE = 0.25
"""Share of synthetic patches when a model is adapted to labelled scans."""
NO_POINT = -9
"""Label of an empty place in a table of points."""
MOST_POINTS = 3
"""Places for points of an object on a prompted slice of a clip."""


def check_shares(settings: object, *names: str) -> None:
    """Raise ValueError unless all the named settings lie within 0 and 1."""
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is a share from 0 to 1, got {value}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """Which prompts a patch gets, and how imprecise they are.

    Parameters
    ----------
    click, box
        Share of patches prompted by clicks and by a box; the rest get a mask.
    central
        Share of click prompts whose first click is the middle of the view: the predictor centres its view on
        a user's click.
    more_clicks
        Share of click prompts that get one or two further positive clicks.
    negative
        Share of all prompts that get one to three negative clicks.
    scribble
        Share of click prompts that are a stroke on the prompted slice, and of negative clicks that are one
        around it.
    second_slice
        Share of masks that outline the target on another slice as well.
    handed_on
        Share of masks that outline the target on all slices on one side, as the predictor does when it
        follows an object. These outlines are made from the truth; those of ``rounds.handed_on`` are
        answers of the network.
    imperfect
        Share of masks whose outlines are shifted, as a hurried user or the model itself draws them.
    lasso
        Share of imperfect outlines that lie outside the target all around, as a lasso does.
    solid_box
        Share of box prompts that bound the target in 3-D instead of on one slice.
    box_jitter
        Range of the standard deviation of a box's sides, as a share of its size.
    loose_box
        Share of boxes that are too wide, by up to a fifth on each side.
    """

    click: float = 0.35
    box: float = 0.3
    central: float = 0.5
    more_clicks: float = 0.25
    negative: float = 0.25
    scribble: float = 0.15
    second_slice: float = 0.15
    handed_on: float = 0.2
    imperfect: float = 0.7
    lasso: float = 0.15
    solid_box: float = 0.15
    box_jitter: tuple[float, float] = (0.01, 0.08)
    loose_box: float = 0.15

    def __post_init__(self) -> None:
        if not 0 <= self.click <= 1 or not 0 <= self.box <= 1 - self.click:
            raise ValueError(f"click and box must be shares of at most 1 together, got {self}.")
        if not 0 <= self.box_jitter[0] <= self.box_jitter[1] <= 1:
            raise ValueError(f"box_jitter must be a range of shares of a box's size, got {self.box_jitter}.")
        check_shares(
            self, "central", "more_clicks", "negative", "scribble", "second_slice", "handed_on", "imperfect",
            "lasso", "solid_box", "loose_box",
        )  # fmt: skip


def draw_patch_prompts(
    target: Array,
    prompted: int,
    by_outline: bool,
    hollow: bool,
    settings: PromptSettings,
    draw: np.random.Generator,
) -> GridPrompts:
    """Prompts for a target bool (z, y, x) that is visible on the slice ``prompted``.

    ``by_outline`` asks for a box or a mask, otherwise clicks are drawn. The box of a ``hollow`` target comes
    with a negative click in its hole: the box alone could mean the wall or all that it holds.
    """
    positive, negative = np.zeros((0, 3)), np.zeros((0, 3))
    boxes = np.zeros((0, 2, 3))
    mask: Array | None = None
    if draw.random() < settings.negative:
        negative = clicks_near(target, prompted, settings.scribble, draw)
    if not by_outline:
        positive = _patch_clicks(target, prompted, settings, draw)
    elif draw.random() < settings.box / max(1e-9, 1 - settings.click):
        boxes = _patch_box(target, prompted, settings, draw)[None]
        if hollow:
            inner = np.insert(click_in_hole(target[prompted], draw).astype(float), 0, prompted, axis=1)
            negative = np.concatenate([negative, inner])
    else:
        mask = _patch_mask(target, prompted, settings, draw)
    return GridPrompts(positive=positive, negative=negative, boxes=boxes, mask=mask)


def _patch_clicks(target: Array, prompted: int, settings: PromptSettings, draw: np.random.Generator) -> Array:
    """One click or a stroke on the prompted slice, and in some samples one or two more in the target."""
    section = target[prompted]
    if draw.random() < settings.scribble:
        return np.insert(stroke_inside(section, draw).astype(float), 0, prompted, axis=1)
    y, x = (n // 2 for n in section.shape)
    if not section[y, x] or draw.random() >= settings.central:
        y, x = pixel_well_inside(section, draw)
    clicks = [np.array([prompted, y, x], float)]
    if draw.random() < settings.more_clicks:
        inside = np.argwhere(target)
        clicks += list(inside[draw.integers(len(inside), size=draw.integers(1, 3))].astype(float))
    return np.stack(clicks)


def _patch_mask(target: Array, prompted: int, settings: PromptSettings, draw: np.random.Generator) -> Array:
    """The target outlined on the prompted slice, and sometimes on other slices that show it."""
    shown = np.flatnonzero(target.any(axis=(1, 2)))
    outlined = {prompted}
    kind = draw.random()
    if kind < settings.second_slice:
        outlined.add(int(draw.choice(shown)))
    elif kind < settings.second_slice + settings.handed_on:
        side = shown <= prompted if draw.random() < 0.5 else shown >= prompted
        outlined.update(int(z) for z in shown[side])
    imperfect = draw.random() < settings.imperfect
    lasso = imperfect and draw.random() < settings.lasso
    mask = np.zeros(target.shape, np.int8)
    for z in sorted(outlined):
        section = smoothly_shifted(target[z], draw, lasso=lasso) if imperfect else target[z]
        mask[z] = np.where(section, 1, -1)
    return mask


def _patch_box(target: Array, prompted: int, settings: PromptSettings, draw: np.random.Generator) -> Array:
    """Inclusive corners (2, 3) of a jittered box on the prompted slice, or around the whole target."""
    corners = tight_box(target[prompted])
    first, last = prompted, prompted
    if draw.random() < settings.solid_box:
        inside = np.argwhere(target)
        solid = np.stack([inside.min(axis=0), inside.max(axis=0)])
        corners, (first, last) = solid[:, 1:], solid[:, 0]
    moved = loosely_jittered(corners, settings.box_jitter, settings.loose_box, target.shape[1:], draw)
    return np.column_stack([[first, last], moved])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPromptSettings:
    """Which prompts a clip gets.

    Shares and numbers are those of SAM 2's training (``sam2.1_hiera_b+_MOSE_finetune.yaml`` and
    ``training/model/sam2.py`` of facebookresearch/sam2). Negative clicks beside the first one and the jitter
    of masks are additions.

    Parameters
    ----------
    mask, box
        Share of clips prompted by masks and by boxes; the rest by clicks.
    box_jitter
        Standard deviation of a box's sides, as a share of its size, and at most 20 pixels.
    mask_jitter
        Share of masks that are a pixel too wide or too narrow, as outlines by hand are.
    negative
        Share of first clicks that come with one or two negative clicks.
    second_slice
        Share of clips of which a second slice is prompted from the start.
    corrected_slices
        Fewest and most slices that are corrected by clicks; masks are not corrected.
    correction_clicks
        Clicks on each of them, one after the other, each into the error that remains after the last one.
    click_from_truth
        Share of corrections that click into the object, whatever the error.
    """

    mask: float = 0.5
    box: float = 0.25
    box_jitter: float = 0.1
    mask_jitter: float = 0.25
    negative: float = 0.25
    second_slice: float = 0.5
    corrected_slices: tuple[int, int] = (1, 2)
    correction_clicks: int = 7
    click_from_truth: float = 0.1

    def __post_init__(self) -> None:
        check_shares(
            self, "mask", "box", "box_jitter", "mask_jitter", "negative", "second_slice", "click_from_truth"
        )
        if self.mask + self.box > 1:
            raise ValueError(f"mask and box must be shares of at most 1 together, got {self}.")
        if not 0 <= self.corrected_slices[0] <= self.corrected_slices[1] or self.correction_clicks < 0:
            raise ValueError(f"corrected_slices must be a range, correction_clicks 0 or more, got {self}.")

    def draw_kind(self, draw: np.random.Generator) -> str:
        """One of ``PROMPT_KINDS``."""
        return str(draw.choice(PROMPT_KINDS, p=[1 - self.mask - self.box, self.box, self.mask]))


def draw_clip_points(
    section: Array, kind: str, settings: ClipPromptSettings, draw: np.random.Generator
) -> tuple[Array, Array]:
    """Points (3, 2), (x, y), and labels (3,) for an object bool (y, x); ``NO_POINT`` where there is none.

    Labels are 1 and 0 for clicks inside and outside, 2 and 3 for the corners of a box. A mask has no points.
    """
    points, labels = np.zeros((MOST_POINTS, 2), np.float32), np.full(MOST_POINTS, NO_POINT, np.int32)
    if kind == "box":
        corners = tight_box(section)[:, ::-1]
        points[:2] = normally_jittered(corners, settings.box_jitter, section.shape[::-1], draw)
        labels[:2] = 2, 3
    elif kind == "point":
        points[0], labels[0] = random_pixel(section, draw)[::-1], 1
        if draw.random() < settings.negative:
            near = ring_around(section)
            for place in range(1, int(draw.integers(2, MOST_POINTS + 1)) if near.any() else 1):
                points[place], labels[place] = random_pixel(near, draw)[::-1], 0
    return points, labels


def draw_clip_mask(section: Array, settings: ClipPromptSettings, draw: np.random.Generator) -> Array:
    """An outline bool (y, x) of an object: mostly the true one, sometimes a pixel wider or narrower."""
    return grown_or_shrunk(section, draw) if draw.random() < settings.mask_jitter else section
