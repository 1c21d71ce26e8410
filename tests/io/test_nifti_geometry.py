"""Where a NIfTI header keeps units and directions, ITK and we look in the same places."""

import struct
import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthfm3d.errors import InputError
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.read import read
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume

VALUES = np.arange(120).reshape(6, 5, 4).astype(np.int16)  # stored (i, j, k)
AFFINE = np.array([[-1.0, 0, 0, 30], [0, -1, 0, 20], [0, 0, 3, -10], [0, 0, 0, 1]])


def save(path, affine=AFFINE, *, sform=True, qform=True, unit="mm"):
    image = nib.Nifti1Image(VALUES, affine)
    image.set_sform(affine, int(sform))
    image.set_qform(affine, int(qform))
    image.header.set_xyzt_units(unit)
    nib.save(image, path)
    return path


def patched(path, offset, layout, *numbers):
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, offset, *numbers)
    path.write_bytes(bytes(content))
    return path


def quietly(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(path)


def affine_of_itk(path):
    """(4, 4) from (z, y, x) to RAS mm, by SimpleITK."""
    image = SimpleITK.ReadImage(str(path))
    direction = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine = np.eye(4)
    affine[:3] = np.diag([-1, -1, 1]) @ np.column_stack([direction[:, ::-1], image.GetOrigin()])
    return affine


@pytest.mark.parametrize("forms", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize(("unit", "mm"), [("micron", 1e-3), ("meter", 1e3), ("mm", 1.0), ("unknown", 1.0)])
def test_lengths_are_in_the_unit_that_the_header_names(tmp_path, unit, mm, forms):
    affine = AFFINE.copy()
    affine[:3] /= mm
    path = save(tmp_path / "scan.nii", affine, sform=forms[0], qform=forms[1], unit=unit)
    found = quietly(path)
    np.testing.assert_allclose(found.affine, AFFINE[:, [2, 1, 0, 3]], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.affine, affine_of_itk(path), rtol=1e-5, atol=1e-5)
    assert ("unit" in " ".join(found.doubts)) == (mm != 1)


def test_a_scan_of_metres_that_means_millimetres_is_refused(tmp_path):
    path = save(tmp_path / "scan.nii", unit="meter")
    with pytest.raises(InputError, match="xyzt_units"):
        quietly(path)


@pytest.mark.parametrize("qfac", [0.0, 1.0, -1.0, 7.0])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), half_turn=st.booleans(), longer=st.sampled_from([0, 4e-6, 1e-4]))
def test_a_qform_with_rounding_errors_is_read_as_itk_reads_it(tmp_path, qfac, seed, half_turn, longer):
    draw = stream(seed, "qform")
    quaternion = draw.normal(size=4) * [not half_turn, 1, 1, 1]
    quaternion /= np.sqrt((quaternion**2).sum()) * np.copysign(1, quaternion[0])
    vector = quaternion[1:] * (1 + longer * half_turn)
    path = save(tmp_path / "scan.nii", sform=False)
    patched(path, 76, "<f", qfac)
    patched(path, 256, "<6f", *vector, *draw.uniform(-100, 100, 3))
    np.testing.assert_allclose(quietly(path).affine, affine_of_itk(path), atol=2e-3)


def test_a_quaternion_much_too_long_is_shortened_and_told(tmp_path):
    path = patched(save(tmp_path / "scan.nii", sform=False), 256, "<3f", 0, 0, 1.1)  # half a turn about z
    with pytest.warns(UserWarning, match=r"quaternion .* 1\.1 long"):
        found = read(path)
    np.testing.assert_allclose(found.affine, AFFINE[:, [2, 1, 0, 3]], atol=1e-5)


def test_a_qform_without_use_is_not_said_to_be_missing(tmp_path):
    path = patched(save(tmp_path / "scan.nii", sform=False), 256, "<f", np.nan)
    with pytest.warns(UserWarning, match="qform cannot be used"):
        read(path)


@pytest.mark.parametrize("micrometres", [0.2, 5.0, 1000.0])
def test_voxels_of_any_size_survive_reading_and_writing(tmp_path, micrometres):
    turn = np.linalg.qr(stream(0, "tiny").normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn * micrometres / 1000
    sheared = affine.copy()
    sheared[:3, 0] += 0.02 * affine[:3, 1]
    for n, grid in enumerate((affine, sheared)):
        volume = Volume(voxels=np.arange(60, dtype=np.uint8).reshape(3, 4, 5), affine=grid)
        path = tmp_path / f"{n}.nii"
        write_nifti(path, volume)
        np.testing.assert_allclose(quietly(path).affine, grid, atol=1e-3 * micrometres / 1000)
        assert (nib.load(path).header["qform_code"] > 0) == (grid is affine)
