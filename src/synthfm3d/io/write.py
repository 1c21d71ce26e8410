"""Write a volume in the format that the file name extension gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.io.label_tables import Label, labels_of
from synthfm3d.io.metaimage import check_metaimage_grid, write_metaimage
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.nrrd import write_nrrd
from synthfm3d.volume import Volume

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".dcm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The DICOM series that a label map was made from; a DICOM segmentation (``.dcm``) refers to it.

    Parameters
    ----------
    names
        Names of the label values.
    keep_identity
        Whether the patient's identity is copied into the segmentation.
    """

    path: Path
    series: str | None = None
    frame: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    keep_identity: bool = False


def write(
    volume: Volume,
    path: str | Path,
    origin: Origin | None = None,
    *,
    names: Mapping[int, str | None] | None = None,
) -> None:
    """Write a volume atomically, on its own grid, as NIfTI, NRRD, MetaImage or DICOM segmentation.

    Parameters
    ----------
    origin
        The DICOM series that a DICOM segmentation refers to.
    names
        Names of the values of a label map. NIfTI and NRRD store them with colours (see ``label_tables``), a
        DICOM segmentation stores the names, and MetaImage cannot store them.

    Raises
    ------
    InputError
        The extension is not known, the format cannot store the volume, or the file cannot be written.
    """
    path = Path(path)
    labels: Sequence[Label] = labels_of(names or {})
    match check_suffix(path):
        case ".nrrd":
            write_nrrd(path, _spatial(path, volume), labels)
        case ".mha":
            write_metaimage(path, _spatial(path, volume))
        case ".dcm":
            from synthfm3d.io.dicom_seg import write_dicom_seg  # highdicom: an extra

            if origin is None:
                raise InputError(
                    "a DICOM segmentation refers to the DICOM series that it was made from, and the "
                    "scan is none",
                    "write .nii.gz instead.",
                    path=path,
                )
            write_dicom_seg(
                path,
                volume,
                origin.path,
                series=origin.series,
                frame=origin.frame,
                names={**origin.names, **{value: name for value, name in (names or {}).items() if name}},
                keep_identity=origin.keep_identity,
            )
        case _:
            write_nifti(path, volume, labels)


def check_writing(path: str | Path, scan: Volume, origin: Origin) -> None:
    """Raise InputError if a mask on a scan could not be written. Call it before the work.

    NRRD and MetaImage cannot store every grid, and a DICOM segmentation cannot refer to every series.
    """
    path = Path(path)
    suffix = check_suffix(path)
    if suffix in (".nrrd", ".mha"):
        _spatial(path, scan)
    if suffix == ".mha":
        check_metaimage_grid(path, scan)
    if suffix == ".dcm":
        from synthfm3d.io.dicom_seg import check_dicom_seg  # highdicom: an extra

        check_dicom_seg(path, scan.grid, origin.path, series=origin.series, frame=origin.frame)


def check_suffix(path: str | Path) -> str:
    """The extension of a file name for ``write``; InputError if it is not known."""
    path = Path(path)
    name = path.name.lower()
    for suffix in SUFFIXES:
        if name.endswith(suffix) and len(name) > len(suffix):
            return suffix
    raise InputError(f"the name must end in one of {', '.join(SUFFIXES)}", "rename it.", path=path)


def _spatial(path: Path, volume: Volume) -> Volume:
    if volume.third_axis == "time":
        raise InputError(
            "this format cannot store that the third axis is time", "write .nii.gz instead.", path=path
        )
    return volume
