"""The trivial baselines, on objects for which they are exactly right."""

import numpy as np
import pytest

from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt
from synthfm3d.segmentation.slices import slicing_axis
from synthfm3d.volume import Grid, Volume

SHAPE, SPACING = (40, 81, 91), (2.0, 1.0, 0.8)
GRID = Grid.from_spacing(SHAPE, SPACING)
SCAN = Volume(voxels=np.zeros(SHAPE, np.float32), affine=GRID.affine)
CENTRE = (20, 40, 45)


def solid(z_mm: float, y_mm: float, x_mm: float) -> np.ndarray:
    """Ellipsoid around CENTRE with these semi-axes, bool (z, y, x)."""
    z, y, x = (
        (index - c) * step for index, c, step in zip(np.ogrid[:40, :81, :91], CENTRE, SPACING, strict=True)
    )
    return np.asarray((z / z_mm) ** 2 + (y / y_mm) ** 2 + (x / x_mm) ** 2 <= 1)


def box(low: tuple[int, int, int], high: tuple[int, int, int]) -> Box:
    return Box(corner_mm=tuple(GRID.to_mm(np.array(low))), opposite_mm=tuple(GRID.to_mm(np.array(high))))


def mask_of_slice(slice_mask: np.ndarray, index: int) -> Mask:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[index] = slice_mask
    return Mask(volume=SCAN.with_voxels(voxels))


def test_an_ellipsoid_as_deep_as_it_is_narrow_is_recovered_from_its_box() -> None:
    # Half-widths of the box: 20.5 mm along y (20 + 1/2 voxels), 28.4 mm along x (35 + 1/2 of 0.8 mm).
    mask = EllipsoidFromBox().segment(SCAN, [box((20, 20, 10), (20, 60, 80))])
    assert dice(mask.voxels, solid(20.5, 20.5, 28.4)) == 1.0


def test_a_box_in_three_dimensions_gives_all_three_semi_axes() -> None:
    mask = EllipsoidFromBox().segment(SCAN, [box((15, 20, 10), (25, 60, 80))])
    assert dice(mask.voxels, solid(11.0, 20.5, 28.4)) == 1.0


def test_the_ellipsoid_grows_across_the_slice_that_the_box_lies_on() -> None:
    flat_in_x = EllipsoidFromBox().segment(SCAN, [box((15, 30, 45), (25, 50, 45))])
    assert dice(flat_in_x.voxels, solid(11.0, 10.5, 10.5)) == 1.0


def test_a_disc_becomes_the_ellipsoid_with_one_and_a_fifth_of_its_radius_as_depth() -> None:
    z, y, x = solid(1e9, 25, 25).nonzero()
    disc = np.zeros(SHAPE[1:], bool)
    disc[y[z == 20], x[z == 20]] = True
    mask = ShrinkingMask().segment(SCAN, [mask_of_slice(disc, 20)])
    # Distances are measured between pixel centres, hence the half pixel that is missing at the rim.
    assert dice(mask.voxels, solid(30, 25, 25)) > 0.97


def test_the_shrinking_mask_keeps_the_prompted_slice_and_never_grows() -> None:
    outline = np.random.default_rng(0).random(SHAPE[1:]) > 0.4
    mask = ShrinkingMask().segment(SCAN, [mask_of_slice(outline, 20)]).voxels
    assert np.array_equal(mask[20], outline)
    for near, far in zip(range(20, 39), range(21, 40), strict=True):
        assert not (mask[far] & ~mask[near] & 1).any()
        assert np.array_equal(mask[far], mask[40 - far])  # both ways alike


def test_an_object_at_the_border_of_the_scan_shrinks_from_there_too() -> None:
    mask = ShrinkingMask().segment(SCAN, [mask_of_slice(np.ones(SHAPE[1:], bool), 0)]).voxels
    assert mask[0].all()
    assert not mask[10, 0].any()


@pytest.mark.parametrize("method", [EllipsoidFromBox(), ShrinkingMask()])
def test_the_result_does_not_depend_on_the_image_or_its_storage_order(
    method: EllipsoidFromBox | ShrinkingMask,
) -> None:
    outlined = mask_of_slice(solid(10, 20, 30)[20], 20)
    prompts: dict[str, Prompt] = {"box": box((20, 20, 10), (20, 60, 80)), "mask": outlined}
    (kind,) = method.accepts
    expected = method.segment(SCAN, [prompts[kind]])

    order, flips = (1, 2, 0), (True, False, True)
    other = SCAN.with_voxels(np.random.default_rng(1).normal(size=SHAPE)).reordered(order, flips)
    prompts["mask"] = Mask(volume=outlined.volume.reordered(order, flips))
    found = method.segment(other, [prompts[kind]])
    assert found.grid.same_as(other.grid)
    assert np.array_equal(found.voxels, expected.reordered(order, flips).voxels)


@pytest.mark.parametrize("method", [EllipsoidFromBox(), ShrinkingMask()])
def test_other_prompts_are_refused(method: EllipsoidFromBox | ShrinkingMask) -> None:
    with pytest.raises(ValueError, match="defined for exactly one"):
        method.segment(SCAN, [Point(position_mm=(0, 0, 0))])


def test_a_line_that_is_flat_along_two_axes_lies_on_a_slice_as_it_does_for_models() -> None:
    # No axis has clearly the largest spacing, so slices are axial, though pixels are wider than slices.
    grid = Grid.from_spacing((21, 21, 21), (0.4, 0.9, 0.9))
    scan = Volume(voxels=np.zeros(grid.shape, np.float32), affine=grid.affine)
    low, high = grid.to_mm(np.array([[10, 10, 4], [10, 10, 16]]))
    line = Box(corner_mm=tuple(low), opposite_mm=tuple(high))
    assert slicing_axis(grid, [line]) == 0
    mask = EllipsoidFromBox().segment(scan, [line]).voxels
    # The line is one pixel high; the ellipsoid is as deep as it is high, 0.45 mm to either side.
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [9, 10, 11]
    assert np.flatnonzero(mask.any(axis=(0, 2))).tolist() == [10]


def test_a_mask_over_several_slices_is_refused() -> None:
    several = Mask(volume=SCAN.with_voxels(solid(10, 10, 10).astype(np.uint8)))
    with pytest.raises(ValueError, match="one slice only"):
        ShrinkingMask().segment(SCAN, [several])


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        ShrinkingMask().segment(SCAN, [Mask(volume=SCAN.with_voxels(np.zeros(SHAPE, np.uint8)))])
