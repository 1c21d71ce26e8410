"""The image planes of a DICOM file: a header as far as it is needed, and what it says of each frame.

What enhanced and multi-frame objects keep in functional groups and others in the header itself is looked
for in both. Headers may be damaged in any way; that shows here.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from synthfm3d.errors import InputError
from synthfm3d.io.values import SMALLEST_MM
from synthfm3d.volume import Array

_WITHOUT_VOXELS = (
    "Presentation State",
    "Structured Report",
    " SR ",
    "RT Structure",
    "Key Object",
    "Waveform",
)
_NOT_A_SCAN = ("Segmentation Storage", "Parametric Map", "RT Dose")
_DAMAGED = "a DICOM file is damaged in its header: export the series again."
_CROOKED = 1e-2
"""How far the length of a direction may be from 1, and the cosine between two from 0."""
_MOMENTS = (
    "TemporalPositionIdentifier",
    "TriggerTime",
    "EchoTime",
    "DiffusionBValue",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
)
"""What may tell repeated images of the same place apart."""
_SINGLE_NUMBERS = (
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "PixelRepresentation",
    "Rows",
    "SamplesPerPixel",
    "SeriesNumber",
)
_TAGS: list[str] = [
    *_MOMENTS,
    *_SINGLE_NUMBERS,
    "BurnedInAnnotation",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "InstanceNumber",
    "Modality",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "SOPClassUID",
    "SequenceOfUltrasoundRegions",
    "SeriesInstanceUID",
    "SharedFunctionalGroupsSequence",
    "SliceThickness",
    "SpecificCharacterSet",
]
"""All that is looked at; nothing that names the patient is even read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One image plane of a file: where its pixels are, and where it lies.

    Parameters
    ----------
    header
        The file's header without pixels.
    number
        Which frame of the file, from 0.
    position
        (3,) of its first pixel's centre, LPS mm; None: unknown.
    orientation
        (2, 3) unit vectors along a row and down a column, LPS; None: unknown.
    spacing_mm
        Between rows and between columns; None: unknown.
    moment
        What tells repeated images of the same place apart, by DICOM keyword.
    """

    path: Path
    header: Dataset
    number: int
    position: Array | None
    orientation: Array | None
    spacing_mm: tuple[float, float] | None
    slope: float | None
    intercept: float | None
    moment: dict[str, str]


def header_of(file: Path) -> Dataset | None:
    """The header of a DICOM file without its pixels, None for what is no DICOM file.

    Raises InputError where it is damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd values; they may quote a patient's name
        try:
            header = _converted(pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS))
        except InvalidDicomError:
            # Without the preamble of the standard; it counts if it names what it is.
            try:
                header = _converted(
                    pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS)
                )
            except Exception:  # any bytes at all may come here
                return None
            if "SOPClassUID" not in header or "Rows" not in header:
                return None
            if "TransferSyntaxUID" not in getattr(header, "file_meta", Dataset()):
                header.ensure_file_meta()
                header.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
                if not header.original_encoding[0]:
                    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        except Exception as error:  # a damaged header can raise nearly anything
            # Its name stays unsaid, it may be the patient's; left out, it would be a missing slice.
            raise InputError(_DAMAGED) from error
        if "SOPClassUID" not in header and "MediaStorageSOPClassUID" not in header.file_meta:
            raise InputError(_DAMAGED)
        return header


def _converted(header: Dataset) -> Dataset:
    """The header with all values made from their bytes, which pydicom else puts off: damage shows here."""
    for _ in header.iterall():
        pass
    return header


def is_image(header: Dataset) -> bool:
    """Whether a header is of an image of a scan, and not of a report, a mask or a drawing."""
    kind = pydicom.uid.UID(str(header.get("SOPClassUID", ""))).name
    if any(word in kind for word in (*_WITHOUT_VOXELS, *_NOT_A_SCAN)):
        return False
    return bool(header.get("Rows")) and bool(header.get("Columns"))


def frames_of(file: Path, header: Dataset) -> list[Frame]:
    """One frame of a single image; all of an enhanced or cine object. InputError for a damaged header."""
    try:
        for keyword in _SINGLE_NUMBERS:
            int(header.get(keyword) or 0)  # a list of them is an error, too
        if isinstance(header.get("SeriesInstanceUID", ""), pydicom.multival.MultiValue):
            raise ValueError("two series are named")
        count = int(header.get("NumberOfFrames") or 1)
        shared = _first(header, "SharedFunctionalGroupsSequence")
        groups = header.get("PerFrameFunctionalGroupsSequence") or [None] * count
        if len(groups) != count:
            raise ValueError("frames are missing in its header")
        return [_frame(file, header, n, group, shared) for n, group in enumerate(groups)]
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise InputError(
            "a DICOM image has a damaged header (its geometry or number of frames cannot be read): "
            "export the series again."
        ) from error


def _frame(file: Path, header: Dataset, number: int, group: Dataset | None, shared: Dataset | None) -> Frame:
    def part(sequence: str) -> Dataset:
        """The functional group of this frame, that of all frames, or the header itself."""
        for place in (group, shared):
            found = None if place is None else _first(place, sequence)
            if found is not None:
                return found
        return header

    position = part("PlanePositionSequence").get("ImagePositionPatient")
    orientation = part("PlaneOrientationSequence").get("ImageOrientationPatient")
    spacing = part("PixelMeasuresSequence").get("PixelSpacing") or _region_spacing(header)
    values = part("PixelValueTransformationSequence")
    slope, intercept = values.get("RescaleSlope"), values.get("RescaleIntercept")
    content = None if group is None else _first(group, "FrameContentSequence")
    moments = [place for place in (content, group, header) if place is not None]
    return Frame(
        path=file,
        header=header,
        number=number,
        position=None if not position else _finite(position, 3),
        orientation=None if not orientation else _directions(orientation),
        spacing_mm=None if not spacing else _positive(spacing),
        slope=None if slope is None else float(slope),
        intercept=None if intercept is None else float(intercept),
        moment=_moment(moments),
    )


def _moment(places: Sequence[Dataset]) -> dict[str, str]:
    moment = {}
    for keyword in (*_MOMENTS, "TemporalPositionIndex"):
        value = next((place.get(keyword) for place in places if place.get(keyword) is not None), None)
        if value is not None:
            moment["TemporalPositionIdentifier" if keyword == "TemporalPositionIndex" else keyword] = str(
                value
            )
    return moment


def _first(place: Dataset, sequence: str) -> Dataset | None:
    items = place.get(sequence)
    return items[0] if items else None


def _finite(values: Sequence[object], count: int) -> Array:
    numbers = np.array([float(str(value)) for value in values])
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError("numbers are missing or not finite")
    return numbers


def _directions(values: Sequence[object]) -> Array:
    directions = _finite(values, 6).reshape(2, 3)
    lengths = np.sqrt((directions**2).sum(axis=1))
    if np.abs(lengths - 1).max() > _CROOKED or abs(directions[0] @ directions[1]) > _CROOKED:
        raise ValueError("directions are not at right angles")
    return np.asarray(directions / lengths[:, None])


def _positive(values: Sequence[object]) -> tuple[float, float]:
    between_rows, between_columns = _finite(values, 2)
    if min(between_rows, between_columns) < SMALLEST_MM:
        raise ValueError("spacing is not positive")
    return float(between_rows), float(between_columns)


def _region_spacing(header: Dataset) -> list[float] | None:
    """Pixel spacing of an ultrasound image, from its largest calibrated region (stored in cm)."""
    regions = header.get("SequenceOfUltrasoundRegions") or []
    for region in regions:
        units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
        if units == (3, 3) and region.get("PhysicalDeltaX") and region.get("PhysicalDeltaY"):
            return [10 * abs(float(region.PhysicalDeltaY)), 10 * abs(float(region.PhysicalDeltaX))]
    return None
