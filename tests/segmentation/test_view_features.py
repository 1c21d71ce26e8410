"""What is told of the views of a click, on looks whose numbers are known."""

import numpy as np
import pytest
from scipy.special import expit

from synthfm3d.randomness import stream
from synthfm3d.regions import region_grid
from synthfm3d.segmentation.look import Look
from synthfm3d.segmentation.view_features import FEATURES, MISSING, ViewTable
from synthfm3d.volume import Grid

SHAPE = (8, 64, 64)
WHOLE_MM = 200.0


def look_of(width_mm, radius, *, pixel_mm=1.0, contrast=5.0, sure=5.0, moved=0):
    """A disc of a radius in pixels of the view, on noise, in a view of this width."""
    pixels = round(WHOLE_MM / pixel_mm)
    scan = Grid.from_spacing((20, pixels, pixels), (4.0, pixel_mm, pixel_mm))
    region = region_grid(scan, scan.to_mm(np.array([10, pixels / 2, pixels / 2])), width_mm, SHAPE)
    y, x = np.indices(SHAPE[1:]) - SHAPE[1] // 2
    inside = np.hypot(y, x - moved) <= radius
    logits = np.broadcast_to(np.where(inside, sure, -sure), SHAPE).astype(np.float32)
    image = stream(0, "features").normal(size=SHAPE[1:]) + contrast * inside
    return Look(region, logits, tuple(slice(0, n) for n in SHAPE), bool(inside[32, 32]), image)


def told_of(*looks):
    table = ViewTable(WHOLE_MM)
    for look in looks:
        table.add(look)
    return [dict(zip(FEATURES, row, strict=True)) for row in table.features]


def test_sizes_are_those_of_the_disc_in_the_view_in_the_image_and_in_mm():
    (told,) = told_of(look_of(100.0, 16))
    root = np.sqrt(np.pi) * 16
    assert told["size_in_view"] == pytest.approx(np.log(root / 64), abs=0.02)
    assert told["view_in_image"] == pytest.approx(np.log(0.5))
    assert told["size_in_image"] == pytest.approx(np.log(root / 64 / 2), abs=0.02)
    assert told["size_mm"] == pytest.approx(np.log(root * 100 / 64), abs=0.02)


def test_nothing_depends_on_how_finely_the_scan_is_stored():
    coarse, fine = told_of(look_of(100.0, 16)), told_of(look_of(100.0, 16, pixel_mm=0.25))
    assert coarse == [pytest.approx(row, abs=1e-5) for row in fine]


def test_a_sure_answer_is_told_from_an_unsure_one():
    (sure,), (unsure,) = told_of(look_of(100.0, 16, sure=5.0)), told_of(look_of(100.0, 16, sure=0.5))
    assert sure["certainty"] == pytest.approx(expit(5.0), abs=1e-4)
    assert unsure["certainty"] == pytest.approx(expit(0.5), abs=1e-4)
    assert (sure["undecided_share"], sure["sure_share"]) == (0.0, 1.0)
    assert unsure["undecided_share"] > 1
    assert unsure["sure_share"] == 0.0


def test_a_border_that_is_seen_has_more_contrast_and_more_of_an_edge_than_one_that_is_not():
    (seen,), (unseen,) = told_of(look_of(100.0, 16)), told_of(look_of(100.0, 16, contrast=0.0))
    assert seen["contrast"] > 3 > 0.5 > unseen["contrast"]
    assert seen["edge"] > 1.5 > unseen["edge"]


def test_a_click_in_the_middle_lies_deeper_than_one_near_the_border():
    (middle,), (aside,) = told_of(look_of(100.0, 16)), told_of(look_of(100.0, 16, moved=12))
    assert middle["click_depth"] == pytest.approx(1.0)
    assert aside["click_depth"] == pytest.approx(4 / 16, abs=0.1)
    assert aside["click_offset"] == pytest.approx(12 / (np.sqrt(np.pi) * 16), abs=0.02)


def test_views_of_the_same_disc_agree_and_what_there_is_not_is_marked():
    wide, close = told_of(look_of(100.0, 8), look_of(50.0, 16))
    assert wide["agreement_closer"] == pytest.approx(1.0, abs=0.05)
    assert close["agreement_wider"] == wide["agreement_closer"]
    assert wide["agreement_wider"] == close["agreement_closer"] == MISSING
    assert close["growth_wider"] == pytest.approx(0.0, abs=0.05)  # as large, in mm


def test_a_disc_beyond_the_view_touches_all_of_its_edge():
    (told,) = told_of(look_of(100.0, 60))
    assert told["border_share"] == 1.0


def test_an_answer_that_finds_nothing_is_described_without_complaint():
    rows = told_of(look_of(100.0, -1), look_of(50.0, 16))
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert rows[0]["certainty"] == 0.0
