r"""Grow-cut, a classical method without weights: seeds grow into their neighbours.

Each seed defends its voxel with strength 1. A voxel p attacks its 26 neighbours q with
:math:`\theta_p \, g(\lVert C_p - C_q \rVert)`, :math:`g(x) = 1 - x / \max \lVert C \rVert`, and takes those
that are weaker. Vezhnevets & Konouchine, Graphicon (2005). Their automaton comes to rest where a voxel's
strength is the greatest product of g along any path from a seed, so object and background are grown apart,
by sweeps that get there sooner; the log-odds are the logarithm of the two strengths' quotient. Nothing in
it was tuned. ``prompt_channels`` lists the other modules of this kind.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from synthfm3d.kernels import kernel
from synthfm3d.model.seeds import BACKGROUND, OBJECT, on_full_region, seeded_features, seeds_of
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

LARGEST_DIFFERENCE = float(np.sqrt(3.0))
"""Of two voxels with three channels from 0 to 1."""
MOST_SWEEPS = 100
"""Largest number of pairs of sweeps, forwards and backwards; a path needs one for each turn, and about ten
suffice."""
WEAKEST = 1e-6
"""Least strength, so that log-odds are finite."""
_STEPS = np.array([step for step in product((-1, 0, 1), repeat=3) if step < (0, 0, 0)])
"""To the 13 neighbours that come before a voxel; the other 13 are opposite."""


@dataclass(frozen=True, slots=True, eq=False)
class GrowCutFeatures:
    """Share of its strength (13, z, y, x), float32, with which a voxel attacks each neighbour before it."""

    attack: Array


class GrowCut:
    """``PromptableModel`` by growing the seeds of ``model.seeds``."""

    name = "grow-cut"
    grid_shape = (32, 128, 128)

    def prepare(self, channels: Array, spacing_mm: tuple[float, float, float]) -> GrowCutFeatures:
        """Attacks between voxels of channels averaged in blocks in the plane; see ``PromptableModel``."""
        reduced = seeded_features(channels, spacing_mm).channels
        return GrowCutFeatures(attacks(np.ascontiguousarray(reduced, np.float32)))

    def logits(self, features: GrowCutFeatures, prompts: GridPrompts, previous: Array | None = None) -> Array:
        """Log-odds (z, y, x) of the full region. ``previous`` is ignored."""
        seeds = seeds_of(prompts, features.attack.shape[1:])
        inside, outside = (strength(features.attack, seeds == label) for label in (OBJECT, BACKGROUND))
        quotient = np.maximum(inside, WEAKEST) / np.maximum(outside, WEAKEST)
        return on_full_region(np.log(quotient).astype(np.float32))


def attacks(channels: Array) -> Array:
    """G (13, z, y, x) between each voxel of channels (z, y, x, channel) and each neighbour before it.

    Neighbours beyond the edge are not attacked: 0.
    """
    shape = channels.shape[:3]
    found = np.zeros((len(_STEPS), *shape), np.float32)
    for n, step in enumerate(_STEPS):
        voxels = tuple(slice(max(0, -s), size - max(0, s)) for s, size in zip(step, shape, strict=True))
        neighbours = tuple(slice(max(0, s), size + min(0, s)) for s, size in zip(step, shape, strict=True))
        difference = np.sqrt(np.square(channels[voxels] - channels[neighbours]).sum(axis=-1))
        found[n][voxels] = 1 - difference / LARGEST_DIFFERENCE
    return found


def strength(attack: Array, seeds: Array) -> Array:
    """Greatest product of attacks along any path from a seed, float32 (z, y, x); 0 where none reaches.

    ``attack`` as ``attacks`` gives it, ``seeds`` bool (z, y, x).
    """
    # With a margin of voxels that do not attack, every voxel has all its neighbours.
    found = np.pad(seeds.astype(np.float32), 1)
    shares = np.pad(np.moveaxis(attack, 0, -1), [(1, 1), (1, 1), (1, 1), (0, 0)]).reshape(-1, len(_STEPS))
    before = _STEPS @ np.array([found.shape[1] * found.shape[2], found.shape[2], 1])
    places = np.flatnonzero(np.pad(np.ones(seeds.shape, bool), 1))
    strengths = found.reshape(-1)
    for _ in range(MOST_SWEEPS):
        forth = _sweep_forth(shares, strengths, before, places)
        back = _sweep_back(shares, strengths, before, places)
        if not (forth or back):
            break
    return np.ascontiguousarray(found[1:-1, 1:-1, 1:-1])


@kernel
def _sweep_forth(shares, strengths, before, places):  # type: ignore[no-untyped-def]  # Numba infers the types
    """Grow into each voxel in raster order, in place, from the neighbours before it. True if any changes."""
    changed = False
    for place in places:
        best = strengths[place]
        for n in range(len(before)):
            best = max(best, strengths[place + before[n]] * shares[place, n])
        if best > strengths[place]:
            strengths[place] = best
            changed = True
    return changed


@kernel
def _sweep_back(shares, strengths, before, places):  # type: ignore[no-untyped-def]
    """The same backwards, from the neighbours after it."""
    changed = False
    for place in places[::-1]:
        best = strengths[place]
        for n in range(len(before)):
            behind = place - before[n]
            best = max(best, strengths[behind] * shares[behind, n])
        if best > strengths[place]:
            strengths[place] = best
            changed = True
    return changed
