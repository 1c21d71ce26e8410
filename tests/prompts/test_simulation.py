"""Prompts that are simulated from a true mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.prompts.simulation import (
    grown_or_shrunk,
    innermost_point,
    largest_slice,
    loosely_jittered,
    normally_jittered,
    pixel_well_inside,
    random_error_click,
    smoothly_shifted,
    tight_box,
    uniformly_jittered,
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


# --- How a drawn prompt differs from the exact one -------------------------------------------------

BOX = np.array([[300, 400], [399, 599]])
"""100 rows by 200 columns, far from the border of ``IMAGE``."""
IMAGE = (1000, 1000)


@pytest.fixture
def section():
    mask = np.zeros((40, 50), bool)
    mask[10:20, 25:45] = True
    return mask


def moved_sides(jitter):
    """How far the sides of ``BOX`` moved in 2000 draws, as shares of its size: (draw, corner, axis)."""
    draw = stream(0, "box")
    return np.stack([(jitter(draw) - BOX) / [100, 200] for _ in range(2000)])


def test_uniform_jitter_has_the_standard_deviation_and_the_limits_of_a_uniform_number():
    moved = moved_sides(lambda draw: uniformly_jittered(BOX, 0.1, IMAGE, draw))
    assert np.abs(moved).max() == pytest.approx(0.1)
    assert moved.std(axis=0) == pytest.approx(0.1 / np.sqrt(3), rel=0.06)


def test_normal_jitter_has_its_standard_deviation_and_at_most_twenty_pixels():
    moved = moved_sides(lambda draw: normally_jittered(BOX, 0.05, IMAGE, draw))
    assert moved.std(axis=0) == pytest.approx(0.05, rel=0.06)
    limited = moved_sides(lambda draw: normally_jittered(BOX, 0.4, IMAGE, draw)) * [100, 200]
    assert limited.std(axis=0) == pytest.approx(20, rel=0.06)


def test_loose_jitter_is_normal_and_widens_the_share_of_boxes_asked_for():
    still = moved_sides(lambda draw: loosely_jittered(BOX, (0.05, 0.05), 0.0, IMAGE, draw))
    assert still.std(axis=0) == pytest.approx(0.05, rel=0.06)
    wide = moved_sides(lambda draw: loosely_jittered(BOX, (0.0, 0.0), 0.5, IMAGE, draw))
    assert (wide[:, 0] <= 0).all()
    assert (wide[:, 1] >= 0).all()
    assert np.abs(wide).max() <= 0.2
    # Half of the boxes are wider, by a tenth on average.
    assert np.abs(wide).mean() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("shape", [(12, 14), (20, 10)])
def test_every_jittered_box_stays_in_the_image_and_is_in_order(shape):
    draw = stream(1, "box")
    box = np.array([[0, 2], [shape[0] - 1, 6]])
    for _ in range(100):
        for low, high in (
            uniformly_jittered(box, 0.5, shape, draw),
            loosely_jittered(box, (0.1, 0.5), 0.5, shape, draw),
            normally_jittered(box, 0.5, shape, draw),
        ):
            assert (low >= 0).all()
            assert (high <= np.array(shape) - 1).all()
            assert (low <= high).all()


def test_a_smoothly_shifted_outline_is_near_the_true_one_and_seldom_the_same():
    y, x = np.ogrid[:64, :64]
    section = (y - 32) ** 2 + (x - 32) ** 2 <= 16**2
    overlaps = []
    for n in range(40):
        drawn = smoothly_shifted(section, np.random.default_rng(n))
        overlaps.append(2 * (drawn & section).sum() / (drawn.sum() + section.sum()))
    assert min(overlaps) > 0.6
    assert 0.85 < np.median(overlaps) < 0.99


def test_a_lasso_encloses_most_of_the_section():
    y, x = np.ogrid[:64, :64]
    section = (y - 32) ** 2 + (x - 32) ** 2 <= 20**2
    sizes = []
    for n in range(20):
        drawn = smoothly_shifted(section, np.random.default_rng(n), lasso=True)
        plain = smoothly_shifted(section, np.random.default_rng(n))
        assert (drawn | ~plain).all()
        sizes.append(drawn.sum() / section.sum())
    assert np.mean(sizes) > 1.15


def test_an_outline_of_one_pixel_is_never_shrunk_to_nothing():
    section = np.zeros((9, 9), bool)
    section[4, 4] = True
    assert {int(grown_or_shrunk(section, np.random.default_rng(n)).sum()) for n in range(20)} == {1, 5}


def test_a_pixel_well_inside_is_inside_and_nearer_the_middle_than_any_pixel(section):
    draw = stream(5, "test")
    pixels = np.array([pixel_well_inside(section, draw) for _ in range(300)])
    assert section[tuple(pixels.T)].all()
    # A random row of ten lies 2.5 pixels from their middle on average.
    assert np.abs(pixels[:, 0] - 14.5).mean() < 2.2


def test_a_random_correction_lies_in_the_error_and_says_what_is_true_there(section):
    draw = stream(4, "test")
    answer = np.roll(section, 4, axis=1)
    for _ in range(50):
        pixel, positive = random_error_click(answer, section, 0.0, draw)
        assert answer[pixel] != section[pixel]
        assert positive == section[pixel]
    assert section[random_error_click(answer, section, 1.0, draw)[0]]
    pixel, positive = random_error_click(section, section, 0.0, draw)
    assert not positive
    assert not section[pixel]
    everything = np.ones_like(section)
    assert random_error_click(everything, everything, 0.0, draw)[1]
