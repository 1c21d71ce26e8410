"""An object is followed as long as looks agree on what it is, and no farther."""

import numpy as np
import pytest

from synthfm3d.segmentation.predictor import Segmenter

TIP_PIXELS = 60
"""Of an outline on a region that is too small for the misled model to know what it belongs to."""


def cone(offset):
    """30 mm wide at one end, a point at the other, 80 mm on; then nothing for 40 mm."""
    z, y, x = np.moveaxis(offset, -1, 0)
    return (np.hypot(y, x) < (20 - z) * 15 / 80) & (z > -60)


class Misled:
    """Region growing that takes a small outline for part of a wide column through all slices."""

    name = "misled"

    def __init__(self, growing):
        self.growing, self.grid_shape = growing, growing.grid_shape

    def prepare(self, channels, spacing_mm):
        return self.growing.prepare(channels, spacing_mm)

    def logits(self, features, prompts, previous=None):
        logits = self.growing.logits(features, prompts)
        if prompts.mask is not None and 0 < (prompts.mask > 0).sum() < TIP_PIXELS:
            _, y, x = np.argwhere(prompts.mask > 0).mean(axis=0)
            rows, columns = np.indices(logits.shape[1:])
            logits[:, np.hypot(rows - y, columns - x) < 20] = 5
        return logits


@pytest.fixture(scope="module")
def pointed(phantom):
    return phantom(cone, (120, 64, 64), (1.0, 1.0, 1.0))


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_a_look_that_sees_another_object_behind_is_not_believed(pointed, region_growing, kind):
    right = Segmenter(region_growing()).segment(pointed.scan, pointed.prompts(kind)).voxels > 0
    misled = Segmenter(Misled(region_growing())).segment(pointed.scan, pointed.prompts(kind)).voxels > 0
    assert (right & pointed.truth).sum() > 0.85 * pointed.truth.sum()
    assert np.array_equal(misled[:70], right[:70])
    assert not misled[90:].any()
