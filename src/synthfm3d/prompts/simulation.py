"""Prompts drawn from a true mask, for training and for evaluation.

This is the only way by which the truth reaches a model. Each way to draw a prompt stands here once; who draws
what, and how often, is decided by ``loading.shares`` (training) and ``evaluation.protocol``.

Some prompts are drawn in more than one way on purpose. Evaluation needs few draws that can be stated in one
sentence. Training needs many different ones. Clips for SAM 2 follow SAM 2's own training, so that the weights
can be compared:

============  =========================  ===========================  =======================
what          evaluation                 patches (volumetric model)   clips (SAM 2)
============  =========================  ===========================  =======================
first click   ``innermost_point``        ``pixel_well_inside``        ``random_pixel``
further ones  ``points_inside``          anywhere in the target       none
outside       ``points_outside``         ``clicks_near``              ``ring_around``
stroke        none                       ``stroke_inside``            none
box           ``uniformly_jittered``     ``loosely_jittered``         ``normally_jittered``
outline       exact                      ``smoothly_shifted``         ``grown_or_shrunk``
correction    ``correcting_click``       ``correcting_click``         ``random_error_click``
============  =========================  ===========================  =======================
"""

from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import ndimage

from synthfm3d.volume import Array

SliceRule = Literal["largest", "middle", "first"]
STRAY_SHARE = 0.01
"""Components smaller than this share of the largest one are not prompted: voxels that slipped off a brush."""
_LOOSEST = 0.2
"""How far a side of a loose box lies outside the target at most, as a share of the box's size."""
_MOST_SPREAD = 20.0
"""Pixels: the largest standard deviation of a side of a box in SAM 2's training."""
_SHIFT_SHARE, _GROWTH_STD = 0.18, 0.06
"""Of the radius of an outlined section: greatest standard deviation of the smooth shift of its border, and
the standard deviation of the shift that is the same all around."""
_LASSO_SHARE = 0.3
"""Of the radius of an outlined section: how far a lasso lies outside it at most."""
_STROKE_POINTS = 3
"""Pixels that a stroke passes through, one after the other."""


def largest_slice(mask: Array) -> int:
    """Index of the slice with the largest area of a mask (z, y, x); the first of equals.

    Stray components are not counted, which would otherwise choose the slice. Raises ValueError for an empty
    mask.
    """
    return int(without_stray_components(mask).sum(axis=(1, 2)).argmax())


def ruled_slice(mask: Array, rule: SliceRule) -> int:
    """Index of the slice of a mask (z, y, x) that a rule names; the mask has no stray components any more.

    ``largest`` area (the first of equals), ``middle`` one of those that show the object (the farther of
    two), or ``first`` of them. Raises ValueError for an empty mask.
    """
    areas = mask.sum(axis=(1, 2))
    shown = np.flatnonzero(areas)
    if not len(shown):
        raise ValueError("the mask is empty: there is nothing to prompt.")
    if rule == "largest":
        return int(areas.argmax())
    return int(shown[len(shown) // 2] if rule == "middle" else shown[0])


def without_stray_components(mask: Array) -> Array:
    """The mask without components below ``STRAY_SHARE`` of its largest one, for choosing prompts.

    Raises ValueError for an empty mask.
    """
    components, count = ndimage.label(mask)
    if count == 0:
        raise ValueError("the mask is empty: there is nothing to prompt.")
    sizes = np.bincount(components.reshape(-1))
    sizes[0] = 0
    return np.asarray((sizes >= STRAY_SHARE * sizes.max())[components])


def innermost_point(slice_mask: Array) -> tuple[int, int]:
    """(y, x) of the pixel farthest from the boundary of a 2-D mask; the first of equals."""
    distance = ndimage.distance_transform_edt(np.pad(slice_mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(y), int(x)


def tight_box(slice_mask: Array) -> Array:
    """Inclusive corners [[y0, x0], [y1, x1]] of the smallest box around a 2-D mask."""
    inside = np.argwhere(slice_mask)
    return np.stack([inside.min(axis=0), inside.max(axis=0)])


def points_inside(slice_mask: Array, count: int, draw: np.random.Generator) -> Array:
    """(count, 2) pixels (y, x): the innermost, then others drawn from the 2-D mask, all equally likely.

    A mask of fewer pixels gives as many as it has.
    """
    first = innermost_point(slice_mask)
    others = np.array([pixel for pixel in np.argwhere(slice_mask) if tuple(pixel) != first]).reshape(-1, 2)
    chosen = draw.permutation(len(others))[: count - 1]
    return np.concatenate([[first], others[chosen]]).astype(int)


def points_outside(slice_mask: Array, count: int, margin: float) -> Array:
    """(count, 2) pixels (y, x) beside a 2-D mask, far from its innermost point and from each other.

    They are chosen one by one, each as far as possible, in pixels, from the innermost point and those
    before, among the background in the tight box widened by ``margin`` of its sides (two pixels at least)
    on each side: where a user would click to say "not this". Fewer, if the box has no more background.
    """
    low, high = tight_box(slice_mask)
    reach = np.maximum(2, np.ceil(margin * (high - low + 1))).astype(int)
    low, high = np.maximum(low - reach, 0), np.minimum(high + reach, np.array(slice_mask.shape) - 1)
    candidates = np.argwhere(~(slice_mask[low[0] : high[0] + 1, low[1] : high[1] + 1] != 0)) + low
    chosen = [np.array(innermost_point(slice_mask))]
    for _ in range(min(count, len(candidates))):
        squared = [np.square(candidates - place).sum(axis=1) for place in chosen]
        chosen.append(candidates[np.min(squared, axis=0).argmax()])
    return np.array(chosen[1:], int).reshape(-1, 2)


def random_pixel(region: Array, draw: np.random.Generator) -> tuple[int, int]:
    """A pixel (y, x) of a non-empty region (y, x), all equally likely."""
    places = np.flatnonzero(region)
    y, x = divmod(int(places[draw.integers(len(places))]), region.shape[1])
    return y, x


def pixel_well_inside(section: Array, draw: np.random.Generator) -> tuple[int, int]:
    """A pixel (y, x) of a non-empty mask (y, x), far from its border more often than not."""
    depth = ndimage.distance_transform_edt(np.pad(section, 1))[1:-1, 1:-1]
    weight = (depth ** draw.choice([0.0, 1.0, 3.0])) * section
    place = draw.choice(weight.size, p=(weight / weight.sum()).reshape(-1))
    y, x = np.unravel_index(int(place), weight.shape)
    return int(y), int(x)


def stroke_inside(region: Array, draw: np.random.Generator) -> Array:
    """Pixels (n, 2), (y, x), about one pixel apart, of a stroke that stays in a non-empty region (y, x)."""
    corners = [pixel_well_inside(region, draw) for _ in range(_STROKE_POINTS)]
    legs = [np.linspace(a, b, 1 + max(abs(b[0] - a[0]), abs(b[1] - a[1]))) for a, b in pairwise(corners)]
    path = np.unique(np.rint(np.concatenate(legs)).astype(int), axis=0)
    return np.asarray(path[region[path[:, 0], path[:, 1]]])


def ring_around(section: Array) -> Array:
    """The pixels, bool (y, x), that lie 2 to 8 steps (along faces) outside a section (y, x)."""
    return np.asarray(ndimage.binary_dilation(section, iterations=8) & ~ndimage.binary_dilation(section))


def clicks_near(target: Array, prompted: int, stroke: float, draw: np.random.Generator) -> Array:
    """One to three clicks (count, 3), (z, y, x), 2 to 12 pixels outside a target (z, y, x).

    They lie on the slice ``prompted`` or on one at most four slices away. With the probability ``stroke``
    they form a stroke. There are none if nothing lies at this distance.
    """
    z = int(np.clip(prompted + draw.integers(-4, 5), 0, target.shape[0] - 1))
    if not target[z].any():
        z = prompted
    distance = ndimage.distance_transform_edt(~target[z])
    places = np.argwhere((distance > 2) & (distance < 12))
    if not len(places):
        return np.zeros((0, 3))
    if draw.random() < stroke:
        chosen = stroke_inside((distance > 2) & (distance < 12), draw)
    else:
        chosen = places[draw.integers(len(places), size=draw.integers(1, 4))]
    return np.column_stack([np.full(len(chosen), z), chosen]).astype(float)


def click_in_hole(section: Array, draw: np.random.Generator) -> Array:
    """One pixel (1, 2), (y, x), in what a section (y, x) surrounds; none (0, 2) if it has no hole."""
    hole = ndimage.binary_fill_holes(section) & ~section
    return np.array([pixel_well_inside(hole, draw)] if hole.any() else [], int).reshape(-1, 2)


def uniformly_jittered(
    corners: Array, share: float, shape: tuple[int, ...], draw: np.random.Generator
) -> Array:
    """A 2-D box, inclusive corners (2, 2), whose sides moved, each by itself, by up to a share of its size.

    Uniform both ways, rounded to pixels, within an image of ``shape`` (y, x), one pixel wide at least. Used
    in evaluation: its limit is stated in the report.
    """
    low, high = np.asarray(corners)
    reach = share * (high - low + 1)
    low = low + np.rint(draw.uniform(-reach, reach)).astype(int)
    high = np.maximum(high + np.rint(draw.uniform(-reach, reach)).astype(int), low)
    return np.asarray(np.clip(np.stack([low, high]), 0, np.array(shape) - 1))


def loosely_jittered(
    corners: Array,
    spread: tuple[float, float],
    loose: float,
    shape: tuple[int, ...],
    draw: np.random.Generator,
) -> Array:
    """A 2-D box, inclusive corners (2, 2) in whole pixels, as a hurried user draws it.

    Sides move by normal numbers whose standard deviation, the same for all sides, is drawn from ``spread``, a
    range of shares of the box's size. A share ``loose`` of the boxes is also too wide by up to a fifth on
    each side. Used for patches: the volumetric model must accept both careful and careless boxes.
    """
    low, high = np.asarray(corners, float)
    size = high - low + 1
    jitter = draw.uniform(*spread) * size
    wider = (draw.uniform(0, _LOOSEST, (2, 2)) if draw.random() < loose else np.zeros((2, 2))) * size
    low = low - np.round(wider[0] + draw.normal(size=2) * jitter)
    high = np.maximum(high + np.round(wider[1] + draw.normal(size=2) * jitter), low + 1)
    return np.asarray(np.clip(np.stack([low, high]), 0, np.array(shape) - 1))


def normally_jittered(
    corners: Array, share: float, shape: tuple[int, ...], draw: np.random.Generator
) -> Array:
    """A 2-D box, corners (2, 2), as SAM 2's training draws it, in fractions of pixels.

    Each coordinate moves by a normal number whose standard deviation is a share of the box's size, at most 20
    pixels. Coordinates are drawn in the order in which the last axis of ``corners`` has them. Used for clips.
    """
    low, high = np.asarray(corners, float)
    spread = np.minimum(share * (high - low + 1), _MOST_SPREAD)
    low = low + draw.normal(size=2) * spread
    high = np.maximum(high + draw.normal(size=2) * spread, low + 1)
    return np.asarray(np.clip(np.stack([low, high]), 0, np.array(shape) - 1))


def smoothly_shifted(section: Array, draw: np.random.Generator, *, lasso: bool = False) -> Array:
    """A section bool (y, x) as a hurried user or a model outlines it: its border shifted smoothly.

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


def grown_or_shrunk(section: Array, draw: np.random.Generator) -> Array:
    """A section bool (y, x) that is one pixel too wide or too narrow, with even odds.

    The section itself if nothing would be left of it.
    """
    change = ndimage.binary_dilation if draw.random() < 0.5 else ndimage.binary_erosion
    changed = change(section)
    return np.asarray(changed if changed.any() else section)


def correcting_click(
    prediction: Array, truth: Array, spacing_mm: tuple[float, ...]
) -> tuple[tuple[int, ...], bool] | None:
    """Where a patient user clicks next, and whether it is a positive click; None if nothing is wrong.

    The errors are what is missing and what is too much, each in pieces that hang together (faces). The
    click goes into the largest piece, to its voxel farthest from its border in mm, the first of equals.
    Both masks are boolean, of the same two or three axes.
    """
    best: tuple[int, Array, bool] | None = None
    for positive, wrong in ((True, truth & ~prediction), (False, prediction & ~truth)):
        pieces, count = ndimage.label(wrong)
        if count:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            largest = int(sizes.argmax())
            if best is None or sizes[largest] > best[0]:
                best = (int(sizes[largest]), pieces == largest, positive)
    if best is None:
        return None
    _, piece, positive = best
    part = ndimage.find_objects(piece.view(np.uint8))[0]
    # The border of the scan is a border of the piece, too.
    depth = ndimage.distance_transform_edt(np.pad(piece[part], 1), sampling=spacing_mm)
    inner = depth[(slice(1, -1),) * piece.ndim]
    place = np.unravel_index(int(inner.argmax()), inner.shape)
    return tuple(int(p) + s.start for p, s in zip(place, part, strict=True)), positive


def random_error_click(
    answer: Array, truth: Array, from_truth: float, draw: np.random.Generator
) -> tuple[tuple[int, int], bool]:
    """A click (y, x) anywhere into the error of an answer, both bool (y, x), and whether it is positive.

    SAM 2 is trained like this. Missed pixels get a positive click, wrongly marked ones a negative click. A
    share ``from_truth`` of the clicks goes into the object, whatever the error. Where nothing is wrong, the
    click goes outside the object.
    """
    if truth.any() and draw.random() < from_truth:
        return random_pixel(truth, draw), True
    wrong = answer != truth
    if not wrong.any():
        return random_pixel(truth if truth.all() else ~truth, draw), bool(truth.all())
    place = random_pixel(wrong, draw)
    return place, bool(truth[place])
