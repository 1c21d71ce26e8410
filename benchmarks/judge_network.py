"""Fit a judge of views: a few small networks, each fitted to another random sample of the scans."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from synthfm3d.randomness import stream
from synthfm3d.volume import Array

Layers = tuple[tuple[Array, Array], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """Settings of the fit of a judge.

    The default values were chosen by leaving one modality out: a judge was fitted to clicks on two modalities
    and tested on the third.

    Parameters
    ----------
    members, hidden
        Number of networks, and units of their two hidden layers.
    epochs, rate, decay, batch
        Settings of AdamW with a cosine schedule; a batch contains clicks.
    choosing, sharpness
        Weight of the Dice of the softly chosen view (a softmax of the logits times the sharpness), beside the
        cross-entropy with each view's Dice.
    noise, dropped
        Standard deviation of the noise on the normalised features, and the share of features that is left
        out.
    """

    members: int = 8
    hidden: int = 8
    epochs: int = 60
    rate: float = 5e-3
    decay: float = 0.3
    batch: int = 64
    choosing: float = 1.0
    sharpness: float = 4.0
    noise: float = 0.3
    dropped: float = 0.2


def fit_judge(
    features: Sequence[Sequence[Array]],
    dice: Sequence[Array],
    groups: Array,
    importance: Array,
    settings: FitSettings = FitSettings(),
) -> tuple[Array, Array, Layers]:
    """Mean and scale of the features, and the layers of ``ViewJudge``.

    Parameters
    ----------
    features
        For each click, (view, feature) after each number of looks; the last has all views.
    dice
        For each click, (view,).
    groups
        (click,): the scan of each click. The networks see different scans.
    """
    tables = [table for looks in features for table in looks]
    truth = [dice[n][: len(table)] for n, looks in enumerate(features) for table in looks]
    share = np.concatenate(
        [np.full(len(looks), weight / len(looks)) for looks, weight in zip(features, importance, strict=True)]
    )
    scans = np.concatenate(
        [np.full(len(looks), group) for looks, group in zip(features, groups, strict=True)]
    )
    values, wanted, there = _padded(tables, truth)
    mean, scale = values[there].mean(axis=0), values[there].std(axis=0) + 1e-6
    normal = torch.from_numpy(np.clip((values - mean) / scale, -5, 5).astype(np.float32))
    weights = torch.from_numpy(_drawn(scans, settings.members) * share).float()
    parameters = _fitted(normal, torch.from_numpy(wanted), torch.from_numpy(there), weights, settings)
    arrays = [parameter.detach().numpy() for parameter in parameters]
    return mean, scale, tuple(zip(arrays[::2], arrays[1::2], strict=True))


def _padded(tables: Sequence[Array], truth: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Padded features (click, view, feature), Dice (click, view), and a mask of the views that exist."""
    most = max(len(table) for table in tables)
    values = np.zeros((len(tables), most, tables[0].shape[1]), np.float32)
    wanted = np.zeros((len(tables), most), np.float32)
    there = np.zeros((len(tables), most), bool)
    for n, (table, good) in enumerate(zip(tables, truth, strict=True)):
        values[n, : len(table)], wanted[n, : len(table)], there[n, : len(table)] = table, good, True
    return values, wanted, there


def _drawn(scans: Array, members: int) -> Array:
    """(member, click): how often each network draws the scan of a click, with replacement."""
    names, place = np.unique(scans, return_inverse=True)
    draw = stream(0, "fit judge")
    drawn = [
        np.bincount(draw.integers(len(names), size=len(names)), minlength=len(names)) for _ in range(members)
    ]
    return np.stack(drawn)[:, place]


def _fitted(
    normal: Tensor, wanted: Tensor, there: Tensor, weights: Tensor, settings: FitSettings
) -> list[Tensor]:
    torch.manual_seed(0)
    count = normal.shape[2]
    sizes = ((count, settings.hidden), (settings.hidden, settings.hidden), (settings.hidden, 1))
    parameters: list[Tensor] = []
    for inputs, outputs in sizes:
        first = torch.randn(settings.members, inputs, outputs) / inputs**0.5
        parameters += [first.requires_grad_(), torch.zeros(settings.members, 1, outputs).requires_grad_()]
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    for _ in range(settings.epochs):
        for some in torch.randperm(len(normal)).split(settings.batch):
            seen = normal[some]
            seen = seen + settings.noise * torch.randn_like(seen)
            seen = seen * (torch.rand_like(seen) > settings.dropped)
            logits = _network(parameters, seen)
            loss = _loss(logits, wanted[some], there[some], weights[:, some], settings)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    return parameters


def _network(parameters: Sequence[Tensor], seen: Tensor) -> Tensor:
    """Logits (member, click, view) of features (click, view, feature), as ``ViewJudge`` computes them."""
    clicks, views, count = seen.shape
    x = seen.reshape(1, clicks * views, count)
    x = functional.silu(x @ parameters[0] + parameters[1])
    x = functional.silu(x @ parameters[2] + parameters[3])
    return (x @ parameters[4] + parameters[5]).reshape(-1, clicks, views)


def _loss(logits: Tensor, wanted: Tensor, there: Tensor, weights: Tensor, settings: FitSettings) -> Tensor:
    """Cross-entropy with each view's Dice, minus the Dice of the chosen view."""
    each = functional.binary_cross_entropy_with_logits(logits, wanted.expand_as(logits), reduction="none")
    counted = weights[..., None] * there
    chosen = torch.softmax((settings.sharpness * logits).masked_fill(~there, -1e9), dim=-1)
    gained = (weights * (chosen * wanted).sum(dim=-1)).sum() / weights.sum().clamp(min=1e-6)
    return (each * counted).sum() / counted.sum().clamp(min=1e-6) - settings.choosing * gained
