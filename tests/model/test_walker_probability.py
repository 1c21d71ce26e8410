"""Random-walker probabilities of our own solver, against theory and scikit-image."""

import numpy as np
import pytest
from skimage.segmentation import random_walker

from synthfm3d.model.random_walker import step_weights, walker_probability
from synthfm3d.randomness import stream

SHAPE = (6, 20, 24)


@pytest.fixture(scope="module")
def seeds():
    inside, outside = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    inside[3, 8:11, 10:13] = True
    outside[:, [0, -1]] = outside[:, :, [0, -1]] = True
    return inside, outside


def noisy_object(channels):
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    truth = ((z - 3) / 3) ** 2 + ((y - 9) / 6) ** 2 + ((x - 11) / 7) ** 2 <= 1
    noise = stream(0, "diffusion").normal(0, 0.02, size=(channels, *SHAPE))
    return (0.3 + 0.4 * truth + noise).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("beta", [300.0, 1500.0])
def test_probabilities_are_those_of_scikit_image(seeds, channels, beta):
    inside, outside = seeds
    values = noisy_object(channels)
    spacing = (2.0, 1.0, 1.0)
    expected = random_walker(
        np.moveaxis(values, 0, -1).astype(np.float64),
        np.where(inside, 1, np.where(outside, 2, 0)),
        beta=beta,
        mode="bf",  # a direct solver: exact
        return_full_prob=True,
        channel_axis=-1,
        spacing=spacing,
    )[0]
    found = walker_probability(step_weights(values, beta, spacing), inside, outside, tolerance=1e-6)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_a_walk_between_two_walls_is_linear():
    """Without edges, the probability falls evenly from one seed to the other: a harmonic function in one
    dimension.
    """
    inside, outside = np.zeros((1, 4, 11), bool), np.zeros((1, 4, 11), bool)
    inside[..., 0], outside[..., -1] = True, True
    flat = np.full((1, 1, 4, 11), 0.5, np.float32)
    found = walker_probability(step_weights(flat, 1000.0), inside, outside, tolerance=1e-6)
    np.testing.assert_allclose(found, np.broadcast_to(1 - np.arange(11) / 10, found.shape), atol=1e-4)


def test_a_longer_step_resists_more():
    """Equal differences over twice the distance: the weight's exponent is a quarter."""
    values = np.zeros((1, 2, 2, 2), np.float32)
    values[0, 1] += 0.5
    values[0, :, 1] += 0.5
    weights = step_weights(values, 10.0, (2.0, 1.0, 1.0))
    along_z, along_y = weights.along_z[2, 1, 1], weights.along_y[1, 2, 1]
    assert np.log(along_z) == pytest.approx(np.log(along_y) / 4, rel=1e-4)


def test_a_strong_prior_is_believed_and_none_changes_nothing(seeds):
    inside, outside = seeds
    weights = step_weights(noisy_object(1), 1000.0)
    prior = stream(1, "diffusion").uniform(size=SHAPE)
    free = ~(inside | outside)
    believed = walker_probability(weights, inside, outside, prior=prior, prior_weight=1e4)
    np.testing.assert_allclose(believed[free], prior[free], atol=1e-2)
    plain = walker_probability(weights, inside, outside)
    np.testing.assert_array_equal(
        plain, walker_probability(weights, inside, outside, prior=prior, prior_weight=0.0)
    )


def test_seeds_keep_their_side_and_object_wins_where_both_are(seeds):
    inside, outside = seeds
    found = walker_probability(step_weights(noisy_object(1), 300.0), inside, outside | inside)
    assert (found[inside] == 1).all()
    assert (found[outside] == 0).all()


def test_a_good_start_leads_to_the_same_end(seeds):
    inside, outside = seeds
    values = noisy_object(1)
    low = walker_probability(step_weights(values, 300.0), inside, outside, tolerance=1e-6)
    weights = step_weights(values, 4000.0)
    plain = walker_probability(weights, inside, outside, tolerance=1e-6)
    warm = walker_probability(weights, inside, outside, start=low, tolerance=1e-6)
    np.testing.assert_allclose(warm, plain, atol=2e-3)


def test_constant_slices_beyond_a_scan_change_no_weight():
    values = noisy_object(1)
    beyond = np.full((1, 4, *SHAPE[1:]), values.min(), np.float32)
    alone, longer = (step_weights(v, 1000.0) for v in (values, np.concatenate([values, beyond], axis=1)))
    np.testing.assert_allclose(longer.along_y[: SHAPE[0] + 1], alone.along_y[: SHAPE[0] + 1], rtol=1e-6)


@pytest.mark.parametrize("size", [6, 8, 20])
def test_nothing_is_reached_from_seeds_that_background_walls_in(size):
    shape = (3, size, size)
    inside, outside = np.zeros(shape, bool), np.zeros(shape, bool)
    outside[:, 2:5, 2:5] = True
    outside[:, [0, -1]] = outside[:, :, [0, -1]] = True
    inside[1, 3, 3] = True
    outside[inside] = False
    flat = np.full((1, *shape), 0.5, np.float32)
    found = walker_probability(step_weights(flat, 300.0), inside, outside, tolerance=1e-2)
    np.testing.assert_array_equal(found, inside)
