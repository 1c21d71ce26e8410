"""A label map as a DICOM segmentation object that names the images it was made from."""

import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from synthfm3d import __version__
from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.io.dicom import placed_frames
from synthfm3d.io.dicom_geometry import Placed
from synthfm3d.io.dicom_series import Stack
from synthfm3d.volume import Array, Grid, Volume

_TERMS = {
    "adrenal": codes.SCT.AdrenalGland,
    "aorta": codes.SCT.Aorta,
    "brain": codes.SCT.Brain,
    "duodenum": codes.SCT.Duodenum,
    "esophagus": codes.SCT.Esophagus,
    "gallbladder": codes.SCT.Gallbladder,
    "heart": codes.SCT.Heart,
    "inferior_vena_cava": codes.SCT.InferiorVenaCava,
    "kidney": codes.SCT.Kidney,
    "left_ventricle": codes.SCT.LeftVentricle,
    "liver": codes.SCT.Liver,
    "pancreas": codes.SCT.Pancreas,
    "prostate": codes.SCT.Prostate,
    "spinal_cord": codes.SCT.SpinalCord,
    "spleen": codes.SCT.Spleen,
    "stomach": codes.SCT.Stomach,
}
"""SNOMED CT terms of structures; what is not here is a body structure with the user's words as its label."""
_EMPTIED = (
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
"""The standard wants these to be there, but they may be empty."""


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
    """Write a label map on the very slices of a DICOM series, whole or not at all.

    Parameters
    ----------
    labels
        Integers (z, y, x) on the grid that ``read`` gave for the source; 0 is no segment.
    source, series, frame
        What was read: the series is referenced slice by slice.
    names
        Names of the label values; a known one becomes a coded term.
    keep_identity
        Copy the patient's identity from the source, as an archive needs it to file the object. Without
        it, only the study's and series' unique identifiers say where the object belongs.

    Raises
    ------
    InputError
        The label map is empty or does not lie on the slices of the series.
    """
    placed, stack = placed_frames(source, series, frame)
    shape = (len(placed.frames), stack.rows, stack.columns)
    if placed.third_axis == "time" or not Grid(shape, placed.affine).same_as(labels.grid, tolerance_mm=0.01):
        raise InputError(
            f"{path}: the mask does not lie on the slices of the series (interpolated, or a sequence): "
            "write .nii.gz instead."
        )
    values = [int(v) for v in np.unique(labels.voxels) if v != 0]
    if not values:
        raise InputError(f"{path}: the mask is empty, and DICOM has no empty segmentation: write .nii.gz.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd values in the source; they may quote the patient's name
        try:
            segmentation = _segmentation(placed, stack, labels, values, names or {})
        except (AttributeError, ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{path}: its series cannot be referred to by a DICOM segmentation ({reason}): write .nii.gz."
            ) from error
        if not keep_identity:
            _without_identity(segmentation)
        content = io.BytesIO()
        segmentation.save_as(content)
    write_atomically(path, content.getvalue())


def _segmentation(
    placed: Placed, stack: Stack, labels: Volume, values: list[int], names: Mapping[int, str]
) -> hd.seg.Segmentation:
    """The segmentation object; segments are numbered from 1 in the order of the label ``values``."""
    sources, order = _sources(placed)
    for header in sources:
        _complete(header, labels.spacing_mm[0])
    numbers = np.zeros(max(values) + 1, np.uint8 if len(values) < 256 else np.uint16)
    numbers[values] = range(1, len(values) + 1)
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=numbers[labels.voxels[order]],
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


def _sources(placed: Placed) -> tuple[list[Dataset], Array]:
    """Headers of the source files, and the order of the slices in which highdicom wants the voxels."""
    files = list(dict.fromkeys(frame.path for frame in placed.frames))
    headers: list[Dataset] = [pydicom.dcmread(file, stop_before_pixels=True, force=True) for file in files]
    if len(files) == len(placed.frames):
        return headers, np.asarray(np.arange(len(files)))
    # One file of many frames: in the order of its frames.
    return headers, np.asarray(np.argsort([frame.number for frame in placed.frames]))


def _complete(header: Dataset, thickness_mm: float) -> None:
    """Give a source what the standard wants it to have and scanners leave out; an empty value says so."""
    for keyword in (*_EMPTIED, "Manufacturer", "PositionReferenceIndicator"):
        if keyword not in header:
            setattr(header, keyword, "")
    if not header.get("SliceThickness"):
        header.SliceThickness = thickness_mm


def _description(number: int, name: str) -> hd.seg.SegmentDescription:
    word = name.lower().replace(" ", "_")
    known = next((term for key, term in _TERMS.items() if key in word), None)
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=codes.SCT.Organ if known else codes.SCT.AnatomicalStructure,
        segmented_property_type=known or codes.SCT.BodyStructure,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="SynthFM-3D", version=__version__, family=codes.DCM.ArtificialIntelligence
        ),
    )


def _without_identity(dataset: Dataset) -> None:
    """Empty or delete whatever says who the patient is, at the top level, where highdicom copies it to."""
    for element in list(dataset):
        if element.tag.group == 0x0010 and element.keyword not in _EMPTIED:
            del dataset[element.tag]
    for keyword in _EMPTIED:
        setattr(dataset, keyword, "")
    for keyword in ("StudyDescription", "ClinicalTrialSubjectID", "IssuerOfPatientID", "InstitutionName"):
        if keyword in dataset:
            delattr(dataset, keyword)
