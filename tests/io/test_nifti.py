"""NIfTI in and out: the grid is kept, and a damaged file is refused in one line."""

import gzip
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synthfm3d.errors import InputError
from synthfm3d.io.checks import reading_at_most
from synthfm3d.io.nifti import load_nifti, read_label_names, read_labels, read_nifti, write_nifti
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume

SHAPE = (6, 5, 4)  # stored (i, j, k)
AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]])


def stored_values(dtype=np.int16, shape=SHAPE):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def save(path: Path, values=None, affine=AFFINE, **header) -> Path:
    """A NIfTI file by nibabel, with header fields set as given."""
    image = nib.Nifti1Image(stored_values() if values is None else values, affine)
    image.set_qform(affine, code=1)
    nib.save(image, path)
    if header:
        patch(path, **header)
    return path


def patch(path: Path, **fields) -> None:
    """Overwrite header fields of a plain .nii in place: what a careless program leaves behind."""
    content = bytearray(path.read_bytes())
    header = nib.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    path.write_bytes(bytes(content))


def refusal(path: Path, **options) -> str:
    """The message with which a file is refused; it is one line and names the file."""
    with pytest.raises(InputError) as caught:
        read_nifti(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


# ---------------------------------------------------------------- geometry


def test_voxels_are_the_stored_array_transposed_and_stay_where_they_are(tmp_path):
    volume = read_nifti(save(tmp_path / "scan.nii.gz"))
    stored = stored_values()
    assert volume.voxels.shape == (4, 5, 6)
    assert volume.voxels[3, 2, 1] == stored[1, 2, 3]
    np.testing.assert_allclose(volume.grid.to_mm(np.array([3, 2, 1])), (AFFINE @ [1, 2, 3, 1])[:3])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.sampled_from([".nii", ".nii.gz"]))
@example(140, ".nii")  # a rotation by nearly 180 degrees, whose quaternion is stored with the largest error
def test_what_is_written_lies_on_the_grid_that_was_read(tmp_path, seed, suffix):
    draw = stream(seed, "affine")
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(draw.normal(size=(3, 3)))[0] * draw.uniform(0.3, 8, size=3)
    affine[:3, 3] = draw.uniform(-300, 300, size=3)
    source = tmp_path / "scan.nii"
    save(source, affine=affine)
    volume = read_nifti(source)
    written = tmp_path / f"mask{suffix}"
    write_nifti(written, volume.with_voxels(volume.voxels > 50))

    ours, original = nib.load(written), nib.load(source)
    assert ours.shape == original.shape
    np.testing.assert_allclose(ours.affine, original.affine, atol=1e-3)
    # A quaternion is stored in float32 without its first number, sqrt(1 - b^2 - c^2 - d^2): near 0 it is
    # known to 4e-4 only, which is half the angle of the rotation; voxels are up to 8 mm long.
    np.testing.assert_allclose(ours.get_qform(), original.affine, atol=2 * 4e-4 * 8)
    assert int(ours.header["sform_code"]) > 0
    assert int(ours.header["qform_code"]) > 0
    assert np.array_equal(np.asanyarray(ours.dataobj), np.asanyarray(original.dataobj) > 50)
    assert read_nifti(written).grid.same_as(volume.grid)


def test_a_sheared_grid_is_told_by_the_sform_alone(tmp_path):
    """A quaternion holds a rotation; the axes of a tilted gantry are not at right angles."""
    sheared = AFFINE.copy()
    sheared[:3, 2] += 0.2 * sheared[:3, 1]
    with pytest.warns(UserWarning, match="not at right angles"):
        volume = read_nifti(save(tmp_path / "scan.nii", affine=sheared, qform_code=0))
    write_nifti(tmp_path / "mask.nii", volume.with_voxels(volume.voxels > 50))
    written = nib.load(tmp_path / "mask.nii")
    assert int(written.header["qform_code"]) == 0
    assert int(written.header["sform_code"]) > 0
    np.testing.assert_allclose(written.affine, sheared, atol=1e-4)


def test_a_singular_sform_gives_way_to_the_qform(tmp_path):
    path = save(tmp_path / "scan.nii", srow_y=[0, 0, 0, 0])
    with pytest.warns(UserWarning, match="sform is singular"):
        volume = read_nifti(path)
    np.testing.assert_allclose(volume.affine[:, [2, 1, 0, 3]], AFFINE, atol=1e-4)


def test_a_singular_affine_without_another_is_refused(tmp_path):
    path = save(tmp_path / "scan.nii", srow_y=[0, 0, 0, 0], qform_code=0)
    assert "singular" in refusal(path)


def test_missing_orientation_is_warned_of(tmp_path):
    path = save(tmp_path / "scan.nii", sform_code=0, qform_code=0)
    with pytest.warns(UserWarning, match="orientation is unknown"):
        assert read_nifti(path).spacing_mm == (3.0, 2.0, 2.0)


def test_contradicting_forms_are_warned_of_and_the_sform_is_used(tmp_path):
    path = save(tmp_path / "scan.nii", srow_x=[2, 0, 0, -10])
    with pytest.warns(UserWarning, match="different places"):
        assert read_nifti(path).affine[0, 2] == 2.0


def test_a_placeholder_sform_beside_the_true_spacing_is_not_believed(tmp_path):
    path = save(
        tmp_path / "scan.nii", srow_x=[1, 0, 0, 0], srow_y=[0, 1, 0, 0], srow_z=[0, 0, 1, 0], qform_code=0
    )
    with pytest.warns(UserWarning, match="the spacing is used"):
        assert read_nifti(path).spacing_mm == (3.0, 2.0, 2.0)


# ---------------------------------------------------------------- voxel values


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", ">i2", ">i4"])
def test_integers_keep_their_type_in_the_byte_order_of_the_machine(tmp_path, dtype):
    volume = read_nifti(save(tmp_path / "scan.nii", stored_values(dtype)))
    assert volume.voxels.dtype == np.dtype(dtype).newbyteorder("=")
    assert volume.voxels.max() == stored_values().max()


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
def test_floats_become_float32(tmp_path, dtype):
    assert read_nifti(save(tmp_path / "scan.nii", stored_values(dtype))).voxels.dtype == np.float32


def test_the_scale_factor_of_the_file_is_applied(tmp_path):
    path = save(tmp_path / "scan.nii", scl_slope=2.0, scl_inter=-1000.0)
    assert read_nifti(path).voxels.max() == 2 * stored_values().max() - 1000


def test_nan_and_infinity_become_the_minimum_with_a_warning(tmp_path):
    values = stored_values(np.float32) - 5
    values[1, 1, 1], values[2, 2, 2] = np.nan, np.inf
    with pytest.warns(UserWarning, match="2 voxels are NaN or infinite"):
        volume = read_nifti(save(tmp_path / "scan.nii", values))
    assert volume.voxels[1, 1, 1] == volume.voxels[2, 2, 2] == -5


def test_a_frame_of_a_4d_file_is_chosen(tmp_path):
    values = stored_values(shape=(*SHAPE, 3))
    path = save(tmp_path / "cine.nii", values)
    assert np.array_equal(read_nifti(path, frame=2).voxels, values[..., 2].T)
    message = refusal(path)
    assert "3 frames" in message
    assert "--frame" in message
    assert "0 to 2" in refusal(path, frame=3)


def test_axes_of_length_one_do_not_make_a_file_4d(tmp_path):
    assert read_nifti(save(tmp_path / "scan.nii", stored_values(shape=(*SHAPE, 1)))).voxels.shape == (4, 5, 6)


def test_nifti_2_is_read(tmp_path):
    nib.save(nib.Nifti2Image(stored_values(), AFFINE), tmp_path / "scan.nii.gz")
    assert np.array_equal(read_nifti(tmp_path / "scan.nii.gz").voxels, stored_values().T)


def test_compression_is_told_by_content_not_by_name(tmp_path):
    plain = save(tmp_path / "scan.nii").read_bytes()
    (tmp_path / "plain.nii.gz").write_bytes(plain)
    (tmp_path / "zipped.nii").write_bytes(gzip.compress(plain))
    for name in ("plain.nii.gz", "zipped.nii"):
        assert np.array_equal(read_nifti(tmp_path / name).voxels, stored_values().T)


# ---------------------------------------------------------------- bad files


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.nii.gz")
    assert "folder" in refusal(tmp_path)
    (tmp_path / "empty.nii.gz").touch()
    assert "empty" in refusal(tmp_path / "empty.nii.gz")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html>log in", "HTML"),
        (b"PK\x03\x04", "ZIP"),
        (b"NRRD0004", "NRRD"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"good morning", "unknown format"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_another_format_is_named(tmp_path, start, what, pack):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(pack(start + b"." * 1000))
    message = refusal(path)
    assert "not a NIfTI file" in message
    assert what in message


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_truncated_file_is_refused(tmp_path, suffix, kept):
    noise = stream(0, "truncated").integers(0, 1000, size=(20, 20, 20)).astype(np.int16)
    path = save(tmp_path / f"scan{suffix}", noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert "truncated" in refusal(path)


def test_every_byte_of_a_compressed_file_is_needed(tmp_path):
    path = save(tmp_path / "scan.nii.gz")
    content = path.read_bytes()
    for cut in (1, 4, 8):
        path.write_bytes(content[:-cut])
        assert "truncated" in refusal(path)


def test_a_wrong_checksum_is_noticed(tmp_path):
    path = save(tmp_path / "scan.nii.gz")
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(bytes(content))
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("offset", [0, 100, 1e12, np.nan])
def test_a_wrong_data_offset_is_refused(tmp_path, offset):
    assert "voxels start at byte" in refusal(save(tmp_path / "scan.nii", vox_offset=offset))


def test_an_absurd_size_is_refused_before_memory_is_asked_for(tmp_path):
    path = save(tmp_path / "scan.nii", dim=[3, 32000, 32000, 32000, 1, 1, 1, 1])
    assert "GiB" in refusal(path)


def test_a_size_that_the_compressed_file_cannot_hold_is_refused(tmp_path):
    path = save(tmp_path / "scan.nii", dim=[3, 1000, 1000, 1000, 1, 1, 1, 1])
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert "truncated" in refusal(tmp_path / "scan.nii.gz")


@pytest.mark.parametrize(
    "dim", [[9, 6, 5, 4, 1, 1, 1, 1], [3, 6, -5, 4, 1, 1, 1, 1], [3, 6, 0, 4, 1, 1, 1, 1]]
)
def test_impossible_dimensions_are_refused(tmp_path, dim):
    assert "dimensions" in refusal(save(tmp_path / "scan.nii", dim=dim))


def test_an_unknown_voxel_type_is_refused(tmp_path):
    assert "header is damaged" in refusal(save(tmp_path / "scan.nii", datatype=999))


def test_half_of_a_pair_is_refused(tmp_path):
    nib.save(nib.Nifti1Pair(stored_values(), AFFINE), tmp_path / "scan.hdr")
    assert "half of a NIfTI pair" in refusal(tmp_path / "scan.hdr")


def test_2d_colour_and_complex_images_are_refused(tmp_path):
    flat = nib.Nifti1Image(np.zeros((5, 5), np.uint8), AFFINE)
    nib.save(flat, tmp_path / "flat.nii")
    assert "2-D" in refusal(tmp_path / "flat.nii")
    colour = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "RGB" in refusal(save(tmp_path / "colour.nii", colour))
    assert "complex" in refusal(save(tmp_path / "complex.nii", np.zeros(SHAPE, np.complex64)))


def test_a_2d_image_is_one_frame_of_a_sequence_if_it_is_said_to_be_one(tmp_path):
    stored = np.arange(30, dtype=np.uint8).reshape(5, 6)
    nib.save(nib.Nifti1Image(stored, np.diag([0.3, 0.15, 1.0, 1.0])), tmp_path / "flat.nii")
    volume = load_nifti(tmp_path / "flat.nii", cine=True)
    assert volume.third_axis == "time"
    assert np.array_equal(volume.voxels, stored.T[None])
    np.testing.assert_allclose(volume.spacing_mm[1:], (0.15, 0.3), rtol=1e-6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_byte_of_the_header_is_wrong_it_is_read_or_refused(tmp_path, data):
    path = save(tmp_path / "scan.nii")
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, 351))
    content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            volume = read_nifti(path, frame=0)
        except InputError:
            return
    assert np.isfinite(volume.voxels).all()


# ---------------------------------------------------------------- labels


def test_nearly_whole_labels_are_rounded_and_fractions_refused(tmp_path):
    values = stored_values(np.float32)
    assert np.array_equal(
        read_labels(save(tmp_path / "labels.nii", values - np.float32(1e-5))).voxels, stored_values().T
    )
    with pytest.raises(InputError, match="not a label map"):
        read_labels(save(tmp_path / "image.nii", values + np.float32(0.3)))


def test_label_names_are_read_and_nonsense_refused(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text('{"1": "spleen", "20": "colon"}')
    assert read_label_names(path) == {1: "spleen", 20: "colon"}
    path.write_text('{"1": "spleen"}', encoding="utf-8-sig")
    assert read_label_names(path) == {1: "spleen"}
    for nonsense in ("{", "[1, 2]", '{"spleen": 1}', '{"1": {"name": "spleen"}}', "[" * 100_000):
        path.write_text(nonsense)
        with pytest.raises(InputError, match=r"labels\.json"):
            read_label_names(path)
    with pytest.raises(InputError, match="no such file"):
        read_label_names(tmp_path / "none.json")


# ---------------------------------------------------------------- writing


def as_volume(voxels, modality=None):
    return Volume(voxels=np.asarray(voxels), affine=np.eye(4), modality=modality)


@pytest.mark.parametrize(
    ("voxels", "modality", "stored"),
    [
        ([[[True, False]]], None, "uint8"),
        ([[[0, 255]]], None, "uint8"),
        ([[[0, 256]]], None, "int16"),
        ([[[0, 40_000]]], None, "uint16"),
        ([[[-1, 40_000]]], None, "int32"),
        ([[[-1024.0, 3071.0]]], "ct", "int16"),
        ([[[-1024.0, 0.5]]], "ct", "float32"),
        ([[[0.0, 3.0]]], "mr", "float32"),
    ],
)
def test_voxels_are_stored_in_the_smallest_type_that_holds_them(tmp_path, voxels, modality, stored):
    path = tmp_path / "out.nii.gz"
    write_nifti(path, as_volume(voxels, modality))
    image = nib.load(path)
    assert image.get_data_dtype() == stored
    assert np.array_equal(np.asanyarray(image.dataobj).T, np.asarray(voxels))


def test_the_same_volume_gives_the_same_bytes_whatever_the_name(tmp_path):
    volume = as_volume(stream(0, "bytes").random((4, 5, 6)))
    write_nifti(tmp_path / "a.nii.gz", volume)
    write_nifti(tmp_path / "b.nii.gz", volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert (tmp_path / "a.nii.gz").read_bytes()[4:8] == b"\0\0\0\0"  # the time in a gzip header


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.nii"):
        write_nifti(tmp_path / "out.png", as_volume(np.zeros((1, 1, 1))))


def test_every_sample_survives_reading_and_writing(samples, tmp_path):
    for path in sorted(samples.glob("*/image.nii.gz")):
        volume = read_nifti(path)
        write_nifti(tmp_path / "copy.nii.gz", volume)
        copy = read_nifti(tmp_path / "copy.nii.gz")
        assert np.array_equal(copy.voxels, volume.voxels)
        assert copy.grid.same_as(volume.grid)


def test_a_reader_of_strangers_files_may_set_a_lower_limit(tmp_path):
    path = tmp_path / "scan.nii.gz"
    save(path, stored_values(np.int16))
    size = 2 * 6 * 5 * 4
    with reading_at_most(size - 1), pytest.raises(InputError, match="6x5x4"):
        read_nifti(path)
    with reading_at_most(size):
        assert read_nifti(path).voxels.shape == (4, 5, 6)
