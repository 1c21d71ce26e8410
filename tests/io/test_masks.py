"""Masks and label maps: one way in, whatever their storage order; nothing is merged in silence."""

from itertools import permutations, product

import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.io.pairs import labels_on, read_mask
from synthfm3d.io.read import read_labels
from synthfm3d.io.write import write
from synthfm3d.randomness import stream
from synthfm3d.volume import Grid, Volume

GRID = Grid.from_spacing((6, 7, 8), (3.0, 1.0, 0.8))
SCAN = Volume(voxels=stream(0, "masks").normal(size=GRID.shape).astype(np.float32), affine=GRID.affine)
LABELS = SCAN.with_voxels(stream(0, "labels").integers(0, 3, size=GRID.shape).astype(np.uint8))
ORDERS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_labels_in_any_storage_order_lie_on_the_scan(tmp_path, suffix):
    for n, (order, flips) in enumerate(ORDERS[:: 1 if suffix == "nrrd" else 7]):
        path = tmp_path / f"{n}.{suffix}"
        write(LABELS.reordered(order, flips), path)
        assert np.array_equal(labels_on(SCAN, read_labels(path), path.name).voxels, LABELS.voxels)
        assert np.array_equal(read_mask(path, SCAN, 2).voxels, LABELS.voxels == 2)


def test_a_label_map_is_no_mask_unless_one_label_is_named(tmp_path):
    path = tmp_path / "organs.nrrd"
    write(LABELS, path)
    with pytest.raises(InputError, match=r"labels 1, 2, one object is needed.*--label"):
        read_mask(path, SCAN)
    with pytest.raises(InputError, match="holds no label 5: it has 1, 2"):
        read_mask(path, SCAN, 5)


@pytest.mark.parametrize("value", [1, 7, 255])
def test_a_mask_may_have_any_single_value(tmp_path, value):
    path = tmp_path / "mask.nii"
    write(LABELS.with_voxels((value * (LABELS.voxels == 1)).astype(np.uint8)), path)
    assert np.array_equal(read_mask(path, SCAN).voxels, LABELS.voxels == 1)


def test_an_empty_mask_and_one_that_lies_elsewhere_are_refused(tmp_path):
    write(LABELS.with_voxels(0 * LABELS.voxels), tmp_path / "empty.nrrd")
    with pytest.raises(InputError, match="empty"):
        read_mask(tmp_path / "empty.nrrd", SCAN)
    moved = LABELS.affine.copy()
    moved[0, 3] += 0.4
    write(Volume(voxels=LABELS.voxels, affine=moved), tmp_path / "moved.nrrd")
    with pytest.raises(InputError, match="elsewhere"):
        read_mask(tmp_path / "moved.nrrd", SCAN, 1)


def test_labels_without_a_geometry_take_that_of_their_scan_and_masks_are_refused(tmp_path):
    write(Volume(voxels=LABELS.voxels, affine=np.eye(4)), tmp_path / "mask.nii")
    found = labels_on(SCAN, read_labels(tmp_path / "mask.nii"), "mask.nii")
    assert "that of the scan is used" in found.doubts[0]
    assert np.array_equal(found.voxels, LABELS.voxels)
    with pytest.raises(InputError, match="elsewhere"):
        read_mask(tmp_path / "mask.nii", SCAN, 1)


def test_the_time_between_frames_of_a_mask_does_not_matter(tmp_path):
    film = Volume(voxels=SCAN.voxels, affine=SCAN.affine, modality="us", third_axis="time")
    mask = LABELS.with_voxels((LABELS.voxels == 1).astype(np.uint8))
    stretched = mask.affine.copy()
    stretched[:3, 0] *= 40
    write(Volume(voxels=mask.voxels, affine=stretched), tmp_path / "mask.nii")
    assert np.array_equal(read_mask(tmp_path / "mask.nii", film).voxels, mask.voxels)


@pytest.mark.parametrize("kind", [np.int8, np.float32])
def test_a_negative_label_is_no_structure(tmp_path, kind):
    voxels = LABELS.voxels.astype(kind)
    voxels[0, 0, 0] = -1
    write(LABELS.with_voxels(voxels), tmp_path / "labels.nii")
    with pytest.raises(InputError, match="label -1"):
        read_labels(tmp_path / "labels.nii")


def test_labels_that_floats_cannot_tell_apart_are_refused(tmp_path):
    voxels = LABELS.voxels.astype(np.float32)
    voxels[0, 0, 0] = 2**24 + 2
    write(LABELS.with_voxels(voxels), tmp_path / "labels.nii")
    with pytest.raises(InputError, match="16,777,216"):
        read_labels(tmp_path / "labels.nii")
