"""Random numbers and smooth fields have the statistics that theory gives them."""

import math

import numpy as np
import pytest
from numba import njit

from synthfm3d.rendering.fields import field_row, field_slice, hashed_normal, lattice_of, spline_axis
from synthfm3d.rendering.tiles import texture_tile, tile_places, tile_row


@njit
def _many(count, key):
    out = np.empty(count, np.float32)
    for n in range(count):
        out[n] = hashed_normal(np.uint32(n), np.uint32(key))
    return out


def test_hashed_numbers_are_nearly_normal_and_white():
    sample = _many(200_000, 12345).astype(float)
    assert sample.mean() == pytest.approx(0, abs=0.01)
    assert sample.std() == pytest.approx(1, abs=0.01)
    # A sum of four uniforms has the excess kurtosis -6 / (5 * 4); the normal distribution has 0.
    assert (sample**4).mean() - 3 == pytest.approx(-0.3, abs=0.03)
    assert np.corrcoef(sample[:-1], sample[1:])[0, 1] == pytest.approx(0, abs=0.01)


def test_different_keys_give_independent_numbers():
    first, second = _many(1 << 17, 1), _many(1 << 17, 2)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.015)
    # Nor is one a permutation of the other.
    assert not np.array_equal(np.sort(first), np.sort(second))


def _field(std, shape=(48, 64, 64), key=7):
    axes = tuple(spline_axis(n, std) for n in shape)
    lattice = lattice_of(axes, key, range(shape[0]))
    plane = np.empty((axes[1].nodes, shape[2]), np.float32)
    row = np.empty(axes[2].nodes, np.float32)
    field = np.empty(shape, np.float32)
    for z in range(shape[0]):
        first = axes[0].first[z]
        nodes = lattice[first : first + 4]
        field_slice(nodes, axes[0].weights[z], axes[2].first, axes[2].columns, row, plane)
        for y in range(shape[1]):
            field_row(plane, axes[1].first[y], axes[1].weights[y], field[z, y])
    return field


def _tiled(std, shape=(48, 64, 64), key=7):
    along_z = spline_axis(shape[0], std)
    tile = texture_tile(*shape[1:], std, key)
    field = np.empty(shape, np.float32)
    places = np.empty((shape[0], 1, 4, 2), np.int64)
    tile_places(np.array([key], np.uint32), along_z.first[None], tile.shape[0], places)
    row = njit(lambda tile, places, weights, y, out: tile_row(tile, places, weights, y, out))
    for z in range(shape[0]):
        for y in range(shape[1]):
            row(tile, places[z, 0], along_z.weights[z], y, field[z, y])
    return field


@pytest.mark.parametrize("make", [_field, _tiled])
def test_a_field_has_unit_variance_whatever_its_correlation_length(make):
    for std in (0.3, 1.0, 2.5):
        fields = np.stack([make(std, key=key) for key in range(6)])
        assert fields.var() == pytest.approx(1, abs=0.06)
    variance_by_column = np.stack([make(1.5, key=key) for key in range(8)]).var(axis=(0, 1, 2))
    assert variance_by_column.std() < 0.08  # stationary: no stripes at the nodes


@pytest.mark.parametrize("make", [_field, _tiled])
def test_a_field_is_correlated_as_gaussian_smoothing_makes_it(make):
    """White noise smoothed by a Gaussian of std s has correlation exp(-d^2 / 4 s^2) at distance d."""
    std = 3.0
    fields = np.stack([make(std, key=key) for key in range(6)]).astype(float)
    for axis in (1, 3):  # through the slices and in them
        along = np.moveaxis(fields, axis, -1)
        for distance in (2, 4, 6):
            measured = (along[..., distance:] * along[..., :-distance]).mean() / (fields**2).mean()
            assert measured == pytest.approx(math.exp(-(distance**2) / (4 * std**2)), abs=0.08)


def test_a_run_of_slices_has_the_nodes_of_the_whole_field():
    axes = tuple(spline_axis(n, 2.0) for n in (40, 16, 16))
    whole = lattice_of(axes, 3, range(40))
    first = axes[0].first[17]
    some = lattice_of(axes, 3, range(17, 25))
    assert np.array_equal(some, whole[first : first + len(some)])
