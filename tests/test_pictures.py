"""Pictures: where things are drawn, in which colour and proportion."""

from base64 import b64decode
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from synthfm3d.pictures import (
    PALETTE,
    Cross,
    Layer,
    Rectangle,
    contact_sheet,
    data_uri,
    grey,
    label_colour,
    overlay,
    png_bytes,
    three_planes,
)
from synthfm3d.volume import Array, Grid, Volume

RED = (255, 0, 0)
GREEN = (0, 255, 0)
WINDOW = (0.0, 1.0)
GAP = 4


def phantom(
    shape: tuple[int, int, int] = (40, 40, 40), spacing: tuple[float, float, float] = (1, 1, 1)
) -> Volume:
    """A black axial scan."""
    return Volume(voxels=np.zeros(shape, np.float32), affine=Grid.from_spacing(shape, spacing).affine)


def panes(picture: Array, widths: tuple[int, int, int]) -> list[Array]:
    """The three planes of a picture whose widths are known."""
    starts = (0, widths[0] + GAP, widths[0] + widths[1] + 2 * GAP)
    assert picture.shape[1] == sum(widths) + 2 * GAP
    return [picture[:, start : start + width] for start, width in zip(starts, widths, strict=True)]


def centre_of(pane: Array, colour: tuple[int, int, int]) -> tuple[float, float]:
    """(row, column) of the pixels of a colour, as fractions of the pane's size."""
    rows, columns = np.nonzero((pane == colour).all(axis=2))
    assert len(rows), f"no pixel of {colour}"
    return float(rows.mean() + 0.5) / pane.shape[0], float(columns.mean() + 0.5) / pane.shape[1]


def test_the_window_maps_its_bounds_to_black_and_white_and_clips_beyond() -> None:
    assert grey(np.array([-500.0, -160.0, 40.0, 240.0, 900.0]), (-160.0, 240.0)).tolist() == [
        0,
        0,
        128,
        255,
        255,
    ]


def test_a_window_without_width_is_an_error() -> None:
    with pytest.raises(ValueError, match="upper bound"):
        grey(np.zeros(3), (1.0, 1.0))


def test_an_overlay_mixes_the_inside_draws_the_outline_and_leaves_the_rest() -> None:
    labels = np.zeros((9, 9), int)
    labels[2:7, 2:7] = 1
    drawn = overlay(np.full((9, 9), 100, np.uint8), labels, colour=RED, fill=0.5, outline_px=1)
    assert (drawn[labels == 0] == 100).all()
    assert (drawn[2, 2:7] == RED).all()
    assert (drawn[3:6, 3:6] == (178, 50, 50)).all()  # halfway from 100 to red, rounded


def test_an_outline_of_two_pixels_leaves_one_of_five() -> None:
    labels = np.zeros((9, 9), int)
    labels[2:7, 2:7] = 1
    drawn = overlay(np.zeros((9, 9), np.uint8), labels, colour=RED, fill=0, outline_px=2)
    assert (drawn == RED).all(axis=2).sum() == 25 - 1


def test_touching_labels_are_outlined_against_each_other() -> None:
    labels = np.repeat([[1, 1, 1, 2, 2, 2]], 6, axis=0)
    drawn = overlay(np.zeros((6, 6), np.uint8), labels, fill=0, outline_px=1)
    assert (drawn[:, 2] == label_colour(1)).all()
    assert (drawn[:, 3] == label_colour(2)).all()
    assert not drawn[:, [0, 1, 4, 5]].any()


def test_the_first_three_rounds_of_label_colours_all_differ() -> None:
    colours = [label_colour(value) for value in range(1, 3 * len(PALETTE) + 1)]
    assert min(np.abs(np.subtract(a, b)).max() for a, b in combinations(colours, 2)) > 25


def test_planes_are_radiological_right_of_the_patient_on_the_left() -> None:
    scan = phantom()
    mask = np.zeros(scan.voxels.shape, np.uint8)
    mask[30:34, 4:8, 2:6] = 1  # superior, anterior, right: z grows to S, y to P, x to L
    centre = tuple(scan.grid.to_mm(np.array([32, 6, 4])))
    layer = Layer(labels=scan.with_voxels(mask), colour=RED, fill=1)
    axial, coronal, sagittal = panes(
        three_planes(scan, centre, WINDOW, layers=[layer], height_px=80), (80, 80, 80)
    )
    # Fractions of 40 voxels: y 6, x 4 from the top left; z 32 from the bottom.
    assert centre_of(axial, RED) == pytest.approx((6 / 40, 4 / 40), abs=0.01)
    assert centre_of(coronal, RED) == pytest.approx((8 / 40, 4 / 40), abs=0.01)
    assert centre_of(sagittal, RED) == pytest.approx((8 / 40, 6 / 40), abs=0.01)


def test_the_picture_does_not_depend_on_the_storage_order() -> None:
    scan = phantom((20, 30, 40), (2.0, 1.0, 1.5))
    scan = scan.with_voxels(
        np.arange(scan.voxels.size, dtype=np.float32).reshape(scan.voxels.shape) / scan.voxels.size
    )
    stored = scan.reordered((2, 0, 1), (True, False, True))
    centre = tuple(scan.grid.to_mm(np.array([5, 7, 9])))
    assert np.array_equal(three_planes(scan, centre, WINDOW), three_planes(stored, centre, WINDOW))


def test_anisotropic_voxels_keep_their_physical_proportions() -> None:
    # 30 slices of 4 mm are 120 mm; 60 rows of 1 mm are 60 mm; 80 columns of 0.5 mm are 40 mm.
    scan = phantom((30, 60, 80), (4.0, 1.0, 0.5))
    picture = three_planes(scan, (0, 0, 0), WINDOW, height_px=240)
    assert picture.shape == (240, 80 + 80 + 120 + 2 * GAP, 3)


def test_the_field_of_view_is_what_is_shown() -> None:
    scan = phantom((100, 100, 100))
    centre = tuple(scan.grid.to_mm(np.array([50, 50, 50])))
    layer = Layer(labels=scan.with_voxels(np.ones(scan.voxels.shape, np.uint8)), colour=RED, fill=1)
    box = Rectangle(
        corner_mm=tuple(scan.grid.to_mm(np.array([50, 45, 45]))),
        opposite_mm=tuple(scan.grid.to_mm(np.array([50, 54, 54]))),
        colour=GREEN,
    )
    picture = three_planes(
        scan, centre, WINDOW, layers=[layer], marks=[box], field_of_view_mm=20, height_px=200
    )
    axial = panes(picture, (200, 200, 200))[0]
    rows, columns = np.nonzero((axial == GREEN).all(axis=2))
    # 10 mm of 20 are half of 200 pixels; the line runs outside them.
    assert np.ptp(rows) + 1 == pytest.approx(100, abs=6)
    assert np.ptp(columns) + 1 == pytest.approx(100, abs=6)


def test_a_click_is_marked_on_the_planes_through_it_only() -> None:
    scan = phantom()
    click = Cross(position_mm=tuple(scan.grid.to_mm(np.array([10, 20, 30]))), colour=GREEN)
    centre = tuple(scan.grid.to_mm(np.array([10, 5, 5])))
    axial, coronal, sagittal = panes(
        three_planes(scan, centre, WINDOW, marks=[click], height_px=160), (160,) * 3
    )
    assert centre_of(axial, GREEN) == pytest.approx((20.5 / 40, 30.5 / 40), abs=0.01)
    assert not (coronal == GREEN).all(axis=2).any()
    assert not (sagittal == GREEN).all(axis=2).any()


def test_a_click_above_the_middle_is_marked_above_the_middle() -> None:
    scan = phantom()
    place = tuple(scan.grid.to_mm(np.array([30, 20, 5])))
    click = Cross(position_mm=place, colour=GREEN)
    _, coronal, sagittal = panes(three_planes(scan, place, WINDOW, marks=[click], height_px=160), (160,) * 3)
    assert centre_of(coronal, GREEN) == pytest.approx((9.5 / 40, 5.5 / 40), abs=0.01)  # z grows upwards
    assert centre_of(sagittal, GREEN) == pytest.approx((9.5 / 40, 20.5 / 40), abs=0.01)


def test_letters_stand_at_all_four_edges() -> None:
    axial = panes(three_planes(phantom(), (0, 0, 0), WINDOW, height_px=120), (120,) * 3)[0]
    for edge in (axial[:16], axial[-16:], axial[:, :16], axial[:, -16:]):
        assert edge.max() > 200


def test_a_centre_outside_the_scan_shows_its_border() -> None:
    assert three_planes(phantom(), (1e6, 1e6, 1e6), WINDOW).any()


def test_a_cine_sequence_has_no_three_planes() -> None:
    cine = Volume(voxels=np.zeros((4, 4, 4)), affine=np.eye(4), third_axis="time")
    with pytest.raises(ValueError, match="time"):
        three_planes(cine, (0, 0, 0), WINDOW)


def test_a_layer_on_another_grid_is_an_error() -> None:
    other = Layer(labels=phantom((20, 40, 40), (2.0, 1.0, 1.0)))
    with pytest.raises(ValueError, match="grid"):
        three_planes(phantom(), (0, 0, 0), WINDOW, layers=[other])


def test_a_contact_sheet_holds_its_tiles_and_grows_with_its_captions() -> None:
    tile = np.full((50, 80), 255, np.uint8)
    plain = contact_sheet([[tile, tile], [tile]])
    assert (plain == 255).all(axis=2).sum() == 3 * tile.size
    one_line = contact_sheet([[tile, tile], [tile]], [["a", "b"], ["c"]])
    wrapped = contact_sheet([[tile, tile], [tile]], [["a", "several words that do not fit"], ["c"]])
    assert plain.shape[0] < one_line.shape[0] < wrapped.shape[0]
    assert plain.shape[1] == one_line.shape[1] == wrapped.shape[1]


def test_a_contact_sheet_without_tiles_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one tile"):
        contact_sheet([])


def test_a_png_holds_the_picture_and_its_data_uri_the_png() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    png = png_bytes(picture)
    assert np.array_equal(np.asarray(Image.open(BytesIO(png))), picture)
    assert b64decode(data_uri(png).removeprefix("data:image/png;base64,")) == png


def test_six_bits_keep_every_channel_within_three_levels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    kept = np.asarray(Image.open(BytesIO(png_bytes(picture, bits=6)))).astype(int)
    assert np.abs(kept - picture).max() <= 3
