"""Targets are what an annotator would draw: closed, in one piece, visible."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from synthfm3d.generate import generate
from synthfm3d.loading.targets import (
    TargetSettings,
    drawable_targets,
    filled_slices,
    largest_piece,
    structure_labels,
    without_slits,
)
from synthfm3d.metrics.contrast import boundary_contrast
from synthfm3d.synthesis.settings import SynthesisSettings

SETTINGS = TargetSettings(least_voxels=60)


@pytest.fixture(scope="module")
def volumes():
    return [
        generate(2, index, SynthesisSettings(shape=(16, 96, 96), modalities=(modality,)))
        for index, modality in enumerate(("ct", "mr", "us", "ct"))
    ]


def targets_of(volume, settings=SETTINGS):
    return list(drawable_targets(volume, settings, np.random.default_rng(1)))


def test_targets_are_one_piece_within_their_box(volumes):
    for volume in volumes:
        for target in targets_of(volume):
            assert ndimage.label(target.mask)[1] >= 1
            assert target.mask[target.box].sum() == target.mask.sum() >= SETTINGS.least_voxels


def test_whole_structures_hold_what_lies_inside_them(volumes):
    for volume in volumes:
        for target in targets_of(volume, replace(SETTINGS, whole_structure=1.0)):
            assert not target.hollow
            assert np.array_equal(filled_slices(target.mask), target.mask)


def test_walls_stay_open_as_often_as_asked_for(volumes):
    alone = replace(SETTINGS, whole_structure=0.0)
    never = [t.hollow for volume in volumes for t in targets_of(volume, replace(alone, walls_open=0.0))]
    always = [t for volume in volumes for t in targets_of(volume, replace(alone, walls_open=1.0))]
    assert not any(never)
    hollow = [target for target in always if target.hollow]
    assert hollow
    for target in hollow:
        assert filled_slices(target.mask).sum() > target.mask.sum()


def test_a_target_that_cannot_be_seen_is_never_one(volumes):
    volume = volumes[0]
    noise = np.random.default_rng(0).normal(0, 20, volume.image.voxels.shape).astype(np.int16)
    invisible = replace(volume, image=volume.image.with_voxels(noise))
    assert len(targets_of(volume)) > 2
    assert targets_of(invisible) == []


def test_most_of_the_boundary_of_a_target_is_visible(volumes):
    for volume in volumes:
        for target in targets_of(volume):
            seen = boundary_contrast(volume.image.voxels, target.mask.view(np.uint8), 1)
            assert seen is not None
            # Measured in a part of the volume, so that the bands at its edge may differ a little.
            assert seen.invisible_share < SETTINGS.most_invisible + 0.1


def test_contours_close_holes_in_each_slice_and_nothing_else():
    ring = np.zeros((2, 9, 9), bool)
    ring[0, 2:7, 2:7], ring[0, 4, 4] = True, False
    ring[1, 2:7, 2:7], ring[1, 4, 4:] = True, False  # open to the right
    filled = filled_slices(ring)
    assert filled[0, 4, 4]
    assert np.array_equal(filled[1], ring[1])


def test_a_vessel_across_an_organ_leaves_no_cleft_and_a_wide_gap_stays():
    organ = np.zeros((1, 40, 60), bool)
    organ[0, 5:35, 5:55] = True
    crossed = organ.copy()
    crossed[0, :, 20:23] = False  # three pixels wide
    crossed[0, :, 35:45] = False  # ten
    closed = without_slits(crossed)[0]
    assert closed[10:30, 20:23].all()
    assert not closed[10:30, 37:43].any()


def test_the_largest_piece_is_kept():
    mask = np.zeros((3, 8, 8), bool)
    mask[0, :2, :2], mask[2, 4:, 4:] = True, True
    assert np.array_equal(np.argwhere(largest_piece(mask)), np.argwhere(mask)[4:])


def test_a_label_of_no_structure_is_refused(volumes):
    with pytest.raises(ValueError, match="belongs to no structure"):
        structure_labels(volumes[0].scene, 60_000)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="whole_structure"):
        TargetSettings(whole_structure=1.5)
    with pytest.raises(ValueError, match="least_voxels"):
        TargetSettings(least_voxels=0)
