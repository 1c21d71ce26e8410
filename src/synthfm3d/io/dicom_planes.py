"""The image planes of a DICOM file, from its header.

The geometry of a frame is in functional groups (enhanced objects), in the header itself (classic objects), in
one position and a step (nuclear medicine and plain multi-frame objects, ``dicom_steps``), or in a private
header (Siemens mosaics, ``dicom_mosaic``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_headers import SINGLE_NUMBERS, VECTORS, kind_of
from synthfm3d.io.dicom_mosaic import Mosaic, is_mosaic, mosaic_of
from synthfm3d.io.dicom_numbers import directions_of, finite, thickness_of, two_positive
from synthfm3d.io.dicom_steps import is_nuclear, nuclear_steps, plain_steps
from synthfm3d.volume import Array

DAMAGED = (
    "a DICOM image has a damaged header (its geometry or number of frames cannot be read): "
    "export the series again."
)
MOST_FRAMES = 100_000
"""A header with more frames is damaged."""
MOST_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImagePlane:
    """One image plane of a file: where its pixels are stored, and its position in space.

    Parameters
    ----------
    header
        Header of the file without pixels.
    number
        Number of the frame in the file, from 0.
    rows, columns
        Size in pixels.
    corner
        Row and column of the first pixel in the stored frame; not (0, 0) for tiles of a mosaic.
    group
        Functional group of this frame in an enhanced object.
    stack_id
        Identifier of its stack in an enhanced object; empty: unknown.
    position
        Centre of the first pixel (3,), LPS mm; None: unknown.
    orientation
        Unit vectors (2, 3) along a row and down a column, LPS; None: unknown.
    spacing_mm
        Distances between rows and between columns; None: unknown.
    thickness_mm
        Distance to the next slice, or else the thickness of the slice; None: unknown.
    unit
        Unit of the rescaled values, as the standard writes it; empty: unknown.
    vectors
        Values of this frame in the vectors of nuclear medicine, by the name of the dimension.
    doubt
        What is not known about its position, as the end of a sentence; empty: all is known.
    problem
        Why the plane cannot be read; empty: it can.
    """

    path: Path
    header: Dataset
    number: int
    rows: int
    columns: int
    position: Array | None
    orientation: Array | None
    spacing_mm: tuple[float, float] | None
    thickness_mm: float | None
    slope: float | None
    intercept: float | None
    unit: str = ""
    corner: tuple[int, int] = (0, 0)
    group: Dataset | None = None
    stack_id: str = ""
    vectors: dict[str, int] = field(default_factory=dict)
    doubt: str = ""
    problem: str = ""

    @property
    def is_tile(self) -> bool:
        return (self.rows, self.columns) != (int(self.header.Rows), int(self.header.Columns))


def planes_of(file: Path, header: Dataset) -> list[ImagePlane]:
    """The image planes of a file: of a single image, of a multi-frame object, or the tiles of a mosaic.

    An object whose frames have no position gives one plane with the reason as its ``problem``. Raises
    InputError for a damaged header; the message names neither the file nor the patient.
    """
    try:
        for keyword in SINGLE_NUMBERS:
            int(header.get(keyword) or 0)  # a list is also an error
        if isinstance(header.get("SeriesInstanceUID", ""), pydicom.multival.MultiValue):
            raise ValueError("two series are named")
        if min(int(header.Rows), int(header.Columns)) < 1:
            raise ValueError("there are no pixels")
        if not 0 <= int(header.get("BitsStored") or 0) <= MOST_BITS:
            raise ValueError("the number of stored bits is impossible")
        count = int(header.get("NumberOfFrames") or 1)
        if not 1 <= count <= MOST_FRAMES:
            raise ValueError("the number of frames is impossible")
        if is_mosaic(header):
            return _tiles(file, header, mosaic_of(file, header))
        if header.get("PerFrameFunctionalGroupsSequence") or header.get("SharedFunctionalGroupsSequence"):
            return _enhanced_planes(file, header, count)
        return _plain_planes(file, header, count)
    except InputError as error:  # other objects in the folder can still be read
        return [_unread(file, header, str(error))]
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError) as error:
        raise InputError(DAMAGED) from error


def _unread(file: Path, header: Dataset, problem: str) -> ImagePlane:
    return ImagePlane(
        path=file,
        header=header,
        number=0,
        rows=int(header.Rows),
        columns=int(header.Columns),
        position=None,
        orientation=None,
        spacing_mm=None,
        thickness_mm=None,
        slope=None,
        intercept=None,
        problem=problem,
    )


def _enhanced_planes(file: Path, header: Dataset, count: int) -> list[ImagePlane]:
    shared = _first(header, "SharedFunctionalGroupsSequence")
    groups: Sequence[Dataset | None] = header.get("PerFrameFunctionalGroupsSequence") or [None] * count
    if len(groups) != count:
        raise ValueError("frames are missing in its header")
    if count > 1 and groups[0] is None:
        raise InputError(
            f"a DICOM {kind_of(header)} does not say where its {count} frames lie", "export the series again."
        )
    return [_enhanced_plane(file, header, n, group, shared) for n, group in enumerate(groups)]


def _enhanced_plane(
    file: Path, header: Dataset, number: int, group: Dataset | None, shared: Dataset | None
) -> ImagePlane:
    def part(sequence: str) -> Dataset | None:
        """The functional group of this frame, or the shared one."""
        for dataset in (group, shared):
            found = None if dataset is None else _first(dataset, sequence)
            if found is not None:
                return found
        return None

    def value_of(sequence: str, keyword: str) -> object:
        """A value of a functional group; that of the header if the group or the value is missing."""
        found = part(sequence)
        value = None if found is None else found.get(keyword)
        return header.get(keyword) if value is None else value

    position = value_of("PlanePositionSequence", "ImagePositionPatient")
    turned = value_of("PlaneOrientationSequence", "ImageOrientationPatient")
    doubt = ""
    if not position and not turned and part("PlanePositionVolumeSequence") is not None:
        # 3-D ultrasound: positions in the volume itself, whose position in the patient is not known.
        position = value_of("PlanePositionVolumeSequence", "ImagePositionVolume")
        turned = value_of("PlaneOrientationVolumeSequence", "ImageOrientationVolume")
        doubt = "says where its slices lie in its own volume, not in the patient"
    measures = part("PixelMeasuresSequence") or header
    values = part("PixelValueTransformationSequence") or header
    spacing = measures.get("PixelSpacing") or header.get("PixelSpacing") or region_spacing(header)
    return ImagePlane(
        path=file,
        header=header,
        number=number,
        rows=int(header.Rows),
        columns=int(header.Columns),
        group=group,
        stack_id=_stack_id_of(group),
        position=finite(position, 3) if position else None,
        orientation=directions_of(turned) if turned else None,
        spacing_mm=two_positive(spacing) if spacing else None,
        thickness_mm=thickness_of(measures),
        slope=_number(values, "RescaleSlope"),
        intercept=_number(values, "RescaleIntercept"),
        unit=_unit(values),
        doubt=doubt,
    )


def _plain_planes(file: Path, header: Dataset, count: int) -> list[ImagePlane]:
    steps = nuclear_steps(header, count) if is_nuclear(header) else plain_steps(header, count)
    spacing = header.get("PixelSpacing") or region_spacing(header)
    vectors = {name: _vector(header, keyword, count) for keyword, name in VECTORS.items()}
    return [
        ImagePlane(
            path=file,
            header=header,
            number=n,
            rows=int(header.Rows),
            columns=int(header.Columns),
            position=steps.position_of(n),
            orientation=steps.orientation,
            spacing_mm=two_positive(spacing) if spacing else None,
            thickness_mm=thickness_of(header) if steps.step_mm is None else abs(steps.step_mm),
            slope=_number(header, "RescaleSlope"),
            intercept=_number(header, "RescaleIntercept"),
            unit=_unit(header),
            vectors={name: values[n] for name, values in vectors.items() if values},
            doubt=steps.doubt,
        )
        for n in range(count)
    ]


def _tiles(file: Path, header: Dataset, mosaic: Mosaic) -> list[ImagePlane]:
    return [
        ImagePlane(
            path=file,
            header=header,
            number=0,
            rows=mosaic.rows,
            columns=mosaic.columns,
            corner=mosaic.corner_of(n),
            position=mosaic.position_of(n),
            orientation=mosaic.orientation,
            spacing_mm=mosaic.spacing_mm,
            thickness_mm=mosaic.step_mm,
            slope=_number(header, "RescaleSlope"),
            intercept=_number(header, "RescaleIntercept"),
            unit=_unit(header),
        )
        for n in range(mosaic.count)
    ]


def _stack_id_of(group: Dataset | None) -> str:
    content = None if group is None else _first(group, "FrameContentSequence")
    return "" if content is None else str(content.get("StackID", ""))


def _vector(header: Dataset, keyword: str, count: int) -> list[int]:
    """One number for each frame; empty if the header has none."""
    stored = header.get(keyword)
    if stored is None or stored == "":
        return []
    values = [int(value) for value in np.atleast_1d(np.asarray(stored))]
    if len(values) != count:
        raise ValueError(f"{keyword} does not have a number for each frame")
    return values


def _first(dataset: Dataset, sequence: str) -> Dataset | None:
    items = dataset.get(sequence)
    return items[0] if items else None


def _number(dataset: Dataset, keyword: str) -> float | None:
    value = dataset.get(keyword)
    return None if value is None or value == "" else float(value)


def _unit(dataset: Dataset) -> str:
    return str(dataset.get("RescaleType") or "").strip().upper()


def region_spacing(header: Dataset) -> list[float] | None:
    """Spacing (rows, columns) in mm of an ultrasound image, from its largest calibrated 2-D region.

    Regions are stored in centimetres.
    """
    found: list[tuple[float, list[float]]] = []
    for region in header.get("SequenceOfUltrasoundRegions") or []:
        units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
        if units != (3, 3) or not region.get("PhysicalDeltaX") or not region.get("PhysicalDeltaY"):
            continue
        sides = [
            abs(
                int(region.get(f"RegionLocationMax{axis}1") or 0)
                - int(region.get(f"RegionLocationMin{axis}0") or 0)
            )
            for axis in "XY"
        ]
        spacing = [10 * abs(float(region.PhysicalDeltaY)), 10 * abs(float(region.PhysicalDeltaX))]
        found.append((float(sides[0] * sides[1]), spacing))
    return max(found, key=lambda entry: entry[0])[1] if found else None
