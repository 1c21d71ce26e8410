"""Which slices make a DICOM series and where they lie, one defect each: repaired with a word, or refused."""

import warnings
from copy import deepcopy

import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_files import quiet_read
from pydicom.uid import (
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

from synthfm3d.io.read import ReadOptions, read


def by_itk(folder):
    """(voxels, affine (z, y, x) to RAS) as SimpleITK reads a sound series."""
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = SimpleITK.ReadImage(names)
    direction = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine = np.eye(4)
    affine[:3] = np.diag([-1, -1, 1]) @ np.column_stack([direction[:, ::-1], image.GetOrigin()])
    return SimpleITK.GetArrayFromImage(image), affine


# ---------------------------------------------------------------- sound series


def test_a_sound_series_is_read_as_simpleitk_reads_it(series):
    folder = series.write()
    volume = read(folder)
    voxels, affine = by_itk(folder)
    assert np.array_equal(volume.voxels, voxels)
    assert np.array_equal(volume.voxels, series.hounsfield())
    np.testing.assert_allclose(volume.affine, affine, atol=1e-9)
    assert volume.modality == "ct"
    assert volume.voxels.dtype == np.int16
    assert volume.doubts == ()


def test_an_oblique_series_is_read_as_simpleitk_reads_it(series):
    turn = np.linalg.qr(np.array([[1, 0.2, -0.1], [-0.3, 1, 0.2], [0.1, 0.4, 1.0]]))[0]
    turn *= np.sign(np.linalg.det(turn))
    for n, dataset in enumerate(series.datasets):
        dataset.ImageOrientationPatient = [f"{v:.9f}" for v in turn[:, :2].T.ravel()]
        dataset.ImagePositionPatient = [f"{v:.6f}" for v in [5, 6, 7] + turn[:, 2] * 5 * n]
    folder = series.write()
    voxels, affine = by_itk(folder)
    volume = read(folder)
    assert np.array_equal(volume.voxels, voxels)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-4)


def test_slices_are_sorted_by_position_not_by_number(series):
    for n, dataset in enumerate(series.datasets):
        dataset.InstanceNumber = 100 - n
    series.datasets = series.datasets[::3] + series.datasets[1::3] + series.datasets[2::3]
    assert np.array_equal(read(series.write()).voxels, series.hounsfield())


def test_slices_that_name_a_series_each_are_one_if_it_is_said_that_they_are(series, refused):
    for dataset in series.datasets:
        dataset.SeriesInstanceUID = generate_uid()
    folder = series.write()
    refused(folder, "10 stacks of images")
    assert np.array_equal(read(folder, ReadOptions(one_series=True)).voxels, series.hounsfield())


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_pixels_are_decoded(series, syntax):
    for dataset in series.datasets:
        dataset.compress(syntax)
    assert np.array_equal(read(series.write()).voxels, series.hounsfield())


def test_lossless_jpeg_is_decoded_by_gdcm(series, tmp_path):
    for n, dataset in enumerate(series.datasets):
        # SimpleITK writes lossless JPEG, but not the series that a file belongs to.
        writer = SimpleITK.ImageFileWriter()
        writer.SetFileName(str(tmp_path / "one.dcm"))
        writer.SetUseCompression(True)
        writer.SetCompressor("JPEG")
        values = np.frombuffer(dataset.PixelData, np.uint16).reshape(1, dataset.Rows, dataset.Columns)
        writer.Execute(SimpleITK.GetImageFromArray(values))
        written = pydicom.dcmread(tmp_path / "one.dcm")
        assert written.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
        dataset.file_meta.TransferSyntaxUID = written.file_meta.TransferSyntaxUID
        dataset.PixelData = written.PixelData
        dataset["PixelData"].is_undefined_length = True
        dataset.RescaleIntercept = -1024 - n
    expected = series.hounsfield() - np.arange(10)[:, None, None]
    assert np.array_equal(read(series.write()).voxels, expected)


def test_several_series_are_listed_and_one_is_chosen(series, refused):
    for dataset in deepcopy(series.datasets):
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.3", generate_uid()
        dataset.SeriesNumber = 7
        series.datasets.append(dataset)
    folder = series.write()
    message = refused(folder, "--series", "2 stacks", "1: CT, 10 images of 48 x 36", "series number 7")
    assert "thorax" not in message
    assert np.array_equal(read(folder, ReadOptions(series="2")).voxels, series.hounsfield())
    assert np.array_equal(read(folder, ReadOptions(series="1.2.3")).voxels, series.hounsfield())
    refused(folder, "no single series '9'", series="9")


# ---------------------------------------------------------------- geometry


def test_a_missing_slice_is_refused_or_interpolated_when_asked(series, refused):
    del series.datasets[4]
    folder = series.write()
    refused(folder, "slices 3 and 4 are 10.00 mm apart", "missing", "--allow-gaps")
    with pytest.warns(UserWarning, match="10 even slices are interpolated"):
        volume = read(folder, ReadOptions(allow_gaps=True))
    expected = series.hounsfield().astype(float)
    expected[4] = (expected[3] + expected[5]) / 2
    np.testing.assert_allclose(volume.voxels, expected, atol=1e-3)
    assert volume.spacing_mm[0] == pytest.approx(5)


def test_an_exact_copy_of_a_slice_is_left_out(series):
    copy = deepcopy(series.datasets[3])
    copy.SOPInstanceUID = generate_uid()
    series.datasets.append(copy)
    with pytest.warns(UserWarning, match="1 slices are duplicates"):
        assert np.array_equal(read(series.write()).voxels, series.hounsfield())


def test_two_different_slices_at_one_place_are_refused(series, refused, spoiled_pixels):
    other = deepcopy(series.datasets[3])
    other.SOPInstanceUID = generate_uid()
    spoiled_pixels(other, np.zeros((36, 48), np.uint16))
    series.datasets.append(other)
    refused(series.write(), "slice 3 has 2 different images")


def test_uneven_slices_are_refused_or_resampled_to_their_true_places(series, refused, spoiled_pixels):
    places = [0, 2, 4, 6, 9, 12, 15, 17, 19, 21]
    for dataset, place in zip(series.datasets, places, strict=True):
        dataset.ImagePositionPatient = [-10, -20, 100 + place]
        spoiled_pixels(dataset, np.full((36, 48), 10 * place, np.uint16))
    folder = series.write()
    refused(folder, "not evenly spaced")
    volume = quiet_read(folder, allow_gaps=True)
    z_mm = volume.grid.to_mm(np.array([[n, 0, 0] for n in range(len(volume.voxels))]))[:, 2]
    np.testing.assert_allclose(volume.voxels[:, 0, 0], 10 * (z_mm - 100) - 1024, atol=0.01)


def test_mixed_orientations_are_split(series, refused):
    for dataset in series.datasets[5:]:
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        dataset.ImagePositionPatient = [float(dataset.InstanceNumber), 0, 0]
    folder = series.write()
    refused(folder, "2 stacks of images", "--series")
    assert len(read(folder, ReadOptions(series="1")).voxels) == 5


def test_a_localiser_in_the_series_is_left_out(series):
    scout = deepcopy(series.datasets[0])
    scout.SOPInstanceUID = generate_uid()
    scout.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    series.datasets.append(scout)
    with pytest.warns(UserWarning, match="localiser"):
        assert np.array_equal(read(series.write()).voxels, series.hounsfield())


def test_a_single_image_that_lies_otherwise_is_left_out(series):
    stray = deepcopy(series.datasets[0])
    stray.SOPInstanceUID = generate_uid()
    stray.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    series.datasets.append(stray)
    with pytest.warns(UserWarning, match="one image has another orientation"):
        assert np.array_equal(read(series.write()).voxels, series.hounsfield())


def test_a_tilted_gantry_keeps_every_voxel_at_its_true_place(series):
    lean = np.tan(np.radians(15)) * 5
    for n, dataset in enumerate(series.datasets):
        dataset.ImagePositionPatient = [-10, f"{-20 + lean * n:.6f}", 100 + 5 * n]
    with pytest.warns(UserWarning, match=r"tilted by 15\.0 degrees"):
        volume = read(series.write())
    for n, dataset in enumerate(series.datasets):
        left, back, up = (float(v) for v in dataset.ImagePositionPatient)
        np.testing.assert_allclose(volume.grid.to_mm(np.array([n, 0, 0])), [-left, -back, up], atol=1e-3)


def test_slices_astray_are_refused(series, refused):
    series.datasets[5].ImagePositionPatient = [-5, -20, 125]
    refused(series.write(), "mm away")


def test_slices_without_a_place_are_refused(series, refused):
    for dataset in series.datasets:
        del dataset.ImagePositionPatient
    refused(series.write(), "where its slices lie")


def test_slices_at_the_same_place_are_refused_for_ct_and_a_sequence_for_mr(series, refused):
    for dataset in series.datasets:
        dataset.ImagePositionPatient = [0, 0, 0]
    refused(series.write(), "same place")
    for n, dataset in enumerate(series.datasets):
        dataset.Modality = "MR"
        dataset.TriggerTime = 1000 - 10 * n
    with pytest.warns(UserWarning, match="sequence in time"):
        volume = read(series.write())
    assert volume.third_axis == "time"
    assert np.array_equal(volume.voxels, series.hounsfield()[::-1])  # by trigger time


def test_time_points_of_one_series_are_chosen_by_frame(series, refused, spoiled_pixels):
    for dataset in series.datasets:
        dataset.TemporalPositionIdentifier = 1
    for dataset in deepcopy(series.datasets):
        dataset.SOPInstanceUID, dataset.TemporalPositionIdentifier = generate_uid(), 2
        spoiled_pixels(dataset, np.full((36, 48), 7, np.uint16))
        series.datasets.append(dataset)
    folder = series.write()
    refused(folder, "2 images of every place", "TemporalPositionIdentifier", "--frame 0 to --frame 1")
    assert np.array_equal(read(folder, ReadOptions(frame=0)).voxels, series.hounsfield())
    assert set(np.unique(quiet_read(folder, frame=1).voxels)) == {7 - 1024}


def test_a_series_without_pixel_spacing_is_refused(series, refused):
    for dataset in series.datasets:
        del dataset.PixelSpacing
    refused(series.write(), "pixel spacing")


@pytest.mark.parametrize("value", [["nan", "1"], ["0", "0"], ["1"]])
def test_an_impossible_spacing_is_refused(series, refused, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        series.datasets[2].PixelSpacing = value
        refused(series.write(), "damaged header")


# ---------------------------------------------------------------- identity


def test_no_doubt_and_no_error_tells_who_the_patient_is(series, refused):
    for dataset in series.datasets:
        dataset.BurnedInAnnotation = "YES"
    with pytest.warns(UserWarning, match="burnt into") as caught:
        volume = read(series.write())
    told = " ".join([*(str(w.message) for w in caught), *volume.doubts])
    for identity in ("DOE", "4711", "thorax", "HOUSE"):
        assert identity not in told
    (series.folder / "DOE^JOHN_004.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
    refused(series.folder, "damaged")  # the fixture looks for the name
