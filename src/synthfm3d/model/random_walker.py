r"""The random walker: a classical method without weights, and its solver, which is fast on small regions.

A walker starts at each voxel and steps to a neighbour, preferably one of similar intensity. A voxel belongs
to the object if the walker reaches an object seed before a background seed with a probability above one half.
``RandomWalker`` is a baseline that trained models must exceed, and the probabilities of such walkers are
input channels of the volumetric network (``prompt_channels``, which lists all modules of this kind).

The probability is harmonic on the voxels without seeds: :math:`\sum_j w_{ij} (p_i - p_j) = 0` over the
neighbours that share a face, with
:math:`w_{ij} = \exp(-\beta \lVert v_i - v_j \rVert^2 / (10 \sigma \sqrt{C} h^2)) + 10^{-5}`, sigma the
standard deviation of the values on slices that are not constant, C the number of channels and h the spacing
along the step. Grady, IEEE TPAMI 28:1768 (2006), doi:10.1109/TPAMI.2006.233. The weights are those of
scikit-image, so that beta has the same meaning, except for the last term, which is :math:`10^{-10}` there:
with that value, a voxel that noise separates from its neighbours has no weight left in float32.

A prior probability :math:`\pi_i` that a voxel belongs to the object adds :math:`\gamma (p_i - \pi_i)` to the
left-hand side: the walker may then also end at any voxel. Grady, CVPR 2005, doi:10.1109/CVPR.2005.239.

The system is solved by conjugate gradients with a diagonal preconditioner, without building a matrix.
"""

from dataclasses import dataclass

import numpy as np

from synthfm3d.kernels import kernel
from synthfm3d.model.seeds import OBJECT, SeededFeatures, on_full_region, seeded_features, seeds_of
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

TOLERANCE = 1e-3
"""Residual norm over the norm of the right-hand side at which the solver stops."""
MOST_ITERATIONS = 300
_CORE = (slice(1, -1),) * 3
_LEAST_WEIGHT = 1e-5
_FLAT = 1e-6
"""Standard deviation below which an image counts as constant: all steps then have the same weight."""
BETA = 16000.0
"""How strongly a difference of intensity reduces the weight of a step. Chosen on 90 held-out synthetic
patches: Dice from a click, a box and an outline is 0.04 / 0.36 / 0.69 at 130 (the default of scikit-image),
0.17 / 0.57 / 0.75 at 1500, 0.26 / 0.62 / 0.79 at 4000, 0.36 / 0.64 / 0.80 at 16,000, and
0.36 / 0.64 / 0.77 at 64,000."""
CLOSEST_TO_CERTAIN = 1e-4
"""Probabilities are kept this far from 0 and 1, so that log-odds stay finite."""


@dataclass(frozen=True, slots=True, eq=False)
class StepWeights:
    """Weights of the steps of a walker between neighbours, on a grid with one voxel of padding on each side.

    Parameters
    ----------
    along_z, along_y, along_x
        Float32 (z + 2, y + 2, x + 2): the weight of the step between a voxel and the one before it, 0 where
        one of the two is padding.
    """

    along_z: Array
    along_y: Array
    along_x: Array

    @property
    def total(self) -> Array:
        """Sum of the six weights of each voxel, float32 (z + 2, y + 2, x + 2), 1 on the padding."""
        total = np.ones_like(self.along_z)
        total[_CORE] = sum(weight[_CORE] for weight in (self.along_z, self.along_y, self.along_x))
        total[_CORE] += self.along_z[2:, 1:-1, 1:-1]
        total[_CORE] += self.along_y[1:-1, 2:, 1:-1]
        total[_CORE] += self.along_x[1:-1, 1:-1, 2:]
        return total


def walker_probability(
    weights: StepWeights,
    inside: Array,
    outside: Array,
    *,
    start: Array | None = None,
    prior: Array | None = None,
    prior_weight: float = 0.0,
    tolerance: float = TOLERANCE,
) -> Array:
    """Probability that a walker reaches the object first, float32 (z, y, x) in [0, 1].

    Parameters
    ----------
    weights
        From ``step_weights``.
    inside, outside
        Seeds of object and background, bool (z, y, x), each at least one voxel. A voxel of both is object.
    start
        Probabilities (z, y, x) from which the solver begins, for example those of a smaller beta.
    prior
        Probability (z, y, x) of the object by what a voxel looks like, None for no belief.
    prior_weight
        Gamma: the weight of the prior, where a step through equal values has the weight 1.
    tolerance
        Residual norm over the norm of the right-hand side at which the solver stops.
    """
    unknown = np.zeros(weights.along_z.shape, np.float32)
    unknown[_CORE] = ~(inside | outside)
    probability = np.zeros_like(unknown)
    probability[_CORE] = np.where(inside, 1.0, 0.5 if start is None else start) * (inside | ~outside)
    ends = np.zeros_like(unknown)
    if prior is not None:
        ends[_CORE] = prior_weight * prior
    _solve(weights, unknown, ends, np.float32(0 if prior is None else prior_weight), probability, tolerance)
    return np.clip(probability[_CORE], 0.0, 1.0)


def step_weights(
    values: Array, beta: float, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> StepWeights:
    """Weights of the steps through values (channel, z, y, x).

    Parameters
    ----------
    beta
        How strongly a difference of values reduces the weight of a step.
    spacing
        Distance between neighbours along (z, y, x), in any unit: a difference over a longer step weighs less.
    """
    scale = -beta / (10.0 * max(_deviation(values), _FLAT) * np.sqrt(len(values)))
    shape = tuple(n + 2 for n in values.shape[1:])
    weights = []
    for axis, step in enumerate(spacing):
        squared = np.square(np.diff(values, axis=axis + 1)).sum(axis=0)
        weight = np.zeros(shape, np.float32)
        after = tuple(slice(2 if n == axis else 1, -1) for n in range(3))
        weight[after] = np.exp(np.float32(scale / step**2) * squared) + np.float32(_LEAST_WEIGHT)
        weights.append(weight)
    return StepWeights(*weights)


def _deviation(values: Array) -> float:
    """Standard deviation of values (channel, z, y, x) without constant slices, as lie beyond a scan."""
    varying = np.ptp(values, axis=(0, 2, 3)) > 0
    return float(values[:, varying].std()) if varying.any() else 0.0


def _solve(
    weights: StepWeights, unknown: Array, ends: Array, own: np.float32, probability: Array, tolerance: float
) -> None:
    """Conjugate gradients in place, on padded arrays (z + 2, y + 2, x + 2).

    ``unknown`` is 1 where a probability is to be found and 0 elsewhere; ``own`` is the weight with which a
    walk ends at its voxel, and ``ends`` is that weight times the prior.
    """
    columns = weights.along_z, weights.along_y, weights.along_x, unknown, own
    inverse = unknown / (weights.total + own)
    product = np.zeros_like(probability)
    _laplacian(*columns, probability * (1 - unknown), product)
    ends = ends * unknown
    goal = tolerance * float(np.linalg.norm(ends - product))
    if goal == 0:  # the object's seeds are walled in: no walk reaches them
        probability *= 1 - unknown
        return
    _laplacian(*columns, probability, product)
    residual = ends - product
    direction = inverse * residual
    energy = _dot(residual, direction)
    for _ in range(MOST_ITERATIONS):
        if energy <= 0 or float(np.linalg.norm(residual)) <= goal:
            return
        _laplacian(*columns, direction, product)
        length = np.float32(energy / _dot(direction, product))
        probability += length * direction
        residual -= length * product
        preconditioned = inverse * residual
        before, energy = energy, _dot(residual, preconditioned)
        direction *= np.float32(energy / before)
        direction += preconditioned


def _dot(first: Array, second: Array) -> float:
    return float(np.vdot(first, second))


@kernel
def _laplacian(
    along_z: Array, along_y: Array, along_x: Array, unknown: Array, own: np.float32, x: Array, result: Array
) -> None:
    """Laplacian of ``x`` plus ``own`` times ``x`` where ``unknown`` is 1, else 0; arrays are padded."""
    depth, height, width = x.shape
    for k in range(1, depth - 1):
        for j in range(1, height - 1):
            for i in range(1, width - 1):
                centre = x[k, j, i]
                total = own * centre + along_z[k, j, i] * (centre - x[k - 1, j, i])
                total += along_z[k + 1, j, i] * (centre - x[k + 1, j, i])
                total += along_y[k, j, i] * (centre - x[k, j - 1, i])
                total += along_y[k, j + 1, i] * (centre - x[k, j + 1, i])
                total += along_x[k, j, i] * (centre - x[k, j, i - 1])
                total += along_x[k, j, i + 1] * (centre - x[k, j, i + 1])
                result[k, j, i] = unknown[k, j, i] * total


class RandomWalker:
    """``PromptableModel`` by random walks from the seeds of ``model.seeds``."""

    name = "random-walker"
    grid_shape = (32, 128, 128)

    def prepare(self, channels: Array, spacing_mm: tuple[float, float, float]) -> SeededFeatures:
        """Channels (3, z, y, x) averaged in blocks in the plane; see ``PromptableModel``."""
        return seeded_features(channels, spacing_mm)

    def logits(self, features: SeededFeatures, prompts: GridPrompts, previous: Array | None = None) -> Array:
        """Log-odds (z, y, x) of the full region. ``previous`` is ignored."""
        seeds = seeds_of(prompts, features.channels.shape[:3])
        probability = _object_probability(features, seeds)
        bounded = np.clip(probability, CLOSEST_TO_CERTAIN, 1 - CLOSEST_TO_CERTAIN)
        logits = np.log(bounded / (1 - bounded)).astype(np.float32)
        return on_full_region(logits)


def _object_probability(features: SeededFeatures, seeds: Array) -> Array:
    inside, outside = seeds == OBJECT, (seeds != OBJECT) & (seeds != 0)
    if np.ptp(features.channels) == 0:
        return np.asarray(inside, np.float64)  # a constant image
    z, y, x = features.spacing_mm
    # In pixels of the region, so that the weight of a difference does not depend on the size of the object.
    weights = step_weights(np.moveaxis(features.channels, -1, 0), BETA, (z / y, 1.0, x / y))
    return walker_probability(weights, inside, outside)
