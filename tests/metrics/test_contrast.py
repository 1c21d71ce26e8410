"""Contrast along a boundary, against steps of known height in known noise."""

import numpy as np
import pytest

from synthfm3d.metrics.contrast import boundary_contrast

Z, Y, X = np.ogrid[:20, :128, :128]
CYLINDER = (((Y - 64) ** 2 + (X - 64) ** 2 < 30**2) & (Z > 2) & (Z < 17)).astype(np.uint8)


def noise(std=10.0):
    return np.random.default_rng(7).normal(0, std, CYLINDER.shape)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_a_step_in_noise_has_its_ratio_everywhere(ratio, sign):
    found = boundary_contrast(noise() + sign * 10 * ratio * CYLINDER, CYLINDER, 1)
    assert found.median == pytest.approx(ratio, abs=0.06)
    assert found.largest == pytest.approx(ratio, abs=0.5)


def test_the_ratio_does_not_depend_on_the_unit():
    image = noise() + 10.0 * CYLINDER
    small, large = (boundary_contrast(image * unit + 40, CYLINDER, 1) for unit in (0.01, 100.0))
    assert small.median == pytest.approx(large.median)


def test_noise_alone_is_invisible():
    found = boundary_contrast(noise(), CYLINDER, 1)
    assert found.invisible_share == 1.0
    assert found.median < 0.1


def test_what_noise_alone_makes_is_expected_and_taken_off():
    # The difference of two means of noise lies within one standard error in 68 % of targets.
    labels = np.zeros((9, 40, 40), np.uint8)
    labels[3:6, 18:22, 18:22] = 1
    images = np.random.default_rng(3).normal(0, 1, (100, *labels.shape))
    unseen = [boundary_contrast(image, labels, 1).largest == 0 for image in images]
    assert np.mean(unseen) == pytest.approx(0.68, abs=0.14)


def test_a_boundary_that_vanishes_on_one_side_is_invisible_on_half_of_its_length():
    found = boundary_contrast(noise() + 20.0 * CYLINDER * (X < 64) + 10.0 * (X >= 64), CYLINDER, 1)
    assert found.largest > 1.5
    assert found.invisible_share == pytest.approx(0.5, abs=0.05)


def test_a_blurred_edge_is_measured_beside_its_blur():
    # One pixel on each side mixes both: left out, the step is whole.
    step = np.where(CYLINDER, 10.0, 0.0)
    for shift, axis in ((1, 1), (-1, 1), (1, 2), (-1, 2)):
        step = np.where(np.roll(CYLINDER, shift, axis) != CYLINDER, 5.0, step)
    assert boundary_contrast(noise() + step, CYLINDER, 1).median == pytest.approx(1.0, abs=0.1)


def test_the_contrast_between_other_tissues_is_no_noise():
    # Around the target lie a bright and a dark organ, as far above as below: each adds no spread.
    labels = CYLINDER.copy()
    labels[(CYLINDER == 0) & (X > 64)] = 2
    labels[(CYLINDER == 0) & (X <= 64) & (Y % 2 == 0)] = 3
    image = noise(1.0) + 100.0 * (labels == 2) + 50.0 * (labels == 1) + 30.0 * (labels == 3)
    found = boundary_contrast(image, labels, 1)
    assert found.largest == pytest.approx(50, rel=0.1)
    assert found.median > 30


def test_a_boundary_with_what_is_not_image_is_not_counted():
    # The fan of an ultrasound ends in the middle of the target; black outside is no contrast.
    fan = np.broadcast_to(X < 64, CYLINDER.shape)
    image = np.where(fan, noise() + 5.0 * CYLINDER + 100, 0.0)
    assert boundary_contrast(image, CYLINDER * fan, 1).largest > 3
    found = boundary_contrast(image, CYLINDER * fan, 1, valid=fan)
    assert found.largest < 1.2
    # Deep inside the target a bright spot lies at the edge of the fan: no boundary is near.
    image[:, 42:46, 58:64] = 1000
    assert boundary_contrast(image, CYLINDER * fan, 1, valid=fan) == found


def test_a_target_of_a_few_voxels_is_one_patch():
    labels = np.zeros((9, 40, 40), np.uint8)
    labels[3:6, 18:22, 18:22] = 1
    image = np.random.default_rng(1).normal(0, 1, labels.shape) + 4.0 * labels
    found = boundary_contrast(image, labels, 1)
    assert found.largest == found.median == pytest.approx(4.0, rel=0.2)


def test_a_target_that_fills_the_volume_has_no_boundary():
    assert boundary_contrast(np.zeros((3, 20, 20)), np.ones((3, 20, 20), np.uint8), 1) is None


def test_a_label_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="label 9"):
        boundary_contrast(noise(), CYLINDER, 9)
