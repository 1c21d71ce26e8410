"""Ultrasound has the statistics and the geometry that theory gives it."""

import math

import numpy as np
import pytest

from synthfm3d.rendering.cpu import render
from synthfm3d.rendering.ultrasound import decibels
from synthfm3d.synthesis.structures import Stack
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition

FAR = ((-1e4, 1.0), (1e4, 1.0))


def _ultrasound(**changes):
    settings = {
        "apex_mm": (-2000.0, 63.5),
        "near_mm": 2000.0,
        "far_mm": 2128.0,
        "half_width": 0.04,
        "speckle_mm": (1.0, 2.0, 1.0),
        "dynamic_range_db": 60.0,
        "gain_db": -20.0,
        "attenuation_db": 0.0,
        "shadow": 0.0,
    }
    return UltrasoundAcquisition(**(settings | changes))


@pytest.fixture
def uniform_tissue(phantom, structures):
    """One labelled tissue of an echo amplitude, all over the image."""

    def make(mean, acquisition, shape=(4, 128, 128)):
        body = structures.everywhere(label=1)
        return phantom(background=(body, (mean,)), modality="us", acquisition=acquisition, shape=shape)

    return make


def test_speckle_is_fully_developed(uniform_tissue):
    """The envelope of fully developed speckle has mean / standard deviation sqrt(pi / (4 - pi)) = 1.91."""
    image, _ = render(uniform_tissue(1.0, _ultrasound(speckle_mm=(2.5, 4.0, 1.0))))
    inside = image[:, 8:120, 8:120].astype(float)
    envelope = 10 ** ((inside / 255 * 60 - 60) / 20)
    assert envelope.mean() / envelope.std() == pytest.approx(1.91, rel=0.06)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_compounding_keeps_the_mean_intensity_and_takes_its_share_of_the_speckle(uniform_tissue, share):
    """The intensity of speckle has an exponential distribution, whose standard deviation is its mean."""
    settings = {"speckle_mm": (2.5, 4.0, 1.0)}
    plain, _ = render(uniform_tissue(1.0, _ultrasound(**settings)))
    mixed, _ = render(uniform_tissue(1.0, _ultrasound(**settings, compounding=share)))
    before, after = (10 ** ((image[:, 8:120, 8:120] / 255 * 60 - 60) / 10) for image in (plain, mixed))
    assert after.mean() == pytest.approx(before.mean(), rel=0.05)
    assert after.std() / after.mean() == pytest.approx(1 - share, rel=0.1)


def test_a_step_in_echogenicity_is_a_step_in_decibels(uniform_tissue):
    """20 dB in amplitude are 20 / 60 of the grey scale."""
    bright, _ = render(uniform_tissue(1.0, _ultrasound()))
    dark, _ = render(uniform_tissue(0.1, _ultrasound(gain_db=-10.0)))
    inside = (slice(None), slice(8, 120), slice(8, 120))
    difference = bright[inside].mean() - dark[inside].mean()
    assert difference == pytest.approx((20 - 10) / 60 * 255, abs=1.0)


def test_outside_the_fan_there_is_neither_image_nor_label(uniform_tissue):
    sector = _ultrasound(apex_mm=(0.0, 63.5), near_mm=1.0, far_mm=110.0, half_width=0.7)
    image, labels = render(uniform_tissue(0.5, sector))
    rows, columns = np.mgrid[0:128, 0:128]
    across, radius = np.abs(columns - 63.5), np.hypot(rows, columns - 63.5)
    outside = (across > 0.7 * rows + 1) | (radius > 111)
    inside = (across < 0.7 * rows - 1) & (radius < 109) & (radius > 2)
    assert not image[:, outside].any()
    assert not labels[:, outside].any()
    assert labels[:, inside].all()


def test_a_strong_reflector_throws_a_shadow_along_the_beam(phantom, structures):
    stone = Stack(centre_mm=(40.0, 63.5), semi_axes_mm=(5.0, 5.0), direction=(1.0, 0.0), scale=FAR)
    scene = phantom(
        (structures.organ(stone), (3.0,)),
        background=(None, (0.3,)),
        modality="us",
        acquisition=_ultrasound(shadow=0.2),
        shape=(4, 128, 128),
    )
    image, _ = render(scene)
    behind = image[:, 60:110, 60:68].mean()
    beside = image[:, 60:110, 20:40].mean()
    before = image[:, 10:30, 60:68].mean()
    assert behind < beside - 40
    assert before == pytest.approx(beside, abs=8)


def test_a_shadow_in_a_sector_runs_away_from_the_apex(phantom, structures):
    stone = Stack(centre_mm=(50.0, 83.5), semi_axes_mm=(4.0, 4.0), direction=(1.0, 0.0), scale=FAR)
    sector = _ultrasound(apex_mm=(0.0, 63.5), near_mm=1.0, far_mm=126.0, half_width=0.9, shadow=0.2)
    image, _ = render(
        phantom(
            (structures.organ(stone), (3.0,)),
            background=(None, (0.3,)),
            modality="us",
            acquisition=sector,
            shape=(4, 128, 128),
        )
    )
    # The beam through (50, +20) crosses row 100 at +40; the mirrored place and the column below do not.
    behind, straight_down, other_side = (
        image[:, 96:104, 63 + x - 3 : 63 + x + 4].mean() for x in (40, 20, -40)
    )
    assert behind < straight_down - 40
    assert behind < other_side - 40


def test_uncompensated_attenuation_darkens_with_depth(uniform_tissue):
    """12 dB from the nearest to the farthest echo are 12 / 60 of the grey scale."""
    image, _ = render(uniform_tissue(0.5, _ultrasound(attenuation_db=12.0)))
    rows = image[:, :, 8:120].mean(axis=(0, 2))
    slope = np.polyfit(np.arange(10, 118), rows[10:118], 1)[0]
    assert slope * 128 == pytest.approx(-12 / 60 * 255, rel=0.15)


def test_decibels_are_right_to_a_hundredth():
    values = np.array([1e-6, 1e-5, 3e-3, 0.5, 0.999, 1.0, 1.999, 2.0, 123.0], np.float32)
    assert decibels(values) == pytest.approx(20 * np.log10(values.astype(float)), abs=0.01)


def test_fluid_leaves_more_of_the_beam_for_what_lies_behind_it(phantom, structures):
    cyst = Stack(centre_mm=(50.0, 63.5), semi_axes_mm=(20.0, 20.0), direction=(1.0, 0.0), scale=FAR)

    def behind(enhancement):
        image, _ = render(
            phantom(
                (structures.organ(cyst), (0.01,)), background=(None, (0.3,)), modality="us",
                acquisition=_ultrasound(enhancement=enhancement), shape=(4, 128, 128),
            )
        )  # fmt: skip
        return image[:, 80:110, 60:68].mean()

    # 40 mm of fluid with 1 % a millimetre: 20 log10(1.01^40) = 3.46 dB of 60.
    assert behind(0.01) - behind(0.0) == pytest.approx(3.46 / 60 * 255, abs=1.5)


def test_boundaries_across_the_beam_reflect_and_those_along_it_do_not(phantom, structures):
    block = Stack(centre_mm=(64.0, 63.5), semi_axes_mm=(24.0, 24.0), direction=(1.0, 0.0), scale=FAR)
    image, _ = render(
        phantom(
            (structures.organ(block), (0.3,)), background=(None, (0.05,)), modality="us",
            acquisition=_ultrasound(specular=3.0, speckle_mm=(0.6, 0.6, 1.0)), shape=(24, 128, 128),
        )
    )  # fmt: skip
    mean = image.mean(axis=0)
    top = mean[37:43, 60:68].max()
    side = mean[60:68, 36:43].max()
    inside = mean[56:72, 56:72].mean()
    assert top > inside + 25
    assert side < inside + 10


def test_a_strong_reflector_rings_at_multiples_of_its_distance(phantom, structures):
    plate = Stack(centre_mm=(30.0, 63.5), semi_axes_mm=(1.5, 30.0), direction=(1.0, 0.0), scale=FAR)
    image, _ = render(
        phantom(
            (structures.organ(plate), (3.0,)), background=(None, (0.001,)), modality="us",
            acquisition=_ultrasound(reverberation=0.5, ring_mm=16.0, speckle_mm=(0.6, 0.6, 1.0)),
            shape=(24, 128, 128),
        )
    )  # fmt: skip
    rows = image[:, :, 56:72].mean(axis=(0, 2))
    for order in (1, 2, 3):
        assert rows[30 + 16 * order] > rows[30 + 16 * order + 8] + 20
    # Each echo has half the amplitude of the one before: 6.02 dB.
    assert rows[46] - rows[62] == pytest.approx(6.02 / 60 * 255, abs=4)


def test_lost_beams_lose_what_was_asked_for(uniform_tissue):
    image, _ = render(uniform_tissue(0.5, _ultrasound(lost_beams=((0.5, 0.1, 12.0),))))
    lost, kept = image[:, 8:120, 61:67].mean(), image[:, 8:120, 20:40].mean()
    assert kept - lost == pytest.approx(12 / 60 * 255, abs=1.5)


def test_haze_lies_before_the_probe_alone(uniform_tissue):
    clear, _ = render(uniform_tissue(0.01, _ultrasound()))
    hazy, _ = render(uniform_tissue(0.01, _ultrasound(clutter=0.2)))
    assert hazy[:, 2:8].mean() > clear[:, 2:8].mean() + 60
    assert np.array_equal(hazy[:, 48:], clear[:, 48:])


def test_speckle_widens_with_depth_as_asked_for(uniform_tissue):
    wide = _ultrasound(speckle_mm=(1.0, 2.0, 1.0), widening=1.0)
    image = render(uniform_tissue(0.5, wide, shape=(16, 128, 128)))[0].astype(float)

    def width(rows):
        # For a Gaussian point spread of std s the envelope's correlation is exp(-d^2 / 4 s^2) squared.
        part = image[:, rows, 8:120]
        part = part - part.mean()
        correlation = (part[..., 2:] * part[..., :-2]).mean() / (part * part).mean()
        return math.sqrt(-2.0 / math.log(correlation))

    near, far = width(slice(8, 28)), width(slice(100, 120))
    assert far / near == pytest.approx((1 + 0.36) / (1 - 0.36), rel=0.25)


def test_a_circular_probe_looks_all_around_itself(uniform_tissue):
    circle = _ultrasound(probe="circular", apex_mm=(63.5, 63.5), near_mm=10.0, far_mm=60.0)
    image, labels = render(uniform_tissue(0.5, circle))
    rows, columns = np.mgrid[0:128, 0:128]
    radius = np.hypot(rows - 63.5, columns - 63.5)
    assert not labels[:, (radius < 9.5) | (radius > 60.5)].any()
    ring = (radius > 11) & (radius < 59)
    assert labels[:, ring].all()
    quarters = [image[:, ring & (a < 0) & (b < 0)].mean() for a, b in (
        (rows - 63.5, columns - 63.5), (rows - 63.5, 63.5 - columns),
        (63.5 - rows, columns - 63.5), (63.5 - rows, 63.5 - columns),
    )]  # fmt: skip
    assert np.ptp(quarters) < 4
