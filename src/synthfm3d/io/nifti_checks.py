"""Checks of NIfTI files before nibabel reads them.

Other readers fail silently: a truncated file reads as zeros, a wrong checksum is not noticed, and with a
wrong data offset the header is read as voxels.
"""

import gzip
import io
import math
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.quaternions import quat2mat
from nibabel.spatialimages import HeaderDataError

from synthfm3d.errors import InputError
from synthfm3d.io.bounded import LARGEST_DEFLATE_RATIO, told_of_damage
from synthfm3d.io.checks import LARGEST_BYTES, SMALLEST_MM, Doubts, check_size, is_regular, off_right_angles
from synthfm3d.volume import Array, Grid

_CHUNK = 1 << 24
_UNITS_MM = {1: 1000.0, 2: 1.0, 3: 1e-3}
_UNIT_NAMES = {1000.0: "metre", 1e-3: "micrometre"}
_LARGEST_MM = 100.0
"""No voxel of a scan is larger. A file in millimetres whose header says metres has larger ones."""
_QUATERNION_ROUNDED = 1e-3
"""Largest rounding error of the squared length of a quaternion."""
_SHEARED = 1e-2
"""Cosine between two voxel axes half a degree from a right angle; less is rounding."""
_HEADER_BYTES = 544  # the longer of NIfTI-1 (348 + 4) and NIfTI-2 (540 + 4), with the extension flag
_OTHER_FORMATS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"RIFF": "a WebP picture or a film",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"\x1f\x8b": "a gzip file inside a gzip file: unpack it once",
    b"BZh": "a bzip2 file: unpack it first (bunzip2)",
    b"\xfd7zXZ": "an XZ file: unpack it first (unxz)",
    b"\x28\xb5\x2f\xfd": "a Zstandard file: unpack it first (unzstd)",
    b"NRRD": "an NRRD image",
    b"\0\0\0\1\0\0": "a FreeSurfer file (.mgh): convert it to NIfTI first (mri_convert)",
    b"mrtrix image": "an MRtrix image: convert it to NIfTI first (mrconvert)",
    b"CDF": "a MINC file: convert it to NIfTI first (mnc2nii)",
    b"MATLAB": "a MATLAB file: save the voxels as NumPy array or NIfTI first",
    b"version https://git-lfs": "the pointer of a Git LFS file: fetch the file itself (git lfs pull)",
    b"ObjectType": "a MetaImage header",
    b"\x89HDF": "an HDF5 file (MINC 2, MATLAB 7.3?): convert it to NIfTI first",
    b"\x00\x05\x16\x07": "the AppleDouble shadow of one: name the file without ._ in front",
    b"{": "a JSON file",
}
Header = nib.Nifti1Header | nib.Nifti2Header


def checked_file(path: Path) -> tuple[Header, io.BytesIO]:
    """The header and the uncompressed content of a NIfTI file.

    Compression is detected from the content, not the name. A gzip file is read to its end, so that its
    checksum is verified.

    Raises
    ------
    InputError
        The file is missing, a folder, empty, in another format, damaged or truncated, or its header is
        impossible.
    """
    if not path.exists():
        raise InputError("there is no such file", "check the path.", path=path)
    if path.is_dir():
        raise InputError("is a folder, not a NIfTI file", "name a .nii or .nii.gz file in it.", path=path)
    stored_bytes = path.stat().st_size
    if stored_bytes == 0:
        raise InputError("the file is empty (0 bytes)", "copy or export it again.", path=path)
    with told_of_damage(path), path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not compressed:
            return _checked_stream(path, file, most_bytes=stored_bytes)
        with gzip.GzipFile(fileobj=file) as stream:
            return _checked_stream(path, stream, most_bytes=stored_bytes * LARGEST_DEFLATE_RATIO)


def _checked_stream(path: Path, stream: io.BufferedIOBase, most_bytes: int) -> tuple[Header, io.BytesIO]:
    """Read the header, then the bytes that it declares, then to the end of the file."""
    start = stream.read(_HEADER_BYTES)
    header = _parsed_header(path, start)
    expected = _expected_bytes(path, header)
    if expected > most_bytes:
        raise InputError(
            f"the file is truncated: its header declares {expected:,} bytes, "
            f"it cannot hold more than {most_bytes:,}",
            "copy or export it again.",
            path=path,
        )
    content = io.BytesIO()
    content.write(start[:expected])
    while content.tell() < expected:
        chunk = stream.read(min(_CHUNK, expected - content.tell()))
        if not chunk:
            raise InputError(
                f"the file is truncated: its header declares {expected:,} bytes, it has {content.tell():,}",
                "copy or export it again.",
                path=path,
            )
        content.write(chunk)
    while stream.read(_CHUNK):  # to the end, where gzip keeps its checksum
        pass
    content.seek(0)
    return header, content


def _parsed_header(path: Path, start: bytes) -> Header:
    kind: type[Header]
    if start[4:12] == b"n+2\0\r\n\x1a\n" and len(start) >= 540:
        kind, size = nib.Nifti2Header, 540
    elif start[344:348] == b"n+1\0":
        kind, size = nib.Nifti1Header, 348
    elif start[344:348] == b"ni1\0":
        raise InputError(
            "is half of a NIfTI pair (.hdr and .img)", "convert it to one .nii file first.", path=path
        )
    else:
        raise InputError(f"is not a NIfTI file{what_it_is(start)}.", path=path)
    try:
        header = kind(start[:size], check=False)
        voxel_bytes = header.get_data_dtype().itemsize
    except (HeaderDataError, ValueError, KeyError) as error:
        raise InputError(f"its NIfTI header is damaged ({error})", "export it again.", path=path) from error
    if voxel_bytes == 0:  # one bit, or none at all
        raise InputError("its NIfTI header is damaged (no bytes per voxel)", "export it again.", path=path)
    return header


def header_doubts(header: Header) -> Doubts:
    """Fields of a header that contradict each other and are not believed."""
    doubts = []
    size = 540 if isinstance(header, nib.Nifti2Header) else 348
    if int(header["sizeof_hdr"]) != size:
        doubts.append(
            f"its header gives its own length as {int(header['sizeof_hdr'])} instead of {size} bytes; it is "
            "read all the same."
        )
    bits = 8 * header.get_data_dtype().itemsize
    if int(header["bitpix"]) != bits:
        doubts.append(
            f"its header says {int(header['bitpix'])} bits a voxel, its voxel type has {bits}; the type is "
            "believed."
        )
    return tuple(doubts)


def what_it_is(start: bytes) -> str:
    """``" but a PNG picture"`` and the like, from the first bytes; empty where unknown."""
    for magic, description in _OTHER_FORMATS.items():
        if start.startswith(magic):
            return f" but {description}"
    if start[128:132] == b"DICM":
        return " but a DICOM file"
    if start[257:262] == b"ustar":
        return " but a TAR archive: unpack it first"
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return " but an HTML page (a failed download?): download it again"
    if start.lstrip().startswith(b"<?xml"):
        return " but an XML file"
    if start[344:348] == b"\0\0\0\0" and len(start) > 348:
        return " (Analyze 7.5 or another format): convert it to NIfTI first"
    return " (unknown format, or its header is damaged)"


def _expected_bytes(path: Path, header: Header) -> int:
    """Length of the uncompressed file by its header; every claim is checked before it is believed."""
    rank = int(header["dim"][0])
    sizes = [int(n) for n in header["dim"][1 : rank + 1]] if 1 <= rank <= 7 else []
    if not sizes or min(sizes) < 1:
        raise InputError(
            f"its header is damaged (dimensions {header['dim'].tolist()})", "export it again.", path=path
        )
    data_bytes = check_size(path, tuple(sizes), header.get_data_dtype().itemsize)
    offset = float(header["vox_offset"])
    first = 544 if isinstance(header, nib.Nifti2Header) else 352
    if not math.isfinite(offset) or offset < first or offset > LARGEST_BYTES:
        raise InputError(
            f"its header is damaged (voxels start at byte {offset:g}, which cannot be before {first})",
            "export it again.",
            path=path,
        )
    return int(offset + data_bytes)


def checked_affine(path: Path, header: Header) -> tuple[Array, Doubts]:
    """(4, 4) affine from the stored (i, j, k) to RAS mm, from the sform, else the qform, else the spacing.

    The doubts report that the two forms contradict each other or are missing, or that the unit is not the
    millimetre. Raises InputError if no form gives a usable geometry.
    """
    # As in ITK, an unknown unit means millimetres.
    unit = _UNITS_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    affine, doubts = _affine_in_units(path, header)
    affine[:3] *= unit
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if unit != 1 and not SMALLEST_MM <= lengths.min() <= lengths.max() <= _LARGEST_MM:
        raise InputError(
            f"its header gives lengths in {_UNIT_NAMES[unit]}s, which makes voxels of "
            f"{' x '.join(f'{mm:.3g}' for mm in lengths)} mm",
            "correct its unit (xyzt_units).",
            path=path,
        )
    if not is_regular(affine):
        raise InputError("its voxels are too small to be of space", "export it again.", path=path)
    if unit != 1:
        doubts = (f"its unit is the {_UNIT_NAMES[unit]}; it is converted to millimetres.", *doubts)
    return affine, doubts


def _affine_in_units(path: Path, header: Header) -> tuple[Array, Doubts]:
    """The affine in the unit of the header, with doubts about it."""
    sform, (qform, doubts) = _usable_sform(header), _usable_qform(header)
    spacing = np.abs(header["pixdim"][1:4].astype(np.float64))
    if (header["pixdim"][1:4] < 0).any():
        doubts = (*doubts, "its voxel spacing is negative; the sign is dropped.")
    if sform is None and int(header["sform_code"]) > 0:
        if qform is None:
            raise InputError(
                "its affine is singular (two axes coincide) and it has no qform",
                "export it again.",
                path=path,
            )
        doubts = (*doubts, "its sform is singular; the qform is used.")
    if sform is not None:
        affine, more = _sform_or_spacing(header, sform, qform, spacing)
        return affine, (*doubts, *more, *_doubts_about_shear(affine))
    if qform is not None:
        return qform, doubts
    if spacing.min() < SMALLEST_MM or not np.isfinite(spacing).all():
        raise InputError("it has no voxel spacing and no affine", "export it again.", path=path)
    why = "its qform cannot be used" if int(header["qform_code"]) > 0 else "it has neither sform nor qform"
    unknown = f"{why}: its orientation is unknown, left and right may be swapped."
    return np.asarray(header.get_base_affine(), np.float64), (*doubts, unknown)


def _sform_or_spacing(
    header: Header, sform: Array, qform: Array | None, spacing: Array
) -> tuple[Array, Doubts]:
    """The sform, unless it is a placeholder of 1 mm and the header has another spacing, as in ACDC."""
    scales = np.sqrt((sform[:3, :3] ** 2).sum(axis=0))
    is_placeholder = np.allclose(scales, 1.0, atol=1e-4) and not np.allclose(spacing, 1.0, atol=1e-3)
    if is_placeholder and spacing.min() > 0:
        doubt = (
            f"its sform says 1 mm but its spacing is {' x '.join(f'{s:.3g}' for s in spacing)} mm; the "
            "spacing is used."
        )
        return qform if qform is not None else np.asarray(sform @ np.diag([*spacing, 1.0])), (doubt,)
    if qform is not None and not _agree(header, sform, qform):
        return sform, ("its sform and qform put the voxels at different places; the sform is used.",)
    return sform, ()


def _extent(header: Header, axis: int) -> int:
    return int(header["dim"][axis + 1]) if axis < int(header["dim"][0]) else 1


def _usable_sform(header: Header) -> Array | None:
    if int(header["sform_code"]) <= 0:
        return None
    return _if_regular(header.get_sform())


def _usable_qform(header: Header) -> tuple[Array | None, Doubts]:
    """The qform as ITK reads it: the quaternion is normalised, and a qfac of 0 counts as 1."""
    spacing = np.abs(header["pixdim"][1:4].astype(np.float64))
    vector = np.array([header[f"quatern_{name}"] for name in "bcd"], np.float64)
    if int(header["qform_code"]) <= 0 or not (spacing > 0).all() or not np.isfinite(vector).all():
        return None, ()
    length = float((vector**2).sum())
    doubts = Doubts()
    if length > 1 + _QUATERNION_ROUNDED:
        doubts = (f"the quaternion of its qform is {np.sqrt(length):.4g} long; it is shortened to 1.",)
    # At nearly half a turn the scalar part is only rounding error (nifti1_io.c does the same).
    scalar = np.sqrt(1 - length) if length < 1 - 1e-7 else 0.0
    vector = vector if scalar else vector / np.sqrt(length)
    handedness = -1.0 if float(header["pixdim"][0]) < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = quat2mat([scalar, *vector]) * spacing * [1, 1, handedness]
    affine[:3, 3] = [float(header[f"qoffset_{axis}"]) for axis in "xyz"]
    return _if_regular(affine), doubts


def _if_regular(affine: Array) -> Array | None:
    """The affine; None if it is not finite or is singular."""
    affine = np.asarray(affine, np.float64)
    return affine if is_regular(affine) else None


def _agree(header: Header, sform: Array, qform: Array) -> bool:
    """Whether both forms have every corner of the volume within one voxel of the same position."""
    shape = (_extent(header, 0), _extent(header, 1), _extent(header, 2))
    grid = Grid(shape, sform)
    return grid.same_as(Grid(shape, qform), tolerance_mm=max(grid.spacing_mm))


def _doubts_about_shear(affine: Array) -> Doubts:
    if off_right_angles(affine) <= _SHEARED:
        return ()
    return ("its voxel axes are not at right angles (a tilted gantry?); it is segmented as it is.",)
