"""Several images of every place in one series: seen, named, asked for and obeyed, whatever numbers them."""

import shutil

import numpy as np
import pytest
from dicom_files import quiet_read
from dicom_objects import a_slice, an_enhanced, item, planes, saved

from synthfm3d.io.read import ReadOptions, read

SIX = planes(6)
BOTH = np.stack([SIX, SIX + 1000], axis=1).reshape(12, *SIX.shape[1:])
"""Two images of each of six places, the first one of each from ``SIX``."""
PLACES = [3.0 * (n // 2) for n in range(12)]
IN_GROUPS = {
    "an effective echo time": ("EchoTime", "MREchoSequence", [item(EffectiveEchoTime=t) for t in (5.0, 9.5)]),
    "a b-value": ("DiffusionBValue", "MRDiffusionSequence", [item(DiffusionBValue=b) for b in (0.0, 800.0)]),
    "a cardiac phase": (
        "NominalPercentageOfCardiacPhase",
        "CardiacSynchronizationSequence",
        [item(NominalPercentageOfCardiacPhase=p) for p in (10.0, 60.0)],
    ),
    "a time offset": (
        "TemporalPositionTimeOffset",
        "TemporalPositionSequence",
        [item(TemporalPositionTimeOffset=s) for s in (0.0, 2.5)],
    ),
    "a kind of image": (
        "ImageType",
        "MRImageFrameTypeSequence",
        [item(FrameType=["ORIGINAL", "PRIMARY", "M", kind]) for kind in ("FAT", "WATER")],
    ),
    "a component": (
        "ComplexImageComponent",
        "MRImageFrameTypeSequence",
        [item(ComplexImageComponent=kind) for kind in ("MAGNITUDE", "PHASE")],
    ),
    "something that nobody listed": (
        "TagAngleFirstAxis",
        "MRSpatialSaturationSequence",
        [item(TagAngleFirstAxis=angle) for angle in (0.0, 45.0)],
    ),
}


@pytest.mark.parametrize("kind", IN_GROUPS)
def test_every_dimension_of_an_enhanced_object_is_asked_for_and_obeyed(kind, tmp_path, refused):
    keyword, sequence, items = IN_GROUPS[kind]
    groups = [{sequence: items[n % 2]} for n in range(12)]
    path = saved(tmp_path / "scan", an_enhanced(BOTH, PLACES, groups)) / "000.dcm"
    refused(path, "2 images of every place", keyword, "--frame 0 to --frame 1")
    assert np.array_equal(read(path, ReadOptions(frame=0)).voxels, SIX)
    assert np.array_equal(read(path, ReadOptions(frame=1)).voxels, SIX + 1000)
    refused(path, "--frame 0 to --frame 1", frame=2)


def test_time_points_of_an_enhanced_object_are_no_copies_even_if_their_pixels_are_equal(tmp_path, refused):
    contents = [{"TemporalPositionIndex": n % 2 + 1} for n in range(12)]
    same = np.repeat(SIX, 2, axis=0)
    path = saved(tmp_path / "scan", an_enhanced(same, PLACES, contents=contents)) / "000.dcm"
    refused(path, "TemporalPositionIdentifier (0: 1; 1: 2)")
    assert np.array_equal(read(path, ReadOptions(frame=1)).voxels, SIX)


def test_a_private_dimension_is_counted_by_its_index(tmp_path, refused):
    contents = [{"DimensionIndexValues": [n // 2 + 1, 2 - n % 2]} for n in range(12)]
    enhanced = an_enhanced(BOTH, PLACES, contents=contents)
    enhanced.DimensionIndexSequence = [
        item(DimensionIndexPointer=0x00209057), item(DimensionIndexPointer=0x20051234)
    ]  # fmt: skip
    path = saved(tmp_path / "scan", enhanced) / "000.dcm"
    refused(path, "which differ in dimension 2 (0: 1; 1: 2)")
    assert np.array_equal(read(path, ReadOptions(frame=0)).voxels, SIX + 1000)


def test_two_echoes_of_three_time_points_are_six_images_in_the_order_of_both(tmp_path, refused):
    volumes = planes(24).reshape(6, 4, 12, 16)  # echo 0 of all times, then echo 1
    slices = [
        a_slice(
            volumes[3 * echo + time, z],
            3.0 * z,
            number=1 + z + 4 * (2 - time) + 100 * echo,
            EchoTime=(2.5, 4.8)[echo],
            TemporalPositionIdentifier=time + 1,
        )
        for echo in range(2)
        for time in range(3)
        for z in range(4)
    ]
    folder = saved(tmp_path / "scan", *slices)
    refused(folder, "6 images of every place", "EchoTime and TemporalPositionIdentifier", "3: 4.8, 1")
    for frame in range(6):
        assert np.array_equal(read(folder, ReadOptions(frame=frame)).voxels, volumes[frame])


@pytest.mark.parametrize("kinds", [("FAT", "IN_PHASE", "OPP_PHASE", "WATER"), ("M", "P")])
def test_kinds_of_images_in_one_series_are_listed_by_name_and_chosen(tmp_path, refused, kinds):
    slices = [
        a_slice(
            SIX[z] + 100 * k, 3.0 * z, number=1 + z + 6 * k, ImageType=["DERIVED", "PRIMARY", "DIXON", kind]
        )
        for k, kind in enumerate(kinds)
        for z in range(6)
    ]
    folder = saved(tmp_path / "scan", *slices)
    refused(folder, "ImageType", "; ".join(f"{n}: {kind}" for n, kind in enumerate(kinds)))
    for k in range(len(kinds)):
        assert np.array_equal(read(folder, ReadOptions(frame=k)).voxels, SIX + 100 * k)


def test_a_last_time_point_that_was_cut_short_can_be_read_and_the_others_too(tmp_path):
    slices = [
        a_slice(SIX[z] + 100 * time, 3.0 * z, number=1 + z + 6 * time, TemporalPositionIdentifier=time + 1)
        for time in range(3)
        for z in range(6 if time < 2 else 4)
    ]
    folder = saved(tmp_path / "scan", *slices)
    assert np.array_equal(read(folder, ReadOptions(frame=1)).voxels, SIX + 100)
    assert np.array_equal(read(folder, ReadOptions(frame=2)).voxels, SIX[:4] + 200)


def test_moments_that_only_their_times_tell_apart_are_counted_in_order(tmp_path, refused):
    slices = [
        a_slice(SIX[z] + 100 * time, 3.0 * z, number=50 - z, AcquisitionTime=f"1010{10 * time + z:02}")
        for time in range(3)
        for z in range(6)
    ]
    folder = saved(tmp_path / "scan", *slices[::-1])
    refused(folder, "3 images of every place", "AcquisitionTime: choose")
    assert np.array_equal(read(folder, ReadOptions(frame=2)).voxels, SIX + 200)


def test_two_stations_that_overlap_are_chosen_by_their_acquisition(tmp_path, refused):
    slices = [
        a_slice(SIX[z] + 100 * station, 3.0 * (z + 4 * station), number=1 + z, AcquisitionNumber=station)
        for station in range(2)
        for z in range(6)
    ]
    folder = saved(tmp_path / "scan", *slices)
    refused(folder, "2 images of some places", "AcquisitionNumber (0: 0; 1: 1)")
    volume = read(folder, ReadOptions(frame=1))
    assert np.array_equal(volume.voxels, SIX + 100)
    assert volume.affine[2, 3] == pytest.approx(12)


# ---------------------------------------------------------------- one place


def film(kinds: int) -> list:
    return [
        a_slice(
            SIX[time] + 100 * kind,
            3.0,
            number=100 - time - 10 * kind,
            TriggerTime=40.0 * time,
            ImageType=["ORIGINAL", "PRIMARY", "MP"[kind], "ND"],
        )
        for time in range(6)
        for kind in range(kinds)
    ]


@pytest.mark.filterwarnings("ignore")
def test_magnitude_and_phase_of_one_place_are_two_films(tmp_path, refused):
    folder = saved(tmp_path / "scan", *film(2))
    refused(folder, "2 films of the same place", "ImageType (0: M; 1: P)")
    volume = read(folder, ReadOptions(frame=1))
    assert np.array_equal(volume.voxels, SIX + 100)
    assert volume.third_axis == "time"


def test_a_film_has_no_frame_to_choose(tmp_path, refused):
    refused(saved(tmp_path / "scan", *film(1)), "no frame 3", "read whole", frame=3)


def test_a_film_without_times_is_in_the_order_of_its_instance_numbers(tmp_path):
    slices = [a_slice(SIX[n], 3.0, number=6 - n) for n in range(6)]
    assert np.array_equal(quiet_read(saved(tmp_path / "scan", *slices)).voxels, SIX[::-1])


# ---------------------------------------------------------------- several files


def test_an_enhanced_series_of_two_files_is_one_volume(tmp_path):
    parts = [
        an_enhanced(SIX[4 * n : 4 * n + 4], np.arange(6)[4 * n : 4 * n + 4] * 3.0, number=n) for n in (0, 1)
    ]
    volume = read(saved(tmp_path / "scan", *parts[::-1]))
    assert np.array_equal(volume.voxels, SIX)
    assert volume.spacing_mm == pytest.approx((3, 1, 1))


def test_a_file_that_is_missing_from_an_enhanced_series_is_a_gap(tmp_path, refused):
    parts = [an_enhanced(SIX[2 * n : 2 * n + 2], [6.0 * n, 6.0 * n + 3], number=n) for n in (0, 2)]
    refused(saved(tmp_path / "scan", *parts), "slice is missing")


def test_a_concatenation_without_its_last_file_is_refused(tmp_path, refused):
    parts = [an_enhanced(SIX[2 * n : 2 * n + 2], [6.0 * n, 6.0 * n + 3], number=n) for n in (0, 1)]
    for n, part in enumerate(parts):
        part.ConcatenationUID, part.InConcatenationNumber, part.InConcatenationTotalNumber = "1.2.9", n + 1, 3
    refused(saved(tmp_path / "scan", *parts), "2 of the 3 files", "missing")


def test_an_enhanced_file_for_each_time_point_is_chosen_by_frame(tmp_path, refused):
    files = [an_enhanced(SIX + 100 * n, np.arange(6) * 3.0, number=n + 1) for n in range(3)]
    folder = saved(tmp_path / "scan", *files)
    refused(folder, "3 images of every place")
    assert np.array_equal(read(folder, ReadOptions(frame=2)).voxels, SIX + 200)


def test_stacks_that_an_enhanced_object_numbers_are_apart(tmp_path, refused):
    contents = [{"StackID": str(n // 3 + 1)} for n in range(6)]
    places = [0.0, 3, 6, 100, 104, 108]
    path = saved(tmp_path / "scan", an_enhanced(SIX, places, contents=contents)) / "000.dcm"
    refused(path, "2 stacks of images", "--series")
    volume = read(path, ReadOptions(series="2"))
    assert np.array_equal(volume.voxels, SIX[3:])
    assert volume.spacing_mm[0] == pytest.approx(4)


# ---------------------------------------------------------------- the file of now


def test_a_file_that_was_written_anew_gives_its_new_pixels(tmp_path):
    old, new = (an_enhanced(SIX + value, np.arange(6) * 3.0) for value in (0, 500))
    folder = saved(tmp_path / "scan", old)
    assert np.array_equal(read(folder / "000.dcm").voxels, SIX)
    shutil.copy(saved(tmp_path / "other", new) / "000.dcm", folder / "000.dcm")
    assert np.array_equal(read(folder / "000.dcm").voxels, SIX + 500)
