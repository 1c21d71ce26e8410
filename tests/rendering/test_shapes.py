"""Rendered phantoms have the size, place and partial volume that geometry gives them."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from synthfm3d.rendering.columns import C0, CENTRE_X, CENTRE_Y, M0, RATE, V_X, V_Y
from synthfm3d.rendering.cpu import render
from synthfm3d.rendering.tables import tables_of
from synthfm3d.synthesis.anatomy.shapes import mirrored
from synthfm3d.synthesis.structures import Ellipsoid, Layer, Part, Stack, Star, Superquadric, Tube

IDENTITY = (1.0, 0.0, 0.0, 0.0)
TURNED = (0.8, 0.36, 0.48, 0.0)  # 3-4-5: of unit length


@pytest.mark.parametrize("quaternion", [IDENTITY, TURNED])
def test_an_ellipsoid_has_its_volume_however_it_is_turned(phantom, quaternion):
    part = Ellipsoid(centre_mm=(20.3, 31.6, 32.4), semi_axes_mm=(8.0, 12.0, 16.0), quaternion=quaternion)
    image, labels = render(phantom(part))
    volume = 4 / 3 * math.pi * 8 * 12 * 16
    assert labels.sum() == pytest.approx(volume, rel=0.01)
    assert image.sum() / 1000 == pytest.approx(volume, rel=0.02)


def test_an_ellipsoid_turned_by_a_quarter_about_z_swaps_its_axes(phantom):
    half = math.sqrt(0.5)
    part = Ellipsoid(
        centre_mm=(20.0, 32.0, 32.0), semi_axes_mm=(5.5, 20.5, 8.5), quaternion=(half, half, 0.0, 0.0)
    )
    _, labels = render(phantom(part))
    _, rows, columns = np.nonzero(labels)
    assert (np.ptp(rows), np.ptp(columns)) == (16, 40)


def test_an_ellipsoid_lies_where_its_centre_is(phantom):
    part = Ellipsoid(centre_mm=(18.0, 25.0, 40.0), semi_axes_mm=(7.0, 9.0, 11.0), quaternion=TURNED)
    _, labels = render(phantom(part))
    assert np.argwhere(labels).mean(axis=0) == pytest.approx([18, 25, 40], abs=0.05)


def test_anisotropic_voxels_keep_millimetres(phantom):
    part = Ellipsoid(centre_mm=(40.7, 31.6, 32.9), semi_axes_mm=(16.0, 16.0, 16.0), quaternion=IDENTITY)
    _, labels = render(phantom(part, shape=(20, 64, 32), spacing_mm=(4.0, 1.0, 2.0)))
    assert labels.sum() * 8 == pytest.approx(4 / 3 * math.pi * 16**3, rel=0.03)


def test_a_tube_has_the_volume_of_its_cylinder_and_two_caps(phantom):
    tube = Tube(
        start_mm=(10.3, 20.1, 20.4), end_mm=(28.3, 38.1, 44.4), start_radius_mm=5.0, end_radius_mm=5.0
    )
    length = math.dist((10, 20, 20), (28, 38, 44))
    _, labels = render(phantom(tube))
    assert labels.sum() == pytest.approx(math.pi * 25 * length + 4 / 3 * math.pi * 125, rel=0.02)


def test_a_stack_grows_and_erodes_linearly_and_exists_between_birth_and_end(phantom):
    stack = Stack(
        centre_mm=(31.7, 32.3),
        semi_axes_mm=(16.0, 16.0),
        direction=(1.0, 0.0),
        scale=((5.0, 0.25), (15.0, 1.0), (20.0, 1.0), (30.0, 0.5)),
    )
    _, labels = render(phantom(stack))
    areas = labels.sum(axis=(1, 2))
    assert areas[:5].sum() == areas[31:].sum() == 0
    assert areas[10] == pytest.approx(math.pi * (16 * 0.625) ** 2, rel=0.03)
    assert areas[17] == pytest.approx(math.pi * 16**2, rel=0.03)
    assert areas[25] == pytest.approx(math.pi * (16 * 0.75) ** 2, rel=0.03)


def test_the_stated_slopes_of_a_stack_are_those_of_its_centre_and_scale(phantom):
    stack = Stack(
        centre_mm=(32.0, 30.0),
        semi_axes_mm=(10.0, 14.0),
        direction=(0.6, 0.8),
        scale=((-10.0, 0.4), (60.0, 1.4)),
        drift_mm=((0.0, 1.0), (3.0, -2.0), (-2.0, 4.0), (5.0, 0.0), (1.0, 1.0), (-4.0, 2.0)),
    )
    rows = tables_of(phantom(stack, spacing_mm=(0.05, 1.0, 1.0))).parts[:, 1].astype(float)
    for position, speed in ((CENTRE_Y, V_Y), (CENTRE_X, V_X)):
        measured = np.gradient(rows[:, position], 0.05)[1:-1]
        assert measured == pytest.approx(rows[1:-1, speed], abs=2e-3)
    heights = np.arange(40) * 0.05
    assert rows[:, RATE] == pytest.approx((1 / 70) / (0.4 + (heights + 10) / 70), rel=1e-4)


def test_the_stated_slope_of_an_ellipsoid_is_that_of_its_own_form(phantom):
    part = Ellipsoid(centre_mm=(1.0, 32.0, 32.0), semi_axes_mm=(9.0, 12.0, 16.0), quaternion=TURNED)
    tables = tables_of(phantom(part, spacing_mm=(0.05, 1.0, 1.0)))
    rows = tables.parts[:, 1].astype(float)
    assert rows[:, C0] == pytest.approx(np.gradient(rows[:, M0], 0.05) / 2, abs=2e-4)
    for position, speed in ((CENTRE_Y, V_Y), (CENTRE_X, V_X)):
        assert np.gradient(rows[:, position], 0.05) == pytest.approx(rows[:, speed], abs=2e-3)
    assert abs(rows[0, V_Y] - rows[0, V_X]) > 0.05


def test_thick_slices_smear_an_oblique_wall_and_keep_an_upright_one(phantom):
    """A wall is blurred by the point spread along its normal; seen in the plane, that is wider."""
    step, lean = 0.25, 2.0  # lean: mm that the wall moves sideways per mm of height
    leaning = Stack(
        centre_mm=(0.0, -980.0),
        semi_axes_mm=(1e6, 1000.0),
        direction=(1.0, 0.0),
        scale=((-4.0, 1.0 - 4 * lean / 1000), (4.0, 1.0 + 4 * lean / 1000)),
    )
    upright = replace(leaning, scale=((-4.0, 1.0), (4.0, 1.0)))
    # Moving by dx in the plane moves by dx / sqrt(1 + lean^2) along the normal, over which the spread
    # is sqrt(s_z^2 lean^2 + s_p^2) / sqrt(1 + lean^2): in the plane, sqrt((s_z lean)^2 + s_p^2).
    for part, spread_mm in ((leaning, math.hypot(1.5 * lean, 0.6)), (upright, 0.6)):
        scene = phantom(part, psf_mm=(1.5, 0.6), shape=(1, 4, 160), spacing_mm=(1.0, 1.0, step))
        image, _ = render(scene)
        gradient = -np.diff(image[0, 2].astype(float))
        place = (np.arange(gradient.size) + 0.5) * step
        middle = (gradient * place).sum() / gradient.sum()
        measured = math.sqrt((gradient * (place - middle) ** 2).sum() / gradient.sum())
        assert middle == pytest.approx(20.0, abs=0.2)
        # The derivative of a smoothstep over 3.2 standard deviations has a spread of 3.2 / sqrt(20).
        assert measured == pytest.approx(spread_mm * 3.2 / math.sqrt(20), rel=0.05)


def test_nested_layers_begin_at_their_depth(phantom, structures):
    layers = (
        Layer(name="wall", depth_mm=0.0, label=1, material="wall"),
        Layer(name="cavity", depth_mm=4.0, label=2, material="fluid"),
    )
    part = Ellipsoid(centre_mm=(20.0, 32.0, 32.0), semi_axes_mm=(12.0, 12.0, 12.0), quaternion=IDENTITY)
    image, labels = render(phantom((structures.organ(part, layers=layers), (500.0, -200.0))))
    assert (labels == 2).sum() == pytest.approx(4 / 3 * math.pi * 8**3, rel=0.03)
    assert (labels > 0).sum() == pytest.approx(4 / 3 * math.pi * 12**3, rel=0.02)
    assert image[20, 32, 32] == -200
    assert image[20, 32, 32 + 10] == pytest.approx(500, abs=5)


def test_a_sheet_has_its_thickness_and_shows_what_was_there_inside(phantom, structures):
    layers = (Layer(name="sheet", depth_mm=0.0, label=1, material="muscle", thickness_mm=3.0),)
    part = Ellipsoid(centre_mm=(20.3, 31.6, 32.4), semi_axes_mm=(14.0, 14.0, 14.0), quaternion=IDENTITY)
    image, labels = render(phantom((structures.organ(part, layers=layers), (1000.0,))))
    volume = 4 / 3 * math.pi * (14**3 - 11**3)
    assert labels.sum() == pytest.approx(volume, rel=0.03)
    assert image.sum() / 1000 == pytest.approx(volume, rel=0.04)
    assert image[20, 32, 32] == 0


def test_neighbours_share_their_space_without_gap_or_overlap(phantom, structures):
    """Two equal balls 16 mm apart meet in the plane half-way; together they fill their union."""
    balls = [
        Ellipsoid(centre_mm=(20.3, 32.2, x), semi_axes_mm=(12.0, 12.0, 12.0), quaternion=IDENTITY)
        for x in (24.3, 40.3)
    ]
    pairs = [
        (structures.organ(ball, label=n, neighbourhood=1), (1000.0,)) for n, ball in enumerate(balls, start=1)
    ]
    image, labels = render(phantom(*pairs))
    alone = [render(phantom(ball))[1] > 0 for ball in balls]
    assert np.array_equal(labels > 0, alone[0] | alone[1])
    columns = np.arange(64)
    assert columns[(labels == 1).any(axis=(0, 1))].max() == 32
    assert columns[(labels == 2).any(axis=(0, 1))].min() == 33
    assert (labels == 1).sum() == pytest.approx((labels == 2).sum(), rel=0.02)
    assert image[20, 32, 32] == pytest.approx(1000, abs=30)  # no dark seam


def test_a_fat_plane_between_neighbours_has_its_width(phantom, structures):
    balls = [
        Ellipsoid(centre_mm=(20.3, 32.2, x), semi_axes_mm=(12.0, 12.0, 12.0), quaternion=IDENTITY)
        for x in (24.3, 40.3)
    ]
    pairs = [
        (structures.organ(ball, label=n, neighbourhood=1, gap_mm=4.0), (1000.0,))
        for n, ball in enumerate(balls, start=1)
    ]
    _, labels = render(phantom(*pairs))
    between = labels[20, 32, 28:37] == 0
    assert between.sum() == 4


def test_a_star_without_bumps_is_a_ball_and_with_them_has_its_series_radius(phantom):
    ball = Star(centre_mm=(20.3, 31.6, 32.4), radius_mm=12.0, bumps=())
    _, labels = render(phantom(ball))
    assert labels.sum() == pytest.approx(4 / 3 * math.pi * 12**3, rel=0.01)
    # P_2(1) = 1 along the axis, P_2(0) = -1/2 across it.
    pear = Star(centre_mm=(20.3, 31.6, 32.4), radius_mm=12.0, bumps=((0.0, 0.0, 1.0, 0.3, 0.0, 0.0),))
    _, labels = render(phantom(pear))
    _, rows, columns = np.nonzero(labels)
    assert columns.max() == 47  # the tip is at 32.4 + 12 * 1.3 = 48
    assert rows.max() == math.floor(31.6 + 12 * 0.85)


@pytest.mark.parametrize(
    ("degree", "along", "against", "across"), [(2, 1, 1, -1 / 2), (3, 1, -1, 0), (4, 1, 1, 3 / 8)]
)
def test_a_bump_of_a_star_is_its_legendre_polynomial(phantom, degree, along, against, across):
    amplitude, radius = 0.25, 14.0
    series = [amplitude if n == degree else 0.0 for n in (2, 3, 4)]
    bump = (0.0, 0.0, 1.0, series[0], series[1], series[2])
    step = 0.25  # of the pixels in a row; row 8 of slice 0 passes through the centre
    lifted = Star(centre_mm=(0.0, 31.6, 32.4), radius_mm=radius, bumps=(bump,))
    image, _ = render(phantom(lifted, shape=(1, 9, 260), spacing_mm=(1.0, 31.6 / 8, step)))
    inside = np.flatnonzero(image[0, 8] > 500) * step
    assert inside.max() == pytest.approx(32.4 + radius * (1 + amplitude * along), abs=0.3)
    assert inside.min() == pytest.approx(32.4 - radius * (1 + amplitude * against), abs=0.3)
    turned = replace(lifted, bumps=((0.0, 1.0, 0.0, *series),))
    image, _ = render(phantom(turned, shape=(1, 9, 260), spacing_mm=(1.0, 31.6 / 8, step)))
    inside = np.flatnonzero(image[0, 8] > 500) * step
    assert inside.max() == pytest.approx(32.4 + radius * (1 + amplitude * across), abs=0.3)


def test_a_superquadric_goes_from_ellipsoid_to_rounded_box(phantom):
    part = Superquadric(
        centre_mm=(20.3, 31.6, 32.4),
        semi_axes_mm=(8.0, 12.0, 16.0),
        quaternion=IDENTITY,
        squareness=0.0,
        taper=0.0,
        bend=0.0,
    )
    plain = Ellipsoid(centre_mm=part.centre_mm, semi_axes_mm=part.semi_axes_mm, quaternion=IDENTITY)
    assert np.array_equal(render(phantom(part))[1], render(phantom(plain))[1])
    _, labels = render(phantom(replace(part, squareness=1.0)))
    # |u|^4 + |v|^4 + |w|^4 <= 1 has the volume (2 gamma(5/4))^3 / gamma(7/4) of its semi-axes' product.
    exact = (2 * math.gamma(1.25)) ** 3 / math.gamma(1.75) * 8 * 12 * 16
    assert labels.sum() == pytest.approx(exact, rel=0.01)


def test_taper_and_bend_move_the_ends_of_a_superquadric(phantom):
    part = Superquadric(
        centre_mm=(20.3, 31.6, 32.4),
        semi_axes_mm=(16.0, 8.0, 8.0),
        quaternion=IDENTITY,
        squareness=0.0,
        taper=0.5,
        bend=0.0,
    )
    areas = render(phantom(part))[1].sum(axis=(1, 2))
    assert areas[28] > 1.8 * areas[12]
    bent = render(phantom(replace(part, taper=0.0, bend=0.6)))[1]
    middle, top = (np.nonzero(bent[z])[0].mean() for z in (20, 32))
    assert middle == pytest.approx(31.6, abs=0.4)
    assert top == pytest.approx(31.6 - 0.6 * 8 * (11.7 / 16) ** 2, abs=0.5)


def test_a_fading_boundary_is_wider_in_places_and_a_rim_overshoots(phantom):
    part = Ellipsoid(centre_mm=(20.3, 31.6, 32.4), semi_axes_mm=(14.0, 14.0, 14.0), quaternion=IDENTITY)
    sharp, _ = render(phantom(part))
    faded, _ = render(phantom(part, fade=5.0))
    between = [int(((image > 100) & (image < 900)).sum()) for image in (sharp, faded)]
    assert between[1] > 1.3 * between[0]
    rimmed, _ = render(phantom(part, rim=0.5, rim_mm=2.0))
    assert sharp.max() == 1000
    assert rimmed.max() > 1150
    assert rimmed[20, 32, 32] == pytest.approx(1000, abs=40)


def test_a_mirrored_part_covers_the_mirrored_voxels(phantom):
    middle = 31.5
    parts = [
        Ellipsoid(centre_mm=(20.0, 30.0, 24.0), semi_axes_mm=(8.0, 6.0, 14.0), quaternion=TURNED),
        Tube(start_mm=(8.0, 20.0, 12.0), end_mm=(30.0, 40.0, 40.0), start_radius_mm=4.0, end_radius_mm=6.0),
        Stack(
            centre_mm=(30.0, 20.0),
            semi_axes_mm=(6.0, 12.0),
            direction=(0.6, 0.8),
            scale=((3.0, 0.3), (20.0, 1.0), (33.0, 0.4)),
            drift_mm=((0.0, 0.0), (2.0, 3.0), (-1.0, 4.0), (2.0, -3.0), (0.0, 2.0)),
        ),
        Star(
            centre_mm=(20.0, 30.0, 24.0),
            radius_mm=9.0,
            bumps=((0.6, 0.0, 0.8, 0.2, 0.15, -0.1), (0.0, 0.8, -0.6, 0.1, 0.1, 0.1)),
        ),
        Superquadric(
            centre_mm=(20.0, 30.0, 24.0),
            semi_axes_mm=(10.0, 6.0, 8.0),
            quaternion=TURNED,
            squareness=0.7,
            taper=0.4,
            bend=0.5,
        ),
    ]
    assert {type(part) for part in parts} == set(get_args(Part))
    for part in parts:
        _, labels = render(phantom(part))
        assert labels.any()
        _, reflected = render(phantom(mirrored(part, 2 * middle, (0.0, 0.0, 0.0))))
        different = (labels[:, :, ::-1] != reflected).sum()
        assert different <= 0.002 * labels.sum()


@pytest.mark.parametrize(("sub_slices", "worst"), [(1, 0.3), (3, 0.12)])
@pytest.mark.parametrize("lean", [0.0, 0.3, 0.5])
def test_a_thick_slice_is_the_average_of_the_thin_ones_within_it(
    phantom, structures, lean, sub_slices, worst
):
    """A box of one slice distance, averaged voxel by voxel, also where a tube is thinner than the slice."""
    turned = Ellipsoid(
        centre_mm=(20.0, 32.0, 32.0), semi_axes_mm=(14.0, 10.0, 16.0),
        quaternion=(math.sqrt(1 - lean * lean), 0.0, lean, 0.0),
    )  # fmt: skip
    tube = Tube(start_mm=(4.0, 50.0, 10.0), end_mm=(36.0, 10.0, 50.0), start_radius_mm=4.0, end_radius_mm=4.0)
    thick, fine = 5.0, 10
    contents = ((structures.organ(turned), (200.0,)), (structures.organ(tube, label=2), (400.0,)))
    slabs = phantom(
        *contents, shape=(8, 64, 64), spacing_mm=(thick, 1.0, 1.0), psf_mm=(thick / math.sqrt(12), 0.4),
        sub_slices=sub_slices,
    )  # fmt: skip
    thin = phantom(
        *contents, shape=(8 * fine, 64, 64), spacing_mm=(thick / fine, 1.0, 1.0), psf_mm=(0.05, 0.4)
    )
    rendered = render(slabs)[0].astype(float)
    # Thin slice n lies at n / fine of a thick one: those around thick slice k are averaged.
    slices = render(thin)[0].astype(float)
    weights = np.ones(fine + 1)
    weights[[0, -1]] = 0.5
    for k in range(1, 7):
        around = slices[k * fine - fine // 2 : k * fine + fine // 2 + 1]
        error = np.abs(rendered[k] - np.tensordot(weights / weights.sum(), around, 1)) / 400.0
        assert error.mean() < 0.03 * worst
        assert np.quantile(error, 0.995) < worst


def test_the_labels_of_an_averaged_slice_are_those_of_its_middle(phantom):
    part = Ellipsoid(centre_mm=(20.0, 32.0, 32.0), semi_axes_mm=(9.0, 12.0, 10.0), quaternion=TURNED)
    plain, averaged = (
        render(phantom(part, shape=(12, 64, 64), spacing_mm=(4.0, 1.0, 1.0), psf_mm=(1.1, 0.4), sub_slices=n))
        for n in (1, 3)
    )
    assert np.array_equal(plain[1], averaged[1])
    assert not np.array_equal(plain[0], averaged[0])


def test_parts_far_apart_are_rendered_as_if_each_were_a_structure_of_its_own(phantom, structures):
    """What lies between the parts of one structure is not painted; it must look as if it were."""
    shell = Layer(name="organ", depth_mm=0.0, label=1, material="wall")
    layers = (shell, replace(shell, depth_mm=3.0, label=2, material="fluid"))
    near = Ellipsoid(centre_mm=(20.0, 32.0, 20.0), semi_axes_mm=(9.0, 9.0, 9.0), quaternion=IDENTITY)
    far = Tube(
        start_mm=(18.0, 30.0, 150.0), end_mm=(22.0, 40.0, 170.0), start_radius_mm=6.0, end_radius_mm=8.0
    )
    signals, shape = (300.0, 700.0), (40, 64, 192)
    one = phantom((structures.organ(near, far, layers=layers), signals), shape=shape)
    two = phantom(*((structures.organ(part, layers=layers), signals) for part in (near, far)), shape=shape)
    for together, apart in zip(render(one), render(two), strict=True):
        assert np.array_equal(together, apart)
