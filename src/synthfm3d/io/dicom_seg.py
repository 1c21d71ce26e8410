"""Write a label map as a DICOM segmentation, which refers to the images of its scan."""

import io
from collections.abc import Mapping
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from synthfm3d import __version__
from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.io.dicom import ordered_planes
from synthfm3d.io.dicom_geometry import OrderedSlices
from synthfm3d.io.dicom_headers import silent_libraries
from synthfm3d.io.dicom_numbers import ON_GRID
from synthfm3d.io.dicom_seg_sources import EMPTIED, source_headers
from synthfm3d.io.dicom_series import ImageStack
from synthfm3d.io.structure_codes import coded
from synthfm3d.volume import Grid, Volume

LONGEST_LABEL = 64
"""Largest number of characters of a segment's label; a longer name is also in its description."""


def write_dicom_seg(
    path: Path,
    labels: Volume,
    source: Path,
    *,
    series: str | None = None,
    frame: int | None = None,
    names: Mapping[int, str] | None = None,
    keep_identity: bool = False,
) -> None:
    """Write a label map on the slices of a DICOM series, atomically.

    Parameters
    ----------
    labels
        Integers (z, y, x) on the grid that ``read`` gives for the source; 0 is the background.
    source, series, frame
        The series that was read. The segmentation refers to each of its slices.
    names
        Names of the label values; a known name gets a DICOM code.
    keep_identity
        Whether the patient's identity is copied from the source, which an archive needs to file the object.
        Without it, the object contains only the unique identifiers of the study and the series.

    Raises
    ------
    InputError
        The label map is empty or does not fit the slices of the series.
    """
    content = io.BytesIO()
    _made(path, labels, source, series, frame, names or {}, keep_identity).save_as(content)
    write_atomically(path, content.getvalue())


def check_dicom_seg(
    path: Path, scan: Grid, source: Path, *, series: str | None = None, frame: int | None = None
) -> None:
    """Raise InputError if a mask on ``scan`` could not be written as a segmentation of the source."""
    voxels = np.zeros(scan.shape, np.uint8)
    voxels[0, 0, 0] = 1
    _made(path, Volume(voxels=voxels, affine=scan.affine), source, series, frame, {}, False)


def _made(
    path: Path,
    labels: Volume,
    source: Path,
    series: str | None,
    frame: int | None,
    names: Mapping[int, str],
    keep_identity: bool,
) -> hd.seg.Segmentation:
    values = [int(v) for v in np.unique(labels.voxels) if v != 0]
    if not values:
        raise InputError(
            "the mask is empty, and DICOM has no empty segmentation", "write .nii.gz.", path=path
        )
    if values[0] < 0:
        raise InputError(
            f"holds the label {values[0]}: labels of a DICOM segmentation are positive.", path=path
        )
    with silent_libraries():
        ordered, stack = _source_slices(path, labels.grid, source, series, frame)
        try:
            segmentation = _segmentation(ordered, stack, labels, values, names)
        except (AttributeError, ValueError, KeyError, TypeError, IndexError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"its series cannot be referred to by a DICOM segmentation ({reason})",
                "write .nii.gz.",
                path=path,
            ) from error
    if not keep_identity:
        _without_identity(segmentation)
    return segmentation


def _source_slices(
    path: Path, grid: Grid, source: Path, series: str | None, frame: int | None
) -> tuple[OrderedSlices, ImageStack]:
    """The slices of the source; InputError if they do not fit the grid."""
    ordered, stack = ordered_planes(source, series, frame, allow_gaps=True)
    shape = (len(ordered.planes), stack.rows, stack.columns)
    if ordered.at is not None:
        raise InputError(
            "slices of the scan are missing or uneven and were interpolated, and a DICOM "
            "segmentation cannot refer to missing slices",
            "write .nii.gz or .nrrd instead.",
            path=path,
        )
    if ordered.planes[0].is_tile:
        raise InputError(
            "a DICOM segmentation cannot refer to the tiles of a mosaic",
            "write .nii.gz or .nrrd instead.",
            path=path,
        )
    lies_on = Grid(shape, ordered.affine).same_as(grid, tolerance_mm=ON_GRID * min(grid.spacing_mm))
    if ordered.third_axis == "time" or not lies_on:
        raise InputError(
            "the mask does not lie on the slices of the series (a sequence in time, or another scan)",
            "write .nii.gz instead.",
            path=path,
        )
    return ordered, stack


def _segmentation(
    ordered: OrderedSlices, stack: ImageStack, labels: Volume, values: list[int], names: Mapping[int, str]
) -> hd.seg.Segmentation:
    """The segmentation object; segments are numbered from 1 in the order of the label ``values``."""
    sources = source_headers(ordered.planes, labels.spacing_mm[0])
    numbers = np.zeros(max(values) + 1, np.uint8 if len(values) < 256 else np.uint16)
    numbers[values] = range(1, len(values) + 1)
    segmentation = hd.seg.Segmentation(
        source_images=sources.headers,
        pixel_array=numbers[labels.voxels],
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(n, names.get(value, f"object {value}")) for n, value in enumerate(values, start=1)
        ],
        series_instance_uid=hd.UID(),
        series_number=1000 + (stack.series_number or 0) % 1000,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="SynthFM-3D",
        manufacturer_model_name="SynthFM-3D",
        software_versions=__version__,
        device_serial_number="0",
        series_description="SynthFM-3D segmentation",
    )
    sources.refer_truly(segmentation)
    return segmentation


def _description(number: int, name: str) -> hd.seg.SegmentDescription:
    known = coded(name)
    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:LONGEST_LABEL],
        segmented_property_category=known.category,
        segmented_property_type=known.type,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="SynthFM-3D", version=__version__, family=codes.DCM.ArtificialIntelligence
        ),
    )
    if len(name) > LONGEST_LABEL:
        description.SegmentDescription = name[:1024]
    if known.side is not None:
        side = hd.sr.CodedConcept.from_code(known.side)
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [side]
    return description


def _without_identity(dataset: Dataset) -> None:
    """Empty or delete all elements that identify the patient. highdicom copies them to the top level."""
    for element in list(dataset):
        if element.tag.group == 0x0010 and element.keyword not in EMPTIED:
            del dataset[element.tag]
    for keyword in EMPTIED:
        setattr(dataset, keyword, "")
    for keyword in ("StudyDescription", "ClinicalTrialSubjectID", "IssuerOfPatientID", "InstitutionName"):
        if keyword in dataset:
            delattr(dataset, keyword)
