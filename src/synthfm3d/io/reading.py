"""``sf.read`` and ``sf.example``: read scans in Python.

The arguments of ``read`` give what a file leaves open. Error messages name these arguments instead of the
options of the command line.
"""

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.io.checks import warned
from synthfm3d.io.nifti import read_nifti
from synthfm3d.io.read import ReadOptions, load
from synthfm3d.volume import Modality, Volume

_ARGUMENTS = (
    (r"--spacing( X,Y,Z)?", "spacing_mm=(z, y, x)"),
    (r"--modality (ct|mr|us)", r'modality="\1"'),
    (r"--(frame|series) (\d+)", r"\1=\2"),
    (r"--(frame|series|modality)", r"\1=..."),
    (r"--allow-gaps", "allow_gaps=True"),
    (r"--cine", "cine=True"),
)
"""Options of the command line in messages, and the corresponding arguments."""


def read(
    path: str | Path,
    options: ReadOptions | None = None,
    *,
    frame: int | None = None,
    series: str | int | None = None,
    modality: Modality | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
    allow_gaps: bool = False,
    cine: bool = False,
) -> Volume:
    """Read a scan in any supported format: NIfTI, NRRD, MetaImage, DICOM, pictures, NumPy arrays.

    Parameters
    ----------
    options
        All the following arguments in one object. Arguments that are also given replace its values.
    frame
        Index of the volume of a 4-D scan, from 0.
    series
        DICOM series of a folder: its number in the list of the error message, or its UID.
    modality
        Modality of the scan: ``"ct"``, ``"mr"`` or ``"us"``.
    spacing_mm
        Voxel spacing along (z, y, x) in mm, for pictures and arrays, which do not store it.
    allow_gaps
        Interpolate over missing and uneven DICOM slices instead of refusing them.
    cine
        The third axis of a 3-D file is time.

    Returns
    -------
    Volume with voxels (z, y, x), float32 or integers, in the storage order of the file. Its ``doubts`` report
    what was repaired or assumed.

    Raises
    ------
    InputError
        The file is not a valid scan, or an argument has no effect on its format.

    Warns
    -----
    UserWarning
        For each of the doubts.
    """
    values: dict[str, Any] = {
        "frame": frame,
        "series": None if series is None else str(series),
        "modality": modality,
        "spacing_mm": spacing_mm,
        "allow_gaps": allow_gaps or None,
        "cine": cine or None,
    }
    given = {name: value for name, value in values.items() if value is not None}
    try:
        volume = load(Path(path), replace(options or ReadOptions(), **given))
    except InputError as error:
        what, way_out = with_arguments(error.what), with_arguments(error.way_out)
        raise InputError(what, way_out, path=error.path) from error.__cause__
    return warned(Path(path), replace(volume, doubts=tuple(map(with_arguments, volume.doubts))))


def example() -> Volume:
    """A real scan that comes with nibabel: an MR head of 24 axial slices, 2 x 2 x 2.2 mm.

    It is the first volume of ``example4d.nii.gz`` in nibabel's own tests.

    Raises
    ------
    InputError
        The installed nibabel lacks its test data.
    """
    path = Path(str(files("nibabel"))) / "tests" / "data" / "example4d.nii.gz"
    if not path.is_file():
        raise InputError(
            "this build of nibabel lacks its test data", "install the wheel from PyPI.", path=path
        )
    return read_nifti(path, frame=0, modality="mr")


def with_arguments(message: str) -> str:
    """A message with arguments of ``read`` in place of options of the command line."""
    for option, argument in _ARGUMENTS:
        message = re.sub(option, argument, message)
    return message
