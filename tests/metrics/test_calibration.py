"""Calibration on probabilities whose truth is drawn from them."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from synthfm3d.metrics.calibration import Calibration, Reliability, around


def test_truths_drawn_from_the_probabilities_have_no_calibration_error():
    generator = np.random.default_rng(0)
    probability = generator.random((40, 50, 60))
    truth = generator.random(probability.shape) < probability
    found = Reliability.of(probability, truth)
    assert sum(found.count) == probability.size
    assert found.error < 0.01


def test_probabilities_that_are_too_sure_are_off_by_as_much():
    truth = np.arange(1000) % 2 == 0
    assert Reliability.of(np.full(1000, 0.9), truth).error == pytest.approx(0.4)
    assert Reliability.of(truth.astype(float), truth).error == 0


def test_a_bin_has_a_point_where_its_probabilities_and_its_truths_have_their_means():
    found = Reliability.of(np.array([0.0, 0.71, 0.79, 0.75, 1.0]), np.array([False, True, True, False, True]))
    assert found.count == (1, 0, 0, 0, 0, 0, 0, 3, 0, 1)
    assert found.points == [(0, 0), (pytest.approx(0.75), pytest.approx(2 / 3)), (1, 1)]


def test_sums_of_parts_are_those_of_the_whole():
    generator = np.random.default_rng(1)
    probability, truth = generator.random((2, 500)), generator.random((2, 500)) < 0.3
    parts = Reliability.of(probability[0], truth[0]) + Reliability.of(probability[1], truth[1])
    whole = Reliability.of(probability, truth)
    assert (parts.count, parts.true) == (whole.count, whole.true)
    assert parts.given == pytest.approx(whole.given)
    assert np.isnan(Reliability.of(np.zeros(0), np.zeros(0, bool)).error)


@pytest.mark.parametrize("wrong", [-0.01, 1.01, np.nan])
def test_what_is_no_probability_is_an_error(wrong: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Reliability.of(np.array([0.5, wrong]), np.array([True, False]))


def test_shapes_that_differ_and_an_empty_truth_are_errors():
    with pytest.raises(ValueError, match="shapes differ"):
        Reliability.of(np.zeros(3), np.zeros(4, bool))
    with pytest.raises(ValueError, match="shapes differ"):
        Calibration.of(np.zeros((3, 4, 4)), np.ones((3, 4, 5), bool))
    with pytest.raises(ValueError, match="truth is empty"):
        Calibration.of(np.zeros((3, 4, 4)), np.zeros((3, 4, 4), bool))
    with pytest.raises(ValueError, match="10 bins"):
        Reliability(count=(1,), given=(0.5,), true=(1,))


def test_voxels_are_those_of_the_box_grown_by_half_its_size_where_the_scan_reaches():
    truth = np.zeros((40, 40, 40), bool)
    truth[10:14, 0:8, 30:39] = True  # 4, 8 and 9 voxels wide
    part = around(truth)
    assert part[0] == slice(8, 16)
    assert [len(range(*p.indices(40))) for p in part] == [8, 12, 14]
    found = Calibration.of(np.zeros(truth.shape), truth)
    assert found.voxels.count == (0, 0, 0, 0, 0, 8 * 12 * 14, 0, 0, 0, 0)
    assert found.voxels.true[5] == 4 * 8 * 9


def test_a_slice_is_as_likely_as_its_likeliest_voxel():
    logits = np.full((3, 4, 4), -20.0, np.float16)
    logits[1, 2, 3] = np.log(0.7 / 0.3)
    truth = np.zeros(logits.shape, bool)
    truth[1, 0, 0] = True
    found = Calibration.of(logits, truth).slices
    assert found.count == (2, 0, 0, 0, 0, 0, 0, 1, 0, 0) or found.count == (2, 0, 0, 0, 0, 0, 1, 0, 0, 0)
    assert sum(found.given) == pytest.approx(0.7, abs=1e-3)
    assert sum(found.true) == 1


def test_a_calibration_goes_through_json_unchanged():
    generator = np.random.default_rng(2)
    found = Calibration.of(generator.normal(size=(5, 6, 7)), generator.random((5, 6, 7)) < 0.5)
    assert Calibration.from_json(json.loads(json.dumps(asdict(found)))) == found
    with pytest.raises(TypeError):
        Calibration.from_json({"voxels": {"count": [1]}})
