"""Surface metrics: phantoms with known distances, and parity with surface-distance and MONAI."""

import math
import warnings

import numpy as np
import pytest
import surface_distance
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from surface_distance import lookup_tables

from synthfm3d.metrics.surface import SurfaceAgreement, surface_agreement
from synthfm3d.metrics.surfels import neighbourhood_codes, surfel_sizes
from synthfm3d.volume import Array, Grid, ThirdAxis, Volume

# What surface-distance asks of SciPy will be gone in SciPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

SHAPE, SPACING = (40, 110, 120), (3.0, 1.0, 0.7)
SPACINGS = [(1.0, 1.0, 1.0), (3.0, 1.0, 0.7), (1.0, 5.0, 2.0), (0.8, 0.8, 7.0)]


def ball(radius_mm: float, moved_mm: tuple[float, float, float] = (0, 0, 0)) -> Array:
    index = np.ogrid[tuple(slice(n) for n in SHAPE)]
    places = [
        (i - n // 2) * step - moved for i, n, step, moved in zip(index, SHAPE, SPACING, moved_mm, strict=True)
    ]
    return np.asarray(sum(np.square(place) for place in places) <= radius_mm**2)


def volume(mask: Array, spacing_mm=SPACING, third_axis: ThirdAxis = "space") -> Volume:
    grid = Grid.from_spacing(mask.shape, spacing_mm)
    return Volume(voxels=mask.astype(np.uint8), affine=grid.affine, third_axis=third_axis)


def agreement(a: Array, b: Array, tolerance_mm: float = 2.0, **kwargs) -> SurfaceAgreement:
    return surface_agreement(volume(a, **kwargs), volume(b, **kwargs), tolerance_mm)


PAIRS = {
    "moved in the plane": (ball(30), ball(30, (0, 4, 0))),
    "moved through the plane": (ball(30), ball(30, (6, 0, 0))),
    "grown": (ball(24), ball(30)),
    "a voxel and a ball": (ball(0.1), ball(20, (0, 0, 10))),
    "noise": tuple(np.random.default_rng(n).random(SHAPE) > 0.7 for n in (0, 1)),
    "at the border": (np.roll(ball(15), 20, 0), np.roll(ball(15), 18, 0)),
}


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_the_areas_of_all_256_surfels_are_those_of_surface_distance(spacing_mm):
    upstream = lookup_tables.create_table_neighbour_code_to_surface_area(spacing_mm)
    assert surfel_sizes(spacing_mm) == pytest.approx(upstream, abs=1e-9)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (3.0, 0.7)])
def test_the_lengths_of_all_16_contour_elements_are_those_of_surface_distance(spacing_mm):
    upstream = lookup_tables.create_table_neighbour_code_to_contour_length(spacing_mm)
    assert surfel_sizes(spacing_mm) == pytest.approx(upstream, abs=1e-9)


def test_a_surfel_and_that_of_the_opposite_mask_are_the_same():
    sizes = surfel_sizes(SPACING)
    assert sizes == pytest.approx(sizes[::-1])


def test_a_single_voxel_has_eight_corners():
    codes = neighbourhood_codes(np.ones((1, 1, 1), bool))
    assert sorted(codes.ravel()) == [1, 2, 4, 8, 16, 32, 64, 128]


@pytest.mark.parametrize("name", PAIRS)
def test_results_are_those_of_surface_distance(name):
    a, b = PAIRS[name]
    upstream = surface_distance.compute_surface_distances(b, a, SPACING)
    averages = surface_distance.compute_average_surface_distance(upstream)
    areas = [upstream[f"surfel_areas_{which}"].sum() for which in ("gt", "pred")]
    for tolerance_mm in (0.0, 1.0, 2.0, 6.5):
        found = agreement(a, b, tolerance_mm)
        assert found.nsd == pytest.approx(
            surface_distance.compute_surface_dice_at_tolerance(upstream, tolerance_mm), abs=1e-6
        )
    assert found.hd95_mm == pytest.approx(surface_distance.compute_robust_hausdorff(upstream, 95), rel=1e-6)
    assert found.average_mm == pytest.approx(np.average(averages, weights=areas), rel=1e-6)


@pytest.mark.parametrize("name", ["moved in the plane", "grown", "a voxel and a ball"])
def test_nsd_is_that_of_monai_with_subvoxels(name):
    a, b = PAIRS[name]
    one, other = (torch.from_numpy(mask)[None, None] for mask in (a, b))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monai = compute_surface_dice(one, other, [2.0], True, spacing=SPACING, use_subvoxels=True)
    assert agreement(a, b).nsd == pytest.approx(monai.item(), abs=1e-5)


def test_hd95_is_that_of_monai_to_half_a_voxel():
    # MONAI measures between voxels of the border and counts each once: the definition differs, the size not.
    a, b = PAIRS["grown"]
    one, other = (torch.from_numpy(mask)[None, None] for mask in (a, b))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monai = compute_hausdorff_distance(one, other, True, percentile=95, spacing=SPACING)
    assert agreement(a, b).hd95_mm == pytest.approx(monai.item(), abs=0.5)


def test_planes_apart_are_as_far_apart_as_they_are():
    a, b = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    a[:20], b[:22] = True, True  # 2 slices of 3 mm
    found = surface_agreement(volume(a), volume(b), 5.9)
    assert found.hd95_mm == pytest.approx(6.0)
    # The upper face of b is 6 mm from a; that of a is nearer to the sides of b where it is near them.
    side = 2 * (110 + 84) * 3
    beyond = 110 * 84 + (110 - 2 * 5.9) * (84 - 2 * 5.9)
    assert found.nsd == pytest.approx(1 - beyond / (4 * 110 * 84 + (20 + 22) * side), abs=0.01)
    assert surface_agreement(volume(a), volume(b), 6.0).nsd == 1.0


def test_distances_scale_with_the_spacing():
    a, b = PAIRS["grown"]
    once, twice = (agreement(a, b, 2.0 * k, spacing_mm=tuple(k * s for s in SPACING)) for k in (1, 2))
    assert (twice.nsd, twice.hd95_mm, twice.average_mm) == pytest.approx(
        (once.nsd, 2 * once.hd95_mm, 2 * once.average_mm)
    )


def test_the_order_of_the_masks_does_not_matter():
    a, b = PAIRS["a voxel and a ball"]
    assert agreement(a, b) == agreement(b, a)


def test_equal_masks_agree():
    found = agreement(ball(20), ball(20), 0.0)
    assert (found.nsd, found.hd95_mm, found.average_mm) == (1.0, 0.0, 0.0)


def test_two_empty_masks_agree_and_one_empty_mask_is_as_far_away_as_the_scan_allows():
    nothing = np.zeros(SHAPE, bool)
    both = agreement(nothing, nothing)
    assert (both.nsd, both.hd95_mm, both.average_mm) == (1.0, 0.0, 0.0)
    diagonal = math.hypot(40 * 3.0, 110 * 1.0, 120 * 0.7)
    for found in (agreement(ball(20), nothing), agreement(nothing, ball(20))):
        assert (found.nsd, found.hd95_mm, found.average_mm) == pytest.approx((0.0, diagonal, diagonal))


def test_frames_are_measured_one_by_one_whatever_the_file_says_about_their_distance():
    disc = ball(25)[20]
    moved = np.roll(disc, 4, axis=0)
    a = np.stack([disc, disc, np.zeros_like(disc)])
    b = np.stack([disc, moved, np.zeros_like(disc)])
    found = [agreement(a, b, spacing_mm=(t, 1.0, 0.7), third_axis="time") for t in (0.01, 50.0)]
    assert found[0] == found[1]
    upstream = surface_distance.compute_surface_distances(disc, moved, (1.0, 0.7))
    nsd = surface_distance.compute_surface_dice_at_tolerance(upstream, 2.0)
    assert found[0].nsd == pytest.approx((1 + nsd + 1) / 3, abs=1e-6)
    hd95 = surface_distance.compute_robust_hausdorff(upstream, 95)
    assert found[0].hd95_mm == pytest.approx(hd95 / 3, rel=1e-6)


def test_masks_of_different_shapes_and_negative_tolerances_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        agreement(ball(20), ball(20)[1:])
    with pytest.raises(ValueError, match="0 mm or more"):
        agreement(ball(20), ball(20), -1.0)
