"""A structure without a prompt: labelled scans tell where it is, how large and how bright."""

import json

import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.model.random_walker import RandomWalker
from synthfm3d.segmentation.automatic import (
    UNLIKE,
    body_box,
    find_structure,
    learn_guide,
    read_guides,
    write_guides,
)
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Array, Grid, Volume, on_grid_of

SHAPE = (16, 64, 64)
SPACING = (3.0, 2.0, 2.0)


def patient(shift: tuple[int, int, int], seed: int, *, organ: bool = True) -> tuple[Volume, Array]:
    """A body of grey 100 in air, with an organ of grey 160 at its left and a twin of it at its right.

    The organ's middle lies at a quarter of the body's width, the twin's at three quarters.
    """
    grid = Grid.from_spacing(SHAPE, SPACING)
    z, y, x = (axis - s for axis, s in zip(np.ogrid[:16, :64, :64], shift, strict=True))
    body = (((y - 32) / 24) ** 2 + ((x - 32) / 28) ** 2 < 1) & (z > -99)

    def ball(column: float) -> Array:
        return np.asarray(((z - 8) / 4) ** 2 + ((y - 32) / 6) ** 2 + ((x - column) / 6) ** 2 < 1)

    left, right = ball(18), ball(46)
    image = 100.0 * body + 60 * right + 60 * left * organ
    image = image + np.random.default_rng(seed).normal(0, 3, SHAPE)
    return Volume(voxels=image.astype(np.float32), affine=grid.affine), left


@pytest.fixture(scope="module")
def guide():
    return learn_guide([patient((0, 0, 0), 1), patient((1, 2, -2), 2), patient((-1, -2, 2), 3)])


def test_a_guide_is_the_mean_of_what_was_labelled(guide):
    # An ellipsoid of semi-axes 12, 12 and 12 mm, its middle at a quarter of a body 28 pixels wide each way.
    assert np.exp(guide.log_volume) == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.1)
    assert guide.extent_mm == pytest.approx((24, 24, 24), abs=4)
    assert guide.place[2] == pytest.approx(0.25, abs=0.03)
    assert guide.scans == 3


def test_the_body_is_found_in_air():
    image, _ = patient((0, 3, -2), 0)
    (_, top, left), (_, bottom, right) = body_box(image)
    assert (top, bottom) == pytest.approx((35 - 24, 35 + 24), abs=4)
    assert (left, right) == pytest.approx((30 - 28, 30 + 28), abs=4)


@pytest.mark.parametrize("shift", [(0, 0, 0), (1, 4, 3), (-1, -3, -3)])
def test_the_structure_is_found_where_patients_have_it_and_not_its_twin(guide, shift):
    image, truth = patient(shift, 7)
    box, unlike = find_structure(Segmenter(RandomWalker()), image, guide)
    low, high = (image.grid.to_index(np.array(c)) for c in (box.corner_mm, box.opposite_mm))
    middle = (low + high) / 2
    assert middle == pytest.approx(np.argwhere(truth).mean(axis=0), abs=2.5)
    assert unlike < UNLIKE


def test_the_storage_order_changes_nothing(guide):
    image, _ = patient((0, 0, 0), 7)
    turned = image.reordered((2, 0, 1), (True, True, False))
    segmenter = Segmenter(RandomWalker())
    one, other = (segmenter.segment(i, [find_structure(segmenter, i, guide)[0]]) for i in (image, turned))
    assert np.array_equal(on_grid_of(other, image.grid).voxels, one.voxels)


def test_a_scan_without_the_structure_is_doubted(guide):
    image, _ = patient((0, 0, 0), 7, organ=False)
    _, unlike = find_structure(Segmenter(RandomWalker()), image, guide)
    assert unlike >= UNLIKE


def test_guides_are_kept_as_json(guide, tmp_path):
    write_guides(tmp_path / "structures.json", {"liver": guide})
    assert read_guides(tmp_path / "structures.json") == {"liver": guide}
    (tmp_path / "damaged.json").write_text(json.dumps({"liver": {"scans": 1}}))
    for name in ("damaged.json", "none.json"):
        with pytest.raises(InputError):
            read_guides(tmp_path / name)


def test_a_sequence_in_time_needs_a_prompt(guide):
    image, _ = patient((0, 0, 0), 7)
    cine = Volume(voxels=image.voxels, affine=image.affine, third_axis="time")
    with pytest.raises(InputError, match="3-D scans only"):
        find_structure(Segmenter(RandomWalker()), cine, guide)
