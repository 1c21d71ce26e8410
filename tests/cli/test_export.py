"""``synthfm3d export``: each format read back by its consumer's own reader, or as that one reads it."""

import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from synthfm3d.cli import main
from synthfm3d.generate import generate
from synthfm3d.intensity import windows_of
from synthfm3d.synthesis.settings import AnatomySettings, SynthesisSettings

SHAPE = (12, 40, 48)
COUNT = 3
KEYS = [f"seed0-{n:08d}" for n in range(COUNT)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "shards"
    command = ["generate", "-n", str(COUNT), "--format", "shards", "--per-shard", "2", "--workers", "1", "-q"]
    words = ["--shape", "12,40,48", "--set", "anatomy.mode=fixed"]
    assert main([*command, *words, "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def made():
    settings = SynthesisSettings(shape=SHAPE, anatomy=AnatomySettings(mode="fixed"))
    return [generate(0, index, settings) for index in range(COUNT)]


def exported(shards, name, output):
    assert main(["export", str(shards), "--format", name, "-o", str(output), "-q"]) == 0
    return output


def same_nifti(path, volume):
    image = nibabel.load(path)
    assert np.array_equal(np.asarray(image.dataobj).T, volume.voxels)
    assert image.header.get_zooms() == pytest.approx(volume.spacing_mm[::-1])
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")


def test_nifti_is_read_by_nibabel(shards, made, tmp_path):
    folder = exported(shards, "nifti", tmp_path)
    for key, volume in zip(KEYS, made, strict=True):
        same_nifti(folder / key / "image.nii.gz", volume.image)
        same_nifti(folder / key / "labels.nii.gz", volume.labels)
    assert main(["show", str(folder / KEYS[0] / "scene.json"), "-o", str(tmp_path / "again"), "-q"]) == 0


def test_nnunet_finds_cases_channels_and_consecutive_labels(shards, made, tmp_path):
    folder = exported(shards, "nnunet", tmp_path / "Dataset900_Synthetic")
    description = json.loads((folder / "dataset.json").read_text())
    assert set(description) == {"channel_names", "labels", "numTraining", "file_ending"}
    assert description["numTraining"] == COUNT
    assert list(description["channel_names"]) == ["0"]
    values = description["labels"]
    assert values["background"] == 0
    assert list(values.values()) == list(range(len(values)))
    for key, volume in zip(KEYS, made, strict=True):
        same_nifti(folder / "imagesTr" / f"{key}_0000.nii.gz", volume.image)
        stored = np.asarray(nibabel.load(folder / "labelsTr" / f"{key}.nii.gz").dataobj).T
        assert np.array_equal(stored, numbered_by_name(volume, values))


def numbered_by_name(volume, values):
    """The labels of a volume with the values that ``values`` has for their names."""
    found = np.zeros(volume.labels.voxels.shape, int)
    for value, name in volume.scene.label_names().items():
        found[volume.labels.voxels == value] = values.get(name, 0)
    return found


@pytest.mark.parametrize("format_", ["nnunet", "monai-decathlon"])
def test_labels_that_mean_something_else_in_each_volume_are_refused(tmp_path, capsys, format_):
    folder = tmp_path / "shards"
    command = ["generate", "-n", "2", "--format", "shards", "--workers", "1", "-q", "--shape", "4,32,32"]
    assert main([*command, "-o", str(folder)]) == 0
    output = tmp_path / "Dataset901_Mixed"
    assert main(["export", str(folder), "--format", format_, "-o", str(output), "-q"]) == 2
    assert "--set anatomy.mode=fixed" in capsys.readouterr().err
    assert not output.exists()


def test_nnunet_refuses_a_folder_that_it_would_not_find(shards, tmp_path, capsys):
    assert main(["export", str(shards), "--format", "nnunet", "-o", str(tmp_path / "mine")]) == 2
    assert "Dataset900_Synthetic" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # of MONAI's own imports
def test_a_decathlon_is_read_by_monai(shards, made, tmp_path):
    data = pytest.importorskip("monai.data")
    transforms = pytest.importorskip("monai.transforms")
    folder = exported(shards, "monai-decathlon", tmp_path)
    listed = data.load_decathlon_datalist(folder / "dataset.json")
    names = json.loads((folder / "dataset.json").read_text())["labels"]
    values = {name: int(value) for value, name in names.items()}
    load = transforms.LoadImaged(keys=("image", "label"), reader="NibabelReader")
    for entry, volume in zip(listed, made, strict=True):
        item = load(entry)
        assert np.array_equal(item["image"].numpy().T, volume.image.voxels)
        assert np.array_equal(item["label"].numpy().T, numbered_by_name(volume, values))
        assert item["image"].pixdim.numpy() == pytest.approx(volume.image.spacing_mm[::-1])


def test_medsam2_gets_bytes_of_its_window_and_the_labels(shards, made, tmp_path):
    folder = exported(shards, "medsam2-npz", tmp_path)
    assert sorted(path.stem for path in folder.glob("*.npz")) == KEYS
    for key, volume in zip(KEYS, made, strict=True):
        with np.load(folder / f"{key}.npz", allow_pickle=False) as stored:
            images, labels, spacing = stored["imgs"], stored["gts"], stored["spacing"]
        assert images.shape == labels.shape == SHAPE
        assert images.dtype == labels.dtype == np.uint8
        assert np.array_equal(labels, volume.labels.voxels)
        assert spacing == pytest.approx(volume.image.spacing_mm[::-1])
        low, high = windows_of(volume.image).bounds[0]
        voxels = volume.image.voxels
        assert (images[voxels <= low] == 0).all()
        assert (images[voxels >= high] == 255).all()
        inside = (voxels > low) & (voxels < high)
        back = low + images[inside] / 255 * (high - low)
        assert np.abs(back - voxels[inside]).max() <= (high - low) / 255 * 0.51


def test_sam2_gets_numbered_frames_and_palette_masks(shards, made, tmp_path):
    folder = exported(shards, "sam2-video", tmp_path)
    for key, volume in zip(KEYS, made, strict=True):
        frames = sorted((folder / "JPEGImages" / key).iterdir())
        masks = sorted((folder / "Annotations" / key).iterdir())
        assert [path.name for path in frames] == [f"{z:05d}.jpg" for z in range(SHAPE[0])]
        assert [path.stem for path in masks] == [path.stem for path in frames]
        for path, labels in zip(masks, volume.labels.voxels, strict=True):
            with Image.open(path) as mask:
                assert mask.mode == "P"
                assert np.array_equal(np.array(mask), labels)
        with Image.open(frames[5]) as frame:
            assert (frame.mode, frame.size) == ("RGB", (SHAPE[2], SHAPE[1]))


def test_zarr_is_read_by_zarr(shards, made, tmp_path):
    zarr = pytest.importorskip("zarr")
    root = zarr.open_group(exported(shards, "zarr", tmp_path), mode="r")
    assert sorted(root.group_keys()) == KEYS
    for key, volume in zip(KEYS, made, strict=True):
        assert np.array_equal(root[key]["image"][:], volume.image.voxels)
        assert np.array_equal(root[key]["labels"][4:7, 10:, :9], volume.labels.voxels[4:7, 10:, :9])
        assert root[key]["image"].dtype == np.int16
        assert np.allclose(root[key].attrs["affine"], volume.image.affine)
        names = {int(value): name for value, name in root[key].attrs["label_names"].items()}
        assert names == volume.scene.label_names()


def test_a_part_can_be_exported(shards, tmp_path, capsys):
    command = ["export", str(shards), "--format", "nifti", "-o", str(tmp_path), "--json", "-q"]
    assert main([*command, "--first", "1", "-n", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["volumes"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEYS[1]]
    assert main([*command, "--first", "9"]) == 2
