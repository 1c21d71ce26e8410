"""Decode stored DICOM pixels to integers or colours, without bits that are not part of the pixels."""

import hashlib
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEGLossless, JPEGLosslessSV1, RLELossless

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_headers import silent_libraries, whole_file
from synthfm3d.io.dicom_planes import ImagePlane
from synthfm3d.volume import Array

_BY_GDCM = (JPEGLossless, JPEGLosslessSV1)
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "YBR_PARTIAL_422")


class PixelSource:
    """The pixels of files. A file is read once if its frames are requested one after the other.

    Use one source for each scan, because files may change between two readings.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._dataset = Dataset()
        self._decoded: Array | None = None
        self._held = self._kept = False

    @property
    def lost_all(self) -> bool:
        """Whether stored values were not zero, but all their bits in ``BitsStored`` were."""
        return self._held and not self._kept

    def digest(self, path: Path, plane: ImagePlane) -> bytes:
        """A hash of a plane's stored values, which is equal for exact copies."""
        values = self.values(path, plane)
        return hashlib.sha256(repr((values.shape, values.dtype.str)).encode() + values.tobytes()).digest()

    def values(self, path: Path, plane: ImagePlane) -> Array:
        """Values (y, x) of a plane before rescaling, or colours uint8 (y, x, 3).

        Raises
        ------
        InputError
            The pixels are truncated, damaged, of an unsupported kind, or compressed in a way for which no
            decoder is installed.
        """
        check_interpretation(path, plane.header)
        try:
            dataset = self._file(plane.path)
            if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
                raise ValueError("there are no pixels")
            with silent_libraries():
                values = self._stored(plane)
        except InputError as error:  # with the name of the scan, because that of a file may be the patient's
            raise error.about(path) from error
        except Exception as error:  # decoders raise many kinds of errors
            raise _refusal(path, error, self._dataset) from error
        row, column = plane.corner
        return values[row : row + plane.rows, column : column + plane.columns]

    def _file(self, path: Path) -> Dataset:
        if path != self._path:
            self._dataset, self._decoded = whole_file(path), None
            self._path = path
        return self._dataset

    def _stored(self, plane: ImagePlane) -> Array:
        dataset = self._dataset
        if dataset.file_meta.TransferSyntaxUID in _BY_GDCM:
            if self._decoded is None:
                self._decoded = _by_gdcm(plane)
            return _without_foreign_bits(self._decoded[plane.number], plane.header, 0)
        unused = _unused_low_bits(plane.header, dataset)
        if unused:
            # pydicom assumes that the stored bits are the lowest. If all bits are stored, it keeps them.
            dataset.BitsStored, dataset.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
        values = pixel_array(dataset, index=plane.number)
        if str(plane.header.get("PhotometricInterpretation")) == "PALETTE COLOR":
            return _eight_bits(apply_color_lut(values, dataset)[..., :3], 0)
        if values.ndim == 3:
            return _eight_bits(values, int(plane.header.get("BitsStored") or 8))
        kept = _without_foreign_bits(values, plane.header, unused)
        self._held |= bool(values.any())
        self._kept |= bool(kept.any())
        return kept


def check_interpretation(path: Path, header: Dataset) -> None:
    """Raise InputError for pixels that are neither grey values nor supported colours."""
    samples = int(header.get("SamplesPerPixel") or 1)
    kind = str(header.get("PhotometricInterpretation") or "MONOCHROME2")
    known = _COLOURS if samples == 3 else (*_GREY, "PALETTE COLOR") if samples == 1 else ()
    if kind not in known:
        named = (
            kind if kind in (*_GREY, *_COLOURS, "PALETTE COLOR", "HSV", "ARGB", "CMYK") else "another kind"
        )
        raise InputError(
            f"its pixels are {named} with {samples} samples each, which cannot be read",
            "export it as grey values (MONOCHROME2) or RGB.",
            path=path,
        )


def is_colour(header: Dataset) -> bool:
    """Whether the pixels are colours, directly or through a palette."""
    return int(header.get("SamplesPerPixel") or 1) > 1 or (
        str(header.get("PhotometricInterpretation")) == "PALETTE COLOR"
    )


def _refusal(path: Path, error: Exception, dataset: Dataset) -> InputError:
    reason = str(error).split("\n")[0]
    if "missing dependencies" in str(error) or "no pixel data decoders" in str(error).lower():
        syntax = dataset.file_meta.TransferSyntaxUID
        return InputError(
            f"is compressed as {syntax.name}, for which no decoder is installed",
            "export it uncompressed, or install pylibjpeg with the plug-in for it.",
            path=path,
        )
    return InputError(
        f"the pixels of a slice are damaged or incomplete ({reason})", "export the series again.", path=path
    )


def _by_gdcm(plane: ImagePlane) -> Array:
    """All frames of a lossless JPEG file, decoded by GDCM in SimpleITK.

    GDCM rescales the values, so the rescaling is reversed.
    """
    import SimpleITK

    header = plane.header
    if str(header.get("PhotometricInterpretation")) != "MONOCHROME2":
        raise InputError(
            "a lossless JPEG image that is not MONOCHROME2 cannot be decoded", "export it again."
        )
    array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(plane.path)))
    scaled = array.astype(np.float64)
    slope, intercept = plane.slope or 1.0, plane.intercept or 0.0
    return np.asarray(np.rint((scaled - intercept) / slope), np.int64)


def _eight_bits(colours: Array, bits: int) -> Array:
    """Colours as uint8, from samples with ``bits`` bits; 0: all bits of their type."""
    bits = bits or 8 * colours.dtype.itemsize
    if bits <= 8:
        return colours.astype(np.uint8)
    wide = np.clip(colours, 0, (1 << bits) - 1).astype(np.float64)
    return np.asarray(np.rint(wide * (255.0 / ((1 << bits) - 1))), np.uint8)


def _unused_low_bits(header: Dataset, dataset: Dataset) -> int:
    """Number of bits below the stored ones, which end at ``HighBit``; 0 if a codec stores the values."""
    stored, allocated = int(header.get("BitsStored") or 0), int(header.get("BitsAllocated") or 0)
    high = int(header.get("HighBit") or 0)
    syntax = dataset.file_meta.TransferSyntaxUID
    by_codec = syntax.is_encapsulated and syntax != RLELossless
    one_value = int(header.get("SamplesPerPixel") or 1) == 1
    return high - stored + 1 if one_value and not by_codec and 0 < stored <= high < allocated else 0


def _without_foreign_bits(values: Array, header: Dataset, unused: int) -> Array:
    """The stored bits of values. Other bits may contain an old overlay, or a sign that was not extended.

    ``unused`` is the number of bits below the stored ones.
    """
    stored, allocated = int(header.get("BitsStored") or 0), int(header.get("BitsAllocated") or 0)
    if values.dtype.kind not in "iu" or values.ndim != 2 or not 0 < stored < min(allocated, 32):
        return values
    low = (values.astype(np.int64) >> unused) & ((1 << stored) - 1)
    if int(header.get("PixelRepresentation") or 0):
        low = (low ^ (1 << (stored - 1))) - (1 << (stored - 1))
    return low.astype(np.int32)
