"""What a CT scanner adds has the statistics that theory gives it."""

import math

import numpy as np
import pytest

from synthfm3d.rendering.cpu import render
from synthfm3d.synthesis.ct import CtAcquisition


@pytest.mark.parametrize("peak", [0.0, 0.1, 0.25])
def test_ct_noise_has_the_standard_deviation_asked_for(phantom, peak):
    noise = CtAcquisition(noise_hu=20.0, noise_peak_per_mm=peak, slice_correlation=0.2)
    image, _ = render(phantom(acquisition=noise))
    assert image.std() == pytest.approx(20, rel=0.03)
    assert image.mean() == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(("peak", "pixel"), [(0.1, 1.0), (0.2, 1.0), (0.3, 0.5)])
def test_the_power_of_ct_noise_peaks_at_the_frequency_asked_for(phantom, peak, pixel):
    scene = phantom(
        shape=(48, 128, 128),
        spacing_mm=(1.0, pixel, pixel),
        acquisition=CtAcquisition(noise_hu=20.0, noise_peak_per_mm=peak),
    )
    image, _ = render(scene)
    power = (np.abs(np.fft.fft2(image.astype(float))) ** 2).mean(axis=0)
    down, across = np.meshgrid(*[np.fft.fftfreq(128, pixel)] * 2, indexing="ij")
    ring = np.rint(np.hypot(down, across) * 64 * pixel).astype(int)
    spectrum = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    frequency = np.arange(spectrum.size) / (64 * pixel)
    # f exp(-f^2 / 2 f0^2) is flat at its top: the ratio of powers at f0 / 3 and 2 f0 tells f0 as well.
    smooth = np.convolve(spectrum, np.ones(5) / 5, mode="same")
    assert frequency[smooth[: int(0.5 * 64)].argmax()] == pytest.approx(peak, rel=0.25)
    measured = np.interp([peak / 3, peak], frequency, smooth)
    expected = math.exp((1 - 1 / 9) / 2) / 3
    assert measured[0] / measured[1] == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.5])
def test_ct_noise_of_neighbouring_slices_is_correlated_as_asked_for(phantom, correlation):
    noise = CtAcquisition(noise_hu=20.0, noise_peak_per_mm=0.2, slice_correlation=correlation)
    image = render(phantom(acquisition=noise, shape=(40, 128, 128)))[0].astype(float)
    flat = image.reshape(40, -1)
    together = np.corrcoef(flat)
    assert np.diag(together, 1).mean() == pytest.approx(correlation, abs=0.03)
    assert np.abs(np.diag(together, 2)).mean() < 0.05


def test_rings_are_the_same_at_every_angle(phantom):
    rings = CtAcquisition(noise_hu=0.0, ring_hu=15.0, ring_centre_mm=(32.0, 32.0))
    image = render(phantom(acquisition=rings, shape=(2, 65, 65)))[0].astype(float)
    for turned in (image[:, ::-1], image[:, :, ::-1], image.transpose(0, 2, 1)):
        assert np.array_equal(image, turned)
    assert image[0, 32, 33:].std() == pytest.approx(15, rel=0.4)


def test_streaks_run_along_rays_from_the_metal(phantom):
    metal = CtAcquisition(
        noise_hu=0.0, streak_hu=200.0, metal_mm=(20.0, 32.0, 32.0), metal_radius_mm=2.0, metal_length_mm=10.0
    )
    image = render(phantom(acquisition=metal))[0].astype(float)
    assert image[20, 32, 32] == 3071
    assert not image[30].any()  # beyond the ends of the metal
    faded = 1 + 0.05 * np.arange(4, 28)
    ray = image[20, 32, 36:60] * faded
    assert ray == pytest.approx(np.full(24, ray[0]), abs=2.5)
    along_circle = [image[20, 32 + y, 32 + x] for y, x in ((0, 20), (20, 0), (14, 14), (-14, 14), (0, -20))]
    assert np.std(along_circle) > 20


def test_streaks_are_not_seen_in_air(phantom, structures):
    metal = CtAcquisition(
        noise_hu=0.0, streak_hu=200.0, metal_mm=(1.0, 32.0, 32.0), metal_radius_mm=2.0, metal_length_mm=10.0
    )
    air = (structures.everywhere(), (-1000.0,))
    image = render(phantom(acquisition=metal, background=air, shape=(3, 64, 64)))[0]
    assert set(np.unique(image[1])) == {-1000, 3071}
