"""Pictures and arrays: what they do not say is asked for, and nothing in them is executed or unpacked."""

import gzip
import pickle
import zipfile

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from synthfm3d.io.read import ReadOptions, read
from synthfm3d.randomness import stream

VOXELS = stream(0, "plain").integers(0, 255, size=(12, 7, 9)).astype(np.uint8)
SPACED = ReadOptions(spacing_mm=(3.0, 1.0, 0.5))


def write_pictures(folder, suffix, voxels=VOXELS):
    folder.mkdir(exist_ok=True)
    for z, values in enumerate(voxels):
        Image.fromarray(values).save(folder / f"slice{z}{suffix}")
    return folder


@pytest.mark.filterwarnings("ignore:.*how it lies in the patient")
def test_png_slices_are_stacked_in_the_order_of_their_numbers(tmp_path):
    (write_pictures(tmp_path / "scan", ".png") / "._slice0.png").write_bytes(b"\0\5\x16\7")
    volume = read(tmp_path / "scan", SPACED)
    assert np.array_equal(volume.voxels, VOXELS)  # slice10 behind slice9
    assert volume.spacing_mm == (3.0, 1.0, 0.5)
    assert "left and right may be swapped" in volume.doubts[0]


@pytest.mark.filterwarnings("ignore:.*how it lies in the patient")
def test_sixteen_bits_and_jpeg_are_read(tmp_path):
    deep = VOXELS.astype(np.uint16) * 200
    assert np.array_equal(read(write_pictures(tmp_path / "deep", ".png", deep), SPACED).voxels, deep)
    smooth = np.broadcast_to(np.arange(9, dtype=np.uint8) * 20, VOXELS.shape).copy()
    found = read(write_pictures(tmp_path / "lossy", ".jpg", smooth), SPACED).voxels
    assert np.abs(found.astype(int) - smooth).max() <= 4


def test_a_spacing_is_asked_for(tmp_path, refused):
    refused(write_pictures(tmp_path / "scan", ".png"), "--spacing")
    refused(tmp_path / "scan", "impossible", spacing_mm=(0.0, 1.0, 1.0))


def test_pictures_of_other_sizes_and_damaged_ones_are_refused(tmp_path, refused):
    folder = write_pictures(tmp_path / "scan", ".png")
    Image.fromarray(VOXELS[0, :4]).save(folder / "slice5.png")
    refused(folder, "slice5.png has 9 x 4 pixels", spacing_mm=(1.0, 1.0, 1.0))
    (folder / "slice5.png").write_bytes((folder / "slice4.png").read_bytes()[:60])
    refused(folder, "slice5.png is damaged", spacing_mm=(1.0, 1.0, 1.0))


@pytest.mark.filterwarnings("ignore:.*how it lies in the patient")
@pytest.mark.parametrize("kind", ["u1", "<i2", ">i2", ">f4", "f8", "b1"])
@pytest.mark.parametrize("name", ["scan.npy", "scan.npz"])
def test_arrays_are_read_in_the_byte_order_of_the_machine(tmp_path, name, kind):
    values = VOXELS.astype(kind)
    if name == "scan.npy":
        np.save(tmp_path / name, np.asfortranarray(values))
    else:
        np.savez_compressed(tmp_path / name, scan=values)
    volume = read(tmp_path / name, SPACED)
    assert np.array_equal(volume.voxels, values)
    assert volume.voxels.dtype.isnative


def test_pickles_are_refused_and_not_run(tmp_path, refused):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    np.save(tmp_path / "trap.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    refused(tmp_path / "trap.npy", "not numbers", spacing_mm=(1.0, 1.0, 1.0))
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap()))
    refused(tmp_path / "trap.pkl", "is not a scan")
    (tmp_path / "trap.pt").write_bytes(b"PK\x03\x04" + bytes(200))
    refused(tmp_path / "trap.pt", "ZIP archive")
    assert not (tmp_path / "sprung").exists()


def test_truncated_and_boastful_arrays_are_refused(tmp_path, refused):
    np.save(tmp_path / "scan.npy", VOXELS)
    content = (tmp_path / "scan.npy").read_bytes()
    (tmp_path / "scan.npy").write_bytes(content[:-5])
    refused(tmp_path / "scan.npy", "truncated", spacing_mm=(1.0, 1.0, 1.0))
    boast = content.replace(b"(12, 7, 9), }          ", b"(99999, 99999, 99999), }")[: len(content)]
    (tmp_path / "scan.npy").write_bytes(boast)
    refused(tmp_path / "scan.npy", "GiB", spacing_mm=(1.0, 1.0, 1.0))


def test_a_bomb_in_an_archive_is_not_inflated(tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2000, 2000, 2000), }".ljust(117)
        archive.writestr("scan.npy", b"\x93NUMPY\x01\x00\x76\x00" + header + b"\n" + bytes(1000))
    refused(tmp_path / "bomb.npz", "truncated", spacing_mm=(1.0, 1.0, 1.0))


# ---------------------------------------------------------------- archives and folders


@pytest.mark.parametrize("escape", ["../../x", "/x", "CON/..\\..\\x", "a\u202eb"])
def test_zip_archives_are_never_unpacked(tmp_path, refused, escape):
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        archive.writestr(escape, "gotcha")
    refused(tmp_path / "scan.zip", "ZIP archive", "unpack it first")
    assert [p.name for p in tmp_path.iterdir()] == ["scan.zip"]


def test_tar_archives_are_never_unpacked(tmp_path, refused):
    import tarfile

    (tmp_path / "x").write_text("gotcha")
    for name, mode in (("scan.tar", "w"), ("scan.tar.gz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(tmp_path / "x", arcname="../x")
        refused(tmp_path / name, "TAR archive", "unpack it first")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scan.tar", "scan.tar.gz", "x"]


def test_empty_folders_and_folders_of_scans_are_refused(tmp_path, refused):
    refused(tmp_path, "empty")
    (tmp_path / "a.nii.gz").write_bytes(b"x" * 500)
    refused(tmp_path, "folder of 1 scans")
    (tmp_path / "a.nii.gz").rename(tmp_path / "a.txt")
    refused(tmp_path, "no DICOM image")


def test_links_in_a_folder_are_not_followed(tmp_path, refused):
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    refused(folder, "no DICOM image")


def test_a_link_that_leads_around_in_a_circle_is_refused_in_words(tmp_path, refused):
    (tmp_path / "a.nii").symlink_to(tmp_path / "b.nii")
    (tmp_path / "b.nii").symlink_to(tmp_path / "a.nii")
    refused(tmp_path / "a.nii", "no such file")


def test_a_single_picture_is_refused(tmp_path, refused):
    Image.fromarray(VOXELS[0]).save(tmp_path / "one.png")
    refused(tmp_path / "one.png", "name the folder")


def test_what_is_no_file_is_refused(tmp_path, refused):
    import os

    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file")
    refused(tmp_path / "none", "no such file")


@pytest.mark.parametrize(("suffix", "what"), [(".tif", "TIFF"), (".bmp", "BMP"), (".gif", "GIF")])
def test_a_folder_of_other_pictures_is_called_one(tmp_path, refused, suffix, what):
    message = refused(
        write_pictures(tmp_path / "scan", suffix), f"{what} picture", "PNG", spacing_mm=(3, 1, 1)
    )
    assert "DICOM image" not in message


def test_a_picture_that_holds_several_is_refused(tmp_path, refused):
    folder = write_pictures(tmp_path / "scan", ".png", VOXELS[:2])
    first, *others = (Image.fromarray(values) for values in VOXELS[:3])
    first.save(folder / "slice1.png", save_all=True, append_images=others)
    refused(folder, "slice1.png holds several pictures", spacing_mm=(3, 1, 1))


@pytest.mark.filterwarnings("ignore:.*how it lies in the patient")
def test_pictures_of_other_bits_are_refused(tmp_path, refused):
    folder = write_pictures(tmp_path / "scan", ".png", VOXELS[:2])
    Image.fromarray(VOXELS[2].astype(np.uint16) * 256).save(folder / "slice2.png")
    refused(folder, "slice2.png has values of uint16", spacing_mm=(3, 1, 1))


def test_previews_beside_dicom_slices_do_not_make_them_pictures(series):
    folder = series.write()
    Image.fromarray(VOXELS[0]).save(folder / "preview.png")
    assert np.array_equal(read(folder).voxels, series.hounsfield())


def test_the_same_slices_in_two_formats_are_refused(tmp_path, refused):
    write_pictures(tmp_path / "scan", ".png", VOXELS[:3])
    write_pictures(tmp_path / "scan", ".jpg", VOXELS[:3])
    refused(tmp_path / "scan", "are the same slice", spacing_mm=(3, 1, 1))


@pytest.mark.filterwarnings("ignore:.*how it lies in the patient")
def test_a_number_that_is_left_out_of_the_names_is_told(tmp_path):
    folder = write_pictures(tmp_path / "scan", ".png", VOXELS[:5])
    assert "missing" not in " ".join(read(folder, SPACED).doubts)
    (folder / "slice2.png").unlink()
    with pytest.warns(UserWarning, match="is a slice missing"):
        assert len(read(folder, SPACED).voxels) == 4


@pytest.mark.filterwarnings("ignore:.*how it lies in the patient")
def test_a_picture_that_says_how_to_turn_it_is_read_as_stored_and_told(tmp_path):
    (tmp_path / "scan").mkdir()
    for z, values in enumerate(VOXELS[:2]):
        turned = Image.fromarray(values)
        turned.getexif()[0x0112] = 6  # to be shown turned by a quarter
        turned.save(tmp_path / "scan" / f"{z}.png", exif=turned.getexif())
    with pytest.warns(UserWarning, match="which is ignored"):
        volume = read(tmp_path / "scan", SPACED)
    assert np.array_equal(volume.voxels, VOXELS[:2])


@pytest.mark.filterwarnings("ignore:.*how it lies in the patient")
@pytest.mark.parametrize("factor", [1e300, 1e-60])
def test_numbers_that_single_precision_cannot_hold_are_refused(tmp_path, refused, factor):
    np.save(tmp_path / "scan.npy", VOXELS * factor)
    refused(tmp_path / "scan.npy", "single precision", spacing_mm=(3, 1, 1))
    nib.save(nib.Nifti1Image(VOXELS.T * factor, np.eye(4)), tmp_path / "scan.nii")
    refused(tmp_path / "scan.nii", "single precision")


# ---------------------------------------------------------------- packed once more


@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha", "scan.npy"])
def test_a_gzip_file_of_another_format_is_told_to_be_one(tmp_path, refused, name):
    if name == "scan.npy":
        np.save(tmp_path / name, VOXELS)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(VOXELS), str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    kind = {".nrrd": "NRRD", ".mha": "MetaImage", ".npy": "NumPy"}[name[4:]]
    refused(tmp_path / f"{name}.gz", "gunzip", kind)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\0", "XZ"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (gzip.compress(gzip.compress(b"x" * 500, mtime=0), mtime=0), "gzip file inside a gzip file"),
        (gzip.compress(b"\0\0\0\1\0\0\0\x40" + bytes(500), mtime=0), "FreeSurfer"),
        (b"mrtrix image\ndim: 3,3,3\n", "MRtrix"),
        (b"CDF\1" + bytes(500), "MINC"),
        (b"MATLAB 5.0 MAT-file", "MATLAB"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_files_of_other_tools_are_refused_by_name_with_the_way_out(tmp_path, refused, start, what):
    (tmp_path / "scan.nii.gz").write_bytes(start)
    message = refused(tmp_path / "scan.nii.gz", what)
    assert "unknown format" not in message
