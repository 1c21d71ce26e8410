"""Rendered phantoms have the size, place and partial volume that geometry gives them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.rendering.cpu import render
from synthfm3d.rendering.tables import C0, CENTRE_X, CENTRE_Y, RATE, V_X, V_Y, tables_of
from synthfm3d.synthesis.anatomy.organs import _mirrored
from synthfm3d.synthesis.scene import Ellipsoid, Layer, Stack, Tissue, Tube

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
    assert rows[:, C0] == pytest.approx(np.gradient(rows[:, 10], 0.05) / 2, abs=2e-4)  # M0 = e dz^2


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


def test_nested_layers_begin_at_their_depth(phantom):
    layers = (
        Layer(name="wall", depth_mm=0.0, label=1, tissue=Tissue(mean=500.0)),
        Layer(name="cavity", depth_mm=4.0, label=2, tissue=Tissue(mean=-200.0)),
    )
    part = Ellipsoid(centre_mm=(20.0, 32.0, 32.0), semi_axes_mm=(12.0, 12.0, 12.0), quaternion=IDENTITY)
    image, labels = render(phantom(part, layers=layers))
    assert (labels == 2).sum() == pytest.approx(4 / 3 * math.pi * 8**3, rel=0.03)
    assert (labels > 0).sum() == pytest.approx(4 / 3 * math.pi * 12**3, rel=0.02)
    assert image[20, 32, 32] == -200
    assert image[20, 32, 32 + 10] == pytest.approx(500, abs=5)


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
    ]
    for part in parts:
        _, labels = render(phantom(part))
        _, mirrored = render(phantom(_mirrored(part, 2 * middle, (0.0, 0.0, 0.0))))
        different = (labels[:, :, ::-1] != mirrored).sum()
        assert different <= 0.002 * labels.sum()
