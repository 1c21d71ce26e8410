"""Read and write NIfTI files.

A stored array is transposed, so that its last axis comes first: (i, j, k) becomes (z, y, x) = (k, j, i), and
so do the columns of the affine. Nothing is reoriented or resampled, so a volume that is read and written
again keeps its voxel order and its position.
"""

import gzip
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from synthfm3d.errors import ChoiceNeeded, InputError
from synthfm3d.files import read_text, write_atomically
from synthfm3d.io.checks import (
    SLOPES,
    Doubts,
    as_labels,
    check_float32,
    colour_doubt,
    luminance,
    repaired,
    stored_voxels,
    warned,
)
from synthfm3d.io.label_tables import Label, caret_extension
from synthfm3d.io.nifti_checks import Header, checked_affine, checked_file, header_doubts
from synthfm3d.volume import Array, Modality, ThirdAxis, Volume

_GZIP_LEVEL = 4  # of noise, level 9 takes three times as long for 1 % fewer bytes
_SEVERAL_NUMBERS = (1004, 1005, 1006, 1007, 1008, 1010, 2003, 2004)
"""Intent codes of matrices, vectors, quaternions and colours, whose axis after the third is not time."""
_STORED_TO_OURS = [2, 1, 0, 3]


def read_nifti(path: str | Path, *, frame: int | None = None, modality: Modality | None = None) -> Volume:
    """Image of a NIfTI file (``.nii`` or ``.nii.gz``).

    Parameters
    ----------
    path
        NIfTI-1 or NIfTI-2, uncompressed or gzip-compressed (detected from the content, not the name).
    frame
        Index of the volume of a 4-D file, from 0. It is required for several volumes, unless each is one
        slice: then the file is a sequence, whose third axis is time.
    modality
        Modality of the scan, if it is known; stored in the volume.

    Returns
    -------
    Volume with voxels (z, y, x) = stored (k, j, i): float32, or the integer type of the file.

    Raises
    ------
    InputError
        The file is not a valid 3-D image; the message names the file and how to solve the problem.

    Warns
    -----
    UserWarning
        The file was repaired or is doubtful: NaN, infinity, contradictory or missing geometry.
    """
    path = Path(path)
    return warned(path, repaired(path, load_nifti(path, frame=frame, modality=modality)))


def read_labels(path: str | Path, *, frame: int | None = None) -> Volume:
    """Label map or mask of a NIfTI file, with integer voxels (z, y, x).

    Labels that are stored as floats are rounded when they are within 0.001 of a whole number.
    Raises InputError for other fractions and for NaN: the file is then an image or a probability.
    """
    path = Path(path)
    return warned(path, as_labels(path, load_nifti(path, frame=frame)))


def read_label_names(path: str | Path) -> dict[int, str]:
    """Structure names of a ``labels.json``, an object ``{"1": "spleen", …}`` from value to name."""
    path = Path(path)
    try:
        stored = json.loads(read_text(path))
        if not all(isinstance(name, str) for name in stored.values()):
            raise ValueError("a name is no text")
        return {int(value): name for value, name in stored.items()}
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read ({reason})", "check the path.", path=path) from error
    except (ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            'is not a list of label names", f"write JSON such as {"1": "liver", "2": "spleen"}.', path=path
        ) from error


def write_nifti(path: str | Path, volume: Volume, labels: Sequence[Label] = ()) -> None:
    """Write a volume as NIfTI-1, atomically, in the voxel order that it was read in.

    For the voxel type, see ``checks.stored_voxels``. The same volume always gives the same bytes (compressed
    bytes depend on the version of zlib). A sequence is written as 4-D, with time as the fourth axis. Labels
    of a label map are named in an extension of the header.

    Raises
    ------
    InputError
        The name does not end in ``.nii`` or ``.nii.gz``, or the file cannot be written.
    """
    path = Path(path)
    check_nifti_name(path)
    packed = path.name.lower().endswith(".gz")
    write_atomically(path, nifti_bytes(volume, _GZIP_LEVEL if packed else 0, labels))


def nifti_bytes(volume: Volume, gzip_level: int, labels: Sequence[Label] = ()) -> bytes:
    """The bytes that ``write_nifti`` writes, gzip-compressed unless the level is 0."""
    content = _encoded(volume, labels)
    if gzip_level == 0:
        return content
    packed = bytearray(gzip.compress(content, compresslevel=gzip_level, mtime=0))
    packed[9] = 255  # operating system: unknown, because Python versions write different values
    return bytes(packed)


def check_nifti_name(path: str | Path) -> None:
    """Raise InputError for a name that does not end in ``.nii`` or ``.nii.gz``."""
    path = Path(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise InputError("the name must end in .nii or .nii.gz", "rename it.", path=path)


def load_nifti(
    path: Path, *, frame: int | None = None, modality: Modality | None = None, cine: bool = False
) -> Volume:
    """The volume of a valid file with its stored values; NaN is not replaced.

    With ``cine`` the third axis of a 3-D file is time, and a 2-D image is a sequence of one frame. The doubts
    of the volume report what was repaired or assumed.
    """
    header, content = checked_file(path)
    voxel_type = header.get_data_dtype()
    if voxel_type.fields is not None and modality != "us":
        raise InputError(
            "is a colour (RGB) image",
            "convert it to grey values, or say that it is ultrasound (--modality us).",
            path=path,
        )
    if voxel_type.kind == "c":
        raise InputError("holds complex numbers", "convert it to magnitudes first.", path=path)
    affine, geometry_doubts = checked_affine(path, header)
    first, count, third_axis = _chosen_frames(path, header, frame, cine)
    if third_axis == "time":
        shape = [count, int(header["dim"][2]), int(header["dim"][1])]
    else:
        shape = [int(n) for n in header["dim"][3:0:-1]]
    voxels, value_doubts = _values(path, header, content, first, shape)
    return Volume(
        voxels=voxels,
        affine=affine[:, _STORED_TO_OURS],
        modality=modality,
        third_axis=third_axis,
        doubts=(*header_doubts(header), *geometry_doubts, *value_doubts),
    )


def _values(
    path: Path, header: Header, content: io.BytesIO, frame: int, shape: list[int]
) -> tuple[Array, Doubts]:
    """Array (z, y, x) of a frame in the machine's byte order, scaled as the header says.

    A slope that is zero or not finite is ignored, as in nibabel. Slices are scaled one by one, because
    nibabel makes a float64 copy of the whole array.
    """
    voxel_type = header.get_data_dtype()
    offset = int(header["vox_offset"]) + frame * math.prod(shape) * voxel_type.itemsize
    stored = np.frombuffer(content.getbuffer(), voxel_type, math.prod(shape), offset).reshape(shape)
    if voxel_type.fields is not None:
        colours = stored.view(np.uint8).reshape(*shape, voxel_type.itemsize)[..., :3]
        grey, share = luminance(colours)
        return grey, (colour_doubt(share),)
    slope, intercept, doubts = _scale_factors(path, header)
    native = voxel_type.newbyteorder("=")
    if (slope, intercept) == (1.0, 0.0):
        check_float32(path, stored)
        narrow = native if voxel_type.kind in "iu" else np.dtype(np.float32)
        return stored.astype(narrow), doubts
    scaled = np.empty(shape, np.float32)
    for z in range(shape[0]):
        scaled[z] = stored[z].astype(np.float64) * slope + intercept
    return scaled, doubts


def _scale_factors(path: Path, header: Header) -> tuple[float, float, Doubts]:
    """The slope and intercept for the stored values, and doubts about them."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not math.isfinite(slope) or slope == 0:
        if slope != 0 and not math.isnan(slope):
            return 1.0, 0.0, (f"its scale factor is {slope}; none is applied.",)
        if math.isnan(slope) and math.isfinite(intercept) and intercept != 0:
            return 1.0, 0.0, ("its scale factor is not a number; none is applied.",)
        return 1.0, 0.0, ()
    if not math.isfinite(intercept) or not SLOPES[0] < abs(slope) < SLOPES[1]:
        raise InputError(
            f"its header is damaged (scl_slope {slope:g}, scl_inter {intercept:g})",
            "export it again.",
            path=path,
        )
    inverted = (f"its scale factor is {slope:g}: dark and bright are exchanged.",) if slope < 0 else ()
    return slope, intercept, inverted


def _chosen_frames(path: Path, header: Header, frame: int | None, cine: bool) -> tuple[int, int, ThirdAxis]:
    """The first frame to read, the number of frames, and the meaning of the third axis.

    Axes of length one after the third are ignored.
    """
    shape = [int(n) for n in header["dim"][1 : int(header["dim"][0]) + 1]]
    if cine and len(shape) in (2, 3) and frame is None:
        return 0, [*shape, 1][2], "time"
    if len(shape) < 3:
        raise InputError(f"is a {len(shape)}-D image, a 3-D scan is needed.", path=path)
    frames = math.prod(shape[3:])
    if sum(n > 1 for n in shape[3:]) > 1:
        raise InputError(
            f"is a {len(shape)}-D image of shape {shape}", "extract one 3-D volume first.", path=path
        )
    if frames > 1 and frame is None and int(header["intent_code"]) in _SEVERAL_NUMBERS:
        raise ChoiceNeeded(
            f"holds {frames} numbers in each voxel (a vector field?), a scan has one",
            f"choose one from 0 to {frames - 1} (--frame).",
            path=path,
            frames=frames,
        )
    if frames > 1 and frame is None:
        if shape[2] == 1:
            return 0, frames, "time"
        raise ChoiceNeeded(
            f"is 4-D with {frames} frames",
            f"choose one from 0 to {frames - 1} (--frame), or save one as a file of its own.",
            path=path,
            frames=frames,
        )
    if frame is not None and not 0 <= frame < frames:
        last = f"0 to {frames - 1}" if frames > 1 else "only frame 0"
        raise InputError(f"there is no frame {frame}: the file has {last}.", path=path)
    return frame or 0, 1, "space"


def _is_rigid(affine: Array) -> bool:
    """Whether the columns of an affine, each divided by its length, are at right angles to each other.

    The stored quaternion is not compared with the affine. It is stored in float32 without its first number,
    which has an error of up to 4e-4 near 0. For long voxels the difference would be visible.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(directions.T @ directions, np.eye(3), rtol=0, atol=1e-3))


def _encoded(volume: Volume, labels: Sequence[Label]) -> bytes:
    """A whole uncompressed NIfTI-1 file."""
    affine = volume.affine[:, _STORED_TO_OURS]
    stored = stored_voxels(volume).T
    if volume.third_axis == "time":
        stored = stored[:, :, None, :]
    image = nib.Nifti1Image(stored, affine)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    if not _is_rigid(affine):
        image.set_qform(affine, code="unknown")  # a quaternion cannot represent shear
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"SynthFM-3D"
    if labels:
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, caret_extension(labels)))
    return bytes(image.to_bytes())
