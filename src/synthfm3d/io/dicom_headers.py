"""Read headers of DICOM files without pixels, and find the kind of object in a file.

Damaged headers are found here.
"""

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from synthfm3d.errors import InputError
from synthfm3d.io.checks import check_size

DAMAGED = "a DICOM file is damaged in its header: export the series again."
SEGMENTATIONS = (
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation Storage
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation Storage
)
_SWELLS = "a deflated DICOM file swells to more than is read: export it uncompressed."
_WITHOUT_VOXELS = (
    "Presentation State",
    "Structured Report",
    " SR ",
    "RT Structure",
    "Key Object",
    "Waveform",
)
_NOT_A_SCAN = (
    "Segmentation Storage",
    "Parametric Map",
    "RT Dose",
    "Whole Slide",
)
CLASSIC_MOMENTS = (
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
    "ContrastBolusAgent",
    "ConvolutionKernel",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "EchoNumbers",
    "EchoTime",
    "FlipAngle",
    "FrameReferenceTime",
    "ImageType",
    "InversionTime",
    "KVP",
    "NominalPercentageOfCardiacPhase",
    "ReconstructionDiameter",
    "RepetitionTime",
    "SequenceName",
    "TemporalPositionIdentifier",
    "TriggerTime",
)
"""Keywords that may distinguish images at the same position in different files."""
VECTORS = {
    "EnergyWindowVector": "EnergyWindow",
    "DetectorVector": "Detector",
    "PhaseVector": "Phase",
    "RRIntervalVector": "RRInterval",
    "TimeSlotVector": "TimeSlot",
    "TimeSliceVector": "TimeSlice",
}
"""Keywords that may distinguish frames of nuclear medicine, with one number for each frame."""
SINGLE_NUMBERS = (
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "HighBit",
    "InConcatenationTotalNumber",
    "PixelRepresentation",
    "Rows",
    "SamplesPerPixel",
    "SeriesNumber",
)
_TAGS: list[str] = [
    *CLASSIC_MOMENTS,
    *SINGLE_NUMBERS,
    *VECTORS,
    "BurnedInAnnotation",
    "CineRate",
    "ConcatenationUID",
    "DetectorInformationSequence",
    "DimensionIndexSequence",
    "FrameIncrementPointer",
    "FrameTime",
    "FrameTimeVector",
    "GridFrameOffsetVector",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "InConcatenationNumber",
    "InConcatenationTotalNumber",
    "InstanceNumber",
    "Modality",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelAspectRatio",
    "PixelPaddingRangeLimit",
    "PixelPaddingValue",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "SOPClassUID",
    "SequenceOfUltrasoundRegions",
    "SeriesInstanceUID",
    "SharedFunctionalGroupsSequence",
    "SliceLocationVector",
    "SliceThickness",
    "SliceVector",
    "SpacingBetweenSlices",
    "SpecificCharacterSet",
]
"""All keywords that are read. None of them identifies the patient."""
_CHUNK = 1 << 20
_START = 4096
"""Number of bytes at the start of a file that contain its transfer syntax."""
_BEFORE_META = 144
"""Length of the preamble, the magic and the first element, which has the length of the meta information."""


_SILENCE = RLock()


@contextmanager
def silent_libraries() -> Iterator[None]:
    """Suppress warnings in this context, because DICOM libraries quote values that may be a patient's name.

    Warning filters belong to the whole process, so only one thread at a time can be in this context.
    """
    with _SILENCE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def header_of(file: Path) -> Dataset | None:
    """The header of a DICOM file without its pixels; None if the file is not DICOM.

    Raises InputError if the header is damaged.
    """
    with silent_libraries():
        try:
            _refuse_a_bomb(file)
            header = _converted(pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS))
        except InvalidDicomError:
            return _without_preamble(file)
        except InputError:
            raise
        except Exception as error:  # a damaged header can raise nearly anything
            # The name of the file may be the patient's, so it is not shown. Skipping the file loses a slice.
            raise InputError(DAMAGED) from error
        if "SOPClassUID" not in header and "MediaStorageSOPClassUID" not in header.file_meta:
            raise InputError(DAMAGED)
        return header


def whole_file(file: Path) -> Dataset:
    """A file with its pixels; a missing transfer syntax is guessed."""
    _refuse_a_bomb(file)
    dataset = pydicom.dcmread(file, force=True)
    _name_syntax(dataset)
    return dataset


def _without_preamble(file: Path) -> Dataset | None:
    """The header of a file without a preamble; None unless it names its SOP class and has rows."""
    try:
        header = _converted(pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS))
    except Exception:  # the file may contain anything
        return None
    if "SOPClassUID" not in header or "Rows" not in header:
        return None
    _name_syntax(header)
    return header


def _name_syntax(dataset: Dataset) -> None:
    if "TransferSyntaxUID" in getattr(dataset, "file_meta", Dataset()):
        return
    dataset.ensure_file_meta()
    implicit = dataset.original_encoding[0]
    dataset.file_meta.TransferSyntaxUID = (
        pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
    )


def _converted(header: Dataset) -> Dataset:
    """The header with all values converted from bytes, which pydicom does later, so that damage is found."""
    for part in (header, getattr(header, "file_meta", Dataset())):
        for _ in part.iterall():
            pass
    return header


def _refuse_a_bomb(file: Path) -> None:
    """Raise InputError for a deflated file that expands beyond the largest size; pydicom has no limit."""
    with file.open("rb") as stream:
        if DeflatedExplicitVRLittleEndian.encode() not in stream.read(_START):
            return
        try:
            length = read_file_meta_info(file).FileMetaInformationGroupLength
            stream.seek(_BEFORE_META + length)
        except Exception:  # the next reader reports the error
            return
        size, inflate = 0, zlib.decompressobj(-zlib.MAX_WBITS)
        while not inflate.eof and (stored := inflate.unconsumed_tail or stream.read(_CHUNK)):
            size += len(inflate.decompress(stored, 16 * _CHUNK))
            try:
                check_size(file, (size,), 1)
            except InputError:  # the name of the file is not shown: it may be the patient's
                raise InputError(_SWELLS) from None


def is_image(header: Dataset) -> bool:
    """Whether a header belongs to an image of a scan, and not to a report, a mask or a drawing."""
    kind = kind_of(header)
    if any(word in f"{kind} Storage" for word in (*_WITHOUT_VOXELS, *_NOT_A_SCAN)):
        return False
    return bool(header.get("Rows")) and bool(header.get("Columns"))


def is_segmentation(header: Dataset) -> bool:
    return str(header.get("SOPClassUID", "")) in SEGMENTATIONS


def kind_of(header: Dataset) -> str:
    """The name of an object's kind in the standard, such as ``"CT Image"``."""
    named = header.get("SOPClassUID") or getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID")
    uid = UID(str(named or ""))
    name = uid.name if uid.name != uid else "object of an unknown kind"
    return name.removesuffix(" Storage")
