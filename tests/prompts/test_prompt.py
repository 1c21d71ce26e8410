"""Prompts in millimetres."""

import numpy as np
import pytest

from synthfm3d.prompts.prompt import Box, GridPrompts, Mask, Point, box_on_grid, prompt_centre_mm
from synthfm3d.volume import Grid, Volume

GRID = Grid.from_spacing((10, 20, 30), (2.0, 1.0, 1.0))


def at(z, y, x):
    return tuple(GRID.to_mm(np.array([z, y, x])))


def test_prompts_without_anything_positive_are_refused():
    with pytest.raises(ValueError, match="nothing says where"):
        GridPrompts(negative=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="nothing says where"):
        GridPrompts(mask=np.full((2, 2, 2), -1, np.int8))
    with pytest.raises(ValueError, match="nothing says where"):
        prompt_centre_mm([Point(position_mm=(0, 0, 0), positive=False)])


def test_opposite_corners_of_a_box_may_be_given_in_any_order():
    one = box_on_grid(Box(corner_mm=at(2, 3, 4), opposite_mm=at(5, 6, 7)), GRID)
    other = box_on_grid(Box(corner_mm=at(5, 3, 7), opposite_mm=at(2, 6, 4)), GRID)
    np.testing.assert_allclose(one, [[2, 3, 4], [5, 6, 7]])
    np.testing.assert_allclose(other, one)


def test_the_centre_is_the_mean_of_the_positive_prompts_centres():
    drawn = np.zeros(GRID.shape, np.uint8)
    drawn[4, 10:13, 10:15] = 1
    prompts = [
        Point(position_mm=at(4, 5, 6)),
        Point(position_mm=at(0, 0, 0), positive=False),
        Box(corner_mm=at(4, 2, 2), opposite_mm=at(4, 6, 8)),
        Mask(volume=Volume(voxels=drawn, affine=GRID.affine)),
    ]
    expected = np.mean([[4, 5, 6], [4, 4, 5], [4, 11, 12]], axis=0)
    np.testing.assert_allclose(GRID.to_index(prompt_centre_mm(prompts)), expected)
