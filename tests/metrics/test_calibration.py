"""Calibration on probabilities whose truth is drawn from them."""

import numpy as np
import pytest

from synthfm3d.metrics.calibration import Reliability, slice_probabilities


def test_truths_drawn_from_the_probabilities_have_no_calibration_error():
    generator = np.random.default_rng(0)
    probability = generator.random((40, 50, 60))
    truth = generator.random(probability.shape) < probability
    found = Reliability.of(probability, truth)
    assert found.count.sum() == probability.size
    assert found.error < 0.01


def test_probabilities_that_are_too_sure_are_off_by_as_much():
    truth = np.arange(1000) % 2 == 0
    assert Reliability.of(np.full(1000, 0.9), truth).error == pytest.approx(0.4)
    assert Reliability.of(truth.astype(float), truth).error == 0


def test_sums_of_parts_are_those_of_the_whole():
    generator = np.random.default_rng(1)
    probability, truth = generator.random((2, 500)), generator.random((2, 500)) < 0.3
    parts = Reliability.of(probability[0], truth[0]) + Reliability.of(probability[1], truth[1])
    whole = Reliability.of(probability, truth)
    for name in ("count", "given", "true"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name))
    assert np.isnan(Reliability.of(np.zeros(0), np.zeros(0, bool)).error)
    with pytest.raises(ValueError, match="shapes differ"):
        Reliability.of(probability, truth[0])


def test_a_slice_is_as_likely_as_its_likeliest_voxel():
    probability = np.zeros((3, 4, 4))
    probability[1, 2, 3] = 0.7
    assert slice_probabilities(probability).tolist() == [0, 0.7, 0]
