"""What is wrong or doubtful about voxel values and affines, whatever file they came from."""

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
"""What was repaired or assumed. The sentences do not name the file: its path may hold a patient's name."""
LARGEST_BYTES = 2**33
"""Voxel data above 8 GiB is refused: sixteen times a whole-body CT of 512 x 512 x 1024 in int16."""
_most_bytes = ContextVar("_most_bytes", default=LARGEST_BYTES)
SMALLEST_MM = 1e-4
"""A tenth of a micrometre: smaller voxels are damage, or another unit."""
SLOPES = (1e-20, 1e20)
"""Scale factors beyond these are damage: float32 voxels would all become zero, or infinite."""
LABEL_TOLERANCE = 1e-3
"""A label stored as a float may be this far from a whole number (rounding of a scale factor)."""
_LARGEST_FLOAT_LABEL = 2**24
"""The next whole number is no float32 any more."""
_INTEGERS = (np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_COLOURED = 40
"""Difference between a pixel's channels, of 255, from which it is no grey value with compression noise."""
_SAMPLES = 500_000
"""Voxels that are looked at for an odd offset; all of a large scan would take seconds."""
LPS_TO_RAS: Array = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM, NRRD and MetaImage count millimetres towards Left and Posterior, NIfTI and we towards Right and
Anterior."""
_FLAT = 1e-4
"""Volume of the box between three unit axes; smaller: two of them are as good as one."""


@contextmanager
def reading_at_most(voxel_bytes: int) -> Iterator[None]:
    """Within it (in this thread) scans with more bytes of voxels are refused by their header alone.

    For those who read files of strangers: a small compressed file may claim gigabytes.
    """
    token = _most_bytes.set(min(voxel_bytes, LARGEST_BYTES))
    try:
        yield
    finally:
        _most_bytes.reset(token)


def check_size(path: Path, shape: tuple[int, ...], bytes_each: int) -> int:
    """Bytes of an array that a header claims; InputError before memory is asked for if it is too large."""
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
    """The volume with further doubts, each of them once."""
    return replace(volume, doubts=tuple(dict.fromkeys((*volume.doubts, *doubts))))


def warned(path: Path, volume: Volume) -> Volume:
    """The volume itself, after a Python warning for each of its doubts.

    Only the readers that users call do this, and they call it directly: the warning is shown at the line
    that called the reader. All other code reads the doubts of the volume.
    """
    for doubt in volume.doubts:
        warnings.warn(f"{path}: {doubt}", stacklevel=3)
    return volume


def repaired(path: Path, volume: Volume) -> Volume:
    """An image that models can take: finite float32 or integers.

    What was repaired or looks odd is added to its doubts. Raises InputError where no number is finite, or
    single precision cannot hold the values.
    """
    voxels, replaced = volume.voxels, Doubts()
    if voxels.dtype.kind == "f":
        check_float32(path, voxels)
        voxels, replaced = _without_nonfinite(path, voxels.astype(np.float32, copy=False))
    volume = volume.with_voxels(voxels)
    return with_doubts(volume, *replaced, *_doubts_about(volume))


def check_float32(path: Path, voxels: Array) -> None:
    """Raise InputError for numbers of double precision that single precision turns into infinity or zero."""
    if voxels.dtype.kind != "f" or voxels.dtype.itemsize <= 4:
        return
    limits = np.finfo(np.float32)
    ends = (float(end.reduce(voxels, axis=None)) for end in (np.fmin, np.fmax))  # these pass over NaN
    largest = max((abs(end) for end in ends if np.isfinite(end)), default=0.0)
    if largest > float(limits.max) or 0 < largest < float(limits.tiny):
        raise InputError(
            f"its largest value is {largest:g}, which single precision cannot hold",
            "scale its values.",
            path=path,
        )


def _without_nonfinite(path: Path, voxels: Array) -> tuple[Array, Doubts]:
    """NaN and infinity replaced by the smallest finite value, with a doubt that counts them."""
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
        return [f"every voxel is {low:g}: there is nothing to see in it."]
    if assumed_modality(volume) != "ct":
        return []
    doubts = []
    if low < -1500:
        doubts.append(f"its smallest value is {low:g}, below air: padding outside the scanner's circle?")
    if low > -200:
        # Someone vouched for CT here; nothing in the values says so.
        window = ", all between 0 and 255: already windowed?" if low >= 0 and high <= 255 else ""
        doubts.append(
            f"is said to be CT, but no value is below -200 HU{window or ': not in Hounsfield units?'}"
        )
    sample = volume.voxels.reshape(-1)[:: max(1, volume.voxels.size // _SAMPLES)]
    body = sample[sample > (low + 300 if low > -200 else -300)]
    if body.size and 800 < float(np.median(body)) < 1400:
        doubts.append("its body has values around 1000 instead of 0: an offset of 1024 was not taken off?")
    return doubts


def as_labels(path: Path, volume: Volume) -> Volume:
    """A label map with integer voxels, 0 or higher; nearly whole floats are rounded.

    Raises InputError for other fractions and for NaN (the file is then an image or a probability), and for
    negative numbers, which mark no structure.
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
                "cannot be told from their neighbours",
                "store them as integers.",
                path=path,
            )
        voxels = smallest_integers(rounded)
    if (lowest := int(voxels.min())) < 0:
        raise InputError(
            f"holds the label {lowest}: labels are 0 for the background and 1 or higher for structures",
            "change it.",
            path=path,
        )
    return volume.with_voxels(voxels)


def smallest_integers(voxels: Array) -> Array:
    """Whole numbers in the smallest integer type that holds them all; InputError where there is none."""
    low, high = int(voxels.min()), int(voxels.max())
    for kind in _INTEGERS:
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return voxels.astype(kind)
    raise InputError(f"values from {low} to {high} fit no integer type", "give the labels smaller numbers.")


def stored_voxels(volume: Volume) -> Array:
    """Voxels (z, y, x) in the type in which they are stored.

    Boolean as uint8; integers as the smallest type that holds them; floats as float32, but a CT of
    whole Hounsfield units as int16.
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
    """Grey values (...) of colours (..., 3), uint8 or uint16 as they are; and the share that is coloured."""
    grey = np.empty(colours.shape[:-1], colours.dtype)
    least = _COLOURED * np.iinfo(colours.dtype).max // 255
    coloured = 0
    for n, frame in enumerate(colours):  # one frame at a time: the float copy is larger
        grey[n] = np.rint(frame.astype(np.float32) @ _LUMINANCE)
        coloured += int(np.count_nonzero(frame.max(axis=-1).astype(int) - frame.min(axis=-1) > least))
    return grey, coloured / grey.size


def colour_doubt(share: float) -> str:
    """The doubt about an image whose luminance is used, and of which a share (0 ... 1) is coloured."""
    return f"is a colour image; its luminance is used ({share:.1%} of it is coloured)."


def is_regular(affine: Array) -> bool:
    """Whether an affine (4, 4), or its upper rows (3, 4), is finite and does not flatten space."""
    if not np.isfinite(affine).all():
        return False
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return bool(lengths.min() >= SMALLEST_MM and abs(np.linalg.det(affine[:3, :3] / lengths)) >= _FLAT)


def off_right_angles(affine: Array) -> float:
    """Largest cosine between two voxel axes of an affine: 0 where they are at right angles."""
    directions = affine[:3, :3] / np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return float(np.abs(directions.T @ directions - np.eye(3)).max())
