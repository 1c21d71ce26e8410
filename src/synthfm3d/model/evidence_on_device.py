"""The evidence of ``prompt_channels`` in torch, for batches on an accelerator.

Read ``prompt_channels`` first; it lists all modules of this kind.

An accelerator trains faster than processor cores can compute the evidence. A test compares these channels
with those of NumPy and Numba; only the algorithms differ. A sweep along an axis finds the shortest paths
along that axis at once, by a cumulative minimum; conjugate gradients run on all regions of a batch together.

Shapes: images (clip, 3, z, y, x), prompt channels (clip, 5, z, y, x); inside, half the resolution in the
plane.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from synthfm3d.model import geodesic, random_walker
from synthfm3d.model import prompt_channels as evidence
from synthfm3d.model.prompt_channels import BOX, MASK, NEGATIVE_CLICKS, POSITIVE_CLICKS, PREVIOUS

_FAR = 1e6
_MOST_ROUNDS = 80
"""Number of sweeps along all axes. The length of a path that turns more often is slightly overestimated."""


@torch.no_grad()
def evidence_channels_on_device(image: Tensor, prompts: Tensor) -> Tensor:
    """Float32 (clip, 9, z, y, x), on the device of ``image``; see ``prompt_channels.evidence_channels``.

    Parameters
    ----------
    image
        (clip, 3, z, y, x) in [0, 1]; y and x even.
    prompts
        (clip, 5, z, y, x), as ``prompt_channels`` makes it.
    """
    values = functional.avg_pool3d(image, (1, 2, 2))
    sources = _Sources.of(functional.avg_pool3d(prompts.clamp(min=0), (1, 2, 2)), _negative_parts(prompts))
    # Channels that repeat the first one count once, as in ``evidence_channels``.
    channels = torch.ones_like(values[:, :, :1, :1, :1])
    channels[:, 1:] = (values != values[:, :1]).flatten(2).any(2)[:, 1:, None, None, None].float()
    ratio = _likelihood(values, channels, sources)
    likely = torch.sigmoid(functional.avg_pool3d(functional.pad(ratio, (1,) * 6, mode="replicate"), 3, 1))
    cost = evidence._STEP + (1 - likely) ** 2
    nearness = torch.exp(-_entry_distance(cost, _peaks(sources.wanted)) / evidence._NEARNESS_SCALE)
    first = torch.cat([torch.tanh(ratio / 2), nearness], 1) * _any(sources.wanted)
    inside = _peaks(sources.prompted)
    outside = sources.background & ~inside
    walkers = [
        *_contest(values, channels, inside, outside),
        *_walkers(values, channels, inside, outside, likely),
    ]
    found = torch.cat([first, torch.cat(walkers, 1) * _any(sources.prompted)], 1)
    return found.repeat_interleave(2, 3).repeat_interleave(2, 4)


@dataclass(frozen=True, slots=True, eq=False)
class _Sources:
    """Weights with which prompts mark voxels, each (clip, source, z, y, x), 0 or more; and background seeds.

    ``prompted`` are the sources of the object in the prompts, ``wanted`` those and the previous answer,
    ``other`` the sources of the background; ``background`` are its seeds, bool.
    """

    prompted: Tensor
    wanted: Tensor
    other: Tensor
    background: Tensor

    @classmethod
    def of(cls, positive: Tensor, negative: Tensor) -> "_Sources":
        core = _box_core(positive[:, BOX], positive[:, NEGATIVE_CLICKS])
        prompted = torch.stack([positive[:, POSITIVE_CLICKS], core, positive[:, MASK]], 1)
        boxed = positive[:, BOX].amax((2, 3), keepdim=True) > 0
        other = [
            torch.ones_like(core),
            positive[:, NEGATIVE_CLICKS],
            boxed * (1 - positive[:, BOX]).clamp(min=0),
        ]
        background = (boxed & (positive[:, BOX] == 0)) | (negative[:, MASK] > evidence._SEED)
        background |= _peaks(positive[:, NEGATIVE_CLICKS, None])[:, 0]
        background[:, :, [0, -1]] = True
        background[:, :, :, [0, -1]] = True
        return cls(
            prompted,
            torch.cat([prompted, positive[:, PREVIOUS, None]], 1),
            torch.stack([*other, negative[:, MASK], negative[:, PREVIOUS]], 1),
            background[:, None],
        )


def _negative_parts(prompts: Tensor) -> Tensor:
    return functional.avg_pool3d((-prompts).clamp(min=0), (1, 2, 2))


def _any(sources: Tensor) -> Tensor:
    """1 for clips with a source that is not empty, (clip, 1, 1, 1, 1)."""
    return (sources.amax((1, 2, 3, 4), keepdim=True) > 0).float()


def _peaks(sources: Tensor) -> Tensor:
    """Voxels at which a source is strong, bool (clip, 1, z, y, x)."""
    highest = sources.amax((2, 3, 4), keepdim=True)
    return ((sources >= evidence._SEED * highest) & (highest > 0)).any(1, keepdim=True)


def _box_core(box: Tensor, negative: Tensor) -> Tensor:
    """As ``prompt_channels._box_core``, of (clip, z, y, x)."""
    rows, height = _from_middle(box.amax(3) > 0)
    columns, width = _from_middle(box.amax(2) > 0)

    def product(of_rows: Tensor, of_columns: Tensor) -> Tensor:
        return of_rows[..., :, None] * of_columns[..., None, :]

    std = torch.full_like(height, evidence._BOX_CORE_STD)
    middle = product(_gaussian(rows, std), _gaussian(columns, std))
    tall, wide = (torch.clamp(1 / n, min=evidence._WALL_STD) for n in (height, width))
    at_rows, at_columns = (offset.abs() - (0.5 - evidence._WALL_INSET) for offset in (rows, columns))
    wall = torch.maximum(
        product(_gaussian(at_rows, tall), _gaussian(columns, wide)),
        product(_gaussian(rows, tall), _gaussian(at_columns, wide)),
    )
    hollow = (negative * (middle > evidence._SEED) > evidence._SEED).flatten(2).any(2)[..., None, None]
    return torch.where(hollow, wall, middle) * box


def _from_middle(inside: Tensor) -> tuple[Tensor, Tensor]:
    """Offsets from the middle of the inside of profiles (clip, z, n), over its length; and that length."""
    places = torch.arange(inside.shape[2], device=inside.device, dtype=torch.float32)
    first = torch.where(inside, places, torch.inf).amin(2, keepdim=True)
    last = torch.where(inside, places, -torch.inf).amax(2, keepdim=True)
    none = ~inside.any(2, keepdim=True)
    first, last = first.masked_fill(none, 0), last.masked_fill(none, 0)
    length = last - first + 1
    return (places - (first + last) / 2) / length, length


def _gaussian(offset: Tensor, std: Tensor) -> Tensor:
    return torch.exp(-((offset / std) ** 2) / 2)


def _likelihood(values: Tensor, channels: Tensor, sources: _Sources) -> Tensor:
    """Log-likelihood ratio (clip, 1, z, y, x), the mean over the channels that count."""
    bins = (values * evidence._BINS).long().clamp(0, evidence._BINS - 1).flatten(2)  # (clip, channel, voxel)
    ratios = torch.log(_histograms(bins, sources.wanted) / _histograms(bins, sources.other))
    ratio = ratios.gather(2, bins).view_as(values)
    return (ratio * channels).sum(1, keepdim=True) / channels.sum(1, keepdim=True)


def _histograms(bins: Tensor, sources: Tensor) -> Tensor:
    """Smoothed histograms (clip, channel, bin) of the voxels that the sources point at."""
    clips, channels, _ = bins.shape
    weights = sources.flatten(2)
    present = weights.amax(2, keepdim=True) > 0  # (clip, source, 1)
    total = torch.zeros((clips, channels, evidence._BINS), device=bins.device)
    for n in range(weights.shape[1]):
        counts = torch.zeros_like(total)
        counts.scatter_add_(2, bins, weights[:, n : n + 1].expand(-1, channels, -1))
        total += present[:, n, None] * counts / counts.sum(2, keepdim=True).clamp(min=1e-9)
    total /= present.sum(1, keepdim=True).clamp(min=1)
    smooth = _smoothed(total[:, :, None, None, :], (0.0, 0.0, evidence._BIN_STD))
    return smooth[:, :, 0, 0] + evidence._RAREST


def _smoothed(values: Tensor, stds: tuple[float, float, float]) -> Tensor:
    """``scipy.ndimage.gaussian_filter`` with mode nearest, of (clip, channel, z, y, x)."""
    for axis, std in enumerate(stds, 2):
        if std == 0:
            continue
        radius = int(4 * std + 0.5)
        offsets = torch.arange(-radius, radius + 1, device=values.device, dtype=torch.float32)
        weights = torch.exp(-(offsets**2) / (2 * std**2))
        weights /= weights.sum()
        padding = [0, 0, 0, 0, 0, 0]
        padding[2 * (4 - axis)] = padding[2 * (4 - axis) + 1] = radius
        padded = functional.pad(values, padding, mode="replicate")
        length = values.shape[axis]
        shifted = (weight * padded.narrow(axis, n, length) for n, weight in enumerate(weights.tolist()))
        values = sum(shifted, torch.zeros_like(values))
    return values


def _contest(values: Tensor, channels: Tensor, inside: Tensor, outside: Tensor) -> list[Tensor]:
    """As ``geodesic.seed_contest``: three maps (clip, 1, z, y, x)."""
    smoothed = _smoothed(values, geodesic._SMOOTHING)
    maps: list[Tensor] = []
    for image in (values, smoothed):
        steps = [_step_cost(image, channels, axis) for axis in (2, 3, 4)]
        near = _path_distance(steps, inside)
        maps.append(torch.tanh(geodesic._SHARPNESS * (_path_distance(steps, outside) - near)))
    return [*maps, torch.exp(-geodesic._SHARPNESS * near)]


def _step_cost(values: Tensor, channels: Tensor, axis: int) -> Tensor:
    """Cost of the step between a voxel and the one before it, 0 for the first, (clip, 1, z, y, x)."""
    squared = torch.diff(values, dim=axis).square() * channels
    difference = (squared.sum(1, keepdim=True) / channels.sum(1, keepdim=True)).sqrt()
    return _behind(-torch.log((1 - difference).clamp(min=geodesic._LEAST_STRENGTH)), axis)


def _behind(steps: Tensor, axis: int) -> Tensor:
    """Steps between neighbours, with a zero before the first along an axis."""
    padding = [0, 0, 0, 0, 0, 0]
    padding[2 * (4 - axis)] = 1
    return functional.pad(steps, padding)


def _path_distance(steps: list[Tensor], seeds: Tensor) -> Tensor:
    """Least total cost of the steps from the nearest seed (clip, 1, z, y, x)."""
    positions = [step.cumsum(axis) for axis, step in zip((2, 3, 4), steps, strict=True)]
    return _relaxed(seeds, positions, positions)


def _entry_distance(cost: Tensor, seeds: Tensor) -> Tensor:
    """Least total cost of the voxels entered from the nearest seed (clip, 1, z, y, x)."""
    forward = [cost.cumsum(axis) for axis in (2, 3, 4)]
    return _relaxed(seeds, forward, [position - cost for position in forward])


def _relaxed(seeds: Tensor, forward: list[Tensor], backward: list[Tensor]) -> Tensor:
    """Distances by sweeps along all axes until they no longer change.

    ``forward`` and ``backward`` are the costs of the way from the first voxel of a line, along each axis.
    """
    distance = torch.where(seeds, 0.0, _FAR)
    for _ in range(_MOST_ROUNDS):
        before = distance
        for axis, ahead, back in zip((2, 3, 4), forward, backward, strict=True):
            distance = torch.minimum(distance, torch.cummin(distance - ahead, axis).values + ahead)
            returned = torch.cummin((distance + back).flip(axis), axis).values.flip(axis) - back
            distance = torch.minimum(distance, returned)
        if bool((before - distance).amax() < 1e-4):
            break
    return distance


def _walkers(
    values: Tensor, channels: Tensor, inside: Tensor, outside: Tensor, likely: Tensor
) -> list[Tensor]:
    """As ``prompt_channels._walkers``: four maps (clip, 1, z, y, x)."""
    probability: Tensor | None = None
    maps = []
    for beta in evidence.WALKER_BETAS:
        weights = _step_weights(values, channels, beta)
        probability = _walker_probability(weights, inside, outside, probability, None, 0.0)
        maps.append(2 * probability - 1)
    weights = _step_weights(values, channels, evidence.LIKELIHOOD_BETA)
    ended = _walker_probability(weights, inside, outside, None, likely, evidence.LIKELIHOOD_WEIGHT)
    return [*maps, 2 * ended - 1]


def _step_weights(values: Tensor, channels: Tensor, beta: float) -> list[Tensor]:
    """Weights along z, y, x, (clip, 1, z, y, x), of the step between a voxel and the one before it."""
    counted = channels.sum(1, keepdim=True)
    used = (_varying(values, channels) * channels).expand_as(values)
    number = used.sum((1, 2, 3, 4), keepdim=True).clamp(min=1)
    mean = (values * used).sum((1, 2, 3, 4), keepdim=True) / number
    deviation = (((values - mean).square() * used).sum((1, 2, 3, 4), keepdim=True) / number).sqrt()
    scale = -beta / (10 * deviation.clamp(min=random_walker._FLAT) * counted.sqrt())
    weights = []
    for axis, spacing in zip((2, 3, 4), (evidence._SLICE_SPACING, 1.0, 1.0), strict=True):
        squared = (torch.diff(values, dim=axis).square() * channels).sum(1, keepdim=True)
        weights.append(_behind(torch.exp(scale / spacing**2 * squared) + random_walker._LEAST_WEIGHT, axis))
    return weights


def _varying(values: Tensor, channels: Tensor) -> Tensor:
    """1 for slices that are not constant over the channels that count, (clip, 1, z, 1, 1)."""
    high = values.masked_fill(channels == 0, -torch.inf).amax((1, 3, 4), keepdim=True)
    low = values.masked_fill(channels == 0, torch.inf).amin((1, 3, 4), keepdim=True)
    return (high > low).float()


def _walker_probability(
    weights: list[Tensor],
    inside: Tensor,
    outside: Tensor,
    start: Tensor | None,
    prior: Tensor | None,
    prior_weight: float,
) -> Tensor:
    """As ``random_walker.walker_probability``, for all clips together; each stops when it has converged."""
    unknown = (~(inside | outside)).float()
    known = inside.float()
    x = torch.where(unknown > 0, torch.full_like(known, 0.5) if start is None else start, known)
    ends = torch.zeros_like(x) if prior is None else prior_weight * prior

    def laplacian(of: Tensor) -> Tensor:
        total = prior_weight * of if prior is not None else torch.zeros_like(of)
        for axis, weight in zip((2, 3, 4), weights, strict=True):
            flow = weight.narrow(axis, 1, of.shape[axis] - 1) * torch.diff(of, dim=axis)
            total = total + _behind(flow, axis)
            total.narrow(axis, 0, of.shape[axis] - 1).sub_(flow)
        return total * unknown

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((1, 2, 3, 4), keepdim=True)

    diagonal = torch.full_like(x, prior_weight if prior is not None else 0.0)
    for axis, weight in zip((2, 3, 4), weights, strict=True):
        diagonal = diagonal + weight
        diagonal.narrow(axis, 0, x.shape[axis] - 1).add_(weight.narrow(axis, 1, x.shape[axis] - 1))
    inverse = unknown / diagonal.clamp(min=1e-12)
    goal = (
        evidence.WALKER_TOLERANCE
        * (ends * unknown - laplacian(known * (1 - unknown))).square().sum((1, 2, 3, 4), keepdim=True).sqrt()
    )
    x = torch.where(goal > 0, x, known)  # 0: the object's seeds are walled in, and no walk reaches them
    residual = ends * unknown - laplacian(x)
    direction = inverse * residual
    energy = dot(residual, direction)
    for number in range(random_walker.MOST_ITERATIONS):
        running = (dot(residual, residual).sqrt() > goal) & (energy > 0)
        if number % 8 == 0 and not bool(running.any()):
            break
        product = laplacian(direction)
        length = torch.where(running, energy / dot(direction, product).clamp(min=1e-30), 0)
        x = x + length * direction
        residual = residual - length * product
        preconditioned = inverse * residual
        following = dot(residual, preconditioned)
        direction = preconditioned + torch.where(running, following / energy.clamp(min=1e-30), 0) * direction
        energy = torch.where(running, following, energy)
    return x.clamp(0, 1)
