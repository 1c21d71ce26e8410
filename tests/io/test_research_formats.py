"""NRRD and MetaImage: SimpleITK agrees on sound files; on the others it would have kept silent."""

import warnings

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthfm3d.errors import InputError
from synthfm3d.io.metaimage import write_metaimage
from synthfm3d.io.nrrd import write_nrrd
from synthfm3d.io.read import ReadOptions, read
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume

NAMES = ["scan.nrrd", "scan.nhdr", "scan.mha", "scan.mhd"]
WRITERS = {"scan.nrrd": write_nrrd, "scan.mha": write_metaimage}


def an_image(seed=0, kind=np.int16):
    draw = stream(seed, "research")
    image = SimpleITK.GetImageFromArray(draw.integers(0, 100, size=(4, 5, 6)).astype(kind))
    turn = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    image.SetDirection(turn.ravel().tolist())
    image.SetSpacing(draw.uniform(0.3, 6, 3).tolist())
    image.SetOrigin(draw.uniform(-200, 200, 3).tolist())
    return image


def ras_affine(image):
    direction = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine = np.eye(4)
    affine[:3] = np.diag([-1, -1, 1]) @ np.column_stack([direction[:, ::-1], image.GetOrigin()])
    return affine


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_what_simpleitk_writes_is_read(tmp_path, name, kind, packed):
    image = an_image(kind=kind)
    SimpleITK.WriteImage(image, str(tmp_path / name), packed)
    volume = read(tmp_path / name)
    assert np.array_equal(volume.voxels, SimpleITK.GetArrayFromImage(image))
    np.testing.assert_allclose(volume.affine, ras_affine(image), atol=1e-6)
    assert volume.doubts == ()


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), kind=st.sampled_from([np.uint8, np.uint16, np.float32, bool]))
def test_what_we_write_is_read_by_simpleitk_and_by_us(tmp_path, name, seed, kind):
    image = an_image(seed)
    volume = Volume(voxels=SimpleITK.GetArrayFromImage(image).astype(kind), affine=ras_affine(image))
    volume.voxels[0, 0, :2] = [0, 1]  # a mask that is all one would be doubted
    WRITERS[name](tmp_path / name, volume)
    theirs, ours = SimpleITK.ReadImage(str(tmp_path / name)), read(tmp_path / name)
    assert np.array_equal(SimpleITK.GetArrayFromImage(theirs), volume.voxels)
    assert np.array_equal(ours.voxels, volume.voxels)
    np.testing.assert_allclose(ras_affine(theirs), volume.affine, atol=1e-6)
    assert ours.grid.same_as(volume.grid, tolerance_mm=1e-6)


def sheared():
    affine = np.diag([3.0, 2, 2, 1])
    affine[1, 0] = 0.5
    return Volume(voxels=np.arange(60, dtype=np.uint8).reshape(3, 4, 5), affine=affine)


def test_a_sheared_grid_is_kept_by_nrrd_and_refused_by_metaimage(tmp_path):
    write_nrrd(tmp_path / "scan.nrrd", sheared())
    assert read(tmp_path / "scan.nrrd").grid.same_as(sheared().grid)
    with pytest.raises(InputError, match=r"write \.nrrd"):
        write_metaimage(tmp_path / "scan.mha", sheared())
    assert list(tmp_path.iterdir()) == [tmp_path / "scan.nrrd"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha", "scan.nhdr", "scan.mhd"])
def test_truncated_voxels_are_refused(tmp_path, refused, name, packed):
    SimpleITK.WriteImage(an_image(), str(tmp_path / name), packed)
    data = max(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    if len(list(tmp_path.iterdir())) == 2:
        (data,) = (p for p in tmp_path.iterdir() if p.name != name)
    for cut in (1, 30):
        content = data.read_bytes()
        data.write_bytes(content[:-cut])
        refused(tmp_path / name, "truncated")
        data.write_bytes(content)


@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha"])
def test_a_wrong_checksum_is_noticed(tmp_path, refused, name):
    SimpleITK.WriteImage(an_image(), str(tmp_path / name), True)
    content = bytearray((tmp_path / name).read_bytes())
    content[-6 if name == "scan.nrrd" else -1] ^= 0xFF
    (tmp_path / name).write_bytes(bytes(content))
    refused(tmp_path / name, "damaged")


@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha"])
def test_sizes_that_the_file_cannot_hold_are_refused_before_memory_is_asked_for(tmp_path, refused, name):
    SimpleITK.WriteImage(an_image(), str(tmp_path / name), True)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content.replace(b"6 5 4", b"60000 50000 40000"))
    refused(tmp_path / name, "GiB")
    (tmp_path / name).write_bytes(content.replace(b"6 5 4", b"600 500 400"))
    refused(tmp_path / name, "truncated")
    (tmp_path / name).write_bytes(content.replace(b"6 5 4", b"6 0 4"))
    refused(tmp_path / name, "sizes")


@pytest.mark.parametrize("target", ["/etc/passwd", "../other.raw", "link.raw", "LIST", "slice%03d.raw 1 4 1"])
@pytest.mark.parametrize("name", ["scan.nhdr", "scan.mhd"])
def test_voxels_outside_of_the_headers_folder_are_not_followed(tmp_path, refused, name, target):
    folder = tmp_path / "scan"
    folder.mkdir()
    SimpleITK.WriteImage(an_image(), str(folder / name))
    (data,) = (p for p in folder.iterdir() if p.name != name)
    (tmp_path / "other.raw").write_bytes(data.read_bytes())
    (folder / "link.raw").symlink_to(tmp_path / "other.raw")
    header = (folder / name).read_bytes()
    (folder / name).write_bytes(header.replace(data.name.encode(), target.encode()))
    message = refused(folder / name)
    assert "not read" in message or "several files" in message


def test_a_missing_orientation_is_told(tmp_path):
    SimpleITK.WriteImage(an_image(), str(tmp_path / "scan.mha"))
    content = (tmp_path / "scan.mha").read_bytes()
    (tmp_path / "scan.mha").write_bytes(content.replace(b"TransformMatrix", b"TransformNothin"))
    with pytest.warns(UserWarning, match="orientation is unknown"):
        read(tmp_path / "scan.mha")
    SimpleITK.WriteImage(an_image(), str(tmp_path / "scan.nrrd"))
    content = (tmp_path / "scan.nrrd").read_bytes()
    unsaid = content.replace(b"space: left-posterior-superior", b"space dimension: 3")
    (tmp_path / "scan.nrrd").write_bytes(unsaid)
    with pytest.warns(UserWarning, match="orientation is unknown"):
        read(tmp_path / "scan.nrrd")


@pytest.mark.parametrize(
    ("name", "line"), [("scan.nrrd", b"space directions: "), ("scan.mha", b"ElementSpacing")]
)
def test_a_missing_spacing_is_refused(tmp_path, refused, name, line):
    SimpleITK.WriteImage(an_image(), str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content.replace(line, b"x" * len(line)))
    refused(tmp_path / name, "spacing" if name == "scan.nrrd" else "ElementSpacing")


@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha"])
def test_a_singular_geometry_is_refused(tmp_path, refused, name):
    volume = Volume(voxels=np.ones((3, 4, 5), np.uint8), affine=np.eye(4))
    WRITERS[name](tmp_path / name, volume)
    content = (tmp_path / name).read_bytes()
    for old, new in (
        (b"(0.0,-1.0,0.0)", b"(0.0,0.0,0.0)"),
        (b"ElementSpacing = 1.0", b"ElementSpacing = 0.0"),
    ):
        if old in content:
            (tmp_path / name).write_bytes(content.replace(old, new))
    refused(tmp_path / name, "axes")


@pytest.mark.parametrize(("space", "signs"), [("RAS", (1, 1)), ("left-anterior-superior", (-1, 1))])
def test_the_space_of_an_nrrd_turns_its_axes(tmp_path, space, signs):
    SimpleITK.WriteImage(an_image(), str(tmp_path / "scan.nrrd"))
    lps = read(tmp_path / "scan.nrrd").affine
    content = (tmp_path / "scan.nrrd").read_bytes()
    (tmp_path / "scan.nrrd").write_bytes(content.replace(b"left-posterior-superior", space.encode()))
    to_lps = np.array([-1, -1, 1, 1])
    expected = np.diag(to_lps * [*signs, 1, 1]) @ lps
    np.testing.assert_allclose(read(tmp_path / "scan.nrrd").affine, expected, atol=1e-6)


def test_a_frame_of_a_4d_nrrd_is_chosen(tmp_path, refused):
    values = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5, 2)  # (z, y, x, frame)
    header = (
        "NRRD0004\ntype: short\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 5 4 3\n"
        "space directions: none (1,0,0) (0,1,0) (0,0,2)\nkinds: list domain domain domain\n"
        "endian: little\nencoding: raw\nspace origin: (0,0,0)\n\n"
    )
    (tmp_path / "seq.nrrd").write_bytes(header.encode() + values.tobytes())
    refused(tmp_path / "seq.nrrd", "2 frames", "--frame")
    assert np.array_equal(read(tmp_path / "seq.nrrd", ReadOptions(frame=1)).voxels, values[..., 1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha"])
def test_whatever_byte_is_wrong_it_is_read_or_refused(tmp_path, name, data):
    SimpleITK.WriteImage(an_image(), str(tmp_path / name), True)
    content = bytearray((tmp_path / name).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            volume = read(tmp_path / name)
        except InputError:
            return
    assert np.isfinite(volume.voxels).all()
