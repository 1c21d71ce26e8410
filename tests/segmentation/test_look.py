"""What a look keeps of a model's answer."""

import numpy as np
import pytest

from synthfm3d.intensity import windows_of
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.segmentation.look import Look, ModelOnScan, connected_to_prompts
from synthfm3d.segmentation.placement import place
from synthfm3d.volume import Grid


def two_blocks():
    mask = np.zeros((8, 20, 20), bool)
    mask[2:4, 2:6, 2:6] = True
    mask[5:7, 12:18, 12:18] = True
    return mask


@pytest.mark.parametrize(
    ("prompts", "voxels"),
    [
        (GridPrompts(positive=np.array([[2.4, 3, 3]])), 32),
        (GridPrompts(positive=np.array([[0.0, 3, 3]])), 0),
        (GridPrompts(positive=np.array([[2.0, 3, 3], [6, 13, 13]])), 104),
        (GridPrompts(boxes=np.array([[[5, 0, 0], [5, 19, 19]]])), 72),
        (GridPrompts(boxes=np.array([[[0, 0, 0], [1, 19, 19]]])), 0),
        (GridPrompts(boxes=np.array([[[0, 0, 0], [7, 19, 19]]])), 104),
    ],
)
def test_only_components_that_a_positive_prompt_touches_are_kept(prompts, voxels):
    kept = connected_to_prompts(two_blocks(), prompts)
    assert kept.sum() == voxels
    assert not (kept & ~two_blocks()).any()


def test_a_mask_prompt_keeps_what_it_overlaps():
    drawn = np.full((8, 20, 20), -1, np.int8)
    drawn[3, 4:8, 4:8] = 1
    assert connected_to_prompts(two_blocks(), GridPrompts(mask=drawn)).sum() == 32


def test_voxels_that_share_a_corner_are_connected():
    mask = np.zeros((3, 3, 3), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[2, 2, 2] = True
    assert connected_to_prompts(mask, GridPrompts(positive=np.zeros((1, 3)))).all() == mask.all()
    assert connected_to_prompts(mask, GridPrompts(positive=np.zeros((1, 3)))).sum() == 3


def test_a_mask_ends_with_the_scan_and_not_before(ball, region_growing):
    class Everything(region_growing):
        def logits(self, features, prompts, previous=None):
            return np.full(features.shape, 5.0, np.float32)

    model = ModelOnScan(Everything(), ball.scan, windows_of(ball.scan))
    click = ball.prompts("click")
    look = model.look(place(click, ball.scan.grid), click[0].position_mm, 300.0)
    assert look.hits_prompts
    assert not look.mask.all()
    part, found = model.on_scan(look)
    assert part[1:] == (slice(0, 80), slice(0, 80))
    assert found.all()


def test_certainty_is_the_mean_probability_of_the_mask_on_the_middle_slice():
    logits = np.full((3, 8, 8), -5.0)
    logits[1, 2:4, 2:6] = np.log([9.0, 9.0, 3.0, 3.0])  # probabilities 0.9 and 0.75
    logits[0] = 20.0  # another slice does not count
    region = Grid.from_spacing((3, 8, 8), (1, 1, 1))
    assert Look(region, logits, (slice(None),) * 3, True).certainty == pytest.approx(0.825)
    assert Look(region, np.full((3, 8, 8), -5.0), (slice(None),) * 3, False).certainty == 0
