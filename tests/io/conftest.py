"""Files to read: a sound DICOM series that a test can spoil, and refusals that name it."""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import IDENTITY, SLICES, make_slice, set_pixels, slice_values
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage, generate_uid

from synthfm3d.errors import InputError
from synthfm3d.io.read import ReadOptions, read


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
