"""DICOM segmentations as masks: our own and those of others, on the slices that they name."""

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_objects import AXIAL, NUCLEAR, an_enhanced, an_object, frames_in_one, item, planes, saved
from pydicom.sr.codedict import codes
from pydicom.uid import ImplicitVRLittleEndian

from synthfm3d.errors import InputError
from synthfm3d.io.pairs import labels_on
from synthfm3d.io.read import ReadOptions, read, read_labels
from synthfm3d.io.structure_codes import GENERIC, coded
from synthfm3d.io.write import Origin, check_writing, write
from synthfm3d.volume import Volume

SIX = planes(6)


def two_objects(scan: Volume) -> Volume:
    voxels = np.zeros(scan.voxels.shape, np.uint8)
    voxels[1:4, 2:7, 3:9] = 1
    voxels[2:5, 8:11, 4:12] = 2
    return scan.with_voxels(voxels)


@pytest.fixture
def seg(series, tmp_path):
    """(scan, labels, path of their segmentation)."""
    folder = series.write()
    scan = read(folder)
    labels = two_objects(scan)
    write(labels, tmp_path / "seg.dcm", Origin(path=folder, names={1: "liver", 2: "liver tumour"}))
    return scan, labels, tmp_path / "seg.dcm"


# ---------------------------------------------------------------- reading


def test_our_own_segmentation_is_read_back_onto_its_scan(seg):
    scan, labels, path = seg
    again = read_labels(path, on=scan.grid)
    assert np.array_equal(again.voxels, labels.voxels)
    assert again.grid.same_as(scan.grid)
    labels_on(scan, again, "seg.dcm")


def test_without_its_scan_a_segmentation_holds_its_own_slices(seg):
    scan, labels, path = seg
    again = read_labels(path)
    assert np.array_equal(again.voxels, labels.voxels[1:5])
    np.testing.assert_allclose(again.affine[:3, 3], scan.grid.to_mm(np.array([1, 0, 0])))


def test_a_folder_that_holds_a_segmentation_stands_for_it(seg, tmp_path):
    scan, labels, path = seg
    (tmp_path / "export").mkdir()
    path.rename(tmp_path / "export" / "1.dcm")
    assert np.array_equal(read_labels(tmp_path / "export", on=scan.grid).voxels, labels.voxels)


def test_a_segmentation_lies_on_a_scan_of_another_storage_order(seg):
    scan, labels, path = seg
    turned = scan.reordered((2, 0, 1), (True, False, True))
    again = read_labels(path, on=turned.grid)
    assert np.array_equal(again.voxels, labels.reordered((2, 0, 1), (True, False, True)).voxels)


def test_a_segmentation_of_another_scan_is_refused(seg):
    scan, _, path = seg
    for grid in (scan.grid.moved((0, 0.5, 0)), scan.grid.moved((3, 0, 0))):
        with pytest.raises(InputError, match="does not lie on the voxels of the scan"):
            read_labels(path, on=grid)


def test_a_segmentation_is_no_scan(seg, refused):
    refused(seg[2], "is a DICOM segmentation, not a scan", "--mask-prompt, --correct, --labels")


def described(number: int) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=f"s{number}",
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=codes.SCT.Liver,
        algorithm_type="MANUAL",
    )


def of_others(series, tmp_path, pixels: np.ndarray, kind: str):
    """A segmentation that highdicom makes of the series."""
    folder = series.write()
    sources = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    count = 1 if pixels.ndim == 3 else pixels.shape[-1]
    made = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[described(n + 1) for n in range(count)],
        series_instance_uid=hd.UID(),
        series_number=5,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=False,
    )
    made.save_as(tmp_path / "others.dcm")
    return folder, tmp_path / "others.dcm"


@pytest.mark.filterwarnings("ignore")
def test_overlapping_segments_are_refused_by_their_numbers(series, tmp_path):
    pixels = np.zeros((10, 36, 48, 2), np.uint8)
    pixels[3, 4:9, 4:9, 0] = pixels[3, 8:12, 8:12, 1] = 1
    _, path = of_others(series, tmp_path, pixels, "BINARY")
    with pytest.raises(InputError, match="segments 1 and 2 overlap"):
        read_labels(path)


@pytest.mark.filterwarnings("ignore")
def test_fractions_are_refused_and_whole_shares_read(series, tmp_path):
    pixels = np.zeros((10, 36, 48), np.float32)
    pixels[3, 4:9, 4:9] = 1.0
    _, path = of_others(series, tmp_path, pixels, "FRACTIONAL")
    assert np.array_equal(read_labels(path).voxels, pixels)
    pixels[3, 4, 4] = 0.5
    _, path = of_others(series, tmp_path, pixels, "FRACTIONAL")
    with pytest.raises(InputError, match="fractional"):
        read_labels(path)


@pytest.mark.filterwarnings("ignore")
def test_the_label_map_kind_of_segmentation_is_read(series, tmp_path):
    pixels = np.zeros((10, 36, 48), np.uint8)
    pixels[3, 4:9, 4:9] = 1
    folder, path = of_others(series, tmp_path, pixels, "LABELMAP")
    assert np.array_equal(read_labels(path, on=read(folder).grid).voxels, pixels)


def test_contours_are_refused_by_their_name(tmp_path):
    contours = an_object("1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT")
    path = saved(tmp_path / "scan", contours) / "000.dcm"
    with pytest.raises(InputError, match="RT structure set"):
        read_labels(path)


def test_a_damaged_segmentation_is_refused(seg):
    _, _, path = seg
    stored = pydicom.dcmread(path)
    stored.PixelData = stored.PixelData[: len(stored.PixelData) // 2]
    stored.save_as(path)
    with pytest.raises(InputError, match="damaged"):
        read_labels(path)


# ---------------------------------------------------------------- writing


@pytest.mark.filterwarnings("ignore")
def test_a_mask_of_one_time_point_refers_to_its_own_frames(tmp_path):
    both = np.stack([SIX, SIX + 1000], axis=1).reshape(12, *SIX.shape[1:])
    contents = [{"TemporalPositionIndex": n % 2 + 1} for n in range(12)]
    path = saved(tmp_path / "scan", an_enhanced(both, [3.0 * (n // 2) for n in range(12)], contents=contents))
    scan = read(path, ReadOptions(frame=1))
    labels = two_objects(scan)
    write(labels, tmp_path / "seg.dcm", Origin(path=path, frame=1))
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", on=scan.grid).voxels, labels.voxels)
    stored = pydicom.dcmread(tmp_path / "seg.dcm")
    for group in stored.PerFrameFunctionalGroupsSequence:
        z = float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedFrameNumber == 2 * (z / 3.0) + 2


@pytest.mark.filterwarnings("ignore")
def test_a_mask_on_an_enhanced_series_of_two_files_refers_to_both(tmp_path):
    parts = [an_enhanced(SIX[3 * n : 3 * n + 3], np.arange(3) * 3.0 + 9 * n, number=n + 1) for n in (0, 1)]
    folder = saved(tmp_path / "scan", *parts)
    scan = read(folder)
    labels = two_objects(scan)
    write(labels, tmp_path / "seg.dcm", Origin(path=folder))
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", on=scan.grid).voxels, labels.voxels)
    stored = pydicom.dcmread(tmp_path / "seg.dcm")
    referred = stored.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {one.ReferencedSOPInstanceUID for one in referred} == {p.SOPInstanceUID for p in parts}
    for group in stored.PerFrameFunctionalGroupsSequence:
        z = round(float(group.PlanePositionSequence[0].ImagePositionPatient[2]) / 3)
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == parts[z // 3].SOPInstanceUID
        assert source.ReferencedFrameNumber == z % 3 + 1


@pytest.mark.filterwarnings("ignore")
def test_a_mask_on_a_spect_lies_on_its_slices(tmp_path):
    detector = item(ImagePositionPatient=[-50, -60, 100], ImageOrientationPatient=AXIAL)
    spect = frames_in_one(
        SIX,
        NUCLEAR,
        "NM",
        PixelSpacing=[4.0, 4.0],
        SpacingBetweenSlices=-4.5,
        ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        DetectorInformationSequence=[detector],
    )
    folder = saved(tmp_path / "scan", spect)
    scan = read(folder)
    labels = two_objects(scan)
    write(labels, tmp_path / "seg.dcm", Origin(path=folder))
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", on=scan.grid).voxels, labels.voxels)


def test_directions_that_differ_in_their_last_digits_do_not_lose_the_mask(series, tmp_path):
    for n, dataset in enumerate(series.datasets):
        tiny = 1e-6 * (n % 2)
        dataset.ImageOrientationPatient = ["1", f"{tiny:.7f}", "0", f"{-tiny:.7f}", "1", "0"]
    folder = series.write()
    scan = read(folder)
    labels = two_objects(scan)
    write(labels, tmp_path / "seg.dcm", Origin(path=folder))
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", on=scan.grid).voxels, labels.voxels)


@pytest.mark.filterwarnings("ignore")
def test_what_no_segmentation_can_refer_to_is_said_before_the_work(series, tmp_path):
    del series.datasets[4]
    folder = series.write()
    origin = Origin(path=folder)
    filled = read(folder, ReadOptions(allow_gaps=True))
    with pytest.raises(InputError, match=r"missing slices: write \.nii\.gz") as caught:
        check_writing(tmp_path / "mask.dcm", filled, origin)
    assert "--allow-gaps" not in str(caught.value)
    check_writing(tmp_path / "mask.nii.gz", filled, origin)
    for dataset in series.datasets[4:]:
        dataset.ImagePositionPatient[2] -= 5
    (tmp_path / "whole").mkdir()
    series.folder = tmp_path / "whole"
    sound = read(series.write())
    check_writing(tmp_path / "mask.dcm", sound, Origin(path=series.folder))
    for dataset in series.datasets:
        del dataset.FrameOfReferenceUID
    with pytest.raises(InputError, match="cannot be referred to"):
        check_writing(tmp_path / "mask.dcm", sound, Origin(path=series.write()))


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("liver", "Liver"),
        ("Liver", "Liver"),
        ("inferior_vena_cava", "Inferior vena cava"),
        ("oesophagus", "Esophagus"),
        ("brain stem", "Brain Stem"),
        ("left kidney", "Kidney"),
        ("kidney_right", "Kidney"),
        ("left ventricle", "Left ventricle"),
    ],
)
def test_a_whole_name_is_coded(name, meaning):
    assert coded(name).type.meaning == meaning


def test_the_side_of_one_of_a_pair_is_coded_beside_it():
    assert coded("left kidney").side == codes.SCT.Left
    assert coded("Adrenal-Right").side == codes.SCT.Right
    assert coded("kidney").side is None
    assert coded("left ventricle").side is None


@pytest.mark.parametrize(
    "name",
    [
        "liver tumour",
        "lesion near spleen",
        "kidney stone",
        "peri-aortic fat",
        "left liver",
        "brainy",
        "left",
        "",
    ],
)
def test_a_name_that_only_holds_a_known_word_is_not_coded_as_it(name):
    assert coded(name) == GENERIC


def test_what_is_not_known_keeps_the_words_of_the_user(seg):
    stored = pydicom.dcmread(seg[2])
    liver, tumour = stored.SegmentSequence
    assert liver.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert tumour.SegmentLabel == "liver tumour"
    assert tumour.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Selected region"
    assert tumour.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Spatial and Relational Concept"


def test_a_segmentation_without_explicit_types_is_read(seg):
    scan, labels, path = seg
    stored = pydicom.dcmread(path)
    stored.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    stored.save_as(path)
    assert np.array_equal(read_labels(path, on=scan.grid).voxels, labels.voxels)
