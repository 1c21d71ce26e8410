"""Stored DICOM pixels become values: decoded, freed of what is not theirs, rescaled slice by slice."""

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_frames import Frame
from synthfm3d.volume import Array

_BY_GDCM = (JPEGLossless, JPEGLosslessSV1)


def stored_bytes(frame: Frame) -> bytes:
    """The pixel bytes of a frame's file as they are stored."""
    return bytes(_dataset(frame.path).PixelData)


def frame_values(path: Path, frame: Frame) -> Array:
    """Integers (y, x), or colours (y, x, 3), of a frame before rescaling.

    Raises
    ------
    InputError
        The pixels are truncated, damaged, or compressed in a way for which no decoder is installed.
    """
    try:
        dataset = _dataset(frame.path)
        if "PixelData" not in dataset:
            raise ValueError("there are no pixels")
        syntax = dataset.file_meta.TransferSyntaxUID
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if syntax in _BY_GDCM:
                values = _by_gdcm(frame)
            else:
                values = pixel_array(dataset, index=frame.number)
    except InputError:
        raise
    except Exception as error:  # decoders raise whatever they like
        reason = str(error).split("\n")[0]
        if "missing dependencies" in str(error) or "no pixel data decoders" in str(error).lower():
            raise InputError(
                f"{path}: is compressed as {syntax.name}, for which no decoder is installed: export it "
                "uncompressed, or install pylibjpeg with the plug-in for it."
            ) from error
        raise InputError(
            f"{path}: the pixels of a slice are damaged or incomplete ({reason}): export the series again."
        ) from error
    return _without_foreign_bits(values, frame.header)


@lru_cache(maxsize=2)
def _dataset(path: Path) -> Dataset:
    """A whole file; the last ones are kept, since the frames of a file are asked for in turn."""
    dataset = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        assert little is not False
        dataset.file_meta.TransferSyntaxUID = (
            pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        )
    return dataset


def _by_gdcm(frame: Frame) -> Array:
    """Lossless JPEG, which SimpleITK's GDCM decodes; it rescales, so the rescaling is taken off again."""
    import SimpleITK

    header = frame.header
    if str(header.get("PhotometricInterpretation")) != "MONOCHROME2":
        raise InputError("a lossless JPEG image that is not MONOCHROME2 cannot be decoded: export it again.")
    array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(frame.path)))
    scaled = array[frame.number].astype(np.float64)
    slope, intercept = frame.slope or 1.0, frame.intercept or 0.0
    return np.asarray(np.rint((scaled - intercept) / slope), np.int32)


def _without_foreign_bits(values: Array, header: Dataset) -> Array:
    """Bits above BitsStored may hold an old overlay or a sign that was not extended."""
    stored, allocated = int(header.get("BitsStored") or 0), int(header.get("BitsAllocated") or 0)
    if values.dtype.kind not in "iu" or values.ndim != 2 or not 0 < stored < min(allocated, 32):
        return values
    low = values.astype(np.int64) & ((1 << stored) - 1)
    if int(header.get("PixelRepresentation") or 0):
        low = (low ^ (1 << (stored - 1))) - (1 << (stored - 1))
    return low.astype(np.int32)
