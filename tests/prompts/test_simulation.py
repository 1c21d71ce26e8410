"""Prompts that are simulated from a true mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.prompts.simulation import (
    innermost_point,
    largest_slice,
    tight_box,
    without_stray_components,
)
from synthfm3d.randomness import stream


def test_the_largest_slice_is_the_first_of_equals():
    mask = np.zeros((5, 10, 10), bool)
    mask[1:4, 2:6, 2:6] = True
    assert largest_slice(mask) == 1
    mask[3, 2:7, 2:6] = True
    assert largest_slice(mask) == 3


def test_a_stray_voxel_is_left_out_and_an_empty_mask_refused():
    mask = np.zeros((5, 20, 20), bool)
    mask[1:4, 2:12, 2:12] = True
    mask[0, 18, 18] = True
    assert not without_stray_components(mask)[0].any()
    with pytest.raises(ValueError, match="empty"):
        largest_slice(np.zeros((2, 2, 2), bool))


def test_the_innermost_point_of_a_rectangle_is_in_its_middle():
    mask = np.zeros((20, 30), bool)
    mask[5:10, 10:15] = True
    assert innermost_point(mask) == (7, 12)


def test_the_edge_of_the_image_is_a_boundary():
    assert innermost_point(np.ones((5, 5), bool)) == (2, 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_innermost_point_is_inside_and_the_box_is_tight(seed):
    mask = stream(seed, "mask").random((12, 14)) < 0.3
    mask[0, 0] = True
    assert mask[innermost_point(mask)]
    (y0, x0), (y1, x1) = tight_box(mask)
    assert mask[y0 : y1 + 1, x0 : x1 + 1].sum() == mask.sum()
    for edge in (mask[y0], mask[y1], mask[:, x0], mask[:, x1]):
        assert edge.any()
