"""The random walker: a classical tool behind the interface of a promptable model. No weights.

A walker starts at each voxel and steps to neighbours, the more readily the more alike they look; a
voxel belongs to the object if the walker probably meets an object seed before a background seed.
Grady, IEEE TPAMI 28:1768 (2006), doi:10.1109/TPAMI.2006.233; ``model.diffusion`` solves it. It is a
baseline: whatever was trained must beat it.
"""

import numpy as np

from synthfm3d.model.diffusion import step_weights, walker_probability
from synthfm3d.model.seeds import OBJECT, SeededFeatures, on_full_region, seeded_features, seeds_of
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

BETA = 16000.0
"""How strongly a step in intensity holds a walker back. Chosen on 90 held-out synthetic patches: Dice from a
click, a box and an outline is 0.04 / 0.36 / 0.69 at 130 (the default of scikit-image), 0.17 / 0.57 / 0.75 at
1500, 0.26 / 0.62 / 0.79 at 4000, 0.36 / 0.64 / 0.80 at 16,000, and 0.36 / 0.64 / 0.77 at 64,000."""
CLOSEST_TO_CERTAIN = 1e-4
"""Probabilities are kept this far from 0 and 1, so that log-odds stay finite."""


class RandomWalker:
    """``PromptableModel`` by random walks from the seeds of ``model.seeds``."""

    name = "random-walker"
    grid_shape = (32, 128, 128)

    def prepare(self, channels: Array, spacing_mm: tuple[float, float, float]) -> SeededFeatures:
        """Channels (3, z, y, x) averaged in blocks in the plane; see ``PromptableModel``."""
        return seeded_features(channels, spacing_mm)

    def logits(self, features: SeededFeatures, prompts: GridPrompts, previous: Array | None = None) -> Array:
        """Log-odds (z, y, x) of the full region. ``previous`` is ignored: a walk has no memory."""
        seeds = seeds_of(prompts, features.channels.shape[:3])
        probability = _object_probability(features, seeds)
        bounded = np.clip(probability, CLOSEST_TO_CERTAIN, 1 - CLOSEST_TO_CERTAIN)
        logits = np.log(bounded / (1 - bounded)).astype(np.float32)
        return on_full_region(logits)


def _object_probability(features: SeededFeatures, seeds: Array) -> Array:
    inside, outside = seeds == OBJECT, (seeds != OBJECT) & (seeds != 0)
    if np.ptp(features.channels) == 0:
        return np.asarray(inside, np.float64)  # nothing to see
    z, y, x = features.spacing_mm
    # In pixels of the region, so that a difference weighs the same however large the object is.
    weights = step_weights(np.moveaxis(features.channels, -1, 0), BETA, (z / y, 1.0, x / y))
    return walker_probability(weights, inside, outside)
