"""Surface area against solids whose area is known."""

import math

import numpy as np
import pytest
from scipy.special import elliprg

from synthfm3d.metrics.shape import surface_area_mm2

ISOTROPIC, AMOS, CORONAL = (1.0, 1.0, 1.0), (5.0, 0.78, 0.78), (1.0, 4.0, 1.5)


def ellipsoid(semi_axes_mm, spacing_mm, centre_mm=(0.3, -0.2, 0.1)):
    axes = [
        np.arange(-math.ceil(a / s) - 1, math.ceil(a / s) + 2) * s
        for a, s in zip(semi_axes_mm, spacing_mm, strict=True)
    ]
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    return sum(((g - c) / a) ** 2 for g, a, c in zip(grid, semi_axes_mm, centre_mm, strict=True)) <= 1


def area_of_ellipsoid(a, b, c):
    # Carlson's symmetric form of the elliptic integral: NIST DLMF 19.33.1.
    return 4 * math.pi * elliprg((a * b) ** 2, (a * c) ** 2, (b * c) ** 2)


@pytest.mark.parametrize("spacing_mm", [ISOTROPIC, AMOS, CORONAL])
@pytest.mark.parametrize("radius_mm", [20.0, 40.0])
def test_a_ball_has_the_area_of_a_ball(radius_mm, spacing_mm):
    ball = ellipsoid((radius_mm,) * 3, spacing_mm)
    assert surface_area_mm2(ball, spacing_mm) == pytest.approx(4 * math.pi * radius_mm**2, rel=0.02)


@pytest.mark.parametrize("spacing_mm", [ISOTROPIC, AMOS, CORONAL])
@pytest.mark.parametrize("semi_axes_mm", [(55, 25, 25), (25, 25, 55), (15, 45, 35), (20, 40, 40)])
def test_an_ellipsoid_has_the_area_of_an_ellipsoid_however_it_lies(semi_axes_mm, spacing_mm):
    area = surface_area_mm2(ellipsoid(semi_axes_mm, spacing_mm), spacing_mm)
    assert area == pytest.approx(area_of_ellipsoid(*semi_axes_mm), rel=0.03)


@pytest.mark.parametrize("spacing_mm", [ISOTROPIC, CORONAL])
def test_a_tilted_slab_has_twice_the_area_of_its_plane(spacing_mm):
    # A slab cut out by a sphere: two discs, tilted, and a rim that a thicker slab tells apart.
    normal = np.array([0.5, 0.6, math.sqrt(1 - 0.61)])
    axes = [np.arange(-60, 60 + s, s) for s in spacing_mm]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    height = z * normal[0] + y * normal[1] + x * normal[2]
    radius = np.sqrt(np.maximum(0, z**2 + y**2 + x**2 - height**2))
    thickness = 24.0
    disc = (np.abs(height) < thickness / 2) & (radius < 40)
    expected = 2 * math.pi * 40**2 + 2 * math.pi * 40 * thickness
    assert surface_area_mm2(disc, spacing_mm) == pytest.approx(expected, rel=0.06)


def test_two_apart_have_twice_the_area_of_one():
    ball = ellipsoid((9.0,) * 3, ISOTROPIC)
    both = np.concatenate([ball, np.zeros_like(ball), ball])
    assert surface_area_mm2(both, ISOTROPIC) == pytest.approx(2 * surface_area_mm2(ball, ISOTROPIC))


def test_a_hole_has_a_surface_too():
    ball, hole = (ellipsoid((r,) * 3, ISOTROPIC, (0, 0, 0)) for r in (20.0, 10.0))
    pad = (np.array(ball.shape) - hole.shape) // 2
    shell = ball & ~np.pad(hole, [(p, p) for p in pad])
    assert surface_area_mm2(shell, ISOTROPIC) == pytest.approx(4 * math.pi * (400 + 100), rel=0.02)


def test_nothing_has_no_surface():
    assert surface_area_mm2(np.zeros((3, 4, 5)), ISOTROPIC) == 0
