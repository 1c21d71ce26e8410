"""A click finds the same object however finely the scan is stored."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from synthfm3d.generate import generate
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Point
from synthfm3d.prompts.simulation import innermost_point, largest_slice
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.synthesis.presets import PRESETS


def stored(volume, factor):
    """The same slices with so many times as many pixels along each edge."""
    sides = (1, factor, factor)
    affine = volume.affine.copy()
    affine[:3, 1:3] /= factor
    affine[:3, 3] = volume.grid.to_mm((1 / np.array(sides) - 1) / 2)
    voxels = ndimage.zoom(volume.voxels.astype(np.float32), sides, order=1, mode="nearest", grid_mode=True)
    return replace(volume, voxels=voxels, affine=affine)


def halved(volume):
    """The same slices with half as many pixels along each edge: means of 2 x 2 pixels."""
    depth, height, width = volume.voxels.shape
    blocks = volume.voxels.astype(np.float32).reshape(depth, height // 2, 2, width // 2, 2)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 1:3].sum(axis=1) / 2
    affine[:3, 1:3] *= 2
    return replace(volume, voxels=blocks.mean(axis=(2, 4)), affine=affine)


def clicks_of(volume, most=2):
    """Innermost points of the largest labels, with their masks."""
    labels = volume.labels.voxels
    for label in np.argsort(-np.bincount(labels.ravel())[1:])[1 : 1 + most] + 1:
        mask = labels == label
        z = largest_slice(mask)
        place = volume.image.grid.to_mm(np.array([z, *innermost_point(mask[z])]))
        yield Point(position_mm=tuple(place)), mask


@pytest.mark.slow
def test_a_scan_stored_twice_or_half_as_finely_is_segmented_as_well():
    segmenter = Segmenter.from_pretrained("default", "cpu")
    scores = []
    for index, preset in enumerate(("ct", "mr", "us")):
        settings = replace(PRESETS[preset], shape=(16, 160, 160), anisotropy=(1.0, 3.0))
        volume = generate(900_001, index, settings)
        finer, coarser = stored(volume.image, 2), halved(volume.image)
        for click, truth in clicks_of(volume):
            once = dice(segmenter.segment_with_details(volume.image, [click]).mask.voxels, truth)
            found = segmenter.segment_with_details(finer, [click]).mask.voxels
            fewer = segmenter.segment_with_details(coarser, [click]).mask.voxels.repeat(2, 1).repeat(2, 2)
            scores.append((once, dice(found[:, ::2, ::2], truth), dice(fewer, truth)))
    plain, twice, half = np.mean(scores, axis=0)
    assert abs(twice - plain) < 0.03
    assert abs(half - plain) < 0.03
