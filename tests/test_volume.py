"""A volume keeps every voxel at its place in the world."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.randomness import stream
from synthfm3d.volume import Grid, Volume, foreground_corners, part_between

ORDERS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
orders = st.sampled_from(ORDERS)
flips = st.tuples(st.booleans(), st.booleans(), st.booleans())


def rotation(seed: int, largest_angle: float) -> np.ndarray:
    """Rotation about a random axis by up to an angle in radians (Rodrigues)."""
    draw = stream(seed, "rotation")
    axis = draw.normal(size=3)
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = draw.uniform(0, largest_angle)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def tilted_volume(seed: int, largest_angle: float = 0.5) -> Volume:
    """Axial volume, tilted, with a distinct value in every voxel."""
    shape = (3, 4, 5)
    affine = Grid.from_spacing(shape, (3.0, 1.0, 0.7)).affine.copy()
    affine[:3, :3] = rotation(seed, largest_angle) @ affine[:3, :3]
    affine[:3, 3] = stream(seed, "origin").normal(0, 50, size=3)
    return Volume(voxels=np.arange(60).reshape(shape), affine=affine)


def places(volume: Volume) -> dict[int, np.ndarray]:
    """World position of every value."""
    index = np.argwhere(np.ones(volume.voxels.shape, bool))
    return dict(zip(volume.voxels.reshape(-1).tolist(), volume.grid.to_mm(index), strict=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), orders, flips)
def test_reordering_moves_no_voxel_in_the_world(seed, order, flipped):
    volume = tilted_volume(seed)
    before, after = places(volume), places(volume.reordered(order, flipped))
    assert all(np.allclose(before[value], after[value]) for value in before)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), orders, flips)
def test_the_axial_form_does_not_depend_on_the_storage_order(seed, order, flipped):
    volume = tilted_volume(seed)
    stored = volume.reordered(order, flipped)
    assert np.array_equal(stored.axial().voxels, volume.voxels)
    np.testing.assert_allclose(stored.axial().affine, volume.affine, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(-100, 100), min_size=3, max_size=3))
def test_world_and_index_are_inverse(seed, index):
    grid = tilted_volume(seed, largest_angle=3.1).grid
    np.testing.assert_allclose(grid.to_index(grid.to_mm(np.array(index))), index, atol=1e-6)


def test_an_axial_grid_runs_to_superior_posterior_left():
    grid = Grid.from_spacing((2, 2, 2), (3.0, 2.0, 1.0))
    np.testing.assert_allclose(grid.to_mm(np.array([1, 0, 0])), [0, 0, 3])
    np.testing.assert_allclose(grid.to_mm(np.array([0, 1, 0])), [0, -2, 0])
    np.testing.assert_allclose(grid.to_mm(np.array([0, 0, 1])), [-1, 0, 0])
    assert grid.spacing_mm == (3.0, 2.0, 1.0)
    assert grid.voxel_ml == pytest.approx(0.006)


def test_a_voxel_reaches_half_a_voxel_around_its_centre():
    grid = Grid.from_spacing((4, 4, 4), (1, 1, 1))
    index = np.array([[-0.5, 0, 0], [-0.51, 0, 0], [3.49, 3, 3], [3.5, 3, 3]])
    assert grid.contains(index).tolist() == [True, False, True, False]


def test_a_singular_affine_is_refused():
    with pytest.raises(ValueError, match="singular"):
        Grid((2, 2, 2), np.diag([1.0, 0, 1, 1]))


def test_voxels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="do not fit a grid"):
        tilted_volume(0).with_voxels(np.zeros((3, 4, 4)))


def test_a_volume_does_not_share_its_affine_with_its_maker():
    affine = np.eye(4)
    volume = Volume(voxels=np.zeros((1, 1, 1)), affine=affine)
    affine[0, 3] = 7.0
    assert volume.affine[0, 3] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 3] = 7.0


def test_a_moved_grid_has_its_first_voxel_where_it_was_moved_to():
    grid = Grid.from_spacing((4, 5, 6), (3.0, 2.0, 1.0))
    moved = grid.moved((2, -1, 3))
    assert moved.to_mm(np.zeros(3)) == pytest.approx(grid.to_mm(np.array([2, -1, 3])))
    assert moved.spacing_mm == grid.spacing_mm


def indices(length):
    return st.builds(slice, st.integers(0, length - 1), st.integers(length, length + 2), st.integers(1, 2))


parts = st.tuples(indices(3), indices(4), indices(5))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100), parts)
def test_every_voxel_of_a_part_stays_where_it_is_in_the_world(seed, part):
    volume = tilted_volume(seed)
    cut = volume[part]
    for index in np.ndindex(cut.voxels.shape):
        place = np.rint(volume.grid.to_index(cut.grid.to_mm(np.array(index)))).astype(int)
        assert volume.voxels[tuple(place)] == cut.voxels[index]
        np.testing.assert_allclose(volume.grid.to_mm(place), cut.grid.to_mm(np.array(index)), atol=1e-9)


def test_a_part_may_be_named_by_its_slices_alone_counted_from_the_end_or_reversed():
    volume = tilted_volume(1)
    np.testing.assert_allclose(volume[-1:].grid.to_mm(np.zeros(3)), volume.grid.to_mm(np.array([2, 0, 0])))
    assert volume[-1:].voxels.shape == (1, 4, 5)
    turned = volume.reordered((0, 1, 2), (True, False, False))
    assert volume[::-1].grid.same_as(turned.grid)
    assert np.array_equal(volume[::-1].voxels, turned.voxels)


def test_a_part_without_voxels_is_refused():
    with pytest.raises(ValueError, match="three positive numbers"):
        tilted_volume(0)[2:2]


def test_a_padded_grid_has_more_voxels_on_every_side():
    grid = Grid.from_spacing((4, 5, 6), (3.0, 2.0, 1.0))
    padded = grid.padded(2)
    assert padded.shape == (8, 9, 10)
    assert padded.part((slice(2, -2),) * 3).same_as(grid)


def test_corners_enclose_the_foreground():
    mask = np.zeros((5, 6, 7))
    mask[1, 2, 3] = mask[3, 2, 5] = 1
    assert foreground_corners(mask).tolist() == [[1, 2, 3], [3, 2, 5]]
    assert mask[part_between(foreground_corners(mask))].shape == (3, 1, 3)
    with pytest.raises(ValueError, match="empty"):
        foreground_corners(np.zeros((2, 2, 2)))
