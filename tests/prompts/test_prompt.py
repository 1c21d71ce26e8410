"""Prompts in millimetres."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.prompts.prompt import Box, GridPrompts, box_voxels
from synthfm3d.volume import Grid

GRID = Grid.from_spacing((10, 20, 30), (2.0, 1.0, 1.0))


def at(z, y, x):
    return tuple(GRID.to_mm(np.array([z, y, x])))


def test_prompts_without_anything_positive_are_refused():
    with pytest.raises(ValueError, match="nothing says where"):
        GridPrompts(negative=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="nothing says where"):
        GridPrompts(mask=np.full((2, 2, 2), -1, np.int8))


def test_opposite_corners_of_a_box_may_be_given_in_any_order():
    one = box_voxels(Box(corner_mm=at(2, 3, 4), opposite_mm=at(5, 6, 7)), GRID)
    other = box_voxels(Box(corner_mm=at(5, 3, 7), opposite_mm=at(2, 6, 4)), GRID)
    assert one.tolist() == other.tolist() == [[2, 3, 4], [5, 6, 7]]


@pytest.mark.parametrize(
    ("low", "high", "first", "last"), [(2.6, 3.4, 3, 3), (2.4, 2.6, 2, 3), (-0.5, 9.4999999, 0, 9)]
)
def test_a_corner_belongs_to_the_voxel_that_it_lies_in(low, high, first, last):
    corners = box_voxels(Box(corner_mm=at(low, 3, 4), opposite_mm=at(high, 6, 7)), GRID)
    assert corners[:, 0].tolist() == [first, last]


@settings(max_examples=50, deadline=None)
@given(st.floats(-1, 1), st.integers(0, 8))
def test_a_box_between_two_slices_of_an_oblique_scan_is_still_flat(angle, below):
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    oblique = Grid(GRID.shape, turn @ GRID.affine)
    low, high = oblique.to_mm(np.array([[below + 0.5, 3, 4], [below + 0.5, 6, 7]]))
    corners = box_voxels(Box(corner_mm=tuple(low), opposite_mm=tuple(high)), oblique)
    assert corners[0, 0] == corners[1, 0]
