"""What an MR scanner adds has the statistics that theory gives it."""

import math
from functools import partial

import numpy as np
import pytest

from synthfm3d.rendering.cpu import render
from synthfm3d.rendering.mr import MR_UNIT, lowpass_taps, truncate
from synthfm3d.synthesis.modality import GreyMap
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.structures import Stack


def _edge_slice(height=64, width=64):
    edge = np.zeros((height, width), np.float32)
    edge[:, width // 2 :] = 1.0
    return edge


def _disc_slice(phantom, structures, centre_mm, radius_mm, **artefact):
    """A disc of signal 0.8 without noise, as the scanner with an artefact shows it; in units of signal."""
    disc = Stack(
        centre_mm=centre_mm, semi_axes_mm=(radius_mm, radius_mm), direction=(1.0, 0.0),
        scale=((-1e4, 1.0), (1e4, 1.0)),
    )  # fmt: skip
    scene = phantom(
        (structures.organ(disc), (0.8,)), modality="mr", shape=(2, 64, 64),
        acquisition=MrAcquisition(noise=0.0, bias=0.0, **artefact),
    )  # fmt: skip
    return render(scene)[0][0] / MR_UNIT


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
    slice_of = partial(_disc_slice, phantom, structures, (20.0, 32.0), 8.0)
    lines = np.fft.fft(slice_of(), axis=0)
    lines[::4] *= 1.2
    expected = np.abs(np.fft.ifft(lines, axis=0))
    assert slice_of(ghost_period=4, ghost=0.2) == pytest.approx(expected, abs=0.003)


def test_motion_leaves_the_slice_between_its_two_poses(phantom, structures):
    slice_of = partial(_disc_slice, phantom, structures, (32.0, 32.0), 10.0)
    still, moved = slice_of(), slice_of(motion_pixels=(3, 0), motion_share=0.4)
    lines = np.fft.fft(still, axis=0)
    late = np.abs(np.fft.fftfreq(64)) < 0.5 * 0.4
    lines[late] = np.fft.fft(np.roll(still, 3, axis=0), axis=0)[late]
    expected = np.abs(np.fft.ifft(lines, axis=0))
    # The kernel is cut off after twelve pixels: a tenth of the edges' height is missed at most.
    assert np.abs(moved - expected).max() < 0.08
    assert np.abs(moved - still).max() > 0.3


def test_air_in_mr_has_the_rayleigh_mean(phantom):
    scene = phantom(modality="mr", acquisition=MrAcquisition(noise=0.05, bias=0.0))
    image, _ = render(scene)
    assert image.mean() / MR_UNIT == pytest.approx(0.05 * math.sqrt(math.pi / 2), rel=0.01)


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


def test_fat_opposed_to_water_leaves_a_dark_line_between_them(phantom, structures):
    """Signals of opposite sign cancel in the voxels that hold both; the magnitude is bright on both sides."""
    disc = Stack(
        centre_mm=(32.0, 32.0), semi_axes_mm=(14.0, 14.0), direction=(1.0, 0.0),
        scale=((-1e4, 1.0), (1e4, 1.0)),
    )  # fmt: skip
    scene = phantom(
        (structures.organ(disc), (-0.8,)), background=(None, (0.8,)), modality="mr", shape=(2, 64, 64),
        acquisition=MrAcquisition(noise=0.0, bias=0.0),
    )  # fmt: skip
    row = render(scene)[0][0, 32] / MR_UNIT
    assert row[32] == pytest.approx(0.8, abs=0.01)
    assert row[4] == pytest.approx(0.8, abs=0.01)
    assert row[15:22].min() < 0.4
    assert row[43:50].min() < 0.4


@pytest.mark.parametrize(
    ("grey", "expected"),
    [
        (GreyMap(gamma=2.0), 0.25),
        (GreyMap(inverted=True), 0.5),
        (GreyMap(levels=3), 0.5),
        (GreyMap(gamma=2.0, levels=3), 0.5),
    ],
)
def test_a_grey_curve_maps_half_of_white(phantom, structures, grey, expected):
    scene = phantom(
        background=(structures.everywhere(), (0.5,)), modality="mr",
        acquisition=MrAcquisition(noise=0.0, bias=0.0, grey=grey),
    )  # fmt: skip
    assert render(scene)[0].mean() / MR_UNIT == pytest.approx(expected, abs=0.002)
