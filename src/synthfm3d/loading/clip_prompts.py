"""Prompts on the slices of a clip, as SAM 2's training draws them, and clicks that correct its answers.

Shares and numbers are those of SAM 2 (``sam2.1_hiera_b+_MOSE_finetune.yaml`` and ``training/model/sam2.py``
of facebookresearch/sam2), but for negative clicks beside the first one and the jitter of masks, which are
ours.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthfm3d.loading.shares import check_shares
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.prompts.simulation import tight_box
from synthfm3d.volume import Array

NO_POINT = -9
"""Label of a place in a table of points that holds none."""
MOST_POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPromptSettings:
    """Which prompts a clip gets.

    Parameters
    ----------
    mask, box
        Share of clips prompted by masks and by boxes; the rest by clicks.
    box_jitter
        Standard deviation of a box's sides, as a share of its size, and at most 20 pixels.
    mask_jitter
        Share of masks that are a pixel too wide or too narrow, as outlines by hand are.
    negative
        Share of first clicks that one or two negative ones stand beside.
    second_slice
        Share of clips of which a second slice is prompted from the start.
    corrected_slices
        Fewest and most slices that are corrected by clicks; masks are not corrected.
    correction_clicks
        Clicks on each of them, one after the other, each into the error that the last one left.
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


def draw_points(
    section: Array, kind: str, settings: ClipPromptSettings, draw: np.random.Generator
) -> tuple[Array, Array]:
    """Points (3, 2), (x, y), and labels (3,) for an object bool (y, x); ``NO_POINT`` where there is none.

    Labels are 1 and 0 for clicks inside and outside, 2 and 3 for the corners of a box. A mask has no points.
    """
    points, labels = np.zeros((MOST_POINTS, 2), np.float32), np.full(MOST_POINTS, NO_POINT, np.int32)
    if kind == "box":
        points[:2], labels[:2] = _box(section, settings, draw), (2, 3)
    elif kind == "point":
        points[0], labels[0] = _somewhere(section, draw), 1
        if draw.random() < settings.negative:
            near = ndimage.binary_dilation(section, iterations=8) & ~ndimage.binary_dilation(section)
            for place in range(1, int(draw.integers(2, MOST_POINTS + 1)) if near.any() else 1):
                points[place], labels[place] = _somewhere(near, draw), 0
    return points, labels


def draw_mask(section: Array, settings: ClipPromptSettings, draw: np.random.Generator) -> Array:
    """An outline bool (y, x) of an object: the true one, now and then a pixel beside it."""
    if draw.random() >= settings.mask_jitter:
        return section
    change = ndimage.binary_dilation if draw.random() < 0.5 else ndimage.binary_erosion
    changed = change(section)
    return np.asarray(changed if changed.any() else section)


def random_error_click(
    answer: Array, truth: Array, settings: ClipPromptSettings, draw: np.random.Generator
) -> tuple[Array, int]:
    """A click (x, y) anywhere into the error of an answer, both bool (y, x), and its label.

    So SAM 2 is trained; the evaluation clicks into the middle of the largest error instead, see
    ``prompts.simulation.correcting_click``.
    Missed pixels get a positive click, wrongly taken ones a negative. Where nothing is wrong, the
    click says again what is outside.
    """
    if truth.any() and draw.random() < settings.click_from_truth:
        return _somewhere(truth, draw), 1
    wrong = answer != truth
    if not wrong.any():
        return (_somewhere(~truth, draw), 0) if not truth.all() else (_somewhere(truth, draw), 1)
    place = _somewhere(wrong, draw)
    return place, int(truth[int(place[1]), int(place[0])])


def _somewhere(region: Array, draw: np.random.Generator) -> Array:
    """A pixel of a region, (x, y), all equally likely."""
    places = np.flatnonzero(region)
    y, x = divmod(int(places[draw.integers(len(places))]), region.shape[1])
    return np.array([x, y], np.float32)


def _box(section: Array, settings: ClipPromptSettings, draw: np.random.Generator) -> Array:
    """Upper left and lower right corner, (2, 2), (x, y), of a jittered box."""
    low, high = (corner[::-1].astype(float) for corner in tight_box(section))
    spread = np.minimum(settings.box_jitter * (high - low + 1), 20.0)
    low = low + draw.normal(size=2) * spread
    high = np.maximum(high + draw.normal(size=2) * spread, low + 1)
    limit = np.array(section.shape[::-1]) - 1
    return np.asarray(np.clip(np.stack([low, high]), 0, limit), np.float32)
