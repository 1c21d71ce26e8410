"""NIfTI files that mislead without being broken: each is repaired with a word, or refused."""

import gzip
import warnings

import nibabel as nib
import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.pairs import labels_on
from synthfm3d.io.read import ReadOptions, read, read_labels
from synthfm3d.volume import Volume

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]])
VALUES = np.arange(120).reshape(6, 5, 4).astype(np.int16)  # stored (i, j, k)


@pytest.fixture
def save(tmp_path):
    """Writes a NIfTI file whose header fields are then set as given, past every check of nibabel."""

    def write(values=VALUES, *, affine=AFFINE, name="scan.nii", **fields):
        image = nib.Nifti1Image(values, affine)
        image.set_qform(AFFINE, code=1)
        path = tmp_path / name
        nib.save(image, path)
        if fields:
            content = bytearray(path.read_bytes())
            header = nib.Nifti1Header(bytes(content[:348]), check=False)
            for field, value in fields.items():
                header[field] = value
            content[:348] = header.binaryblock
            path.write_bytes(bytes(content))
        return path

    return write


def doubts(path, **options):
    """The volume, and all that was said about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        volume = read(path, ReadOptions(**options))
    return volume, " | ".join(volume.doubts)


# ---------------------------------------------------------------- scale factors


def test_a_scale_of_zero_counts_for_nothing_as_the_standard_says(save):
    volume, said = doubts(save(scl_slope=0, scl_inter=5))
    assert np.array_equal(volume.voxels, VALUES.T)
    assert said == ""


@pytest.mark.parametrize(("slope", "inter"), [(np.nan, 5), (np.inf, 0), (-np.inf, 0)])
def test_a_scale_that_is_no_number_is_not_applied(save, slope, inter):
    volume, said = doubts(save(scl_slope=slope, scl_inter=inter))
    assert np.array_equal(volume.voxels, VALUES.T)
    assert "none is applied" in said


def test_a_negative_scale_is_applied_and_told(save):
    volume, said = doubts(save(scl_slope=-1, scl_inter=0))
    assert np.array_equal(volume.voxels, -VALUES.T)
    assert "dark and bright are exchanged" in said


@pytest.mark.parametrize(("slope", "inter"), [(1, np.inf), (1e-30, 0), (1e30, 0)])
def test_factors_that_would_make_zeros_or_infinities_are_refused(save, refused, slope, inter):
    refused(save(scl_slope=slope, scl_inter=inter), "scl_slope")


@pytest.mark.parametrize("slope", [0.37, 2.0])
def test_scaled_values_are_those_of_nibabel(save, slope):
    path = save(scl_slope=slope, scl_inter=-3.5)
    np.testing.assert_array_equal(doubts(path)[0].voxels, nib.load(path).get_fdata(dtype=np.float32).T)


# ---------------------------------------------------------------- geometry


def test_a_sheared_affine_keeps_every_voxel_at_its_true_place(save):
    sheared = AFFINE.copy()
    sheared[1, 2] = 0.5
    volume, said = doubts(save(affine=sheared, qform_code=0))
    np.testing.assert_allclose(volume.affine[:, [2, 1, 0, 3]], sheared, atol=1e-6)
    assert "right angles" in said


def test_a_sheared_sform_beside_another_qform_is_used_and_told(save):
    sheared = AFFINE.copy()
    sheared[1, 2] = 5.0
    volume, said = doubts(save(affine=sheared))
    np.testing.assert_allclose(volume.affine[:, [2, 1, 0, 3]], sheared, atol=1e-6)
    assert "different places" in said


def test_no_spacing_and_no_affine_is_refused(save, refused):
    refused(save(sform_code=0, qform_code=0, pixdim=[1, 0, 2, 3, 0, 0, 0, 0]), "no voxel spacing")


def test_a_negative_spacing_loses_its_sign(save):
    volume, said = doubts(save(sform_code=0, qform_code=0, pixdim=[1, -2, 2, 3, 0, 0, 0, 0]))
    assert volume.spacing_mm == (3, 2, 2)
    assert "negative" in said


# ---------------------------------------------------------------- header fields


def test_bits_that_contradict_the_voxel_type_are_told(save):
    volume, said = doubts(save(bitpix=8))
    assert np.array_equal(volume.voxels, VALUES.T)
    assert "8 bits" in said


def test_a_wrong_header_length_is_told(save):
    volume, said = doubts(save(sizeof_hdr=300))
    assert np.array_equal(volume.voxels, VALUES.T)
    assert "348" in said


def test_a_wrong_magic_is_refused(save, refused):
    refused(save(magic=b"abc"), "is not a scan")


def test_one_bit_voxels_are_refused(save, refused):
    refused(save(datatype=1, bitpix=1), "damaged")


@pytest.mark.parametrize("code", [5, 3, 4097])
def test_a_voxel_type_that_does_not_exist_is_refused(save, refused, code):
    refused(save(datatype=code), "damaged")


def test_an_empty_label_map_is_read_as_it_is(save):
    assert not read_labels(save(np.zeros_like(VALUES))).voxels.any()


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name", ["two\nlines.nii", 'it\'s "quoted".nii', "-o.nii", "*.nii", "ü" * 100 + ".nii"]
)
def test_a_name_may_hold_anything(save, name):
    assert np.array_equal(doubts(save(name=name))[0].voxels, VALUES.T)


def test_the_ending_of_a_name_decides_nothing(save, tmp_path):
    packed = gzip.compress(save().read_bytes())
    for name in ("scan.nii.GZ", "SCAN.NII", "scan.dat", "scan", "scan.dcm", "scan.nrrd", "räntgen bild.nii"):
        (tmp_path / name).write_bytes(packed)
        assert np.array_equal(doubts(tmp_path / name)[0].voxels, VALUES.T)


def test_an_apple_double_is_refused_by_name(tmp_path, refused):
    (tmp_path / "._scan.nii.gz").write_bytes(b"\x00\x05\x16\x07" + bytes(500))
    refused(tmp_path / "._scan.nii.gz", "AppleDouble")


# ---------------------------------------------------------------- values


def test_colour_is_luminance_for_ultrasound_and_refused_otherwise(save, refused):
    colour = np.zeros((6, 5, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    colour["R"] = 255
    colour["G"][0, 0, 0] = 255
    path = save(colour)
    refused(path, "colour", "--modality us")
    volume, said = doubts(path, modality="us")
    assert volume.voxels[0, 0, 0] == 226  # 0.299 x 255 + 0.587 x 255
    assert volume.voxels[1, 0, 0] == 76
    assert "luminance" in said


def test_a_constant_image_is_told(save):
    assert "every voxel is 7" in doubts(save(np.full_like(VALUES, 7)))[1]


def test_padding_below_air_is_told(save):
    values = VALUES.copy()
    values[0] = -2000
    assert "below air" in doubts(save(values))[1]


def test_an_offset_of_1024_is_told(save):
    values = np.full((20, 20, 4), 1040, np.int16)
    values[:2] = 0
    assert "offset of 1024" in doubts(save(values), modality="ct")[1]


def test_a_windowed_ct_and_an_mr_called_ct_are_told(save):
    assert "already windowed" in doubts(save(VALUES), modality="ct")[1]
    assert "not in Hounsfield units" in doubts(save(VALUES * 10), modality="ct")[1]


def test_a_sound_ct_is_not_doubted(save):
    values = np.full((20, 20, 4), 40, np.int16)
    values[:5] = -1000
    assert doubts(save(values), modality="ct")[1] == ""


def test_a_mask_of_large_labels_is_never_narrowed(tmp_path):
    for largest in (255, 256, 40_000, 65_535, 70_000):
        voxels = np.zeros((2, 2, 2), np.int64)
        voxels[0, 0, 0] = largest
        write_nifti(tmp_path / "labels.nii.gz", Volume(voxels=voxels, affine=np.eye(4)))
        assert read_labels(tmp_path / "labels.nii.gz").voxels.max() == largest


# ---------------------------------------------------------------- sequences


def test_a_2d_sequence_is_read_as_frames_over_time(save, tmp_path):
    frames = np.arange(6 * 5 * 7).reshape(6, 5, 1, 7).astype(np.int16)
    volume = read(save(frames))
    assert volume.third_axis == "time"
    assert np.array_equal(volume.voxels, frames[:, :, 0].T)
    write_nifti(tmp_path / "again.nii.gz", volume)
    again = read(tmp_path / "again.nii.gz")
    assert again.third_axis == "time"
    assert np.array_equal(again.voxels, volume.voxels)


def test_a_3d_file_can_be_called_a_sequence(save):
    assert read(save(), ReadOptions(cine=True)).third_axis == "time"


# ---------------------------------------------------------------- labels and their scan


def a_scan(values=None):
    voxels = np.full((4, 6, 8), 40, np.int16)
    voxels[:, :, :3] = -1000
    return Volume(voxels=voxels if values is None else values, affine=np.diag([3, 2, 2, 1.0]), modality="ct")


def test_labels_of_another_shape_are_refused():
    with pytest.raises(InputError, match="labels have 3 × 3 × 3 voxels, the scan 8 × 6 × 4"):
        labels_on(a_scan(), Volume(voxels=np.ones((3, 3, 3), np.uint8), affine=np.eye(4)), "labels.nii")


def test_labels_that_lie_elsewhere_are_refused():
    moved = np.diag([3, 2, 2, 1.0])
    moved[:3, 3] = [0, 40, 0]
    with pytest.raises(InputError, match="lie elsewhere"):
        labels_on(a_scan(), Volume(voxels=np.ones((4, 6, 8), np.uint8), affine=moved), "labels.nii")


def test_labels_without_a_geometry_take_that_of_their_scan():
    labels = Volume(voxels=np.zeros((4, 6, 8), np.uint8), affine=np.eye(4))
    labels.voxels[:, :, 5] = 1
    placed = labels_on(a_scan(), labels, "labels.nii")
    assert placed.grid.same_as(a_scan().grid)
    assert placed.doubts == ("has no geometry of its own; that of the scan is used.",)


def test_label_values_without_a_name_are_told():
    labels = a_scan().with_voxels(np.zeros((4, 6, 8), np.uint8))
    labels.voxels[0, 0, 5:7] = [1, 9]
    (doubt,) = labels_on(a_scan(), labels, "labels.nii", {1: "liver"}).doubts
    assert doubt.endswith("without a name: 9.")


def test_an_empty_label_map_is_told():
    empty = a_scan().with_voxels(np.zeros((4, 6, 8), np.uint8))
    assert "every label is 0" in labels_on(a_scan(), empty, "labels.nii").doubts[0]


def test_labels_that_lie_in_air_are_told():
    labels = a_scan().with_voxels(np.zeros((4, 6, 8), np.uint8))
    labels.voxels[:, :, :2] = 1  # flipped: its organ is on the other side
    (doubt,) = labels_on(a_scan(), labels, "labels.nii", {1: "liver"}).doubts
    assert doubt.startswith("100% of liver lies in air: are the labels flipped")
    assert labels_on(a_scan(), labels, "labels.nii", {1: "lung_left"}).doubts == ()
