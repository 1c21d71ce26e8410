"""One law for every format: a click in millimetres marks the same object, however the scan is stored.

Random affine, orientation, voxel type and spacing; the scan goes through a file, a click in millimetres
becomes a mask, the mask goes through a file, and lies on the scan's voxels, around the same place.
"""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthfm3d.io.read import read, read_labels
from synthfm3d.io.write import write
from synthfm3d.prompts.prompt import Point
from synthfm3d.randomness import stream
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Grid, Volume

RADIUS_MM = 14.0
KINDS = ["uint8", "int16", "uint16", "int32", "float32", "float64", ">i2", ">f4"]


class Bright:
    """What is brighter than the middle of the windows."""

    name = "bright"
    grid_shape = (16, 64, 64)

    def prepare(self, channels, spacing_mm):
        return channels.mean(axis=0)

    def logits(self, features, prompts, previous=None):
        return np.where(features > 0.5, 5, -5).astype(np.float32)


def a_scan(seed: int, kind: str) -> tuple[Volume, np.ndarray]:
    """A bright ball somewhere in a scan of random orientation, and its middle in mm."""
    draw = stream(seed, "round trip")
    spacing = draw.uniform(0.8, 3.0, 3)
    turn = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    turn = turn[:, draw.permutation(3)] * draw.choice([-1, 1], 3)
    affine = np.eye(4)
    affine[:3, :3] = turn * spacing
    affine[:3, 3] = draw.uniform(-300, 300, 3)
    shape = tuple(int(n) for n in np.ceil(draw.uniform(50, 70, 3) / spacing))
    grid = Grid(shape, affine)
    middle = grid.to_mm((np.array(shape) - 1) / 2 + draw.uniform(-2, 2, 3) / spacing)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    inside = ((grid.to_mm(index) - middle) ** 2).sum(axis=-1) <= RADIUS_MM**2
    voxels = (20 + 80 * inside + draw.integers(0, 3, shape)).astype(kind)
    return Volume(voxels=voxels, affine=affine), middle


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd", "scan.mha"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(KINDS),
    order=st.permutations(range(3)).map(tuple),
    flipped=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_a_click_in_mm_gives_the_same_physical_object_on_the_scans_own_grid(
    tmp_path, name, seed, kind, order, flipped
):
    scan, middle = a_scan(seed, kind)
    segmenter = Segmenter(Bright())
    found = []
    for stored in (scan, scan.reordered(order, flipped)):
        write(stored, tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            volume = read(tmp_path / name)
        assert np.array_equal(volume.voxels, stored.voxels)
        assert volume.grid.same_as(stored.grid, tolerance_mm=2e-3)
        mask = segmenter.segment(volume, [Point(position_mm=tuple(middle))])
        write(mask, tmp_path / f"mask_{name}")
        again = read_labels(tmp_path / f"mask_{name}")
        assert np.array_equal(again.voxels, mask.voxels)
        assert again.grid.same_as(volume.grid, tolerance_mm=2e-3)
        found.append(again)
    straight, turned = found
    ball_ml = 4 / 3 * np.pi * RADIUS_MM**3 / 1000
    places = straight.grid.to_mm(np.argwhere(straight.voxels > 0))
    np.testing.assert_allclose(places.mean(axis=0), middle, atol=1.5)
    assert np.count_nonzero(straight.voxels) * straight.grid.voxel_ml == pytest.approx(ball_ml, rel=0.25)
    back = straight.reordered(order, flipped)
    differing = np.count_nonzero(back.voxels != turned.voxels)
    assert differing <= 0.01 * np.count_nonzero(turned.voxels)
