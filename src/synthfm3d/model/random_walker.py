"""The random walker: a classical tool behind the interface of a promptable model. No weights.

A walker starts at each voxel and steps to neighbours, the more readily the more alike they look; a
voxel belongs to the object if the walker probably meets an object seed before a background seed.
Grady, IEEE TPAMI 28:1768 (2006), doi:10.1109/TPAMI.2006.233, as implemented in scikit-image. It is a
baseline: whatever was trained must beat it.
"""

import warnings

import numpy as np
from skimage.segmentation import random_walker

from synthfm3d.model.seeds import OBJECT, SeededFeatures, on_full_region, seeded_features, seeds_of
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

BETA = 1500.0
"""How strongly a step in intensity holds a walker back. At 130, the default of scikit-image, walkers leak
through edges that resampling has spread over several voxels. Chosen on synthetic ellipsoids, where every
value from 500 to 4000 gave Dice above 0.9 (but for one click at 500)."""
TOLERANCE = 1e-3
"""Of the conjugate gradients. The mask does not change below it."""
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
    if seeds.all() or np.ptp(features.channels) == 0:
        # Nothing to find; or nothing to see, and a division by the standard deviation in scikit-image.
        return np.asarray(seeds == OBJECT, np.float64)
    with warnings.catch_warnings():
        # Conjugate gradients overshoot 0 and 1 by up to the tolerance; the clipping above mends it.
        warnings.filterwarnings("ignore", message="The probability range is outside")
        probabilities = random_walker(
            features.channels,
            seeds,
            beta=BETA,
            mode="cg_j",  # needs neither pyamg nor UMFPACK
            tol=TOLERANCE,
            return_full_prob=True,
            spacing=features.spacing_mm,
            channel_axis=-1,
        )
    return np.asarray(probabilities[0])
