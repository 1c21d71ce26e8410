"""What a reader repaired or assumed is a value of the volume; only the readers that users call warn of it."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest

from synthfm3d.io.nifti import read_nifti
from synthfm3d.io.read import load, load_labels, read, read_labels

INVERTED = "its scale factor is -1: dark and bright are exchanged."


@pytest.fixture
def inverted(tmp_path):
    """A NIfTI file whose values are to be multiplied by -1, and one of labels that are."""
    values = np.arange(-119, 1, dtype=np.int16).reshape(4, 5, 6)
    image = nib.Nifti1Image(values, np.diag([2, 2, 2, 1]))
    image.header.set_slope_inter(-1, 0)
    nib.save(image, tmp_path / "inverted.nii")
    return tmp_path / "inverted.nii"


@pytest.mark.parametrize("reader", [read, read_labels, read_nifti])
def test_a_reader_warns_of_each_doubt_where_it_was_called(inverted, reader):
    with pytest.warns(UserWarning, match="inverted.nii") as caught:
        volume = reader(inverted)
    assert [str(warning.message) for warning in caught] == [f"{inverted}: {doubt}" for doubt in volume.doubts]
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("loader", [load, load_labels])
def test_a_loader_keeps_its_doubts_in_the_volume_and_warns_of_none(inverted, loader):
    # Warnings are errors here.
    assert loader(inverted).doubts == (INVERTED,)


def test_a_doubt_does_not_name_the_file_which_may_be_the_patients(inverted):
    (doubt,) = load(inverted).doubts
    assert inverted.name not in doubt
    assert str(inverted.parent) not in doubt


def test_scans_that_are_read_at_the_same_time_keep_their_own_doubts(tmp_path, inverted):
    plain = tmp_path / "plain.nii"
    nib.save(nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(4, 5, 6), np.diag([2, 2, 2, 1])), plain)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(load, 40 * [inverted, plain]))
    assert [volume.doubts for volume in found] == 40 * [(INVERTED,), ()]


def test_libraries_are_silenced_without_leaving_a_filter_behind(capsys):
    from synthfm3d.io.dicom_headers import silent_libraries

    def silent(_):
        with silent_libraries():
            warnings.warn("a patient's name", stacklevel=1)

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(silent, range(200)))
    assert warnings.filters == before
    assert "patient" not in capsys.readouterr().err
