"""An object is followed to its end, and no farther: all slices that are known say what it is."""

import numpy as np
import pytest
from altered_growing import AlteredGrowing

from synthfm3d.segmentation.predictor import Segmenter

TIP_PIXELS = 200
"""Of an outline on a region that is too small for the misled model to know what it belongs to."""


def cone(offset):
    """30 mm wide at one end, a point at the other, 80 mm on; then nothing for 40 mm."""
    z, y, x = np.moveaxis(offset, -1, 0)
    return (np.hypot(y, x) < (20 - z) * 15 / 80) & (z > -60)


class Misled(AlteredGrowing):
    """Region growing that takes a small outline for part of a wide column through all slices."""

    def alter(self, logits, prompts, previous):
        if prompts.mask is not None and 0 < (prompts.mask > 0).sum() < TIP_PIXELS:
            _, y, x = np.argwhere(prompts.mask > 0).mean(axis=0)
            rows, columns = np.indices(logits.shape[1:])
            logits[:, np.hypot(rows - y, columns - x) < 20] = 5


@pytest.fixture(scope="module", params=[1, -1], ids=["upwards", "downwards"])
def pointed(request, phantom):
    return phantom(lambda offset: cone(request.param * offset), (120, 64, 64), (1.0, 1.0, 1.0))


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_a_look_that_one_slice_would_mislead_is_told_of_those_before_it(pointed, region_growing, kind):
    right = Segmenter(region_growing()).segment(pointed.scan, pointed.prompts(kind)).voxels > 0
    misled = Segmenter(Misled(region_growing())).segment(pointed.scan, pointed.prompts(kind)).voxels > 0
    assert (right & pointed.truth).sum() > 0.85 * pointed.truth.sum()
    # A small outline alone would mislead the model; the larger ones before it do not.
    thick = pointed.truth.sum(axis=(1, 2)) > 2 * TIP_PIXELS
    assert np.array_equal(misled[thick], right[thick])
    assert not misled[far_beyond(pointed.truth)].any()


def far_beyond(truth):
    """Slices of a mask (z, y, x) that are 10 or more away from the nearest that shows the object."""
    shown = np.flatnonzero(truth.any(axis=(1, 2)))
    return np.abs(np.arange(len(truth))[:, None] - shown).min(axis=1) >= 10
