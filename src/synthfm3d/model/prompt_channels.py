"""Input channels of a convolutional network: the prompts, and the evidence computed from image and prompts.

Five channels contain the prompts themselves. Nine more contain what the prompts imply for the rest of the
image: how likely the grey value of a voxel is in the object, how well the voxel is connected to the prompt
through such grey values, and whether object or background seeds reach it first. A network with a few million
parameters learns these slowly and poorly, but they are cheap to compute (Criminisi et al., "GeoS", ECCV 2008;
Wang et al., "DeepIGeoS", IEEE TPAMI 41:1559, 2019). The network learns how far to use them.

Random walker, grow-cut and geodesic distances stand in several modules. Read

- ``seeds`` for the voxels that prompts mark for the two methods;
- ``random_walker`` and ``grow_cut`` for the methods that users choose by name, which are also baselines.
  ``random_walker`` has the solver for the channels, too;
- ``geodesic`` for the shortest paths and the contest of seeds in the channels: grow-cut with 6 neighbours;
- this module for all channels on the CPU;
- ``evidence_on_device`` for the same channels in torch, in batches.
"""

import numpy as np
from scipy import ndimage

from synthfm3d.model.geodesic import geodesic_distance, seed_contest
from synthfm3d.model.random_walker import step_weights, walker_probability
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

POSITIVE_CLICKS, NEGATIVE_CLICKS, BOX, MASK, PREVIOUS = range(5)
"""Indices of the prompt channels."""
PROMPT_CHANNELS = 5
_CLICK_STD_VOXELS = 2.0
_CLICK_REACH = 8
_PREVIOUS_SCALE = 4.0
EVIDENCE_CHANNELS = 9
"""Log-likelihood ratio of the grey values; nearness to the prompt along paths of likely ones; the contest of
object and background seeds, on the image and on a smoothed one; nearness to the object seeds; the probability
that a random walker reaches an object seed first, for three walkers with increasing sensitivity to edges; and
the same for a walker that may also end at any voxel, according to its grey value."""
WALKER_BETAS = (300.0, 4000.0, 16000.0)
"""Of the three random walkers, chosen on synthetic patches."""
WALKER_TOLERANCE = 1e-2
"""Relative residual at which the solver stops. A smaller one changes the classification of hardly any
voxel."""
LIKELIHOOD_BETA, LIKELIHOOD_WEIGHT = 1000.0, 0.03
"""Beta of the random walker that may end at any voxel, and the weight of ending there."""
_SLICE_SPACING = 2.0
"""Distance of slices, in pixels, that the walkers assume: the smallest and most frequent one of a region."""
_BINS = 32
_BIN_STD = 1.2
"""Standard deviation, in bins, by which histograms are smoothed, because a click covers few voxels."""
_RAREST = 2e-3
"""Share added to each bin, so that a grey value that does not occur is unlikely and not impossible."""
_STEP = 0.02
"""Cost of a step through voxels that certainly belong to the object; 1 more if they certainly do not."""
_NEARNESS_SCALE = 2.0
"""Path length at which nearness has fallen to 1/e."""
_BOX_CORE_STD = 1 / 4
"""Of a box's sides: the object is likely in the middle of its box."""
_WALL_INSET, _WALL_STD = 0.06, 0.04
"""Of a box's sides: where the wall lies in the box around a hollow object, and how far around that place."""
_SEED = 0.5
"""Paths start where a source of the object reaches this share of its maximum."""


def prompt_channels(
    prompts: GridPrompts, shape: tuple[int, int, int], previous: Array | None = None
) -> Array:
    """Float32 (5, z, y, x) for a grid of ``shape``.

    A click is a Gaussian of 2 voxels standard deviation on its slice; a box is 1 inside (on its slice,
    or through all slices of a 3-D box); a mask is 1 and -1 on its slices; the previous logits
    enter as tanh(logits / 4). Channels without a prompt are 0. Prompts outside the grid have no effect.
    """
    channels = np.zeros((PROMPT_CHANNELS, *shape), np.float32)
    for channel, clicks in ((POSITIVE_CLICKS, prompts.positive), (NEGATIVE_CLICKS, prompts.negative)):
        for z, y, x in clicks:
            draw_click(channels[channel], float(z), float(y), float(x))
    for low, high in prompts.boxes:
        first = [max(0, round(float(v))) for v in low]
        after = [min(n, round(float(v)) + 1) for v, n in zip(high, shape, strict=True)]
        channels[BOX, first[0] : after[0], first[1] : after[1], first[2] : after[2]] = 1.0
    if prompts.mask is not None:
        channels[MASK] = prompts.mask
    if previous is not None:
        channels[PREVIOUS] = previous_channel(previous)
    return channels


def previous_channel(logits: Array) -> Array:
    """The previous logits, mapped to [-1, 1]."""
    return np.asarray(np.tanh(logits / _PREVIOUS_SCALE))


def draw_click(channel: Array, z: float, y: float, x: float) -> None:
    """Add a click to a channel (z, y, x) of clicks, in place."""
    depth, height, width = channel.shape
    on = round(z)
    low_y, high_y = max(0, round(y) - _CLICK_REACH), min(height, round(y) + _CLICK_REACH + 1)
    low_x, high_x = max(0, round(x) - _CLICK_REACH), min(width, round(x) + _CLICK_REACH + 1)
    if not 0 <= on < depth or low_y >= high_y or low_x >= high_x:
        return
    rows, columns = np.ogrid[low_y:high_y, low_x:high_x]
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * _CLICK_STD_VOXELS**2))
    part = channel[on, low_y:high_y, low_x:high_x]
    np.maximum(part, blob.astype(np.float32), out=part)


def evidence_channels(image: Array, prompts: Array) -> Array:
    """Float32 (9, z, y, x), the second and the fifth in [0, 1], the others in [-1, 1].

    Parameters
    ----------
    image
        (3, z, y, x), as ``intensity.model_channels`` makes it, in [0, 1]; y and x even.
    prompts
        (5, z, y, x), as ``prompt_channels`` makes it.
    """
    values = _halved(image[:1] if np.array_equal(image[0], image[1]) else image)
    # The signs are kept apart: at a border the mean of 1 and -1 is 0, and thin outlines would vanish.
    positive, negative = _halved(np.maximum(prompts, 0)), _halved(np.maximum(-prompts, 0))
    prompted = _sources_of_prompts(positive)
    wanted = [*prompted, *_some(positive[PREVIOUS])]
    evidence = np.zeros((EVIDENCE_CHANNELS, *values.shape[1:]), np.float32)
    if wanted:
        ratio = _likelihood(values, wanted, _sources_of_background(positive, negative))
        likely = 1 / (1 + np.exp(-ndimage.uniform_filter(ratio, 3, mode="nearest")))
        evidence[0] = np.tanh(ratio / 2)
        distance = geodesic_distance(_STEP + (1 - likely) ** 2, _peaks(wanted))
        evidence[1] = np.exp(-distance / _NEARNESS_SCALE)
    if prompted:
        # The previous answer is not used here, because that would confirm its errors.
        inside = _peaks(prompted)
        outside = _seeds_of_background(positive, negative) & ~inside
        evidence[2:5] = seed_contest(values, inside, outside)
        evidence[5:] = _walkers(values, inside, outside, likely)
    return evidence.repeat(2, axis=2).repeat(2, axis=3)


def _walkers(values: Array, inside: Array, outside: Array, likely: Array) -> Array:
    """Twice the probability that a walker reaches the object first, minus 1: (4, z, y, x) in [-1, 1]."""
    spacing = (_SLICE_SPACING, 1.0, 1.0)
    probability: Array | None = None
    walkers = []
    for beta in WALKER_BETAS:
        weights = step_weights(values, beta, spacing)
        probability = walker_probability(
            weights, inside, outside, start=probability, tolerance=WALKER_TOLERANCE
        )
        walkers.append(probability)
    weights = step_weights(values, LIKELIHOOD_BETA, spacing)
    walkers.append(
        walker_probability(
            weights, inside, outside, prior=likely, prior_weight=LIKELIHOOD_WEIGHT, tolerance=WALKER_TOLERANCE
        )
    )
    return 2 * np.stack(walkers) - 1


def _halved(channels: Array) -> Array:
    """Means over 2 x 2 pixels: the resolution at which the network works, and less noise."""
    rows = channels[:, :, ::2] + channels[:, :, 1::2]
    return np.asarray(0.25 * (rows[..., ::2] + rows[..., 1::2]), np.float32)


def _some(source: Array) -> list[Array]:
    """The source, unless it is empty."""
    return [source] if source.any() else []


def _sources_of_prompts(positive: Array) -> list[Array]:
    """Non-negative weights (z, y, x) with which each kind of prompt marks voxels of the object."""
    core = _box_core(positive[BOX], positive[NEGATIVE_CLICKS])
    return [*_some(positive[POSITIVE_CLICKS]), *_some(core), *_some(positive[MASK])]


def _peaks(sources: list[Array]) -> Array:
    """Voxels at which a source is strong, bool (z, y, x)."""
    return np.asarray(np.any([source >= _SEED * source.max() for source in sources], axis=0))


def _seeds_of_background(positive: Array, negative: Array) -> Array:
    """Background seeds, bool (z, y, x), with the in-plane border: a region is wider than its object."""
    seeds = (positive[BOX].max(axis=(1, 2), keepdims=True) > 0) & (positive[BOX] == 0)
    seeds |= negative[MASK] > _SEED
    for clicks in _some(positive[NEGATIVE_CLICKS]):
        seeds |= _peaks([clicks])
    seeds[:, [0, -1], :] = seeds[:, :, [0, -1]] = True
    return np.asarray(seeds)


def _sources_of_background(positive: Array, negative: Array) -> list[Array]:
    """The same for the background. Every voxel has some weight, because most of a region is background."""
    box = positive[BOX]
    beside_box = (box.max(axis=(1, 2), keepdims=True) > 0) * np.maximum(1 - box, 0)
    found = [np.ones_like(box), positive[NEGATIVE_CLICKS], beside_box, negative[MASK], negative[PREVIOUS]]
    return [source for source in found if source.any()]


def _box_core(box: Array, negative_clicks: Array) -> Array:
    """Where the object is likely in the box of each slice that has one, (z, y, x) in [0, 1].

    A Gaussian in the middle; if a negative click lies there, the object is a wall around it, and it is
    likely where the wall touches the sides of the box.
    """
    core = np.zeros_like(box)
    for z in np.flatnonzero(box.any(axis=(1, 2))):
        (rows, height), (columns, width) = (_from_middle(box[z].any(axis=axis)) for axis in (1, 0))
        middle = np.outer(_gaussian(rows, _BOX_CORE_STD), _gaussian(columns, _BOX_CORE_STD))
        if (negative_clicks[z] * (middle > _SEED) > _SEED).any():
            spread = max(_WALL_STD, 1 / height), max(_WALL_STD, 1 / width)
            at_sides = [
                _gaussian(np.abs(offset) - (0.5 - _WALL_INSET), std)
                for offset, std in zip((rows, columns), spread, strict=True)
            ]
            across = [_gaussian(offset, std) for offset, std in zip((rows, columns), spread, strict=True)]
            middle = np.maximum(np.outer(at_sides[0], across[1]), np.outer(across[0], at_sides[1]))
        core[z] = middle * box[z]
    return core


def _from_middle(inside: Array) -> tuple[Array, int]:
    """Offsets from the middle of the inside of a profile bool (n,), over its length; and that length."""
    found = np.flatnonzero(inside)
    length = int(found[-1] - found[0] + 1)
    return (np.arange(len(inside)) - (found[0] + found[-1]) / 2) / length, length


def _gaussian(offset: Array, std: float) -> Array:
    return np.asarray(np.exp(-((offset / std) ** 2) / 2))


def _likelihood(values: Array, wanted: list[Array], other: list[Array]) -> Array:
    """Log p(value | object) / p(value | background), (z, y, x), the mean over channels (channel, z, y, x)."""
    bins = np.clip((values * _BINS).astype(np.int64), 0, _BINS - 1)
    total = np.zeros(values.shape[1:], np.float32)
    for channel in bins:
        flat = channel.reshape(-1)
        ratios = np.log(_histogram(flat, wanted) / _histogram(flat, other)).astype(np.float32)
        total += ratios[channel]
    return total / len(bins)


def _histogram(bins: Array, sources: list[Array]) -> Array:
    """Smoothed histogram of the voxels that the sources mark; each source has the same weight."""
    total = np.zeros(_BINS)
    for source in sources:
        counts = np.bincount(bins, source.reshape(-1), _BINS)
        total += counts / max(1e-9, counts.sum())
    return np.asarray(
        ndimage.gaussian_filter1d(total / max(1, len(sources)), _BIN_STD, mode="nearest") + _RAREST
    )
