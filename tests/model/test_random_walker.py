"""The random walker as a promptable model."""

import numpy as np
import pytest

from synthfm3d.model.random_walker import RandomWalker
from synthfm3d.model.seeds import seeds_of
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.randomness import stream

SHAPE = (8, 64, 64)


@pytest.fixture(scope="module")
def scene():
    """Channels with a bright ellipsoid of radii (3, 14, 10) voxels, and its truth."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    truth = ((z - 4) / 3) ** 2 + ((y - 30) / 14) ** 2 + ((x - 34) / 10) ** 2 <= 1
    image = 0.3 + 0.4 * truth + stream(0, "walker").normal(0, 0.05, size=SHAPE)
    return np.repeat(np.clip(image, 0, 1).astype(np.float32)[None], 3, axis=0), truth


def mask_on_slice(truth, z):
    mask = np.zeros(truth.shape, np.int8)
    mask[z] = np.where(truth[z], 1, -1)
    return mask


def dice(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def walk(channels, prompts):
    model = RandomWalker()
    return model.logits(model.prepare(channels, (2.0, 1.0, 1.0)), prompts)


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_a_bright_object_is_found(scene, kind):
    channels, truth = scene
    prompts = {
        "click": GridPrompts(positive=np.array([[4.0, 30, 34]])),
        "box": GridPrompts(boxes=np.array([[[4, 16, 24], [4, 44, 44]]])),
        "mask": GridPrompts(mask=mask_on_slice(truth, 4)),
    }[kind]
    logits = walk(channels, prompts)
    assert logits.shape == SHAPE
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert dice(logits > 0, truth) > 0.85


def test_a_negative_click_takes_its_surroundings_out(scene):
    channels, _ = scene
    positive = np.array([[4.0, 24, 34]])
    alone = walk(channels, GridPrompts(positive=positive))
    corrected = walk(channels, GridPrompts(positive=positive, negative=np.array([[4.0, 40, 34]])))
    assert alone[4, 40, 34] > 0 > corrected[4, 40, 34]
    assert corrected[4, 24, 34] > 0


def test_two_prompts_give_two_objects():
    image = np.full(SHAPE, 0.2, np.float32)
    image[:, 10:30, 10:30] = 0.8
    image[:, 36:56, 36:56] = 0.8
    channels = np.repeat(image[None], 3, axis=0)
    one = walk(channels, GridPrompts(positive=np.array([[4.0, 20, 20]]))) > 0
    other = walk(channels, GridPrompts(positive=np.array([[4.0, 46, 46]]))) > 0
    assert one[4, 20, 20]
    assert other[4, 46, 46]
    assert not (one & other).any()


@pytest.mark.parametrize(
    "prompts",
    [
        GridPrompts(positive=np.array([[0.0, 0, 0]])),
        GridPrompts(boxes=np.array([[[0, 0, 0], [7, 63, 63]]])),
        GridPrompts(boxes=np.array([[[4, 31, 31], [4, 31, 31]]])),
        GridPrompts(mask=np.pad(np.ones((1, 1, 1), np.int8), [(3, 4), (31, 32), (31, 32)])),
        GridPrompts(positive=np.array([[4.0, 30, 30]]), negative=np.array([[4.0, 30, 30]])),
    ],
    ids=["corner", "whole region", "one voxel", "mask between samples", "contradiction"],
)
@pytest.mark.parametrize("constant", [False, True])
def test_odd_prompts_give_finite_logits(scene, prompts, constant):
    channels = np.full_like(scene[0], 0.5) if constant else scene[0]
    logits = walk(channels, prompts)
    assert logits.shape == SHAPE
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_mirrored_prompts_give_mirrored_seeds(scene, axis, kind):
    def mirrored(position):
        position = np.array(position, float)
        position[..., axis] = SHAPE[axis] - 1 - position[..., axis]
        return np.sort(position, axis=-2)

    click, box, mask = [[4.0, 21, 34]], [[[4, 17, 24], [4, 44, 44]]], mask_on_slice(scene[1], 4)
    prompts, mirror = {
        "click": (GridPrompts(positive=np.array(click)), GridPrompts(positive=mirrored(click))),
        "box": (GridPrompts(boxes=np.array(box)), GridPrompts(boxes=mirrored(box))),
        "mask": (GridPrompts(mask=mask), GridPrompts(mask=np.flip(mask, axis))),
    }[kind]
    reduced = (8, 32, 32)
    assert np.array_equal(seeds_of(mirror, reduced), np.flip(seeds_of(prompts, reduced), axis))


def test_a_box_in_the_corner_of_the_region_says_nothing_about_its_own_inside():
    seeds = seeds_of(GridPrompts(boxes=np.array([[[4, 0, 0], [4, 31, 31]]])), (8, 32, 32))
    inside = seeds[4, 1:16, 1:16]  # without the border of the region, which is always background
    assert (inside != 2).all()
    assert (inside == 1).any()
    assert (seeds[4, 17:] == 2).all()
    assert (seeds[4, :, 17:] == 2).all()
