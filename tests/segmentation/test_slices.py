"""The way to the working form and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.prompts.prompt import Box, Mask, Point
from synthfm3d.segmentation.slices import slicing_axis, working_form
from synthfm3d.volume import Grid, Volume, on_grid_of

orders = st.permutations(range(3)).map(tuple)
flips = st.tuples(st.booleans(), st.booleans(), st.booleans())


def axial_volume(spacing_mm):
    grid = Grid.from_spacing((3, 4, 5), spacing_mm)
    return Volume(voxels=np.arange(60).reshape(3, 4, 5), affine=grid.affine)


@settings(max_examples=40, deadline=None)
@given(orders, flips, st.sampled_from([(1, 1, 1), (8, 1.4, 1.4), (1, 5, 1), (1, 1, 5)]))
def test_the_working_form_depends_on_the_scan_not_on_its_storage(order, flipped, spacing):
    volume = axial_volume(spacing)
    stored = volume.reordered(order, flipped)
    assert np.array_equal(working_form(stored).voxels, working_form(volume).voxels)
    back = on_grid_of(working_form(stored), stored.grid)
    assert np.array_equal(back.voxels, stored.voxels)
    assert np.array_equal(back.affine, stored.affine)


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((1, 1, 1), 0), ((8, 1, 1), 0), ((1, 3, 1), 1), ((1, 1, 3), 2), ((1, 1.2, 1), 0), ((0.5, 0.9, 0.9), 0)],
)
def test_a_clearly_larger_spacing_names_the_slicing_axis(spacing, axis):
    assert slicing_axis(Grid.from_spacing((9, 9, 9), spacing)) == axis


def test_a_prompt_that_was_drawn_on_a_slice_names_the_slicing_axis():
    volume = axial_volume((1, 1, 1))
    corner, sagittal, deep = (
        tuple(p) for p in volume.grid.to_mm(np.array([[0, 0, 2], [2, 3, 2], [2, 3, 4]]))
    )
    drawn = np.zeros(volume.voxels.shape, np.uint8)
    drawn[:, 2] = 1
    assert slicing_axis(volume.grid, [Box(corner_mm=corner, opposite_mm=sagittal)]) == 2
    assert slicing_axis(volume.grid, [Mask(volume=volume.with_voxels(drawn))]) == 1
    assert slicing_axis(volume.grid, [Box(corner_mm=corner, opposite_mm=deep)]) == 0
    assert slicing_axis(volume.grid, [Point(position_mm=corner)]) == 0


def test_a_grid_elsewhere_is_refused():
    volume = axial_volume((1, 1, 1))
    affine = volume.affine.copy()
    affine[0, 3] += 1.0
    with pytest.raises(ValueError, match="does not lie on"):
        on_grid_of(volume, Grid((3, 4, 5), affine))
    with pytest.raises(ValueError, match="does not lie on"):
        on_grid_of(volume, Grid.from_spacing((3, 4, 6), (1, 1, 1)))
