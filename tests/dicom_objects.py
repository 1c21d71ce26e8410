"""Multi-frame DICOM objects for tests: enhanced, plain, nuclear medicine, ultrasound volumes, mosaics."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from dicom_files import set_pixels
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from synthfm3d.randomness import stream

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
ENHANCED_US_VOLUME = "1.2.840.10008.5.1.4.1.1.6.2"
NUCLEAR = "1.2.840.10008.5.1.4.1.1.20"
US_FRAMES = "1.2.840.10008.5.1.4.1.1.3.1"
SERIES = "1.2.3.7"
AXIAL = [1, 0, 0, 0, 1, 0]


def planes(count: int, rows: int = 12, columns: int = 16) -> np.ndarray:
    """uint16 (frame, y, x): every frame differs from all others."""
    return stream(0, "planes").integers(0, 1000, size=(count, rows, columns)).astype(np.uint16)


def an_object(sop: str = MR, modality: str = "MR", number: int = 1, series: str = SERIES) -> Dataset:
    """A header that names no patient, without pixels and without a place."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = f"{series}.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.5", series
    dataset.FrameOfReferenceUID = "1.2.3.6"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = modality, 1, number
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    return dataset


def a_slice(
    values: np.ndarray,
    z_mm: float,
    *,
    number: int = 1,
    spacing: Sequence[float] = (1.0, 1.0),
    **others: object,
) -> Dataset:
    """An axial MR slice; ``others`` are elements by keyword."""
    dataset = an_object(number=number)
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, z_mm], AXIAL
    dataset.PixelSpacing = list(spacing)
    set_pixels(dataset, values)
    for keyword, value in others.items():
        setattr(dataset, keyword, value)
    return dataset


def item(**elements: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def an_enhanced(
    values: np.ndarray,
    places_mm: Sequence[float],
    groups: Sequence[dict[str, Dataset]] | None = None,
    *,
    number: int = 1,
    contents: Sequence[dict[str, object]] | None = None,
) -> Dataset:
    """An enhanced MR of axial frames.

    Parameters
    ----------
    values
        uint16 (frame, y, x).
    places_mm
        Of each frame along z.
    groups
        Further functional groups of each frame, by the keyword of their sequence.
    contents
        Elements of the frame content of each frame.
    """
    dataset = an_object(ENHANCED_MR, number=number)
    set_pixels(dataset, values[0])
    dataset.NumberOfFrames, dataset.PixelData = len(values), values.tobytes()
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[1.0, 1.0], SliceThickness=3.0)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=AXIAL)],
    )
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for n, z_mm in enumerate(places_mm):
        group = item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, float(z_mm)])],
            FrameContentSequence=[item(**(contents[n] if contents else {}))],
        )
        for keyword, inner in (groups[n] if groups else {}).items():
            setattr(group, keyword, [inner])
        frames.append(group)
    dataset.PerFrameFunctionalGroupsSequence = frames
    return dataset


def frames_in_one(values: np.ndarray, sop: str, modality: str, **others: object) -> Dataset:
    """A multi-frame object without functional groups."""
    dataset = an_object(sop, modality)
    set_pixels(dataset, values[0])
    dataset.NumberOfFrames, dataset.PixelData = len(values), values.tobytes()
    for keyword, value in others.items():
        setattr(dataset, keyword, value)
    return dataset


def a_mosaic(values: np.ndarray, normal: Sequence[float] | None, *, number: int = 1) -> Dataset:
    """A Siemens mosaic of slices (z, y, x), 3 mm apart along the normal of its private header."""
    across = int(np.ceil(np.sqrt(len(values))))
    rows, columns = values.shape[1:]
    picture = np.zeros((across * rows, across * columns), values.dtype)
    for n, one in enumerate(values):
        row, column = n // across * rows, n % across * columns
        picture[row : row + rows, column : column + columns] = one
    dataset = a_slice(picture, 40.0, number=number, spacing=(2.0, 2.5), SpacingBetweenSlices=3.0)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    dataset.Manufacturer = "SIEMENS"
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", len(values))
    if normal is not None:
        block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", csa_header(len(values), normal))
    return dataset


def csa_header(count: int, normal: Sequence[float]) -> bytes:
    """The two entries of Siemens' private header that a mosaic needs, in its second form."""
    entries = [
        (b"NumberOfImagesInMosaic", b"US", [b"%d" % count]),
        (b"SliceNormalVector", b"FD", [b"%.8f" % value for value in normal]),
        (b"AcquisitionMatrixText", b"SH", [b"12p*16"]),
    ]
    content = b"SV10\4\3\2\1" + struct.pack("<2I", len(entries), 77)
    for name, kind, values in entries:
        content += struct.pack("<64si4s3i", name, len(values), kind, 0, len(values), 77)
        for value in values:
            text = value + b"\0"
            content += (
                struct.pack("<4i", len(text), len(text), 77, len(text)) + text + b"\0" * (-len(text) % 4)
            )
    return content + b"\0" * (-len(content) % 2)


def saved(folder: Path, *datasets: Dataset) -> Path:
    """The objects as files of a folder; its path."""
    folder.mkdir(exist_ok=True)
    for n, dataset in enumerate(datasets):
        dataset.save_as(folder / f"{n:03}.dcm", enforce_file_format=True)
    return folder
