"""NRRD and MetaImage: the words of a header in every spelling that their standards and ITK know."""

import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from synthfm3d.io.read import ReadOptions, read
from synthfm3d.randomness import stream

VALUES = stream(0, "words").integers(0, 1000, size=(4, 5, 6)).astype(np.int16)


def write_mha(path, content, **changed):
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": "1 1 3",
        "DimSize": "6 5 4",
        "ElementType": "MET_SHORT",
        **changed,
    }
    lines = [f"{name} = {value}\n" for name, value in fields.items() if value is not None]
    end = changed.get("ElementDataFile", "LOCAL")
    lines = [line for line in lines if not line.startswith("ElementDataFile")]
    path.write_bytes("".join([*lines, f"ElementDataFile = {end}\n"]).encode() + content)
    return path


def write_nrrd(path, voxels, **changed):
    fields = {
        "type": "short",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "6 5 4",
        "space_directions": "(1,0,0) (0,1,0) (0,0,3)",
        "endian": "little",
        "encoding": "raw",
        "space_origin": "(0,0,0)",
        **changed,
    }
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in fields.items() if value is not None]
    path.write_bytes("\n".join(["NRRD0004", *lines, "", ""]).encode() + voxels)
    return path


def quietly(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(path, ReadOptions(**options))


# ---------------------------------------------------------------- MetaImage


@pytest.mark.parametrize("word", ["True", "true", "TRUE", "T", "t", "1", "False", "false", "F", "0"])
def test_a_yes_or_no_of_a_metaimage_has_many_spellings(tmp_path, word):
    is_big = word[0] in "Tt1"
    path = write_mha(tmp_path / "a.mha", VALUES.astype(">i2" if is_big else "<i2").tobytes())
    path.write_bytes(path.read_bytes().replace(b"MSB = False", f"MSB = {word}".encode()))
    assert np.array_equal(quietly(path).voxels, VALUES)
    assert np.array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))), VALUES)


@pytest.mark.parametrize("field", ["BinaryData", "BinaryDataByteOrderMSB", "CompressedData"])
def test_another_word_for_yes_or_no_is_refused_by_name(tmp_path, refused, field):
    path = write_mha(tmp_path / "a.mha", VALUES.tobytes(), **{field: "yes"})
    refused(path, field, "'yes'")


def test_compression_is_heeded_in_every_spelling(tmp_path):
    import zlib

    path = write_mha(tmp_path / "a.mha", zlib.compress(VALUES.tobytes()), CompressedData="true")
    assert np.array_equal(quietly(path).voxels, VALUES)


def test_voxels_at_the_end_of_a_file_are_taken_from_there(tmp_path):
    (tmp_path / "a.raw").write_bytes(b"a header of its own" + VALUES.tobytes())
    meta = write_mha(tmp_path / "a.mhd", b"", HeaderSize="-1", ElementDataFile="a.raw")
    nrrd = write_nrrd(tmp_path / "a.nhdr", b"", byte_skip="-1", data_file="a.raw")
    assert np.array_equal(quietly(meta).voxels, VALUES)
    assert np.array_equal(quietly(nrrd).voxels, VALUES)


@pytest.mark.parametrize(("unit", "mm"), [("um", 1e-3), ("cm", 10.0), ("mm", 1.0)])
def test_the_unit_of_a_header_is_heeded(tmp_path, unit, mm):
    meta = quietly(write_mha(tmp_path / "a.mha", VALUES.tobytes(), DistanceUnits=unit))
    units = f'"{unit}" "{unit}" "{unit}"'
    nrrd = quietly(write_nrrd(tmp_path / "a.nrrd", VALUES.tobytes(), space_units=units))
    for volume in (meta, nrrd):
        np.testing.assert_allclose(volume.spacing_mm, np.array([3, 1, 1]) * mm)
        assert ("its unit is" in " ".join(volume.doubts)) == (mm != 1)


def test_an_unknown_unit_is_refused_by_name(tmp_path, refused):
    refused(write_mha(tmp_path / "a.mha", VALUES.tobytes(), DistanceUnits="inch"), "'inch'", "mm")
    refused(write_nrrd(tmp_path / "a.nrrd", VALUES.tobytes(), space_units='"inch" "inch" "inch"'), "'inch'")


# ---------------------------------------------------------------- NRRD


@pytest.mark.parametrize(
    "directions", ["( 1, 0, 0 ) (0 ,1 ,0) (0,0, 3)", "(1,0,0)(0,1,0)(0,0,3)", "(1.0,0,0)  (0,1,0)\t(0,0,3)"]
)
def test_blanks_in_and_between_brackets_mean_nothing(tmp_path, directions):
    places = {"space_directions": directions, "space_origin": "( 1, 2,3 )"}
    path = write_nrrd(tmp_path / "a.nrrd", VALUES.tobytes(), **places)
    volume = quietly(path)
    assert volume.spacing_mm == (3.0, 1.0, 1.0)
    np.testing.assert_allclose(volume.affine[:3, 3], [-1, -2, 3])
    assert np.array_equal(volume.voxels, VALUES)


@pytest.mark.parametrize("encoding", ["ascii", "txt", "hex", "bzip2", "bz2"])
def test_an_encoding_that_is_not_read_is_refused_by_name(tmp_path, refused, encoding):
    refused(write_nrrd(tmp_path / "a.nrrd", VALUES.tobytes(), encoding=encoding), encoding, "raw and gzip")


@pytest.mark.parametrize("field", ["type", "sizes", "encoding", "dimension"])
def test_a_missing_field_is_named(tmp_path, refused, field):
    refused(write_nrrd(tmp_path / "a.nrrd", VALUES.tobytes(), **{field: None}), f"it has no '{field}'")


@pytest.mark.parametrize("name", ["four.nrrd", "four.mha"])
def test_a_sequence_of_itk_gives_its_frames(tmp_path, refused, name):
    one = SimpleITK.GetImageFromArray(VALUES)
    one.SetSpacing((1, 1, 3))
    SimpleITK.WriteImage(SimpleITK.JoinSeries([one, one + 1000]), str(tmp_path / name))
    refused(tmp_path / name, "2 frames", "--frame")
    for frame in (0, 1):
        volume = quietly(tmp_path / name, frame=frame)
        assert np.array_equal(volume.voxels, VALUES + 1000 * frame)
        assert volume.spacing_mm == (3.0, 1.0, 1.0)


def test_axes_that_mix_space_and_time_are_refused(tmp_path, refused):
    changed = {"dimension": "4", "sizes": "6 5 2 2", "space": None, "space_dimension": "4"}
    changed["space_directions"] = "(1,0,0,0) (0,1,0,0) (0,0,3,0.5) (0,0,0,1)"
    changed["space_origin"] = "(0,0,0,0)"
    path = write_nrrd(tmp_path / "a.nrrd", VALUES.tobytes(), **changed)
    refused(path, "fourth axis")


# ---------------------------------------------------------------- what contradicts itself


def test_a_field_that_is_given_twice_is_refused_unless_both_agree(tmp_path, refused):
    for again, is_refused in (("DimSize = 6 5 4", False), ("DimSize = 3 5 4", True)):
        path = write_mha(tmp_path / "a.mha", VALUES.tobytes(), Comment=f"twice\n{again}")
        refused(path, "'DimSize' twice") if is_refused else quietly(path)
    for again, is_refused in (("sizes: 6 5 4", False), ("sizes: 3 5 4", True)):
        path = write_nrrd(tmp_path / "a.nrrd", VALUES.tobytes(), content=f"twice\n{again}")
        refused(path, "'sizes' twice") if is_refused else quietly(path)


def test_a_negative_spacing_of_a_metaimage_is_refused(tmp_path, refused):
    refused(write_mha(tmp_path / "a.mha", VALUES.tobytes(), ElementSpacing="1 1 -3"), "negative")


def test_the_fields_of_a_metaimage_come_in_any_order(tmp_path):
    path = write_mha(tmp_path / "a.mha", VALUES.tobytes())
    lines = path.read_bytes().split(b"ElementDataFile")[0].splitlines(keepends=True)
    end = b"ElementDataFile = LOCAL\n" + VALUES.tobytes()
    path.write_bytes(b"".join(lines[::-1]) + end)
    assert np.array_equal(quietly(path).voxels, VALUES)


# ---------------------------------------------------------------- several numbers in a voxel


@pytest.mark.parametrize("name", ["field.nrrd", "field.mha"])
def test_a_vector_field_is_called_one_and_its_components_can_be_read(tmp_path, refused, name):
    vectors = stream(0, "vectors").normal(size=(4, 5, 6, 3)).astype(np.float32)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(vectors, isVector=True), str(tmp_path / name))
    message = refused(tmp_path / name, "3 numbers in each voxel", "vector field")
    assert "colour" not in message
    assert np.array_equal(quietly(tmp_path / name, frame=2).voxels, vectors[..., 2])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha"])
def test_colours_become_their_luminance_in_their_own_bits(tmp_path, refused, name, kind):
    ramp = np.linspace(0, np.iinfo(kind).max, 64).astype(kind)
    colours = np.broadcast_to(ramp[:, None], (2, 3, 64, 3)).copy()
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(colours, isVector=True), str(tmp_path / name))
    refused(tmp_path / name, "colour image")
    grey = quietly(tmp_path / name, modality="us").voxels
    assert (np.abs(grey[0, 0].astype(int) - ramp) <= 1).all()  # R = G = B is its own luminance


def test_a_vector_field_of_nifti_is_called_one(tmp_path, refused):
    vectors = (
        stream(0, "vectors").normal(size=(6, 5, 4, 1, 3)).astype(np.float32)
    )  # (i, j, k, time, component)
    image = nib.Nifti1Image(vectors, np.eye(4))
    image.header.set_intent("vector")
    nib.save(image, tmp_path / "field.nii")
    refused(tmp_path / "field.nii", "3 numbers in each voxel")
    assert np.array_equal(quietly(tmp_path / "field.nii", frame=1).voxels, vectors[..., 0, 1].T)
