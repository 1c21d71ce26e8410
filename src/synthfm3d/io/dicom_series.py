"""Which DICOM images belong together: a folder or a file becomes stacks to choose from.

Nothing here puts a patient's words into a message: a stack is named by its number, modality, matrix
and count, never by a description, a name, an id or the name of a file inside the folder.
"""

import os
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from synthfm3d.errors import InputError
from synthfm3d.io.values import SMALLEST_MM
from synthfm3d.volume import Array

MOST_FILES = 100_000
"""A folder with more files is no series of slices: the walk stops instead of going on for hours."""
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
_FEW = 4
"""Single images that lie otherwise are dropped beside a stack of at least this many."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Frames of one series that share matrix, orientation and pixel spacing."""

    series_uid: str
    series_number: int | None
    modality: str
    rows: int
    columns: int
    frames: tuple[Frame, ...]

    def described(self) -> str:
        number = "" if self.series_number is None else f", series number {self.series_number}"
        return f"{self.modality}, {len(self.frames)} images of {self.columns} x {self.rows}{number}"


_MOMENTS = (
    "TemporalPositionIdentifier",
    "TriggerTime",
    "EchoTime",
    "DiffusionBValue",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
)


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
    "BitsAllocated",
    "BitsStored",
    "BurnedInAnnotation",
    "Columns",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "InstanceNumber",
    "Modality",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SOPClassUID",
    "SamplesPerPixel",
    "SequenceOfUltrasoundRegions",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SharedFunctionalGroupsSequence",
    "SliceThickness",
    "SpecificCharacterSet",
]
"""All that is looked at; nothing that names the patient is even read."""


def find_stacks(path: Path, *, one_series: bool = False) -> list[Stack]:
    """All stacks of images under a folder or in a file, in a fixed order.

    With ``one_series`` all images belong to one series, whatever they say: some programs that take names
    away give each slice a series of its own.

    Raises
    ------
    InputError
        There is no DICOM image.

    Warns
    -----
    UserWarning
        Localisers and single images that lie otherwise were left out.
    """
    groups: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    localisers = others = 0
    for file in [path] if path.is_file() else _files(path):
        header = _header(file)
        if header is None or not _is_image(header):
            others += header is not None
            continue
        if "LOCALIZER" in str(header.get("ImageType")) and path.is_dir():
            localisers += 1
            continue
        for frame in _frames(file, header):
            groups[_kind(frame, one_series)].append(frame)
    if not groups:
        what = "no DICOM image but localisers" if localisers else "no DICOM image with voxels"
        raise InputError(f"{path}: holds {what}: name the folder of a series of slices.")
    if localisers:
        warnings.warn(f"{path}: {localisers} localiser images are left out.", stacklevel=3)
    stacks = [_stack(frames) for frames in groups.values()]
    return sorted(_without_strays(path, stacks), key=_order)


def choose_stack(path: Path, stacks: Sequence[Stack], series: str | None) -> Stack:
    """The only stack, or the one of a number in the list or of a series instance UID."""
    if series is None:
        if len(stacks) == 1:
            return stacks[0]
        raise InputError(f"{path}: holds {_listed(stacks)}: choose one with --series.")
    if series.isdecimal() and 1 <= int(series) <= len(stacks):
        return stacks[int(series) - 1]
    found = [stack for stack in stacks if stack.series_uid == series]
    if len(found) != 1:
        raise InputError(f"{path}: there is no single series {series!r} here; there is {_listed(stacks)}.")
    return found[0]


def _listed(stacks: Sequence[Stack]) -> str:
    entries = "; ".join(f"{n}: {stack.described()}" for n, stack in enumerate(stacks, start=1))
    return f"{len(stacks)} stacks of images ({entries})"


def _order(stack: Stack) -> tuple[int, str, int]:
    return stack.series_number or 0, stack.series_uid, -len(stack.frames)


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, sorted; links are not followed, hidden files are left out."""
    count = 0
    for where, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            file = Path(where) / name
            if name.startswith(".") or file.is_symlink() or not file.is_file():
                continue
            count += 1
            if count > MOST_FILES:
                raise InputError(
                    f"{folder}: holds more than {MOST_FILES:,} files: name the folder of one series."
                )
            yield file


def _header(file: Path) -> Dataset | None:
    """The header of a DICOM file without its pixels, None for what is no DICOM file."""
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


def _is_image(header: Dataset) -> bool:
    kind = pydicom.uid.UID(str(header.get("SOPClassUID", ""))).name
    if any(word in kind for word in (*_WITHOUT_VOXELS, *_NOT_A_SCAN)):
        return False
    return bool(header.get("Rows")) and bool(header.get("Columns"))


def _frames(file: Path, header: Dataset) -> list[Frame]:
    """One frame of a single image; all of an enhanced or cine object."""
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
    if np.abs(lengths - 1).max() > 1e-2 or abs(directions[0] @ directions[1]) > 1e-2:
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


def _kind(frame: Frame, one_series: bool) -> tuple[object, ...]:
    """What the frames of one stack share. Rounded: scanners write the last digits as they like."""
    turned = None if frame.orientation is None else tuple(frame.orientation.ravel().round(2) + 0.0)
    spacing = None if frame.spacing_mm is None else tuple(np.round(frame.spacing_mm, 3))
    header = frame.header
    several = frame.path if int(header.get("NumberOfFrames") or 1) > 1 else None
    series = "" if one_series else str(header.get("SeriesInstanceUID", ""))
    return series, header.Rows, header.Columns, turned, spacing, several


def _stack(frames: Sequence[Frame]) -> Stack:
    header = frames[0].header
    number = header.get("SeriesNumber")
    return Stack(
        series_uid=str(header.get("SeriesInstanceUID", "")),
        series_number=None if number is None else int(number),
        modality=str(header.get("Modality", "unknown modality")),
        rows=int(header.Rows),
        columns=int(header.Columns),
        frames=tuple(frames),
    )


def _without_strays(path: Path, stacks: Sequence[Stack]) -> list[Stack]:
    """Drop single images of a series that lie otherwise than its many others (a scout, a report page)."""
    kept = []
    for stack in stacks:
        largest = max(len(other.frames) for other in stacks if other.series_uid == stack.series_uid)
        if len(stack.frames) == 1 and largest >= _FEW:
            warnings.warn(
                f"{path}: one image lies otherwise than the {largest} others of its series; it is left out.",
                stacklevel=4,
            )
        else:
            kept.append(stack)
    return kept
