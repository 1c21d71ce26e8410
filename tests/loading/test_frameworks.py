"""TorchIO and MONAI read the same files to the same places as we do, and give back what they got."""

import warnings

import numpy as np
import pytest

from synthfm3d.io.nifti import read_nifti, write_nifti
from synthfm3d.loading.frameworks import from_monai, from_torchio, to_monai, to_torchio
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both warn of others while they are imported
    torchio = pytest.importorskip("torchio")
    monai = pytest.importorskip("monai.transforms")


def a_volume(kind=np.int16):
    draw = stream(0, "frameworks")
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(draw.normal(size=(3, 3)))[0] * [3.0, 1.0, 0.5]
    affine[:3, 3] = [10, -20, 30]
    return Volume(voxels=draw.integers(0, 99, size=(4, 5, 6)).astype(kind), affine=affine)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.uint16, bool])
@pytest.mark.parametrize(
    ("there", "back"), [(to_torchio, from_torchio), (to_monai, from_monai)], ids=["torchio", "monai"]
)
def test_a_volume_comes_back_as_it_went(there, back, kind):
    volume = a_volume(kind)
    again = back(there(volume))
    assert np.array_equal(again.voxels, volume.voxels)
    assert again.grid.same_as(volume.grid, tolerance_mm=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_file_gives_the_same_through_torchio_through_monai_and_through_us(tmp_path):
    write_nifti(tmp_path / "scan.nii.gz", a_volume())
    ours = read_nifti(tmp_path / "scan.nii.gz")
    theirs = [
        from_torchio(torchio.Subject(image=torchio.ScalarImage(tmp_path / "scan.nii.gz"))),
        from_monai(monai.LoadImage(image_only=True, ensure_channel_first=True)(tmp_path / "scan.nii.gz")),
    ]
    for volume in theirs:
        assert np.array_equal(volume.voxels, ours.voxels)
        assert volume.grid.same_as(ours.grid, tolerance_mm=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_labels_go_along_as_a_label_map():
    subject = to_torchio(a_volume(), a_volume(np.uint8))
    assert isinstance(subject["labels"], torchio.LabelMap)
    assert np.array_equal(from_torchio(subject, "labels").voxels, a_volume(np.uint8).voxels)


@pytest.mark.filterwarnings("ignore")
def test_several_channels_are_refused():
    import torch

    with pytest.raises(ValueError, match="one channel"):
        from_torchio(torchio.Subject(image=torchio.ScalarImage(tensor=torch.zeros(2, 3, 3, 3))))
