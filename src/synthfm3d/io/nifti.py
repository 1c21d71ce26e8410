"""NIfTI files: the one place that knows how a stored (i, j, k) array becomes a ``Volume``.

A stored array is transposed, so that its last axis comes first: (i, j, k) becomes (z, y, x) =
(k, j, i), and the affine's columns follow. Nothing is reoriented or resampled, so a volume that is
read and written again keeps its voxel order and its place in the world.
"""

import gzip
import io
import json
import math
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.atomic import write_atomically
from synthfm3d.io.nifti_checks import Header, checked_affine, checked_file
from synthfm3d.volume import Array, Modality, Volume

LABEL_TOLERANCE = 1e-3
"""A label stored as a float may be this far from a whole number (rounding of a scale factor)."""
_GZIP_LEVEL = 4  # of noise, level 9 takes three times as long for 1 % fewer bytes
_INTEGERS = (np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
_STORED_TO_OURS = [2, 1, 0, 3]


def read_nifti(path: str | Path, *, frame: int | None = None, modality: Modality | None = None) -> Volume:
    """Image of a NIfTI file (``.nii`` or ``.nii.gz``).

    Parameters
    ----------
    path
        NIfTI-1 or NIfTI-2, plain or gzip-compressed (told by content, not by name).
    frame
        Which volume of a 4-D file, counted from 0. A 4-D file with several volumes needs it.
    modality
        What the scan is, where it is known; kept in the volume.

    Returns
    -------
    Volume with voxels (z, y, x) = stored (k, j, i): float32, or the integer type of the file.

    Raises
    ------
    InputError
        For whatever is not a sound 3-D image; the message names the file and the way out.

    Warns
    -----
    UserWarning
        Where the file was repaired or is doubtful: NaN, infinity, contradicting or missing geometry.
    """
    path = Path(path)
    voxels, affine = _load(path, frame)
    if voxels.dtype.kind == "f":
        voxels = _without_nonfinite(path, voxels.astype(np.float32))
    return Volume(voxels=voxels, affine=affine, modality=modality)


def read_labels(path: str | Path, *, frame: int | None = None) -> Volume:
    """Label map or mask of a NIfTI file, with integer voxels (z, y, x).

    Labels that are stored as floats are rounded when they are within 0.001 of a whole number.
    Raises InputError for other fractions and for NaN: the file is then an image or a probability.
    """
    path = Path(path)
    voxels, affine = _load(path, frame)
    if voxels.dtype.kind == "f":
        rounded = np.rint(voxels)
        if not np.isfinite(voxels).all() or np.abs(voxels - rounded).max() > LABEL_TOLERANCE:
            raise InputError(
                f"{path}: holds fractions, so it is not a label map: name the file of the labels."
            )
        voxels = _smallest_integers(rounded)
    return Volume(voxels=voxels, affine=affine)


def read_label_names(path: str | Path) -> dict[int, str]:
    """Structure names of a ``labels.json``, an object ``{"1": "spleen", …}`` from value to name."""
    path = Path(path)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {int(value): str(name) for value, name in stored.items()}
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path}: cannot be read ({reason}): check the path.") from error
    except (ValueError, AttributeError) as error:
        raise InputError(
            f'{path}: is not a list of label names: write JSON such as {{"1": "liver", "2": "spleen"}}.'
        ) from error


def write_nifti(path: str | Path, volume: Volume) -> None:
    """Write a volume as NIfTI-1, whole or not at all, in the voxel order that it was read in.

    Voxel type: boolean as uint8; integers as the smallest type that holds them; floats as float32,
    but a CT of whole Hounsfield units as int16. The same volume always gives the same bytes
    (compressed ones as far as zlib is the same).

    Raises
    ------
    InputError
        The name does not end in ``.nii`` or ``.nii.gz``, or the place cannot be written to.
    """
    path = Path(path)
    check_nifti_name(path)
    content: bytes | bytearray = _encoded(volume)
    if path.name.lower().endswith(".gz"):
        content = bytearray(gzip.compress(content, compresslevel=_GZIP_LEVEL, mtime=0))
        content[9] = 255  # operating system: unknown; Python versions write different ones
    write_atomically(path, bytes(content))


def check_nifti_name(path: Path) -> None:
    """Raise InputError if a file of this name would not be known as NIfTI."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise InputError(f"{path}: the name must end in .nii or .nii.gz: rename it.")


def _load(path: Path, frame: int | None) -> tuple[Array, Array]:
    """Scaled voxels (z, y, x) in the machine's byte order, and their affine."""
    header, content = checked_file(path)
    voxel_type = header.get_data_dtype()
    if voxel_type.fields is not None:
        raise InputError(f"{path}: is a colour (RGB) image: convert it to grey values first.")
    if voxel_type.kind == "c":
        raise InputError(f"{path}: holds complex numbers: convert it to magnitudes first.")
    affine = checked_affine(path, header)
    frame = _checked_frame(path, header, frame)
    stored = _stored_array(path, header, content)
    stored = stored.reshape(*stored.shape[:3], -1, order="F")[..., frame]
    voxels = stored.T
    native = np.ascontiguousarray(voxels, dtype=voxels.dtype.newbyteorder("="))
    return native, affine[:, _STORED_TO_OURS]


def _stored_array(path: Path, header: Header, content: io.BytesIO) -> Array:
    """The (i, j, k, …) array with the file's own scale factors applied."""
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    try:
        return np.asanyarray(kind.from_stream(content).dataobj)
    except (
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
        ValueError,
        OSError,
    ) as error:
        raise InputError(f"{path}: cannot be read as NIfTI ({error}): export it again.") from error


def _checked_frame(path: Path, header: Header, frame: int | None) -> int:
    """The frame to take, 0 for a 3-D file; axes of length one behind the third do not count."""
    shape = [int(n) for n in header["dim"][1 : int(header["dim"][0]) + 1]]
    if len(shape) < 3:
        raise InputError(f"{path}: is a {len(shape)}-D image, a 3-D scan is needed.")
    frames = math.prod(shape[3:])
    if sum(n > 1 for n in shape[3:]) > 1:
        raise InputError(f"{path}: is a {len(shape)}-D image of shape {shape}: extract one 3-D volume first.")
    if frames > 1 and frame is None:
        raise InputError(
            f"{path}: is 4-D with {frames} frames: choose one with --frame 0 to --frame {frames - 1}."
        )
    if frame is not None and not 0 <= frame < frames:
        last = f"0 to {frames - 1}" if frames > 1 else "only frame 0"
        raise InputError(f"{path}: there is no frame {frame}: the file has {last}.")
    return frame or 0


def _without_nonfinite(path: Path, voxels: Array) -> Array:
    """NaN and infinity replaced by the smallest finite value, with a warning that counts them."""
    finite = np.isfinite(voxels)
    if finite.all():
        return voxels
    if not finite.any():
        raise InputError(f"{path}: holds no finite number at all: export it again.")
    warnings.warn(
        f"{path}: {np.count_nonzero(~finite):,} voxels are NaN or infinite; they are read as the minimum.",
        stacklevel=3,
    )
    return np.where(finite, voxels, voxels[finite].min())


def _smallest_integers(voxels: Array) -> Array:
    """Whole numbers in the smallest integer type that holds them all."""
    low, high = int(voxels.min()), int(voxels.max())
    for kind in _INTEGERS:
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return voxels.astype(kind)
    raise InputError(f"values from {low} to {high} fit no integer type.")


def _stored_voxels(volume: Volume) -> Array:
    """Voxels (z, y, x) in the type in which they are stored; see ``write_nifti``."""
    voxels = volume.voxels
    if voxels.dtype.kind == "b":
        return voxels.astype(np.uint8)
    if voxels.dtype.kind in "iu":
        return _smallest_integers(voxels)
    limits = np.iinfo(np.int16)
    fits = limits.min <= voxels.min() and voxels.max() <= limits.max
    if volume.modality == "ct" and fits and (voxels == np.rint(voxels)).all():
        return voxels.astype(np.int16)
    return voxels.astype(np.float32)


def _encoded(volume: Volume) -> bytes:
    """A whole uncompressed NIfTI-1 file."""
    affine = volume.affine[:, _STORED_TO_OURS]
    image = nib.Nifti1Image(_stored_voxels(volume).T, affine)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    if not np.allclose(image.get_qform(), affine, atol=1e-3):
        image.set_qform(affine, code="unknown")  # a quaternion cannot hold shear
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"SynthFM-3D"
    return bytes(image.to_bytes())
