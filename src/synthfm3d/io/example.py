"""A real scan that is on every machine: the MR head in nibabel's own tests."""

from importlib.resources import files
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.io.nifti import read_nifti
from synthfm3d.volume import Volume


def read_example() -> Volume:
    """First volume of nibabel's example4d.nii.gz: 24 axial MR slices of a head, 2 x 2 x 2.2 mm."""
    path = Path(str(files("nibabel"))) / "tests" / "data" / "example4d.nii.gz"
    if not path.is_file():
        raise InputError("this build of nibabel lacks its test data; install the wheel from PyPI.", path=path)
    return read_nifti(path, frame=0, modality="mr")
