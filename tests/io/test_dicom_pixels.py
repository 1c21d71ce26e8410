"""Pixels and frames of DICOM files, one defect each: they become what was measured, or are refused."""

import numpy as np
import pydicom
import pytest
from dicom_files import quiet_read
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from synthfm3d.io.read import read


def test_an_intercept_of_its_own_for_each_slice_is_applied(series):
    for n, dataset in enumerate(series.datasets):
        dataset.RescaleIntercept, dataset.RescaleSlope = -1000 - n, 2
    expected = [2 * (hu + 1024) - 1000 - n for n, hu in enumerate(series.hounsfield())]
    assert np.array_equal(quiet_read(series.write()).voxels, expected)


def test_ct_without_rescaling_is_warned_of(series):
    for dataset in series.datasets:
        del dataset.RescaleSlope, dataset.RescaleIntercept
    volume = quiet_read(series.write())
    assert "without rescale slope" in volume.doubts[0]
    assert np.array_equal(volume.voxels, series.hounsfield() + 1024)


def test_hounsfield_units_are_never_inverted(series):
    for dataset in series.datasets:
        dataset.PhotometricInterpretation = "MONOCHROME1"
    assert np.array_equal(read(series.write()).voxels, series.hounsfield())


def test_mr_that_stores_bright_as_low_is_inverted(series):
    for dataset in series.datasets:
        dataset.PhotometricInterpretation, dataset.Modality = "MONOCHROME1", "MR"
    with pytest.warns(UserWarning, match="MONOCHROME1"):
        volume = read(series.write())
    stored = series.hounsfield()
    assert np.array_equal(volume.voxels, stored.max() + stored.min() - stored)


def test_truncated_pixels_are_refused(series, refused):
    folder = series.write()
    path = sorted(folder.iterdir())[4]
    path.write_bytes(path.read_bytes()[:-100])
    refused(folder, "damaged or incomplete")


def test_a_slice_of_another_matrix_is_left_out_and_its_gap_refused(series, refused, spoiled_pixels):
    spoiled_pixels(series.datasets[4], np.zeros((8, 8), np.uint16))
    refused(series.write(), "missing")


def test_corrupt_jpeg_2000_is_refused(series, refused):
    for dataset in series.datasets:
        dataset.compress(JPEG2000Lossless)
    fragment = bytearray(pydicom.encaps.get_frame(series.datasets[4].PixelData, 0, number_of_frames=1))
    fragment[40:] = bytes(len(fragment) - 40)
    series.datasets[4].PixelData = encapsulate([bytes(fragment)])
    refused(series.write(), "damaged or incomplete")


def test_an_unknown_compression_is_refused(series, refused):
    for dataset in series.datasets:
        dataset.PixelData = encapsulate([dataset.PixelData])
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG-2
        dataset["PixelData"].VR = "OB"
    refused(series.write(), "export")


def test_objects_without_voxels_are_passed_over(series):
    folder = series.write()
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"  # basic text SR
    report.SOPInstanceUID = generate_uid()
    report.SeriesInstanceUID = series.datasets[0].SeriesInstanceUID
    report.save_as(folder / "report.dcm", enforce_file_format=True)
    (folder / "notes.txt").write_text("hello")
    (folder / "._slice.dcm").write_bytes(b"\0\5\x16\7")
    assert np.array_equal(read(folder).voxels, series.hounsfield())


def test_files_without_a_preamble_are_read(series):
    folder = series.write()
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[132:])
    assert np.array_equal(read(folder).voxels, series.hounsfield())


def test_garbage_in_the_high_bits_is_masked(series):
    for n, dataset in enumerate(series.datasets):
        values = np.frombuffer(dataset.PixelData, np.uint16) | np.uint16(0x8000 if n % 2 else 0x3000)
        dataset.PixelData, dataset.BitsStored, dataset.HighBit = values.tobytes(), 11, 10
    assert np.array_equal(read(series.write()).voxels, series.hounsfield())


def test_negative_values_of_twelve_bits_keep_their_sign(series):
    for dataset in series.datasets:
        values = (np.frombuffer(dataset.PixelData, np.uint16).astype(np.int16) - 1000) & 0x0FFF
        dataset.PixelData, dataset.BitsStored, dataset.HighBit = values.astype(np.uint16).tobytes(), 12, 11
        dataset.PixelRepresentation, dataset.RescaleIntercept = 1, 0
    assert np.array_equal(read(series.write()).voxels, series.hounsfield() + 24)


def test_a_rescale_slope_of_zero_is_refused(series, refused):
    series.datasets[3].RescaleSlope = 0
    refused(series.write(), "rescale slope")


def test_a_matrix_that_claims_terabytes_is_refused_before_memory_is_asked_for(series, refused):
    for dataset in series.datasets:
        dataset.Rows = dataset.Columns = 65535
    refused(series.write(), "GiB")


# ---------------------------------------------------------------- many frames in one file


def test_an_enhanced_multi_frame_image_is_the_volume_of_its_slices(series, enhanced, tmp_path):
    sound = read(series.write())
    enhanced(series).save_as(tmp_path / "one.dcm", enforce_file_format=True)
    volume = read(tmp_path / "one.dcm")
    assert np.array_equal(volume.voxels, sound.voxels)
    np.testing.assert_allclose(volume.affine, sound.affine, atol=1e-9)


def ultrasound(colour: bool) -> tuple[Dataset, np.ndarray]:
    """A cine loop of six frames, grey or coloured."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.NumberOfFrames = "US", 6
    dataset.Rows, dataset.Columns, dataset.PixelRepresentation = 8, 10, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    frames = np.arange(6 * 8 * 10, dtype=np.uint16).reshape(6, 8, 10).astype(np.uint8)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelData = frames.tobytes()
    if colour:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
        dataset.PlanarConfiguration = 0
        coloured = np.stack([frames] * 3, axis=-1)
        coloured[:, 0, 0] = [255, 0, 0]
        dataset.PixelData = coloured.tobytes()
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.05, 0.04
    dataset.SequenceOfUltrasoundRegions = [region]
    return dataset, frames


def test_an_ultrasound_loop_is_a_sequence_with_the_spacing_of_its_region(tmp_path):
    dataset, frames = ultrasound(colour=False)
    dataset.save_as(tmp_path / "loop", enforce_file_format=True)
    volume = read(tmp_path / "loop")
    assert volume.third_axis == "time"
    assert volume.modality == "us"
    assert np.array_equal(volume.voxels, frames)
    np.testing.assert_allclose(volume.spacing_mm[1:], [0.4, 0.5])


def test_a_coloured_loop_becomes_its_luminance(tmp_path):
    dataset, frames = ultrasound(colour=True)
    dataset.save_as(tmp_path / "loop", enforce_file_format=True)
    with pytest.warns(UserWarning, match="luminance"):
        volume = read(tmp_path / "loop")
    assert np.array_equal(volume.voxels[:, 1:], frames[:, 1:])
    assert set(np.unique(volume.voxels[:, 0, 0])) == {76}  # 0.299 x 255


def test_an_ultrasound_loop_without_spacing_is_warned_of(tmp_path):
    dataset, _ = ultrasound(colour=False)
    del dataset.SequenceOfUltrasoundRegions
    dataset.save_as(tmp_path / "loop", enforce_file_format=True)
    with pytest.warns(UserWarning, match="no pixel spacing"):
        assert read(tmp_path / "loop").spacing_mm[1:] == (1.0, 1.0)
