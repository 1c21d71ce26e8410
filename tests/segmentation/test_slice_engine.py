"""Models that follow slices by themselves: every slice, in the scan's own pixels, one at a time."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from synthfm3d.metrics.overlap import dice
from synthfm3d.model.interface import SliceModel
from synthfm3d.model.sam2_configuration import fresh_network
from synthfm3d.model.sam2_model import Sam2Model
from synthfm3d.model.sam2_sizes import Sam2Settings
from synthfm3d.prompts.prompt import Point
from synthfm3d.segmentation.predictor import Segmenter


class Overlapping:
    """Follows what is bright from slice to slice by overlap: a slice model with a known answer."""

    name = "overlapping"
    grid_shape = (32, 64, 64)

    def __init__(self):
        self.read = []

    def prepare(self, channels, spacing_mm):
        raise AssertionError("a slice model is given slices, not regions")

    def logits(self, features, prompts, previous=None):
        raise AssertionError("a slice model is asked to follow")

    def follow(self, slices, prompts, previous=None):
        depth = slices.shape[0]
        if len(prompts.positive):
            start, y, x = np.rint(prompts.positive[0]).astype(int)
        elif len(prompts.boxes):
            start, y, x = np.rint(prompts.boxes[0].mean(axis=0)).astype(int)
        else:
            start, y, x = np.argwhere(prompts.mask > 0).mean(axis=0).astype(int)
        seed = np.zeros(slices.shape[1:], bool)
        seed[y, x] = True
        for way in (range(start, depth), range(start - 1, -1, -1)):
            before = seed
            for index in way:
                self.read.append(index)
                bright = ndimage.uniform_filter(slices.read(index).mean(axis=0), 3) > 0.5
                labels, _ = ndimage.label(bright)
                before = np.isin(labels, np.setdiff1d(labels[before], 0))
                yield index, np.where(before, 5.0, -5.0).astype(np.float32)


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_an_object_is_followed_through_all_slices_on_the_scans_own_grid(ball, kind):
    model = Overlapping()
    assert isinstance(model, SliceModel)
    result = Segmenter(model).segment_with_details(ball.scan, ball.prompts(kind))
    assert dice(result.mask.voxels, ball.truth) > 0.95
    assert sorted(model.read) == list(range(ball.truth.shape[0]))
    assert result.warnings == ()
    assert result.field_of_view_mm == pytest.approx(80.0)


def test_the_slices_go_across_the_axis_on_which_the_box_is_flat(ball):
    turned = ball.scan.reordered((2, 0, 1), (False, True, False))
    result = Segmenter(Overlapping()).segment_with_details(turned, ball.prompts("box"))
    expected = ball.scan.with_voxels(ball.truth).reordered((2, 0, 1), (False, True, False))
    assert dice(result.mask.voxels, expected.voxels) > 0.95


def test_a_box_in_3d_ends_the_mask_on_its_first_and_last_slice(ball):
    from synthfm3d.prompts.prompt import Box

    inside = np.argwhere(ball.truth)
    low, high = inside.min(axis=0), inside.max(axis=0)
    low[0], high[0] = 17, 23
    corner, opposite = ball.scan.grid.to_mm(np.stack([low, high]))
    prompt = Box(corner_mm=tuple(corner), opposite_mm=tuple(opposite))
    mask = Segmenter(Overlapping()).segment_with_details(ball.scan, [prompt]).mask.voxels
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == list(range(17, 24))


def test_a_correction_is_given_what_it_corrects(ball):
    """On the slices' own pixels."""

    class Remembering(Overlapping):
        def follow(self, slices, prompts, previous=None):
            self.previous = previous
            yield from super().follow(slices, prompts, previous)

    model = Remembering()
    segmenter = Segmenter(model)
    first = segmenter.segment_with_details(ball.scan, ball.prompts("click"))
    assert model.previous is None
    (inside,) = ball.prompts("click")
    segmenter.correct(first, [Point(position_mm=inside.position_mm, positive=False)])
    assert np.array_equal(model.previous > 0, first.mask.voxels > 0)


def test_sam2_makes_a_mask_for_a_scan_of_any_shape(ball):
    network = fresh_network(Sam2Settings(size="micro", image_size=64), seed=0)
    model = Sam2Model(network, "micro", torch.device("cpu"))
    result = Segmenter(model).segment_with_details(ball.scan, ball.prompts("mask"))
    assert result.mask.voxels.shape == ball.scan.voxels.shape
    # A mask prompt is its own answer, but for the way to 64 pixels and back.
    middle = ball.truth.shape[0] // 2
    outlined = ball.prompts("mask")[0].volume.voxels
    z = int(np.flatnonzero(outlined.any(axis=(1, 2)))[0])
    assert abs(z - middle) <= 1
    assert dice(result.mask.voxels[z], ball.truth[z]) > 0.9
