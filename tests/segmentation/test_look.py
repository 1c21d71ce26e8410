"""What a look keeps of a model's answer."""

import numpy as np
import pytest

from synthfm3d.intensity import windows_of
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.segmentation.look import Look, ModelOnScan, connected_to_prompts
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
    look = model.look(ball.prompts("click"), ball.prompts("click")[0].position_mm, 300.0)
    assert look.hits_prompts
    assert not look.mask.all()
    part, found = model.on_scan(look)
    assert part[1:] == (slice(0, 80), slice(0, 80))
    assert found.all()


def a_look(mask, middle, inside=(slice(None),) * 3):
    logits = np.where(mask, 5.0, -5.0)[None]
    return Look(Grid.from_spacing((1, 32, 32), (1, 1, 1)), logits, inside, True, middle[None])


def test_a_border_is_clearest_where_the_image_has_one():
    image = np.full((32, 32), 0.2)
    image[8:24, 8:24] = 0.8
    contrast = []
    for half in (4, 8, 11):
        mask = np.zeros((32, 32), bool)
        mask[16 - half : 16 + half, 16 - half : 16 + half] = True
        contrast.append(a_look(mask, image).border_contrast())
    assert contrast[1] == pytest.approx(0.6 / 0.1)  # 0.8 against 0.2, without noise
    assert contrast[0] < 0.1
    assert contrast[2] < 1


def test_beyond_the_scan_there_is_no_border():
    image = np.full((32, 32), 0.5)
    image[:, 16:] = 0.0  # the fill
    mask = np.zeros((32, 32), bool)
    mask[8:24, 6:16] = True
    assert a_look(mask, image).border_contrast() > 0.4
    assert a_look(mask, image, (slice(None), slice(None), slice(0, 16))).border_contrast() == 0
    assert a_look(np.zeros((32, 32), bool), image).border_contrast() == 0
