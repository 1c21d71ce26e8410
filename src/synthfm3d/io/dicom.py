"""DICOM: a folder of slices or a multi-frame file becomes a ``Volume``; ``read_dicom`` tells the story."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_frames import Frame
from synthfm3d.io.dicom_geometry import Placed, place
from synthfm3d.io.dicom_pixels import frame_values, stored_bytes
from synthfm3d.io.dicom_series import Stack, choose_stack, find_stacks
from synthfm3d.io.values import SLOPES, check_size, luminance
from synthfm3d.volume import Array, Modality, Volume

_MODALITIES: dict[str, Modality] = {"CT": "ct", "MR": "mr", "US": "us", "IVUS": "us"}


def load_dicom(
    path: Path,
    *,
    series: str | None = None,
    frame: int | None = None,
    modality: Modality | None = None,
    allow_gaps: bool = False,
    one_series: bool = False,
) -> Volume:
    """A series of slices, an enhanced multi-frame image, or a cine loop.

    Parameters
    ----------
    path
        A folder, searched with all folders below it, or one file.
    series
        Number in the list that the error shows, or series instance UID, where there are several.
    frame
        Which of several images of the same places (phases, echoes), from 0.
    modality
        What the scan is; None: as its header says.
    allow_gaps
        Interpolate over missing and uneven slices instead of refusing them.
    one_series
        All images are one series, whatever they say.

    Returns
    -------
    Volume with voxels (z, y, x) sorted along the slice normal. CT is in Hounsfield units: rescaled
    slice by slice, never inverted. Other modalities are inverted where MONOCHROME1 asks for it.

    Raises
    ------
    InputError
        There is no series, or more than one and none was named; slices are missing, uneven or damaged.
    """
    stack = choose_stack(path, find_stacks(path, one_series=one_series), series)
    known = modality or _MODALITIES.get(stack.modality)
    placed = place(path, stack, frame=frame, allow_gaps=allow_gaps, pixels_of=stored_bytes)
    _doubt_header(path, stack, known)
    voxels = _values(path, placed.frames, stack)
    if str(stack.frames[0].header.get("PhotometricInterpretation")) == "MONOCHROME1" and known != "ct":
        warnings.warn(f"{path}: stores bright as low (MONOCHROME1); it is inverted.", stacklevel=3)
        voxels = (int(voxels.max()) + int(voxels.min()) - voxels).astype(voxels.dtype)
    if placed.at is not None:
        voxels = _between_slices(voxels, placed.at)
    return Volume(voxels=voxels, affine=placed.affine, modality=known, third_axis=placed.third_axis)


def placed_frames(
    path: Path, series: str | None, frame: int | None, *, one_series: bool = False
) -> tuple[Placed, Stack]:
    """The frames of a series in the order of the volume that ``load_dicom`` makes of them."""
    stack = choose_stack(path, find_stacks(path, one_series=one_series), series)
    return place(path, stack, frame=frame, allow_gaps=False, pixels_of=stored_bytes), stack


def slice_files(path: Path, *, one_series: bool = False) -> tuple[Path, ...]:
    """The file of each slice of the only series in a folder, in the order of ``load_dicom``."""
    placed, _ = placed_frames(path, None, None, one_series=one_series)
    return tuple(frame.path for frame in placed.frames)


def _doubt_header(path: Path, stack: Stack, modality: Modality | None) -> None:
    header = stack.frames[0].header
    if modality == "ct" and any(f.slope is None or f.intercept is None for f in stack.frames):
        warnings.warn(
            f"{path}: is a CT without rescale slope and intercept; its stored values are taken for "
            "Hounsfield units.",
            stacklevel=4,
        )
    if str(header.get("BurnedInAnnotation", "NO")).upper() == "YES":
        warnings.warn(
            f"{path}: has writing burnt into its pixels; no pixel of it goes into a result.", stacklevel=4
        )


def _values(path: Path, frames: Sequence[Frame], stack: Stack) -> Array:
    """Rescaled voxels (z, y, x): int16 where they are whole and fit, else float32. One copy is made."""
    shape = (len(frames), stack.rows, stack.columns)
    colours = int(frames[0].header.get("SamplesPerPixel") or 1)
    check_size(path, shape, 4 * colours)
    if colours > 1:
        bits = int(frames[0].header.get("BitsAllocated") or 8)
        pixels = np.empty((*shape, 3), np.uint8 if bits <= 8 else np.uint16)
        for z, frame in enumerate(frames):
            values = _of_shape(path, frame_values(path, frame), (stack.rows, stack.columns, 3))
            if values.min() < 0 or values.max() > np.iinfo(pixels.dtype).max:
                raise InputError(f"{path}: its colours have more than 16 bits: export it with 8 or 16 bits.")
            pixels[z] = values
        return luminance(path, pixels)
    whole = all((f.slope or 1.0) == 1.0 and float(f.intercept or 0.0).is_integer() for f in frames)
    voxels = np.empty(shape, np.int16 if whole else np.float32)
    for z, frame in enumerate(frames):
        values = _of_shape(path, frame_values(path, frame), (stack.rows, stack.columns))
        slope = 1.0 if frame.slope is None else frame.slope
        if not SLOPES[0] < abs(slope) < SLOPES[1] or not np.isfinite(frame.intercept or 0.0):
            raise InputError(f"{path}: a slice has an impossible rescale slope ({slope:g}): export it again.")
        scaled = values.astype(np.float64) * slope + (frame.intercept or 0.0)
        if whole and (scaled.min() < -32768 or scaled.max() > 32767):
            voxels, whole = voxels.astype(np.int32), False  # never narrowed
        voxels[z] = scaled
    return voxels


def _of_shape(path: Path, values: Array, shape: tuple[int, ...]) -> Array:
    if values.shape != shape:
        raise InputError(f"{path}: the pixels of a slice do not fill its matrix: export the series again.")
    return values


def _between_slices(voxels: Array, at: Array) -> Array:
    """Float32 slices at fractional indices, linear between neighbours."""
    even = np.empty((len(at), *voxels.shape[1:]), np.float32)
    for n, z in enumerate(at):
        below = min(int(z), len(voxels) - 2)
        share = z - below
        even[n] = (1 - share) * voxels[below] + share * voxels[below + 1]
    return even
