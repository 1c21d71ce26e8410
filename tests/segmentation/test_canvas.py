"""What the user outlines is in the result as it was drawn."""

import numpy as np
import pytest

from synthfm3d.prompts.prompt import Mask
from synthfm3d.segmentation.canvas import Canvas
from synthfm3d.segmentation.placement import place
from synthfm3d.segmentation.predictor import Segmenter


def test_an_outlined_slice_is_in_the_mask_as_it_was_drawn(ball, region_growing):
    z = int(ball.truth.sum(axis=(1, 2)).argmax())
    drawn = np.zeros(ball.truth.shape, bool)
    drawn[z] = ball.truth[z]
    drawn[z, : ball.truth.shape[1] // 2] = False  # the user wants the lower half
    mask = Segmenter(region_growing()).segment(ball.scan, [Mask(volume=ball.scan.with_voxels(drawn))]).voxels
    assert np.array_equal(mask[z] > 0, drawn[z])
    assert mask[[z - 1, z + 1]].any()


def test_of_two_outlines_of_a_slice_the_first_counts(ball):
    logits = np.zeros((4, 6, 6), np.float32)
    grid = ball.scan.grid
    small = type(ball.scan)(voxels=np.zeros((4, 6, 6), np.uint8), affine=grid.affine)
    first, second = np.zeros((2, 4, 6, 6), np.uint8)
    first[1, 2, 2] = second[1, 4, 4] = second[3, 4, 4] = 1
    masks = [Mask(volume=small.with_voxels(voxels)) for voxels in (first, second)]
    Canvas(logits).keep_outlines(place(masks, small.grid).outlined_slices())
    assert np.argwhere(logits > 0).tolist() == [[1, 2, 2], [3, 4, 4]]
    assert (logits[[0, 2]] == 0).all()


@pytest.mark.parametrize("kind", ["click", "box"])
def test_other_prompts_leave_the_answer_to_the_model(ball, region_growing, kind):
    prompts = ball.prompts(kind)
    mask = Segmenter(region_growing()).segment(ball.scan, prompts).voxels
    assert mask.any()


def test_a_correction_elsewhere_leaves_an_outlined_slice_and_one_on_it_counts(ball):
    grid = ball.scan.grid
    small = type(ball.scan)(voxels=np.zeros((4, 6, 6), np.uint8), affine=grid.affine)
    drawn = np.zeros((4, 6, 6), np.uint8)
    drawn[[1, 2], 2, 2] = 1
    logits = np.full((4, 6, 6), 3.0, np.float32)
    outlined = place([Mask(volume=small.with_voxels(drawn))], small.grid).outlined_slices(but={2})
    Canvas(logits).keep_outlines(outlined)
    assert np.argwhere(logits[1] > 0).tolist() == [[2, 2]]
    assert (logits[2] == 3).all()
