"""Prompts for training: what a hurried user would say about a target."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.prompts.simulation import tight_box
from synthfm3d.volume import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """Share of each kind of prompt, and how imprecise they are.

    Parameters
    ----------
    click, box
        Share of patches prompted by clicks and by a box; the rest get a mask.
    central
        Share of click prompts whose first click is the middle of the view, as where a user's is looked at.
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
        Share of masks that outline it on all slices on one side, too, as where an object is followed.
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
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, got {getattr(self, name)}.")


_SHARES = (
    "central", "more_clicks", "negative", "scribble", "second_slice", "handed_on", "imperfect", "lasso",
    "solid_box", "loose_box",
)  # fmt: skip
_LOOSEST = 0.2
"""Of a box's size: how far a side of a loose box lies outside the target at most."""
_SHIFT_SHARE, _GROWTH_STD = 0.18, 0.06
"""Of the radius of an outlined section: greatest standard deviation of the smooth shift of its border, and
the standard deviation of the shift that is the same all around."""
_LASSO_SHARE = 0.3
"""Of the radius of an outlined section: how far a lasso lies outside it at most."""
_STROKE_POINTS = 3
"""Pixels that a stroke passes through, one after the other."""


def draw_prompts(
    target: Array,
    prompted: int,
    by_outline: bool,
    hollow: bool,
    settings: PromptSettings,
    draw: np.random.Generator,
) -> GridPrompts:
    """Prompts for a target bool (z, y, x) that is visible on the slice ``prompted``.

    ``by_outline`` asks for a box or a mask, otherwise clicks are drawn. The box of a ``hollow`` target comes
    with a negative click in what it surrounds: the box alone would mean both.
    """
    positive = np.zeros((0, 3))
    boxes = np.zeros((0, 2, 3))
    mask: Array | None = None
    negative = np.zeros((0, 3))
    if draw.random() < settings.negative:
        negative = _negative_clicks(target, prompted, settings, draw)
    if not by_outline:
        positive = _positive_clicks(target, prompted, settings, draw)
    elif draw.random() < settings.box / max(1e-9, 1 - settings.click):
        boxes = _box(target, prompted, settings, draw)[None]
        if hollow:
            negative = np.concatenate([negative, _clicks_in_hole(target[prompted], prompted, draw)])
    else:
        mask = _mask(target, prompted, settings, draw)
    return GridPrompts(positive=positive, negative=negative, boxes=boxes, mask=mask)


def imperfect_outline(section: Array, draw: np.random.Generator, *, lasso: bool = False) -> Array:
    """A section bool (y, x) as the follower or a hurried user outlines it: its border shifted smoothly.

    The border of a ``lasso`` is shifted outwards as well. The section itself if nothing would be left of it.
    """
    field = ndimage.gaussian_filter(draw.normal(size=section.shape), draw.uniform(2, 5))
    field /= field.std() + 1e-6
    depth = ndimage.distance_transform_edt(section) - ndimage.distance_transform_edt(~section)
    radius = float(np.sqrt(section.sum() / np.pi))
    shift = field * draw.uniform(0, _SHIFT_SHARE) * radius + draw.normal() * _GROWTH_STD * radius
    if lasso:
        shift += draw.uniform(0, _LASSO_SHARE) * radius
    moved = np.asarray(depth + shift > 0)
    return moved if moved.any() else section


def _positive_clicks(
    target: Array, prompted: int, settings: PromptSettings, draw: np.random.Generator
) -> Array:
    """One click on the prompted slice, well inside more often than not; sometimes more, or a stroke."""
    section = target[prompted]
    if draw.random() < settings.scribble:
        return _stroke(section, prompted, draw)
    y, x = (n // 2 for n in section.shape)
    if not section[y, x] or draw.random() >= settings.central:
        y, x = place_inside(section, draw)
    clicks = [np.array([prompted, y, x], float)]
    if draw.random() < settings.more_clicks:
        inside = np.argwhere(target)
        clicks += list(inside[draw.integers(len(inside), size=draw.integers(1, 3))].astype(float))
    return np.stack(clicks)


def _stroke(section: Array, z: int, draw: np.random.Generator) -> Array:
    """Positions (n, 3), about a pixel apart, of a stroke that stays in a non-empty mask (y, x) of slice z."""
    corners = [place_inside(section, draw) for _ in range(_STROKE_POINTS)]
    legs = [np.linspace(a, b, 1 + max(abs(b[0] - a[0]), abs(b[1] - a[1]))) for a, b in pairwise(corners)]
    path = np.unique(np.rint(np.concatenate(legs)).astype(int), axis=0)
    path = path[section[path[:, 0], path[:, 1]]]
    return np.column_stack([np.full(len(path), z), path]).astype(float)


def place_inside(section: Array, draw: np.random.Generator) -> tuple[int, int]:
    """A pixel (y, x) of a non-empty mask (y, x), well inside more often than not."""
    depth = ndimage.distance_transform_edt(np.pad(section, 1))[1:-1, 1:-1]
    weight = (depth ** draw.choice([0.0, 1.0, 3.0])) * section
    place = draw.choice(weight.size, p=(weight / weight.sum()).reshape(-1))
    y, x = np.unravel_index(int(place), weight.shape)
    return int(y), int(x)


def _mask(target: Array, prompted: int, settings: PromptSettings, draw: np.random.Generator) -> Array:
    """The target outlined on the prompted slice, and now and then on others that show it."""
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
        section = imperfect_outline(target[z], draw, lasso=lasso) if imperfect else target[z]
        mask[z] = np.where(section, 1, -1)
    return mask


def _clicks_in_hole(section: Array, z: int, draw: np.random.Generator) -> Array:
    """One click (1, 3) in what a section (y, x) surrounds; none (0, 3) if it is closed."""
    hole = ndimage.binary_fill_holes(section) & ~section
    if not hole.any():
        return np.zeros((0, 3))
    return np.array([[z, *place_inside(hole, draw)]], float)


def _negative_clicks(
    target: Array, prompted: int, settings: PromptSettings, draw: np.random.Generator
) -> Array:
    """One to three clicks, or a stroke, 2 to 12 pixels outside the target on a slice near the prompted."""
    z = int(np.clip(prompted + draw.integers(-4, 5), 0, target.shape[0] - 1))
    if not target[z].any():
        z = prompted
    distance = ndimage.distance_transform_edt(~target[z])
    places = np.argwhere((distance > 2) & (distance < 12))
    if not len(places):
        return np.zeros((0, 3))
    if draw.random() < settings.scribble:
        return _stroke((distance > 2) & (distance < 12), z, draw)
    chosen = places[draw.integers(len(places), size=draw.integers(1, 4))]
    return np.column_stack([np.full(len(chosen), z), chosen]).astype(float)


def _box(target: Array, prompted: int, settings: PromptSettings, draw: np.random.Generator) -> Array:
    """Inclusive corners (2, 3) of a jittered box on the prompted slice, or around the whole target."""
    low, high = tight_box(target[prompted])
    first, last = prompted, prompted
    if draw.random() < settings.solid_box:
        inside = np.argwhere(target)
        (first, *low), (last, *high) = inside.min(axis=0), inside.max(axis=0)
    low, high = np.asarray(low, float), np.asarray(high, float)
    size = high - low + 1
    jitter = draw.uniform(*settings.box_jitter) * size
    loose = (
        draw.uniform(0, _LOOSEST, (2, 2)) if draw.random() < settings.loose_box else np.zeros((2, 2))
    ) * size
    low = low - np.round(loose[0] + draw.normal(size=2) * jitter)
    high = np.maximum(high + np.round(loose[1] + draw.normal(size=2) * jitter), low + 1)
    limit = np.array(target.shape[1:]) - 1
    low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    return np.array([[first, *low], [last, *high]])
