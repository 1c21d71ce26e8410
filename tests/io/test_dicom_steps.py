"""Objects that state a place and a step, mosaics, and rounded places: read right, or refused by name."""

import warnings

import numpy as np
import pytest
from dicom_files import quiet_read
from dicom_objects import (
    AXIAL,
    ENHANCED_US_VOLUME,
    NUCLEAR,
    US_FRAMES,
    a_mosaic,
    a_slice,
    an_object,
    frames_in_one,
    item,
    planes,
    saved,
)

from synthfm3d.io.read import read

FIVE = planes(5)
TIME, FRAME_TIME = 0x00181063, 40.0
SECONDARY = "1.2.840.10008.5.1.4.1.1.7.3"


def corner(volume, z: int) -> np.ndarray:
    """RAS mm of the first pixel of a slice."""
    return volume.grid.to_mm(np.array([z, 0, 0]))


# ---------------------------------------------------------------- nuclear medicine


def a_spect(step: float, **others: object):
    detector = item(ImagePositionPatient=[-50, -60, 100], ImageOrientationPatient=AXIAL)
    elements = {
        "PixelSpacing": [4.0, 4.0],
        "SliceThickness": 4.0,
        "SpacingBetweenSlices": step,
        "ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        "DetectorInformationSequence": [detector],
    }
    return frames_in_one(FIVE, NUCLEAR, "NM", **{**elements, **others})


@pytest.mark.parametrize("step", [4.5, -4.5])
def test_the_sign_of_the_spacing_says_which_way_the_slices_of_a_spect_run(step, tmp_path):
    volume = read(saved(tmp_path / "scan", a_spect(step)))
    last = 4 if step > 0 else 0
    assert np.array_equal(volume.voxels[last], FIVE[4])
    np.testing.assert_allclose(corner(volume, last), [50, 60, 100 + 4 * step], atol=1e-6)
    assert volume.third_axis == "space"


def test_the_slice_vector_of_a_spect_numbers_its_frames(tmp_path):
    volume = read(saved(tmp_path / "scan", a_spect(4.0, SliceVector=[5, 4, 3, 2, 1])))
    assert np.array_equal(volume.voxels, FIVE[::-1])


def test_the_gates_of_a_spect_are_chosen_by_frame(tmp_path, refused):
    others = {"SliceVector": [1, 2, 1, 2], "TimeSlotVector": [1, 1, 2, 2]}
    spect = a_spect(4.0, **others)
    spect.NumberOfFrames, spect.PixelData = 4, FIVE[:4].tobytes()
    path = saved(tmp_path / "scan", spect)
    refused(path, "2 images of every place", "TimeSlot (0: 1; 1: 2)")
    assert np.array_equal(quiet_read(path, frame=1).voxels, FIVE[2:4])


def test_projections_of_nuclear_medicine_are_refused_by_their_name(tmp_path, refused):
    spect = a_spect(4.0, ImageType=["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"])
    message = refused(saved(tmp_path / "scan", spect), "nuclear medicine", "TOMO", "projections")
    assert "secondary capture" not in message


def test_a_spect_without_a_place_is_refused_by_its_name(tmp_path, refused):
    spect = a_spect(4.0, DetectorInformationSequence=[item(ImageOrientationPatient=AXIAL)])
    refused(saved(tmp_path / "scan", spect), "nuclear medicine", "where its slices lie")


# ---------------------------------------------------------------- plain frames and ultrasound volumes


def test_frames_that_state_their_distance_are_a_stack(tmp_path):
    turned = [0, 1, 0, 0, 0, -1]  # sagittal: the normal is -x
    plain = frames_in_one(
        FIVE,
        SECONDARY,
        "OT",
        ImagePositionPatient=[10, 20, 30],
        ImageOrientationPatient=turned,
        PixelSpacing=[0.5, 0.4],
        SpacingBetweenSlices=1.5,
    )
    volume = read(saved(tmp_path / "scan", plain))
    assert volume.third_axis == "space"
    assert np.array_equal(volume.voxels, FIVE)
    np.testing.assert_allclose(corner(volume, 0), [-10, -20, 30])
    np.testing.assert_allclose(corner(volume, 4), [-10 + 4 * 1.5, -20, 30])
    assert volume.doubts == ()


def test_frames_that_state_their_locations_lie_there(tmp_path, refused):
    vector = [0.0, 2.0, 4.0, 6.0, 8.0]
    plain = frames_in_one(FIVE, SECONDARY, "OT", PixelSpacing=[1, 1], SliceLocationVector=vector)
    volume = quiet_read(saved(tmp_path / "scan", plain))
    assert volume.spacing_mm == pytest.approx((2, 1, 1))
    assert any("not how they lie in the patient" in doubt for doubt in volume.doubts)
    plain.SliceLocationVector = [0.0, 2.0, 4.0, 8.0, 10.0]
    refused(saved(tmp_path / "gap", plain), "slice is missing")


def test_an_ultrasound_volume_that_states_its_step_is_no_film(tmp_path):
    volume_frames = frames_in_one(
        FIVE.astype(np.uint8), US_FRAMES, "US", PixelSpacing=[0.3, 0.3], SpacingBetweenSlices=0.7
    )
    volume = quiet_read(saved(tmp_path / "scan", volume_frames))
    assert volume.third_axis == "space"
    assert volume.spacing_mm == pytest.approx((0.7, 0.3, 0.3))


def test_frames_that_follow_in_time_are_a_film_whatever_step_is_stated(tmp_path):
    film = frames_in_one(
        FIVE.astype(np.uint8),
        US_FRAMES,
        "US",
        PixelSpacing=[0.3, 0.3],
        SpacingBetweenSlices=0.7,
        FrameIncrementPointer=TIME,
        FrameTime=FRAME_TIME,
    )
    assert quiet_read(saved(tmp_path / "scan", film)).third_axis == "time"


@pytest.mark.parametrize("modality", ["MR", "CT", "OT"])
def test_frames_without_distance_and_time_are_refused_by_their_name(modality, tmp_path, refused):
    plain = frames_in_one(
        FIVE,
        SECONDARY,
        modality,
        ImagePositionPatient=[0, 0, 0],
        ImageOrientationPatient=AXIAL,
        PixelSpacing=[1, 1],
    )
    path = saved(tmp_path / "scan", plain)
    refused(path, "Multi-frame Grayscale Word Secondary Capture", "neither a distance nor a time", "5 frames")


def test_an_object_that_cannot_be_placed_does_not_hide_the_series_beside_it(tmp_path, refused):
    good = [a_slice(FIVE[n], 2.0 * n, number=n) for n in range(5)]
    bad = frames_in_one(FIVE, SECONDARY, "OT", SeriesInstanceUID="1.2.3.8", SeriesNumber=9)
    folder = saved(tmp_path / "scan", *good, bad)
    refused(folder, "2 stacks of images")
    assert np.array_equal(quiet_read(folder, series="1").voxels, FIVE)
    refused(folder, "neither a distance", series="2")


def test_an_enhanced_ultrasound_volume_lies_in_its_own_space(tmp_path):
    volume_object = frames_in_one(FIVE.astype(np.uint8), ENHANCED_US_VOLUME, "US")
    volume_object.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=[0.4, 0.3], SliceThickness=0.9)],
            PlaneOrientationVolumeSequence=[item(ImageOrientationVolume=[1.0, 0, 0, 0, 1, 0])],
        )
    ]
    volume_object.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionVolumeSequence=[item(ImagePositionVolume=[0.0, 0, 0.6 * n])]) for n in range(5)
    ]
    volume = quiet_read(saved(tmp_path / "scan", volume_object))
    assert volume.spacing_mm == pytest.approx((0.6, 0.4, 0.3))
    assert np.array_equal(volume.voxels, FIVE.astype(np.uint8))
    assert any("not in the patient" in doubt for doubt in volume.doubts)


def test_pixels_of_unknown_size_keep_their_aspect(tmp_path):
    film = frames_in_one(FIVE.astype(np.uint8), US_FRAMES, "US", PixelAspectRatio=["4", "3"])
    assert quiet_read(saved(tmp_path / "scan", film)).spacing_mm[1:] == pytest.approx((4 / 3, 1))


def test_the_largest_region_gives_the_spacing_of_an_ultrasound_image(tmp_path):
    def region(width: int, delta: float):
        return item(
            PhysicalUnitsXDirection=3,
            PhysicalUnitsYDirection=3,
            PhysicalDeltaX=delta,
            PhysicalDeltaY=delta,
            RegionLocationMinX0=0,
            RegionLocationMaxX1=width,
            RegionLocationMinY0=0,
            RegionLocationMaxY1=10,
        )

    film = frames_in_one(FIVE.astype(np.uint8), US_FRAMES, "US")
    film.SequenceOfUltrasoundRegions = [region(3, 0.9), region(12, 0.05)]
    assert quiet_read(saved(tmp_path / "scan", film)).spacing_mm[1:] == pytest.approx((0.5, 0.5))


# ---------------------------------------------------------------- Siemens mosaic


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0, -1)])
def test_the_tiles_of_a_mosaic_lie_where_nibabel_puts_them(normal, tmp_path):
    folder = saved(tmp_path / "scan", a_mosaic(FIVE, normal))
    volume = read(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nibabel calls all of its DICOM readers experimental
        from nibabel.nicom.dicomwrappers import wrapper_from_file

        theirs = wrapper_from_file(folder / "000.dcm").affine  # (row, column, slice) to LPS mm
    for k in range(5):
        z = k if normal[2] > 0 else 4 - k
        assert np.array_equal(volume.voxels[z], FIVE[k])
        for row, column in ((0, 0), (11, 15)):
            lps = (theirs @ [row, column, k, 1])[:3]
            ours = volume.grid.to_mm(np.array([z, row, column]))
            np.testing.assert_allclose(ours, lps * [-1, -1, 1], atol=1e-6)


def test_the_moments_of_mosaics_are_chosen_by_frame(tmp_path, refused):
    folder = saved(tmp_path / "scan", *[a_mosaic(FIVE + n, (0, 0, 1), number=n + 1) for n in range(3)])
    refused(folder, "3 images of every place")
    assert np.array_equal(quiet_read(folder, frame=2).voxels, FIVE + 2)


def test_a_mosaic_that_does_not_tell_its_slices_apart_is_refused_by_its_name(tmp_path, refused):
    refused(saved(tmp_path / "scan", a_mosaic(FIVE, None)), "MOSAIC", "which way its slices run", "dcm2niix")


# ---------------------------------------------------------------- digits


def test_the_step_is_fitted_to_all_positions_not_taken_from_rounded_ones(tmp_path):
    few = planes(300, 4, 4)
    slices = [a_slice(few[n], f"{0.625 * n:.2f}", number=n, spacing=(0.5, 0.5)) for n in range(300)]
    volume = read(saved(tmp_path / "scan", *slices))
    for n in (0, 150, 299):
        assert corner(volume, n)[2] == pytest.approx(0.625 * n, abs=0.005)
    assert volume.doubts == ()


def test_a_gap_in_rounded_positions_is_filled_on_the_true_grid(tmp_path):
    few = planes(60, 4, 4)
    slices = [a_slice(few[n], f"{0.625 * n:.2f}", number=n, spacing=(0.5, 0.5)) for n in range(60) if n != 30]
    volume = quiet_read(saved(tmp_path / "scan", *slices), allow_gaps=True)
    assert len(volume.voxels) == 60
    np.testing.assert_allclose(volume.voxels[31:], few[31:], atol=1e-3)
    np.testing.assert_allclose(volume.voxels[30], (few[29] + few[31].astype(float)) / 2, atol=1e-3)


@pytest.mark.parametrize("where", [0.005, 0.0049999, 0.5, 0.7])
def test_directions_that_differ_in_their_last_digits_are_those_of_one_series(where, tmp_path):
    def turned(n: int) -> list[str]:
        angle = where + (2e-6 if n % 2 else -2e-6)
        c, s = np.cos(angle), np.sin(angle)
        return [f"{v:.9f}" for v in (c, s, 0, -s, c, 0)]

    slices = [a_slice(FIVE[n], 2.0 * n, number=n, ImageOrientationPatient=turned(n)) for n in range(5)]
    volume = read(saved(tmp_path / "scan", *slices))
    assert np.array_equal(volume.voxels, FIVE)
    across = volume.affine[:3, 2] / volume.spacing_mm[2]
    np.testing.assert_allclose(across, [-np.cos(where), -np.sin(where), 0], atol=1e-6)


@pytest.mark.parametrize("spacing", [(0.7425, 0.74250001), (0.7424999, 0.7425001), (0.0005, 0.0005000004)])
def test_spacings_that_differ_in_their_last_digits_are_those_of_one_series(spacing, tmp_path):
    step = 2 * spacing[0]
    slices = [a_slice(FIVE[n], step * n, number=n, spacing=[spacing[n % 2]] * 2) for n in range(5)]
    assert np.array_equal(read(saved(tmp_path / "scan", *slices)).voxels, FIVE)


def test_directions_that_differ_by_a_degree_are_two_series(tmp_path, refused):
    c, s = np.cos(np.radians(1)), np.sin(np.radians(1))
    wide = planes(6, 40, 60)
    slices = [
        a_slice(wide[n], 2.0 * n, number=n, ImageOrientationPatient=[c, s, 0, -s, c, 0] if n > 2 else AXIAL)
        for n in range(6)
    ]
    refused(saved(tmp_path / "scan", *slices), "2 stacks of images")


def test_voxels_of_a_few_micrometres_are_read_as_exactly_as_others(tmp_path, refused):
    def at(places: list[float]):
        return [a_slice(FIVE[n], z, number=n, spacing=(0.002, 0.004)) for n, z in enumerate(places)]

    volume = read(saved(tmp_path / "scan", *at([0.005 * n for n in range(5)])))
    assert volume.spacing_mm == pytest.approx((0.005, 0.002, 0.004))
    assert np.array_equal(volume.voxels, FIVE)
    refused(saved(tmp_path / "gap", *at([0, 0.005, 0.010, 0.020, 0.025])), "slice is missing")
    refused(saved(tmp_path / "uneven", *at([0, 0.005, 0.010, 0.017, 0.025])), "not evenly spaced")
    copies = [*at([0, 0.005, 0.010, 0.015, 0.020]), *at([0, 0.005, 0.010, 0.015, 0.020])]
    assert quiet_read(saved(tmp_path / "copies", *copies)).voxels.shape[0] == 5


def test_a_slight_lean_moves_no_slice(tmp_path):
    many = planes(200, 4, 4)
    lean = np.tan(np.radians(0.3))
    slices = [
        a_slice(many[n], 2.0 * n, number=n, ImagePositionPatient=[0, f"{lean * 2 * n:.5f}", 2.0 * n])
        for n in range(200)
    ]
    volume = quiet_read(saved(tmp_path / "scan", *slices))
    np.testing.assert_allclose(corner(volume, 199), [0, -lean * 398, 398], atol=1e-3)


def test_other_objects_are_called_by_their_name(tmp_path, refused):
    for sop, name in (
        ("1.2.840.10008.5.1.4.1.1.481.2", "RT Dose"),
        ("1.2.840.10008.5.1.4.1.1.30", "Parametric Map"),
    ):
        other = an_object(sop, "OT")
        other.Rows = other.Columns = 4
        refused(saved(tmp_path / name.replace(" ", ""), other), name)
