"""Convert stored DICOM values: rescale, apply tables, invert, and find padding."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

from synthfm3d.errors import InputError
from synthfm3d.io.checks import SLOPES, Doubts, check_size, colour_doubt, luminance
from synthfm3d.io.dicom_pixels import PixelSource, is_colour
from synthfm3d.io.dicom_planes import ImagePlane
from synthfm3d.io.dicom_series import ImageStack
from synthfm3d.volume import Array

_QUANTITIES = ("CT", "PT", "NM")
"""Modalities whose values are measurements, which are not inverted for display."""
_HOUNSFIELD = ("HU", "US", "HU_MOD", "")
"""Rescale types of CT in Hounsfield units. US means unspecified, which CT scanners also write."""


def values_of(
    path: Path, planes: Sequence[ImagePlane], stack: ImageStack, pixels: PixelSource
) -> tuple[Array, Doubts]:
    """Voxels (z, y, x) of a stack and doubts; int16 or int32 if whole numbers fit, else float32.

    Colours become luminance, uint8. Grey values are rescaled slice by slice. MONOCHROME1 values are inverted,
    except for CT, PET and nuclear medicine. Padding gets the smallest of the other values.
    """
    shape = (len(planes), stack.rows, stack.columns)
    colour = is_colour(planes[0].header)
    check_size(path, shape, 12 if colour else 4)
    if colour:
        coloured = np.empty((*shape, 3), np.uint8)
        for z, plane in enumerate(planes):
            coloured[z] = _of_shape(path, pixels.values(path, plane), (stack.rows, stack.columns, 3))
        grey, share = luminance(coloured)
        return grey, (colour_doubt(share),)
    voxels, padding = _rescaled(path, planes, shape, pixels)
    if pixels.lost_all:
        raise InputError(
            "its header says that its values lie in bits that are all zero, while others are not "
            "(BitsStored, HighBit)",
            "export the series again.",
            path=path,
        )
    doubts = Doubts()
    if _is_inverted(stack):
        doubts = ("stores bright as low (MONOCHROME1); it is inverted.",)
        _invert(voxels, padding)
    if padding is not None:
        _fill_padding(path, voxels, padding)
        doubts = (*doubts, _padding_doubt(padding))
    return voxels, doubts


def is_hounsfield(stack: ImageStack) -> bool:
    """Whether the values of a CT are Hounsfield units according to its header."""
    return {plane.unit for plane in stack.planes} <= set(_HOUNSFIELD)


def _is_inverted(stack: ImageStack) -> bool:
    header = stack.planes[0].header
    return str(header.get("PhotometricInterpretation")) == "MONOCHROME1" and stack.modality not in _QUANTITIES


def _rescaled(
    path: Path, planes: Sequence[ImagePlane], shape: tuple[int, int, int], pixels: PixelSource
) -> tuple[Array, Array | None]:
    """Voxels, and the mask of the padding if there is any; only one copy of the voxels is made."""
    whole = all((f.slope or 1.0) == 1.0 and float(f.intercept or 0.0).is_integer() for f in planes)
    voxels = np.empty(shape, np.int16 if whole else np.float32)
    padding: Array | None = None
    for z, plane in enumerate(planes):
        stored = _of_shape(path, pixels.values(path, plane), shape[1:])
        padded = _padding(stored, plane.header)
        if padded is not None and padded.any():
            padding = np.zeros(shape, bool) if padding is None else padding
            padding[z] = padded
        scaled = _meaning(path, stored, plane)
        if voxels.dtype.kind == "i" and not np.array_equal(scaled, np.rint(scaled)):
            voxels = voxels.astype(np.float32)
        if voxels.dtype == np.int16 and (scaled.min() < -32768 or scaled.max() > 32767):
            voxels = voxels.astype(np.int32)  # never narrowed
        if voxels.dtype == np.int32 and np.abs(scaled).max() >= 2**31:
            voxels = voxels.astype(np.float32)
        voxels[z] = scaled
    return voxels, padding


def _meaning(path: Path, stored: Array, plane: ImagePlane) -> Array:
    """The values of a slice in the unit of the scan, float64."""
    table = plane.header.get("ModalityLUTSequence")
    if table and plane.slope is None:
        try:
            return np.asarray(apply_modality_lut(stored, plane.header), np.float64)
        except Exception as error:  # tables may be damaged in any way
            raise InputError(
                "the table of a slice that gives its values a meaning (Modality LUT) is damaged",
                "export the series again.",
                path=path,
            ) from error
    slope = 1.0 if plane.slope is None else plane.slope
    intercept = plane.intercept or 0.0
    if not SLOPES[0] < abs(slope) < SLOPES[1] or not np.isfinite(intercept):
        raise InputError(
            f"a slice has an impossible rescale slope ({slope:g})", "export it again.", path=path
        )
    return np.asarray(stored.astype(np.float64) * slope + intercept)


def _padding(stored: Array, header: Dataset) -> Array | None:
    """The mask of stored values that are padding according to the header; None without padding."""
    first, last = (_as_stored(header.get(k), header) for k in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if first is None:
        return None
    last = first if last is None else last
    return np.logical_and(stored >= min(first, last), stored <= max(first, last))


def _as_stored(value: object, header: Dataset) -> int | None:
    """A padding value with the sign of the pixels, which may differ from the sign of its own type."""
    if value is None or value == "":
        return None
    if not isinstance(value, int):
        raise InputError("a DICOM image names its padding in a damaged way", "export the series again.")
    bits = int(header.get("BitsStored") or 16)
    if not int(header.get("PixelRepresentation") or 0):
        return value & 0xFFFF if value < 0 else value
    span = 1 << 16 if value >= 1 << bits else 1 << bits
    return value - span if value >= span // 2 else value


def _invert(voxels: Array, padding: Array | None) -> None:
    """Invert voxels in place; the range of the voxels that are not padding stays the same."""
    rest = voxels if padding is None or padding.all() else voxels[~padding]
    both = float(rest.max()) + float(rest.min())
    for z, plane in enumerate(voxels):
        inverted = both - plane.astype(np.float64)
        if padding is not None:
            inverted[padding[z]] = float(rest.min())
        voxels[z] = inverted


def _fill_padding(path: Path, voxels: Array, padding: Array) -> None:
    if padding.all():
        raise InputError("holds nothing but padding", "export the series again.", path=path)
    voxels[padding] = voxels[~padding].min()


def _padding_doubt(padding: Array) -> str:
    return (
        f"{np.count_nonzero(padding) / padding.size:.1%} of it is padding around the picture; it is read as "
        "the smallest value of the rest."
    )


def _of_shape(path: Path, values: Array, shape: tuple[int, ...]) -> Array:
    if values.shape != shape:
        raise InputError(
            "the pixels of a slice do not fill its matrix", "export the series again.", path=path
        )
    return values
