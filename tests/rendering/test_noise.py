"""Noise has the statistics that theory gives it."""

import math

import numpy as np
import pytest
from numba import njit

from synthfm3d.rendering.cpu import render
from synthfm3d.rendering.fields import field_row, field_slice, spline_axis
from synthfm3d.rendering.hashing import hashed_normal
from synthfm3d.rendering.mr import MR_UNIT, lowpass_taps, truncate
from synthfm3d.rendering.ultrasound import decibel
from synthfm3d.synthesis.scene import CtAcquisition, MrAcquisition, Stack, UltrasoundAcquisition


@njit
def _many(count, key):
    out = np.empty(count, np.float32)
    for n in range(count):
        out[n] = hashed_normal(np.uint32(n), np.uint32(key))
    return out


def test_hashed_numbers_are_nearly_normal_and_white():
    sample = _many(200_000, 12345).astype(float)
    assert sample.mean() == pytest.approx(0, abs=0.01)
    assert sample.std() == pytest.approx(1, abs=0.01)
    # A sum of four uniforms has the excess kurtosis -6 / (5 * 4); the normal distribution has 0.
    assert (sample**4).mean() - 3 == pytest.approx(-0.3, abs=0.03)
    assert np.corrcoef(sample[:-1], sample[1:])[0, 1] == pytest.approx(0, abs=0.01)


def test_different_keys_give_independent_numbers():
    first, second = _many(1 << 17, 1), _many(1 << 17, 2)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.015)
    # Nor is one a permutation of the other.
    assert not np.array_equal(np.sort(first), np.sort(second))


def _field(std, shape=(48, 64, 64), key=7):
    axes = [spline_axis(n, std) for n in shape]
    plane = np.empty((axes[1].nodes, shape[2]), np.float32)
    scratch = np.empty(axes[2].nodes, np.float32)
    field = np.empty(shape, np.float32)
    for z in range(shape[0]):
        field_slice(
            np.uint32(key), axes[0].first[z], axes[0].weights[z], axes[1].nodes, axes[2].nodes,
            axes[2].first, axes[2].weights, plane, scratch,
        )  # fmt: skip
        for y in range(shape[1]):
            field_row(plane, axes[1].first[y], axes[1].weights[y], field[z, y])
    return field


def test_a_field_has_unit_variance_whatever_its_correlation_length():
    for std in (0.3, 1.0, 2.5):
        fields = np.stack([_field(std, key=key) for key in range(4)])
        assert fields.var() == pytest.approx(1, abs=0.06)
    variance_by_column = np.stack([_field(1.5, key=key) for key in range(8)]).var(axis=(0, 1, 2))
    assert variance_by_column.std() < 0.08  # stationary: no stripes at the nodes


def test_a_field_is_correlated_as_gaussian_smoothing_makes_it():
    """White noise smoothed by a Gaussian of std s has correlation exp(-d^2 / 4 s^2) at distance d."""
    std = 3.0
    fields = np.stack([_field(std, key=key) for key in range(6)]).astype(float)
    for distance in (2, 4, 6):
        measured = (fields[..., distance:] * fields[..., :-distance]).mean() / (fields**2).mean()
        assert measured == pytest.approx(math.exp(-(distance**2) / (4 * std**2)), abs=0.06)


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


def _edge_slice(height=64, width=64):
    edge = np.zeros((height, width), np.float32)
    edge[:, width // 2 :] = 1.0
    return edge


@pytest.mark.parametrize("kept", [0.5, 0.75])
def test_truncated_k_space_overshoots_an_edge_by_nine_percent(kept):
    """Gibbs: the integral of sinc overshoots a unit step by 0.0895, whatever the bandwidth."""
    edge = _edge_slice()
    truncate(edge, lowpass_taps(kept))
    # On a raster the peak lies between pixels: up to a third of the overshoot is missed.
    assert 0.055 < edge[32].max() - 1 < 0.105
    assert edge[32, 20:44].min() == pytest.approx(1 - edge[32, 20:44].max(), abs=0.01)


def test_ghosts_are_copies_that_a_comb_in_k_space_makes(phantom, structures):
    """Scaling every fourth line of k-space by 1 + a: the same in the Fourier domain."""
    far = ((-1e4, 1.0), (1e4, 1.0))
    disc = Stack(centre_mm=(20.0, 32.0), semi_axes_mm=(8.0, 8.0), direction=(1.0, 0.0), scale=far)

    def slice_of(**artefact):
        scene = phantom(
            (structures.organ(disc), (0.8,)), modality="mr", shape=(2, 64, 64),
            acquisition=MrAcquisition(noise=0.0, bias=0.0, **artefact),
        )  # fmt: skip
        return render(scene)[0][0] / MR_UNIT

    lines = np.fft.fft(slice_of(), axis=0)
    lines[::4] *= 1.2
    expected = np.abs(np.fft.ifft(lines, axis=0))
    assert slice_of(ghost_period=4, ghost=0.2) == pytest.approx(expected, abs=0.003)


def test_motion_leaves_the_slice_between_its_two_poses(phantom, structures):
    far = ((-1e4, 1.0), (1e4, 1.0))
    disc = Stack(centre_mm=(32.0, 32.0), semi_axes_mm=(10.0, 10.0), direction=(1.0, 0.0), scale=far)

    def slice_of(**artefact):
        scene = phantom(
            (structures.organ(disc), (0.8,)), modality="mr", shape=(2, 64, 64),
            acquisition=MrAcquisition(noise=0.0, bias=0.0, **artefact),
        )  # fmt: skip
        return render(scene)[0][0] / MR_UNIT

    still, moved = slice_of(), slice_of(motion_pixels=(3, 0), motion_share=0.4)
    rows = np.arange(64)[:, None]
    shift = (moved * rows).sum() / moved.sum() - (still * rows).sum() / still.sum()
    assert shift == pytest.approx(3.0, abs=0.2)  # the centre of k-space carries the place
    edges = np.abs(np.diff(moved - np.roll(still, 3, axis=0), axis=0)).max()
    assert edges > 0.05  # and its outside the edges of the other pose


def test_air_in_mr_has_the_rayleigh_mean(phantom):
    scene = phantom(modality="mr", acquisition=MrAcquisition(noise=0.05, bias=0.0))
    image, _ = render(scene)
    assert image.mean() / MR_UNIT == pytest.approx(0.05 * math.sqrt(math.pi / 2), rel=0.01)


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
    far = ((-1e4, 1.0), (1e4, 1.0))
    stone = Stack(centre_mm=(40.0, 63.5), semi_axes_mm=(5.0, 5.0), direction=(1.0, 0.0), scale=far)
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
    far = ((-1e4, 1.0), (1e4, 1.0))
    stone = Stack(centre_mm=(50.0, 83.5), semi_axes_mm=(4.0, 4.0), direction=(1.0, 0.0), scale=far)
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


def test_magnitude_noise_beside_a_signal_raises_it_by_half_its_variance(phantom, structures):
    """Rician at high signal: mean sqrt(S^2 + sigma^2), standard deviation sigma (Gudbjartsson 1995)."""
    scene = phantom(
        background=(structures.everywhere(), (0.5,)),
        modality="mr",
        acquisition=MrAcquisition(noise=0.1, bias=0.0),
    )
    image = render(scene)[0] / MR_UNIT
    assert image.mean() == pytest.approx(math.sqrt(0.5**2 + 0.1**2), rel=0.003)
    assert image.std() == pytest.approx(0.1, rel=0.03)


def test_the_receive_field_varies_by_the_bias_asked_for(phantom, structures):
    signals = []
    for bias in (0.0, 0.2):
        scene = phantom(
            background=(structures.everywhere(), (0.5,)),
            modality="mr",
            acquisition=MrAcquisition(noise=0.0, bias=bias),
            shape=(60, 64, 64),
        )
        signals.append(render(scene)[0] / MR_UNIT / 0.5)
    assert signals[0].std() < 0.002
    # One smooth field has few independent places: its spread is the bias within a factor of two.
    assert 0.1 < signals[1].std() < 0.4


def test_decibels_are_right_to_a_hundredth():
    @njit
    def level(value):
        return decibel(np.float32(value))

    for value in (1e-5, 3e-3, 0.5, 0.999, 1.0, 1.999, 2.0, 123.0):
        assert level(value) == pytest.approx(20 * math.log10(value), abs=0.01)
