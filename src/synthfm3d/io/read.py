"""Read a scan of any format. The format is detected from the content, not from the ending of the name."""

import gzip
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from synthfm3d.errors import InputError
from synthfm3d.io.bounded import told_of_damage
from synthfm3d.io.checks import as_labels, repaired, warned
from synthfm3d.io.metaimage import load_metaimage
from synthfm3d.io.nifti import load_nifti
from synthfm3d.io.nifti_checks import what_it_is
from synthfm3d.io.nrrd import load_nrrd
from synthfm3d.io.plain import PICTURE_SUFFIXES, load_array, load_pictures, picture_files
from synthfm3d.volume import Grid, Modality, Volume

Format = Literal["nifti", "nrrd", "metaimage", "dicom", "pictures", "numpy"]
_OPTIONS_IN_WORDS = {
    "frame": ("a frame", "--frame"),
    "series": ("a series", "--series"),
    "spacing_mm": ("a spacing", "--spacing"),
    "allow_gaps": ("leave to fill gaps", "--allow-gaps"),
    "one_series": ("the word that it is one series", "one_series"),
}
_USED_OPTIONS: dict[Format, tuple[str, ...]] = {
    "nifti": ("frame",),
    "nrrd": ("frame",),
    "metaimage": ("frame",),
    "pictures": ("spacing_mm",),
    "numpy": ("spacing_mm",),
    "dicom": ("frame", "series", "allow_gaps", "one_series"),
}
"""Options with an effect on each format; the modality and ``cine`` have an effect on all formats."""
_IN_WORDS: dict[Format, str] = {
    "nifti": "a NIfTI file",
    "nrrd": "an NRRD file",
    "metaimage": "a MetaImage",
    "pictures": "a folder of pictures",
    "numpy": "a NumPy file",
    "dicom": "a DICOM scan",
}
_START = 4096
"""Number of bytes at the start of a file that are enough to identify every format."""
_LOOKED_AT = 50
"""Number of files of a folder that are inspected to find its format."""
_FIRST_GROUPS = (b"\x08\x00", b"\x02\x00")
"""Groups 8 and 2 in little endian. The first element of a DICOM file belongs to one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Facts about a scan that a file may not contain.

    Parameters
    ----------
    frame
        Index of the volume of a 4-D scan, from 0.
    series
        DICOM series of a folder: its number in the list of the error message, or its UID.
    modality
        Modality of the scan.
    spacing_mm
        Voxel spacing along (z, y, x) in mm, for pictures and arrays, which do not store it.
    allow_gaps
        Interpolate over missing and uneven DICOM slices instead of refusing them.
    one_series
        Treat all DICOM images of a folder as one series.
    cine
        The third axis of a 3-D file is time. A 2-D NIfTI image is then a sequence of one frame.
    """

    frame: int | None = None
    series: str | None = None
    modality: Modality | None = None
    spacing_mm: tuple[float, float, float] | None = None
    allow_gaps: bool = False
    one_series: bool = False
    cine: bool = False


def read(path: str | Path, options: ReadOptions | None = None) -> Volume:
    """Read a scan in any supported format.

    NIfTI-1 and -2, NRRD, MetaImage, a DICOM folder or file, a folder of PNG or JPEG slices, a NumPy
    array.

    Returns
    -------
    Volume with voxels (z, y, x), float32 or integers, in the storage order of the file. Its ``doubts``
    report what was repaired or assumed.

    Raises
    ------
    InputError
        The file is not a valid scan, or an option has no effect on its format. The message names the file,
        what is wrong, and how to solve it.

    Warns
    -----
    UserWarning
        For each of the doubts.
    """
    return warned(Path(path), load(Path(path), options))


def load(path: Path, options: ReadOptions | None = None) -> Volume:
    """As ``read``, without Python warnings: the caller handles the doubts."""
    return repaired(path, _load(path, options or ReadOptions()))


def read_labels(path: str | Path, options: ReadOptions | None = None, *, on: Grid | None = None) -> Volume:
    """Read a label map or mask in any supported format, with integer voxels; see ``read``.

    Labels stored as floats are rounded when they are within 0.001 of a whole number.

    Parameters
    ----------
    on
        Grid of the scan that the mask belongs to. A DICOM segmentation stores only slices with segments. It
        is put on this grid; None: on the smallest grid that contains its slices.

    Raises
    ------
    InputError
        The file has other fractions or NaN (it is then an image or a probability), or a DICOM segmentation
        does not fit the grid.

    Warns
    -----
    UserWarning
        For each of the doubts of the volume.
    """
    return warned(Path(path), load_labels(Path(path), options, on=on))


def load_labels(path: Path, options: ReadOptions | None = None, *, on: Grid | None = None) -> Volume:
    """As ``read_labels``, without Python warnings: the caller handles the doubts."""
    if format_of(path) == "dicom":
        from synthfm3d.io.dicom_seg_reading import find_segmentation, load_segmentation  # pydicom: an extra

        segmentation = find_segmentation(path)
        if segmentation is not None:
            return load_segmentation(path, segmentation, on)
    return as_labels(path, _load(path, options or ReadOptions()))


def format_of(path: Path) -> Format:
    """The format of a file or folder, from its content; InputError if it is not supported."""
    if not path.exists():
        raise InputError("there is no such file", "check the path.", path=path)
    if path.is_dir():
        return _format_of_folder(path)
    if not path.is_file():
        raise InputError("is not a regular file", "name a file or a folder.", path=path)
    if path.stat().st_size == 0:
        raise InputError("the file is empty (0 bytes)", "copy or export it again.", path=path)
    start = _start(path)
    found = _format_of_start(path, start)
    if found is None:
        raise InputError(
            f"is not a scan{what_it_is(start)}: NIfTI, NRRD, MetaImage, DICOM, PNG and JPEG folders "
            "and NumPy arrays can be read.",
            path=path,
        )
    if found != "nifti" and _is_gzip(path):
        raise InputError(
            f"is {_IN_WORDS[found]}, packed once more with gzip", "unpack it first (gunzip).", path=path
        )
    return found


def _format_of_start(path: Path, start: bytes) -> Format | None:
    """The format of a file from its first bytes; None if it is not supported."""
    if start.startswith(b"NRRD000"):
        return "nrrd"
    if _is_metaimage(start):
        return "metaimage"
    if start.startswith(b"\x93NUMPY") or (start.startswith(b"PK\x03\x04") and _holds_arrays(path)):
        return "numpy"
    if _is_dicom(start):
        return "dicom"
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        raise InputError(
            "is a single picture", "name the folder that holds all slices of the scan.", path=path
        )
    if start[344:348] in (b"n+1\0", b"ni1\0") or start[4:8] == b"n+2\0":
        return "nifti"
    return None


def _load(path: Path, options: ReadOptions) -> Volume:
    kind = format_of(path)
    _check_options(path, kind, options)
    volume = _load_format(path, kind, options)
    return replace(volume, third_axis="time") if options.cine else volume


def _load_format(path: Path, kind: Format, options: ReadOptions) -> Volume:
    try:
        match kind:
            case "nifti":
                return load_nifti(path, frame=options.frame, modality=options.modality, cine=options.cine)
            case "nrrd":
                return load_nrrd(path, frame=options.frame, modality=options.modality)
            case "metaimage":
                return load_metaimage(path, frame=options.frame, modality=options.modality)
            case "pictures":
                return load_pictures(path, spacing_mm=options.spacing_mm, modality=options.modality)
            case "numpy":
                return load_array(path, spacing_mm=options.spacing_mm, modality=options.modality)
            case "dicom":
                from synthfm3d.io.dicom import load_dicom  # pydicom: an extra

                return load_dicom(
                    path,
                    series=options.series,
                    frame=options.frame,
                    modality=options.modality,
                    allow_gaps=options.allow_gaps,
                    one_series=options.one_series,
                )
    except PermissionError as error:
        raise InputError("cannot be read (permission denied)", "check its permissions.", path=path) from error


def _check_options(path: Path, kind: Format, options: ReadOptions) -> None:
    """Raise InputError that names all options which have no effect on the format."""
    unused = [
        named
        for name, named in _OPTIONS_IN_WORDS.items()
        if getattr(options, name) not in (None, False) and name not in _USED_OPTIONS[kind]
    ]
    if unused:
        what, named = " and ".join(what for what, _ in unused), ", ".join(option for _, option in unused)
        verb, them = ("has", "it") if len(unused) == 1 else ("have", "them")
        raise InputError(
            f"is {_IN_WORDS[kind]}, on which {what} {verb} no effect",
            f"leave {them} out ({named}).",
            path=path,
        )


def _format_of_folder(folder: Path) -> Format:
    visible = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    if not visible:
        raise InputError("the folder is empty", "name a folder of DICOM, PNG or JPEG slices.", path=folder)
    files = [p for p in visible if p.is_file()]
    others = [p for p in files if p.suffix.lower() not in PICTURE_SUFFIXES]
    if any(_is_dicom(_start(p)) for p in others[:_LOOKED_AT]):
        return "dicom"  # pictures beside DICOM slices are previews
    if picture_files(folder):
        return "pictures"
    scans = [p for p in files if p.name.lower().endswith((".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"))]
    if scans:
        raise InputError(f"is a folder of {len(scans)} scans", "name one of them.", path=folder)
    kinds = {what_it_is(_start(p)) for p in files[:_LOOKED_AT]}
    if len(kinds) == 1 and (kind := kinds.pop()).startswith(" but "):
        what = kind.removeprefix(" but ").partition(":")[0]
        raise InputError(
            f"{files[0].name} in it is {what}, and so are the others: slices are DICOM, PNG or "
            "JPEG files; save them as one of these.",
            path=folder,
        )
    return "dicom"


def _start(path: Path) -> bytes:
    """The first bytes of a file, uncompressed if it is a gzip file."""
    with told_of_damage(path), path.open("rb") as file:
        start = file.read(_START)
        if not start.startswith(b"\x1f\x8b"):
            return start
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as stream:
            return stream.read(_START)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _is_dicom(start: bytes) -> bool:
    return start[128:132] == b"DICM" or _is_bare_dicom(start)


def _is_metaimage(start: bytes) -> bool:
    names = {line.partition(b"=")[0].strip() for line in start.split(b"\n")}
    return b"ElementDataFile" in names and bool({b"ObjectType", b"NDims", b"DimSize"} & names)


def _is_bare_dicom(start: bytes) -> bool:
    """DICOM without its preamble: a first element of group 2 or 8 with a plausible length."""
    return start[:2] in _FIRST_GROUPS and start[2:4] in (b"\0\0", b"\1\0", b"\5\0", b"\x08\0", b"\x16\0")


def _holds_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist()[:1000])
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
