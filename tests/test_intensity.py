"""A scanner's numbers become what a model sees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.intensity import CT_WINDOWS_HU, assumed_modality, model_channels, windows_of
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume


def volume(voxels, modality=None):
    return Volume(voxels=np.asarray(voxels), affine=np.eye(4), modality=modality)


def noise(low, high):
    return stream(0, "intensity").uniform(low, high, size=(4, 20, 20)).astype(np.float32)


def test_air_of_hounsfield_units_tells_a_ct():
    assert assumed_modality(volume(noise(-1000, 500))) == "ct"
    assert assumed_modality(volume(noise(0, 500))) is None


def test_what_the_user_says_wins_over_the_values():
    assert assumed_modality(volume(noise(-1000, 500), "mr")) == "mr"


def test_ct_windows_map_their_bounds_to_zero_and_one():
    low, high = CT_WINDOWS_HU[0]
    scan = volume(np.full((1, 1, 3), 0.0) + [low, (low + high) / 2, high], "ct")
    assert model_channels(scan.voxels, windows_of(scan))[0].ravel().tolist() == [0.0, 0.5, 1.0]


@settings(max_examples=25, deadline=None)
@given(st.floats(1, 1000), st.floats(-300, 1000))  # float32 keeps 7 digits of the offset
def test_arbitrary_units_do_not_matter_where_they_mean_nothing(gain, offset):
    scan = volume(noise(0, 1), "mr")
    other = scan.with_voxels(scan.voxels.astype(np.float64) * gain + offset)
    ours, theirs = (model_channels(v.voxels, windows_of(v)) for v in (scan, other))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_empty_background_does_not_shift_the_percentiles():
    tissue = noise(100, 200)
    padded = np.zeros((4, 60, 60), np.float32)
    padded[:, 20:40, 20:40] = tissue
    with_air, without = windows_of(volume(padded, "mr")), windows_of(volume(tissue, "mr"))
    np.testing.assert_allclose(with_air.bounds, without.bounds, rtol=1e-2)


@pytest.mark.parametrize("value", [0, 7, -3])
def test_a_constant_volume_gives_finite_channels(value):
    scan = volume(np.full((2, 3, 3), value), "us")
    channels = model_channels(scan.voxels, windows_of(scan))
    assert channels.shape == (3, 2, 3, 3)
    assert channels.dtype == np.float32
    assert np.isfinite(channels).all()
