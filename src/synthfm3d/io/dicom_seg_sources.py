"""Headers of a series with which highdicom can refer to its slices.

highdicom needs single images of exactly one orientation, or one multi-frame object whose frames all belong to
the mask. Some series are neither: directions are rounded, only some frames of an enhanced object are used,
frames are spread over several files, or nuclear medicine has no functional groups. For them, highdicom gets
one header with a functional group for each slice. The references that it writes are then changed to the true
file and frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from synthfm3d.io.dicom_planes import ImagePlane

EMPTIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
"""Elements that the standard requires, but that may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sources:
    """Headers for highdicom, one for each slice or one for all, in the order of the slices.

    Parameters
    ----------
    frames
        The slices; empty if each header is that of a separate file.
    files
        The unchanged headers of the files.
    """

    headers: list[Dataset]
    planes: tuple[ImagePlane, ...]
    files: dict[Path, Dataset]

    def refer_truly(self, segmentation: Dataset) -> None:
        """Change references to slices of the common header to their true files and frames."""
        if not self.planes:
            return
        seen: dict[int, Dataset] = {}  # segments on the same slice share a reference
        for group in segmentation.PerFrameFunctionalGroupsSequence:
            derived = chain(*(item.SourceImageSequence for item in group.get("DerivationImageSequence", [])))
            for reference in derived:
                if id(reference) in seen:
                    continue
                seen[id(reference)] = reference
                plane = self.planes[int(reference.ReferencedFrameNumber) - 1]
                _point_to(reference, self.files[plane.path])
                reference.ReferencedFrameNumber = plane.number + 1
        for series in segmentation.ReferencedSeriesSequence:
            series.ReferencedInstanceSequence = Items(
                [_point_to(Dataset(), header) for header in self.files.values()]
            )


def source_headers(planes: Sequence[ImagePlane], step_mm: float) -> Sources:
    """Headers of the slices of a volume, which are ``step_mm`` apart."""
    files = {
        path: _complete(pydicom.dcmread(path, stop_before_pixels=True, force=True), step_mm)
        for path in dict.fromkeys(plane.path for plane in planes)
    }
    multi_frame = any(int(header.get("NumberOfFrames") or 1) > 1 for header in files.values())
    if not multi_frame and len(files) == len(planes):
        headers = list(files.values())
        for header in headers:  # rounded directions differ in their last digits
            header.ImageOrientationPatient = headers[0].ImageOrientationPatient
            header.PixelSpacing = headers[0].PixelSpacing
        return Sources(headers=headers, planes=(), files=files)
    return Sources(headers=[_one_for_all(planes, files, step_mm)], planes=tuple(planes), files=files)


def _one_for_all(planes: Sequence[ImagePlane], files: dict[Path, Dataset], step_mm: float) -> Dataset:
    """The header of the first file with a functional group for each slice, and no others."""
    header = pydicom.dataset.Dataset(files[planes[0].path])
    header.file_meta = getattr(files[planes[0].path], "file_meta", None)
    shared, measures, turned = Dataset(), Dataset(), Dataset()
    first = planes[0]
    assert first.orientation is not None
    assert first.spacing_mm is not None
    measures.PixelSpacing = [_decimal(mm) for mm in first.spacing_mm]
    measures.SliceThickness = measures.SpacingBetweenSlices = _decimal(step_mm)
    turned.ImageOrientationPatient = [_decimal(v) for v in first.orientation.ravel()]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([turned])
    groups = []
    for plane in planes:
        assert plane.position is not None
        group, plane_position = Dataset(), Dataset()
        plane_position.ImagePositionPatient = [_decimal(mm) for mm in plane.position]
        group.PlanePositionSequence = Items([plane_position])
        groups.append(group)
    header.SharedFunctionalGroupsSequence = Items([shared])
    header.PerFrameFunctionalGroupsSequence = Items(groups)
    header.NumberOfFrames = len(planes)
    return header


def _complete(header: Dataset, step_mm: float) -> Dataset:
    """Add elements that the standard requires and scanners leave out, with empty values."""
    for keyword in (*EMPTIED, "Manufacturer", "PositionReferenceIndicator"):
        if keyword not in header:
            setattr(header, keyword, "")
    if not header.get("SliceThickness"):
        header.SliceThickness = _decimal(step_mm)
    return header


def _point_to(reference: Dataset, header: Dataset) -> Dataset:
    reference.ReferencedSOPClassUID = header.SOPClassUID
    reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return reference


def _decimal(value: float) -> str:
    """A number in at most sixteen characters, the length of a DICOM decimal string."""
    return next(text for digits in range(14, 3, -1) if len(text := f"{value:.{digits}g}") <= 16)
