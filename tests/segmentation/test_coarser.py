"""Views that are cut from a coarser copy of a scan are those that are cut from the scan."""

import numpy as np
import pytest
from scipy import ndimage

from synthfm3d.randomness import stream
from synthfm3d.regions import region_grid, resample
from synthfm3d.segmentation.look import CoarserCopies
from synthfm3d.volume import Grid, Volume


def scan_of(shape, spacing_mm):
    noise = stream(0, "coarser").normal(size=shape)
    voxels = (1000 * ndimage.gaussian_filter(noise, 3 / np.array(spacing_mm))).astype(np.float32)
    return Volume(voxels=voxels, affine=Grid.from_spacing(shape, spacing_mm).affine)


@pytest.mark.parametrize("shape", [(60, 160, 160), (61, 159, 161)], ids=["even", "odd"])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (6.0, 1.0, 1.0)], ids=["cubic", "thick slices"])
def test_a_wide_view_is_the_same_from_a_coarser_copy(shape, spacing_mm):
    scan = scan_of(shape, spacing_mm)
    region = region_grid(scan.grid, scan.grid.to_mm(np.array([30, 80, 80])), 160.0, (16, 32, 32))
    voxels, grid = CoarserCopies(scan).source_for(region)
    assert voxels.size < scan.voxels.size / 3
    directly = resample(scan.voxels, scan.grid, region, outside=0.0)
    assert np.abs(resample(voxels, grid, region, outside=0.0) - directly).std() < 0.1 * directly.std()


def test_a_ramp_stays_where_it_is():
    grid = Grid.from_spacing((20, 64, 64), (1.0, 1.0, 1.0))
    ramp = np.broadcast_to(np.arange(64.0), grid.shape).astype(np.float32)
    region = Grid.from_spacing((4, 16, 16), (4.0, 4.0, 4.0))
    region = Grid(region.shape, region.affine).moved((0.5, 0.5, 0.5))
    voxels, source = CoarserCopies(Volume(voxels=ramp, affine=grid.affine)).source_for(region)
    cut = resample(voxels, source, region, outside=0.0)
    # Pixel n is at 4 n + 2; smoothing leaves a ramp as it is, but for its ends.
    np.testing.assert_allclose(cut[1, 8, 2:-2], 4.0 * np.arange(16)[2:-2] + 2, atol=1e-3)


def test_close_views_are_cut_from_the_scan_itself():
    scan = scan_of((20, 64, 64), (1.0, 1.0, 1.0))
    region = region_grid(scan.grid, scan.grid.to_mm(np.array([10, 32, 32])), 60.0, (16, 32, 32))
    assert CoarserCopies(scan).source_for(region)[0] is scan.voxels


def test_a_copy_is_made_once():
    scan = scan_of((60, 160, 160), (1.0, 1.0, 1.0))
    copies = CoarserCopies(scan)
    region = region_grid(scan.grid, scan.grid.to_mm(np.array([30, 80, 80])), 160.0, (16, 32, 32))
    assert copies.source_for(region)[0] is copies.source_for(region.moved((1, 0, 0)))[0]
