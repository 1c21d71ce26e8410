"""Masks on the scan's own grid in every format, read back by the programs of others."""

import warnings

import highdicom
import numpy as np
import pydicom
import pytest

from synthfm3d.errors import InputError
from synthfm3d.io.read import ReadOptions, read, read_labels
from synthfm3d.io.write import Origin, write
from synthfm3d.volume import Volume

IDENTITY = ("DOE", "JOHN", "4711-ID", "19600102", "ACC-99", "HOUSE")


def two_objects(volume: Volume) -> Volume:
    voxels = np.zeros(volume.voxels.shape, np.uint8)
    voxels[2:6, 5:20, 7:30] = 1
    voxels[4:8, 22:30, 3:9] = 5
    return volume.with_voxels(voxels)


@pytest.mark.parametrize("name", ["mask.nii", "mask.nii.gz", "mask.nrrd", "mask.mha"])
def test_a_mask_lies_on_the_voxels_of_the_dicom_series_that_it_was_made_from(series, tmp_path, name):
    labels = two_objects(read(series.write()))
    write(labels, tmp_path / name)
    again = read_labels(tmp_path / name)
    assert np.array_equal(again.voxels, labels.voxels)
    assert again.grid.same_as(labels.grid)
    assert not any(word.encode() in (tmp_path / name).read_bytes() for word in IDENTITY)


def segments(path) -> dict[int, highdicom.Volume]:
    """Each segment of a DICOM segmentation on the whole grid, by highdicom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        segmentation = highdicom.seg.segread(path)
        return {
            n: segmentation.get_volume(segment_numbers=[n], combine_segments=True)
            for n in segmentation.segment_numbers
        }


def by_pydicom(stored: pydicom.Dataset, labels: Volume) -> np.ndarray:
    """Label values on the grid of ``labels``, each frame put where its own header says it lies."""
    shared = stored.SharedFunctionalGroupsSequence[0]
    across, down = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    row_mm, column_mm = (float(mm) for mm in shared.PixelMeasuresSequence[0].PixelSpacing)
    values = [1, 5]  # of the segments in their order
    found = np.zeros_like(labels.voxels)
    for frame, groups in zip(stored.pixel_array, stored.PerFrameFunctionalGroupsSequence, strict=True):
        corner = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        rows, columns = np.nonzero(frame)
        lps = corner + rows[:, None] * row_mm * down + columns[:, None] * column_mm * across
        index = np.rint(labels.grid.to_index(lps * [-1.0, -1.0, 1.0])).astype(int)
        found[tuple(index.T)] = values[number - 1]
    return found


def test_a_dicom_segmentation_has_the_voxels_of_the_mask_and_refers_to_the_series(series, tmp_path):
    folder = series.write()
    labels = two_objects(read(folder))
    path = tmp_path / "mask.dcm"
    write(labels, path, Origin(path=folder, names={1: "liver", 5: "what I clicked"}))
    for number, value in ((1, 1), (2, 5)):
        found = segments(path)[number]
        # highdicom crops to the slices of the segment: put it back by its affine, never by its index.
        to_ras = np.diag([-1.0, -1, 1, 1]) @ found.affine
        inside = np.argwhere(np.asarray(found.array) > 0)
        index = np.rint(labels.grid.to_index(inside @ to_ras[:3, :3].T + to_ras[:3, 3])).astype(int)
        assert np.array_equal(np.unique(index, axis=0), np.argwhere(labels.voxels == value))
    stored = pydicom.dcmread(path)
    assert np.array_equal(by_pydicom(stored, labels), labels.voxels)
    assert [s.SegmentLabel for s in stored.SegmentSequence] == ["liver", "what I clicked"]
    liver = stored.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    assert (liver.CodeValue, liver.CodingSchemeDesignator) == ("10200004", "SCT")
    (reference,) = stored.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == series.datasets[0].SeriesInstanceUID
    referenced = {i.ReferencedSOPInstanceUID for i in reference.ReferencedInstanceSequence}
    assert referenced == {d.SOPInstanceUID for d in series.datasets}
    assert stored.FrameOfReferenceUID == series.datasets[0].FrameOfReferenceUID


def test_a_shuffled_series_gives_the_same_segmentation(series, tmp_path):
    sound = series.write()
    labels = two_objects(read(sound))
    series.folder = tmp_path / "shuffled"
    series.datasets = series.datasets[::2] + series.datasets[1::2]
    shuffled = series.write()
    for name, folder in (("a.dcm", sound), ("b.dcm", shuffled)):
        write(labels, tmp_path / name, Origin(path=folder))
    a, b = segments(tmp_path / "a.dcm")[1], segments(tmp_path / "b.dcm")[1]
    assert np.array_equal(a.array, b.array)
    np.testing.assert_allclose(a.affine, b.affine)


def test_the_patient_is_named_only_if_asked_for(series, tmp_path):
    folder = series.write()
    labels = two_objects(read(folder))
    write(labels, tmp_path / "plain.dcm", Origin(path=folder))
    content = (tmp_path / "plain.dcm").read_bytes()
    assert [word for word in IDENTITY if word.encode() in content] == []
    write(labels, tmp_path / "kept.dcm", Origin(path=folder, keep_identity=True))
    kept = pydicom.dcmread(tmp_path / "kept.dcm")
    assert (str(kept.PatientName), kept.PatientID) == ("DOE^JOHN", "4711-ID")


def places(path, number: int) -> np.ndarray:
    """(n, 3) RAS mm of a segment's voxels, sorted."""
    found = segments(path)[number]
    to_ras = np.diag([-1.0, -1, 1, 1]) @ found.affine
    mm = (np.argwhere(np.asarray(found.array) > 0) @ to_ras[:3, :3].T + to_ras[:3, 3]).round(3) + 0.0
    return np.unique(mm, axis=0)


def test_an_enhanced_multi_frame_source_gives_the_segments_of_its_slices(series, enhanced, tmp_path):
    folder = series.write()
    enhanced(series).save_as(tmp_path / "one.dcm", enforce_file_format=True)
    labels = two_objects(read(folder))
    write(labels, tmp_path / "slices.dcm", Origin(path=folder))
    write(labels, tmp_path / "frames.dcm", Origin(path=tmp_path / "one.dcm"))
    for number in (1, 2):
        assert np.array_equal(
            places(tmp_path / "slices.dcm", number), places(tmp_path / "frames.dcm", number)
        )


def test_what_scanners_leave_out_does_not_matter(series, tmp_path):
    for dataset in series.datasets:
        for keyword in ("SliceThickness", "StudyID", "AccessionNumber", "PatientSex", "Manufacturer"):
            delattr(dataset, keyword)
    folder = series.write()
    labels = two_objects(read(folder))
    write(labels, tmp_path / "mask.dcm", Origin(path=folder))
    expected = labels.grid.to_mm(np.argwhere(labels.voxels == 1)).round(3) + 0.0
    assert np.array_equal(places(tmp_path / "mask.dcm", 1), np.unique(expected, axis=0))


def test_a_series_without_a_frame_of_reference_is_refused(series, tmp_path):
    for dataset in series.datasets:
        del dataset.FrameOfReferenceUID
    folder = series.write()
    with pytest.raises(InputError, match="cannot be referred to"):
        write(two_objects(read(folder)), tmp_path / "mask.dcm", Origin(path=folder))


@pytest.mark.filterwarnings("ignore")
def test_a_mask_on_other_slices_is_no_dicom_segmentation(series, tmp_path):
    folder = series.write()
    labels = two_objects(read(folder))
    empty = labels.with_voxels(np.zeros_like(labels.voxels))
    with pytest.raises(InputError, match="empty"):
        write(empty, tmp_path / "mask.dcm", Origin(path=folder))
    moved = Volume(voxels=labels.voxels, affine=labels.grid.moved((1, 0, 0)).affine)
    with pytest.raises(InputError, match="does not lie on the slices"):
        write(moved, tmp_path / "mask.dcm", Origin(path=folder))
    with pytest.raises(InputError, match="the scan is none"):
        write(labels, tmp_path / "mask.dcm")
    assert [p.name for p in tmp_path.iterdir()] == ["scan"]
    del series.datasets[4]
    (folder / "DOE^JOHN_009.dcm").unlink()
    series.write()
    filled = two_objects(read(folder, ReadOptions(allow_gaps=True)))
    with pytest.raises(InputError, match="missing slices"):
        write(filled, tmp_path / "mask.dcm", Origin(path=folder))


def test_other_endings_are_refused(tmp_path):
    for name in ("mask.png", "mask", ".nii.gz", "mask.nii.gz.txt"):
        with pytest.raises(InputError, match="must end in one of"):
            write(Volume(voxels=np.zeros((1, 1, 1)), affine=np.eye(4)), tmp_path / name)


def test_a_sequence_goes_into_nifti_only(tmp_path):
    cine = Volume(voxels=np.ones((3, 4, 5), np.uint8), affine=np.eye(4), third_axis="time")
    for name in ("mask.nrrd", "mask.mha"):
        with pytest.raises(InputError, match="time"):
            write(cine, tmp_path / name)
