"""Files to read: a sound DICOM series that a test can spoil, and refusals that name it."""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

from synthfm3d.errors import InputError
from synthfm3d.io.read import ReadOptions, read
from synthfm3d.randomness import stream

ROWS, COLUMNS, SLICES = 36, 48, 10
STEP_MM, BETWEEN_ROWS, BETWEEN_COLUMNS = 5.0, 0.8, 0.7
IDENTITY = "DOE^JOHN"


def slice_values(n: int) -> np.ndarray:
    """Stored values (y, x) of slice n: every voxel of the series differs from its neighbours."""
    return stream(n, "dicom").integers(0, 2000, size=(ROWS, COLUMNS)).astype(np.uint16)


@dataclass
class Series:
    """Ten axial CT slices, 5 mm apart, in which a test may change what it likes before they are written."""

    folder: Path
    datasets: list[Dataset] = field(default_factory=list)

    def write(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        for n, dataset in enumerate(self.datasets):
            dataset.save_as(self.folder / f"{IDENTITY}_{n:03}.dcm", enforce_file_format=True)
        return self.folder

    def hounsfield(self) -> np.ndarray:
        """The right answer (z, y, x), sorted from the feet to the head."""
        return np.stack([slice_values(n).astype(np.int32) - 1024 for n in range(SLICES)])


def make_slice(n: int, study: str, series: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = IDENTITY, "4711-ID", "19600102"
    dataset.PatientSex = "M"
    dataset.AccessionNumber, dataset.ReferringPhysicianName = "ACC-99", "HOUSE^GREGORY"
    dataset.StudyID, dataset.StudyDate, dataset.StudyTime = "S1", "20260101", "101500"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame of reference"])
    dataset.PositionReferenceIndicator = ""
    dataset.Manufacturer, dataset.ManufacturerModelName = "Maker", "Scanner"
    dataset.SeriesDescription = f"thorax {IDENTITY}"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 3, n + 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient = [-10.0, -20.0, 100.0 + STEP_MM * n]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [BETWEEN_ROWS, BETWEEN_COLUMNS], STEP_MM
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    set_pixels(dataset, slice_values(n))
    return dataset


def set_pixels(dataset: Dataset, values: np.ndarray) -> None:
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * values.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    dataset.PixelData = values.tobytes()


def make_enhanced(series: Series) -> Dataset:
    """The series as one enhanced CT, its frames in another order."""
    first = deepcopy(series.datasets[0])
    first.SOPClassUID = first.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    first.NumberOfFrames = len(series.datasets)
    shared = Dataset()
    measures, turn, values = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = first.PixelSpacing, 5
    turn.ImageOrientationPatient = first.ImageOrientationPatient
    values.RescaleSlope, values.RescaleIntercept = 1, -1024
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turn]
    shared.PixelValueTransformationSequence = [values]
    first.SharedFunctionalGroupsSequence = [shared]
    groups, pixels = [], []
    for dataset in series.datasets[::-1]:
        group, place = Dataset(), Dataset()
        place.ImagePositionPatient = dataset.ImagePositionPatient
        group.PlanePositionSequence = [place]
        groups.append(group)
        pixels.append(dataset.PixelData)
    first.PerFrameFunctionalGroupsSequence = groups
    first.PixelData = b"".join(pixels)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
        delattr(first, name)
    return first


@pytest.fixture
def series(tmp_path) -> Series:
    study, uid = generate_uid(entropy_srcs=["study"]), generate_uid(entropy_srcs=["series"])
    return Series(tmp_path / "scan", [make_slice(n, study, uid) for n in range(SLICES)])


@pytest.fixture
def enhanced():
    return make_enhanced


@pytest.fixture
def refused():
    """Checks that reading is refused in one line that names the path and no patient."""

    def check(path: Path, *words: str, **options: Any) -> str:
        with pytest.raises(InputError) as caught:
            read(path, ReadOptions(**options))
        message = str(caught.value)
        assert "\n" not in message
        for word in words:  # a test's name is in its path
            assert word in message.replace(str(path), ""), message
        for identity in ("DOE", "JOHN", "4711-ID", "ACC-99"):
            assert identity not in message.replace(str(path), "")
        return message

    return check


@pytest.fixture
def spoiled_pixels():
    return set_pixels
