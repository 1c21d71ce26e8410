"""Checks of voxel values and affines, for all file formats."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality
from synthfm3d.volume import Array, Volume

Doubts = tuple[str, ...]
"""What was repaired or assumed. The sentences do not name the file: paths may contain a patient's name."""
LARGEST_BYTES = 2**33
"""Voxel data above 8 GiB is refused. That is sixteen whole-body CTs of 512 x 512 x 1024 in int16."""
_most_bytes = ContextVar("_most_bytes", default=LARGEST_BYTES)
SMALLEST_MM = 1e-4
"""A tenth of a micrometre. Smaller voxels come from a damaged header or another unit."""
SLOPES = (1e-20, 1e20)
"""Scale factors outside this range are damage: float32 voxels would become zero or infinite."""
LABEL_TOLERANCE = 1e-3
"""Largest difference of a label stored as a float from a whole number (rounding of a scale factor)."""
_LARGEST_FLOAT_LABEL = 2**24
"""Above it, float32 cannot represent every whole number."""
_INTEGERS = (np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_COLOURED = 40
"""A pixel is coloured if its channels differ by more than this (of 255); less is compression noise."""
_SAMPLES = 500_000
"""Voxels that are inspected for an odd offset; all voxels of a large scan would take seconds."""
LPS_TO_RAS: Array = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Millimetres increase towards Left and Posterior in DICOM, NRRD and MetaImage, and towards Right and
Anterior in
NIfTI and in this package."""
_FLAT = 1e-4
"""Smallest volume between three unit axes; below it, two axes are considered parallel."""


@contextmanager
def reading_at_most(voxel_bytes: int) -> Iterator[None]:
    """Within this context (in this thread), scans with more bytes of voxels are refused by their header.

    Use it for files from strangers, because a small compressed file may expand to gigabytes.
    """
    token = _most_bytes.set(min(voxel_bytes, LARGEST_BYTES))
    try:
        yield
    finally:
        _most_bytes.reset(token)


def check_size(path: Path, shape: tuple[int, ...], bytes_each: int) -> int:
    """The bytes of an array that a header declares; InputError, before memory is allocated, if too many."""
    claimed = bytes_each
    for n in shape:
        claimed *= int(n)
    most = _most_bytes.get()
    if claimed > most:
        raise InputError(
            f"its header claims {'x'.join(map(str, shape))} voxels, {claimed / 2**30:,.3g} GiB, "
            f"more than the {most / 2**30:.3g} GiB that are read",
            "crop it, or export it again.",
            path=path,
        )
    return claimed


def with_doubts(volume: Volume, *doubts: str) -> Volume:
    """The volume with more doubts, without duplicates."""
    return replace(volume, doubts=tuple(dict.fromkeys((*volume.doubts, *doubts))))


def warned(path: Path, volume: Volume) -> Volume:
    """Issue a Python warning for each doubt of the volume, and return the volume.

    Only the readers that users call use this function, and they call it directly, so that the warning is
    shown at the line that called the reader. All other code uses the doubts of the volume.
    """
    for doubt in volume.doubts:
        warnings.warn(f"{path}: {doubt}", stacklevel=3)
    return volume


def repaired(path: Path, volume: Volume) -> Volume:
    """The image as finite float32 or integers, which models need.

    Its doubts report what was repaired or looks odd. Raises InputError if no number is finite, or float32
    cannot represent the values.
    """
    voxels, replaced = volume.voxels, Doubts()
    if voxels.dtype.kind == "f":
        check_float32(path, voxels)
        voxels, replaced = _without_nonfinite(path, voxels.astype(np.float32, copy=False))
    volume = volume.with_voxels(voxels)
    return with_doubts(volume, *replaced, *_doubts_about(volume))


def check_float32(path: Path, voxels: Array) -> None:
    """Raise InputError for numbers that become infinite or zero in float32."""
    if voxels.dtype.kind != "f" or voxels.dtype.itemsize <= 4:
        return
    limits = np.finfo(np.float32)
    ends = (float(end.reduce(voxels, axis=None)) for end in (np.fmin, np.fmax))  # these ignore NaN
    largest = max((abs(end) for end in ends if np.isfinite(end)), default=0.0)
    if largest > float(limits.max) or 0 < largest < float(limits.tiny):
        raise InputError(
            f"its largest value is {largest:g}, which single precision cannot hold",
            "scale its values.",
            path=path,
        )


def _without_nonfinite(path: Path, voxels: Array) -> tuple[Array, Doubts]:
    """Replace NaN and infinity by the smallest finite value; a doubt counts them."""
    finite = np.isfinite(voxels)
    if finite.all():
        return voxels, ()
    if not finite.any():
        raise InputError("holds no finite number at all", "export it again.", path=path)
    doubt = f"{np.count_nonzero(~finite):,} voxels are NaN or infinite; they are read as the minimum."
    return np.where(finite, voxels, voxels[finite].min()), (doubt,)


def _doubts_about(volume: Volume) -> list[str]:
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if low == high:
        return [f"every voxel is {low:g}: the image is empty."]
    if assumed_modality(volume) != "ct":
        return []
    doubts = []
    if low < -1500:
        doubts.append(f"its smallest value is {low:g}, below air: padding outside the scanner's circle?")
    if low > -200:
        # The user or the header says CT; the values do not.
        window = ", all between 0 and 255: already windowed?" if low >= 0 and high <= 255 else ""
        doubts.append(
            f"is declared to be CT, but no value is below -200 HU{window or ': not in Hounsfield units?'}"
        )
    sample = volume.voxels.reshape(-1)[:: max(1, volume.voxels.size // _SAMPLES)]
    body = sample[sample > (low + 300 if low > -200 else -300)]
    if body.size and 800 < float(np.median(body)) < 1400:
        doubts.append("its body has values around 1000 instead of 0: was an offset of 1024 not subtracted?")
    return doubts


def as_labels(path: Path, volume: Volume) -> Volume:
    """A label map with integer voxels, 0 or higher; floats that are nearly whole are rounded.

    Raises InputError for other fractions and for NaN (the file is then an image or a probability), and for
    negative numbers.
    """
    voxels = volume.voxels
    if voxels.dtype.kind == "f":
        rounded = np.rint(voxels)
        if not np.isfinite(voxels).all() or np.abs(voxels - rounded).max() > LABEL_TOLERANCE:
            raise InputError(
                "holds fractions, so it is not a label map", "name the file of the labels.", path=path
            )
        if np.abs(rounded).max() > _LARGEST_FLOAT_LABEL:
            raise InputError(
                f"holds labels above {_LARGEST_FLOAT_LABEL:,} as floating-point numbers, which "
                "cannot be stored exactly",
                "store them as integers.",
                path=path,
            )
        voxels = smallest_integers(rounded)
    if (lowest := int(voxels.min())) < 0:
        raise InputError(
            f"holds the label {lowest}: labels are 0 for the background and 1 or higher for structures",
            "change the label; a file with many negative values is an image and no label map.",
            path=path,
        )
    return volume.with_voxels(voxels)


def smallest_integers(voxels: Array) -> Array:
    """Whole numbers in the smallest integer type that fits all of them; InputError if none does."""
    low, high = int(voxels.min()), int(voxels.max())
    for kind in _INTEGERS:
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return voxels.astype(kind)
    raise InputError(f"values from {low} to {high} fit no integer type", "give the labels smaller numbers.")


def stored_voxels(volume: Volume) -> Array:
    """Voxels (z, y, x) in the type in which they are written to files.

    Boolean voxels become uint8, integers the smallest type that fits them, and floats float32. A CT of whole
    Hounsfield units becomes int16.
    """
    voxels = volume.voxels
    if voxels.dtype.kind == "b":
        return voxels.astype(np.uint8)
    if voxels.dtype.kind in "iu":
        return smallest_integers(voxels)
    limits = np.iinfo(np.int16)
    fits = limits.min <= voxels.min() and voxels.max() <= limits.max
    if volume.modality == "ct" and fits and (voxels == np.rint(voxels)).all():
        return voxels.astype(np.int16)
    return voxels.astype(np.float32)


def luminance(colours: Array) -> tuple[Array, float]:
    """Grey values (...) of colours (..., 3) of the same type, uint8 or uint16; and the coloured share."""
    grey = np.empty(colours.shape[:-1], colours.dtype)
    least = _COLOURED * np.iinfo(colours.dtype).max // 255
    coloured = 0
    for n, frame in enumerate(colours):  # one frame at a time, because the float copy is large
        grey[n] = np.rint(frame.astype(np.float32) @ _LUMINANCE)
        coloured += int(np.count_nonzero(frame.max(axis=-1).astype(int) - frame.min(axis=-1) > least))
    return grey, coloured / grey.size


def colour_doubt(share: float) -> str:
    """The doubt about a colour image of which the luminance is used; ``share`` (0 ... 1) is coloured."""
    return f"is a colour image; its luminance is used ({share:.1%} of it is coloured)."


def is_regular(affine: Array) -> bool:
    """Whether an affine (4, 4), or its upper rows (3, 4), is finite and not singular."""
    if not np.isfinite(affine).all():
        return False
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return bool(lengths.min() >= SMALLEST_MM and abs(np.linalg.det(affine[:3, :3] / lengths)) >= _FLAT)


def off_right_angles(affine: Array) -> float:
    """Largest cosine between two voxel axes of an affine; 0 if all are at right angles."""
    directions = affine[:3, :3] / np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return float(np.abs(directions.T @ directions - np.eye(3)).max())
