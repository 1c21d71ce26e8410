"""The patient is found in a CT scan and the table is not; other modalities are shown whole."""

from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.app.patient import SAMPLE_MM, patient_mask
from synthfm3d.volume import Grid, Volume

SHAPE, SPACING_MM = (24, 80, 90), (5.0, 4.0, 4.0)


@pytest.fixture
def scan():
    """A cylinder of water, and behind it a thin table whose rim is higher than the patient's back."""
    _, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    voxels = np.full(SHAPE, -1000, np.int16)
    voxels[np.broadcast_to((y - 35) ** 2 + (x - 45) ** 2 < 25**2, SHAPE)] = 40
    voxels[:, 66:68, 10:80] = 100
    voxels[:, 50:66, 10:12] = 100
    affine = Grid.from_spacing(SHAPE, SPACING_MM).affine  # rows run to the patient's back
    return Volume(voxels=voxels, affine=affine, modality="ct")


def shown(scan):
    """The mask on the scan's own voxels."""
    mask = patient_mask(scan)
    axial = scan.axial()
    places = [(np.arange(n) * m) // n for n, m in zip(axial.grid.shape, mask.shape, strict=True)]
    return mask[np.ix_(*places)][:, ::-1, ::-1], axial.voxels


def test_the_whole_patient_is_shown_and_nothing_of_the_table(scan):
    mask, voxels = shown(scan)
    assert mask[voxels == 40].all()
    assert not mask[voxels == 100].any()


def test_the_mask_is_the_same_however_the_scan_was_stored(scan):
    stored = scan.reordered((2, 0, 1), (True, False, True))
    assert np.array_equal(patient_mask(stored), patient_mask(scan))


def test_the_samples_lie_about_four_millimetres_apart(scan):
    sizes = np.array(SHAPE) * SPACING_MM
    assert np.abs(sizes / patient_mask(scan).shape - SAMPLE_MM).max() < 0.3 + 1.0  # slices are never doubled


def test_other_modalities_and_sequences_are_shown_whole(scan):
    assert patient_mask(replace(scan, modality="mr")) is None
    assert patient_mask(replace(scan, third_axis="time")) is None


def test_a_scan_of_air_is_shown_whole(scan):
    assert patient_mask(scan.with_voxels(np.full_like(scan.voxels, -1000))) is None
