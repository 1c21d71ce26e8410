"""Like greys at a border and edges around it, of phantoms that have so many of them."""

import numpy as np
import pytest

from synthfm3d.pipeline.surroundings import surroundings_of
from synthfm3d.volume import Volume

FAT, ORGAN, NOISE = -100.0, 60.0, 10.0
TARGET = np.zeros((20, 128, 128), bool)
TARGET[4:16, 44:84, 44:84] = True
BESIDE = np.zeros_like(TARGET)
BESIDE[4:16, 44:84, 84:104] = True


def scan(*organs, level=ORGAN):
    """A CT of fat with organs of one level in it, and noise."""
    inside = np.any(organs, axis=0)
    noise = np.random.default_rng(0).normal(0.0, NOISE, TARGET.shape)
    return Volume(
        voxels=np.where(inside, level, FAT) + noise, affine=np.diag([1.0, 1.0, 1.0, 1.0]), modality="ct"
    )


def test_a_neighbour_of_the_same_grey_on_one_of_four_sides_counts_for_a_quarter_of_the_border():
    """Of normal noise 68 % lie within one standard deviation; blurred edge pixels widen that a little."""
    around = surroundings_of(scan(TARGET, BESIDE), TARGET)
    assert 0.68 / 4 - 0.03 < around.like_border < 1 / 4 + 0.03


def test_a_target_alone_in_fat_has_no_like_border():
    assert surroundings_of(scan(TARGET), TARGET).like_border < 0.05


def test_stripes_around_a_target_are_edges():
    stripes = np.zeros_like(TARGET)
    stripes[:, :38:4] = True
    plain, striped = (surroundings_of(scan(TARGET, more), TARGET) for more in (TARGET, stripes))
    assert striped.edges > 1.2 * plain.edges


def test_what_nobody_could_outline_is_not_measured():
    assert surroundings_of(scan(TARGET, level=FAT + 1.0), TARGET) is None


def test_a_piece_apart_and_a_hole_change_nothing():
    image = scan(TARGET)
    mask = TARGET.copy()
    mask[8, 60:63, 60:63] = False
    mask[1, 3:6, 3:6] = True
    whole, dirty = surroundings_of(image, TARGET), surroundings_of(image, mask)
    assert dirty.like_border == pytest.approx(whole.like_border)
    assert dirty.edges == pytest.approx(whole.edges)
