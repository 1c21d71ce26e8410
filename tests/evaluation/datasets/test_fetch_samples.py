"""The script that fetches the sample scans: what it makes of files like those of their sources.

The files are made here, with the volumes of the frozen list where a test needs them.
"""

import fetch_samples
import nibabel as nib
import numpy as np
import pytest
from fetch_samples import SOURCES, checked, differences, fetched, frozen_targets, main, make, resampled
from miniatures import BUILDERS
from PIL import Image

from synthfm3d.errors import InputError
from synthfm3d.io.nifti import read_labels, read_nifti
from synthfm3d.volume import Grid, Volume

BY_CASE = {source.case: source for source in SOURCES}


def labels_with(ml_by_value):
    """A label map of 1 ml voxels in which each value has so many of them."""
    counts = {value: round(ml) for value, ml in ml_by_value.items()}
    flat = np.repeat(np.array([0, *counts], np.uint8), [50, *counts.values()])
    return Volume(
        voxels=flat.reshape(1, 1, -1), affine=Grid.from_spacing((1, 1, flat.size), (10, 10, 10)).affine
    )


def test_every_scan_that_is_scored_is_made_or_told_why_not():
    scored = {row["case"] for row in frozen_targets()}
    assert set(BY_CASE) | set(fetch_samples.NOT_MADE) == scored
    assert not set(BY_CASE) & set(fetch_samples.NOT_MADE)


def test_labels_of_another_edition_are_refused_by_their_volumes():
    targets = {row["label"]: row["ml"] for row in frozen_targets() if row["case"] == "mr_chaos_t2_13"}
    right = labels_with(targets)
    assert differences("mr_chaos_t2_13", right) == []
    wrong = labels_with({**targets, 1: targets[1] * 1.1})
    assert differences("mr_chaos_t2_13", wrong)[0].startswith("liver has")
    assert checked("mr_chaos_t2_13", [(wrong, wrong), (right, right)])[1] is right
    with pytest.raises(InputError, match="its source has changed"):
        checked("mr_chaos_t2_13", [(wrong, wrong)])


def test_arrays_of_voxelmorph_keep_their_voxel_order(tmp_path):
    volume = np.linspace(0, 1, 4 * 5 * 6).reshape(4, 5, 6)
    np.savez(tmp_path / "scan.npz", vol=volume, seg=np.arange(120).reshape(4, 5, 6))
    ((image, labels),) = fetch_samples.of_voxelmorph({"scan.npz": tmp_path / "scan.npz"})
    assert image.voxels.shape == (6, 5, 4)
    assert image.voxels[5, 4, 3] == 255
    assert labels.voxels[1, 2, 3] == np.arange(120).reshape(4, 5, 6)[3, 2, 1]
    assert labels.grid.same_as(image.grid)


def test_pictures_become_slices_in_the_order_of_their_numbers(tmp_path):
    found = {}
    for place, number in enumerate(fetch_samples.SLICES):
        for kind, value in (("image", 10 * place), ("label", 255 * (place == 3))):
            name = f"{kind}_{number:04d}.png"
            Image.fromarray(np.full((3, 4), value, np.uint8)).save(tmp_path / name)
            found[name] = tmp_path / name
    ((image, labels),) = fetch_samples.of_pictures(found)
    assert image.voxels[:, 0, 0].tolist() == [10 * place for place in range(14)]
    assert np.flatnonzero(labels.voxels.any(axis=(1, 2))).tolist() == [3]
    assert image.spacing_mm == pytest.approx((8, 1.4, 1.4))


def test_stills_of_camus_become_a_sequence_of_two_frames(tmp_path):
    path = BUILDERS["camus"](tmp_path)
    ((image, labels),) = fetch_samples.of_camus({"copy": path})
    folder = path / "database_nifti" / "patient0002"
    for frame, moment in enumerate(("ED", "ES")):
        stored = np.asarray(nib.load(folder / f"patient0002_4CH_{moment}_gt.nii.gz").dataobj)
        assert np.array_equal(labels.voxels[frame], np.squeeze(stored).T)
    assert image.voxels.shape == labels.voxels.shape


def test_a_case_of_a_collection_is_found_in_a_copy_by_its_name(tmp_path):
    path = BUILDERS["acdc"](tmp_path)
    with pytest.raises(InputError, match="patient022"):
        list(fetch_samples.of_acdc({"copy": path}))


def test_resampling_keeps_the_volume_of_a_structure_and_its_place():
    grid = Grid.from_spacing((2, 64, 64), (5, 1, 1))
    voxels = np.zeros((2, 64, 64), np.uint8)
    voxels[:, 16:48, 8:40] = 1
    labels = Volume(voxels=voxels, affine=grid.affine)
    coarse = resampled(labels, 2.0, order=0)
    assert coarse.spacing_mm == pytest.approx((5, 2, 2))
    assert coarse.voxels.sum() * coarse.grid.voxel_ml == pytest.approx(voxels.sum() * grid.voxel_ml)
    middles = [one.grid.to_mm(np.argwhere(one.voxels).mean(axis=0)) for one in (labels, coarse)]
    assert middles[1] == pytest.approx(middles[0])


def test_a_file_is_downloaded_once_and_may_be_missing_if_it_is_optional(tmp_path):
    (tmp_path / "there").write_bytes(b"content")
    urls = {"a": (tmp_path / "there").as_uri(), "b?": (tmp_path / "missing").as_uri()}
    found = fetched(urls, tmp_path / "downloads")
    assert {name: path.read_bytes() for name, path in found.items()} == {"a": b"content"}
    (tmp_path / "there").unlink()
    assert set(fetched(urls, tmp_path / "downloads")) == {"a"}
    with pytest.raises(InputError, match="cannot be downloaded"):
        fetched({"c": (tmp_path / "missing").as_uri()}, tmp_path / "downloads")


def test_without_a_copy_a_collection_is_left_out(tmp_path, capsys):
    assert make(BY_CASE["mr_acdc_022_f11"], tmp_path, {}) is None
    assert main(["-o", str(tmp_path), "--only", "mr_acdc_022_f11"]) == 0
    told = capsys.readouterr().out
    assert "needs your copy: --copy acdc=FOLDER" in told
    assert "us_liver_sweep: not made" in told


def test_a_scan_is_written_as_evaluate_reads_it(tmp_path):
    """From the files that a source gives to the folder that ``evaluate --samples`` takes."""
    target = next(row for row in frozen_targets() if row["case"] == "mr_sct_t2")
    labels = labels_with({target["label"]: target["ml"] * 10})
    affine = np.diag([10.0, 10, 1, 1])  # 0.1 ml, so that one decimal of the list is a whole voxel
    stored = labels.voxels.T
    source = tmp_path / "downloads" / "mr_sct_t2"
    source.mkdir(parents=True)
    nib.save(
        nib.Nifti1Image(np.arange(stored.size, dtype=np.int16).reshape(stored.shape), affine),
        source / "image.nii.gz",
    )
    nib.save(nib.Nifti1Image(stored, affine), source / "labels.nii.gz")
    folder = make(BY_CASE["mr_sct_t2"], tmp_path, {})
    image, found = read_nifti(folder / "image.nii.gz"), read_labels(folder / "labels.nii.gz")
    assert found.grid.same_as(image.grid)
    assert np.array_equal(found.voxels, labels.voxels)
