"""Other ways to store a DICOM series: byte orders, packing, indexes, colours, odd layouts."""

import io
import zlib

import numpy as np
import pydicom
import pytest
from dicom_files import quiet_read
from dicom_objects import US_FRAMES, a_slice, an_enhanced, an_object, frames_in_one, item, planes, saved
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from synthfm3d.io.checks import reading_at_most
from synthfm3d.io.read import read

FIVE = planes(5)


def slices(**others: object) -> list:
    return [a_slice(plane, 2.0 * n, number=n, **others) for n, plane in enumerate(FIVE)]


@pytest.mark.parametrize(
    "syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian]
)
def test_every_byte_order_and_packing_gives_the_same_voxels(syntax, tmp_path):
    stored = slices(PixelPaddingValue=5000)
    for dataset in stored:
        dataset.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
            dataset["PixelData"].VR = "OW"
    assert np.array_equal(read(saved(tmp_path / "scan", *stored)).voxels, FIVE)


def test_a_deflated_file_that_swells_is_refused_before_it_does(tmp_path, refused):
    (dataset,) = slices()[:1]
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = saved(tmp_path / "scan", dataset) / "000.dcm"
    length = pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength
    head = path.read_bytes()[: 144 + length]
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path.write_bytes(head + squeeze.compress(bytes(30_000_000)) + squeeze.flush())
    with reading_at_most(20_000_000):
        refused(path, "swells", "export it uncompressed")


def test_an_index_of_files_is_called_by_its_name(tmp_path, refused):
    folder = saved(tmp_path / "disc", *slices())
    index = an_object("1.2.840.10008.1.3.10", "OT")
    del index.SOPClassUID  # only the meta information names it
    index.DirectoryRecordSequence = []
    saved(tmp_path / "index", index)
    (tmp_path / "index" / "000.dcm").rename(folder / "DICOMDIR")
    assert np.array_equal(read(folder).voxels, FIVE)
    refused(folder / "DICOMDIR", "Media Storage Directory", "name the folder")


def test_a_colour_film_of_lossy_jpeg_becomes_its_luminance(tmp_path):
    colours = np.zeros((5, 48, 64, 3), np.uint8)
    colours[:, :24], colours[:, 24:] = (200, 40, 40), (30, 90, 160)
    fragments = []
    for plane in colours:
        packed = io.BytesIO()
        Image.fromarray(plane).save(packed, "JPEG", quality=95)
        fragments.append(packed.getvalue())
    film = frames_in_one(colours[..., 0], US_FRAMES, "US", PixelSpacing=[0.2, 0.2])
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PlanarConfiguration = 3, "YBR_FULL_422", 0
    film.PixelData = encapsulate(fragments)
    film["PixelData"].is_undefined_length = True
    film.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    expected = colours @ np.array([0.299, 0.587, 0.114])
    assert np.median(np.abs(quiet_read(saved(tmp_path / "scan", film)).voxels - expected)) < 2


def test_slices_that_turn_about_an_axis_make_no_volume(tmp_path, refused):
    def turned(n: int) -> list[str]:
        angle = np.radians(18 * n)
        return [f"{v:.8f}" for v in (np.cos(angle), np.sin(angle), 0, 0, 0, -1)]

    radial = [a_slice(plane, 0, number=n, ImageOrientationPatient=turned(n)) for n, plane in enumerate(FIVE)]
    refused(saved(tmp_path / "scan", *radial), "5 slices have different orientations", "parallel slices")


def test_a_slope_of_its_own_for_each_frame_of_an_enhanced_object_is_applied(tmp_path):
    enhanced = an_enhanced(FIVE, 2.0 * np.arange(5))
    for n, group in enumerate(enhanced.PerFrameFunctionalGroupsSequence):
        group.PixelValueTransformationSequence = [item(RescaleSlope=1 + n, RescaleIntercept=-n)]
    expected = [plane * (1.0 + n) - n for n, plane in enumerate(FIVE)]
    assert np.array_equal(read(saved(tmp_path / "scan", enhanced)).voxels, expected)


def test_a_step_that_contradicts_the_positions_does_not_count(tmp_path):
    stored = slices(SpacingBetweenSlices=5.0, SliceThickness=5.0)
    assert read(saved(tmp_path / "scan", *stored)).spacing_mm[0] == pytest.approx(2)


def test_voxels_of_fractions_are_read_as_they_are(tmp_path):
    stored = slices()
    for dataset, plane in zip(stored, FIVE, strict=True):
        del dataset.PixelData
        dataset.BitsAllocated = dataset.BitsStored = 32
        dataset.HighBit, dataset.FloatPixelData = 31, (plane / 7).astype(np.float32).tobytes()
    np.testing.assert_allclose(read(saved(tmp_path / "scan", *stored)).voxels, FIVE / 7, rtol=1e-6)


def test_a_matrix_of_no_size_is_refused(tmp_path, refused):
    stored = slices()
    stored[2].add_new("Rows", "SS", -12)
    refused(saved(tmp_path / "scan", *stored), "damaged header")


@pytest.mark.parametrize("number", [None, ""])
def test_a_series_need_not_have_a_number(number, tmp_path):
    stored = slices(SeriesNumber=number)
    if number == "":
        for dataset in stored:
            dataset.add_new("SeriesNumber", "LO", "")
    assert np.array_equal(read(saved(tmp_path / "scan", *stored)).voxels, FIVE)


def test_functional_groups_of_another_type_are_damage(tmp_path, refused):
    enhanced = an_enhanced(FIVE, 2.0 * np.arange(5))
    enhanced.PerFrameFunctionalGroupsSequence[2].add_new("FrameContentSequence", "FD", 0.5)
    refused(saved(tmp_path / "scan", enhanced), "damaged header")
