"""A sound CT series, slice by slice, that a test can spoil."""

import warnings

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from synthfm3d.io.read import ReadOptions, read
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume

ROWS, COLUMNS, SLICES = 36, 48, 10
STEP_MM, BETWEEN_ROWS, BETWEEN_COLUMNS = 5.0, 0.8, 0.7
IDENTITY = "DOE^JOHN"


def slice_values(n: int) -> np.ndarray:
    """Stored values (y, x) of slice n: every voxel of the series differs from its neighbours."""
    return stream(n, "dicom").integers(0, 2000, size=(ROWS, COLUMNS)).astype(np.uint16)


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


def quiet_read(path, **options) -> Volume:
    """A scan, read; its doubts stay with it and are not warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(path, ReadOptions(**options))
