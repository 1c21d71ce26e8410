"""Clips: a function of their number alone, across the ends of objects, with prompts on the objects."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthfm3d.loading.augmentation import AugmentationSettings
from synthfm3d.loading.clips import ClipDataset, ClipSettings, _visible, make_clip
from synthfm3d.loading.shares import NO_POINT, ClipPromptSettings, draw_clip_mask, draw_clip_points
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.randomness import stream
from synthfm3d.rendering.cpu import render
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import SynthesisSettings

SIZE = 64
SMALL = ClipSettings(depth=(12, 20), length=5, most_objects=2, least_pixels=8)
STILL = AugmentationSettings(flip=0.0, affine=0.0, gamma=0.0, inversion=0.0)


def test_a_clip_is_a_function_of_its_number_alone():
    first, again = (ClipDataset(3, 2, SIZE, SMALL)[7] for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = ClipDataset(3, 2, SIZE, SMALL)[8]
    assert not torch.equal(first["slices"][:, 0], other["slices"][:, 0])


def test_shapes_are_those_that_the_docstring_tells():
    for index in range(8):
        sample = ClipDataset(0, 2, SIZE, SMALL)[index]
        objects, prompted = len(sample["targets"]), len(sample["prompted"])
        assert sample["slices"].shape == (2, 5, 3, SIZE, SIZE)
        assert sample["slices"].min() >= 0
        assert sample["slices"].max() <= 1
        assert sample["targets"].shape == (objects, 5, SIZE, SIZE)
        assert sample["clip_of"].shape == (objects,)
        assert set(sample["clip_of"].tolist()) == {0, 1}
        assert sample["points"].shape == (objects, prompted, 3, 2)
        outlined = PROMPT_KINDS[int(sample["kind"])] == "mask"
        assert sample["masks"].shape == (objects, prompted, *((SIZE, SIZE) if outlined else (0, 0)))
        assert not (outlined and len(sample["corrected"]))


def test_every_object_is_visible_on_every_prompted_slice():
    for index in range(12):
        sample = ClipDataset(1, 2, SIZE, SMALL)[index]
        for prompted in sample["prompted"].tolist():
            assert (sample["targets"][:, prompted].sum((1, 2)) >= SMALL.least_pixels).all()


@pytest.mark.parametrize("depth", [1, 3])
def test_a_volume_with_fewer_slices_than_a_clip_shows_its_outermost_again(depth):
    settings = replace(SMALL, depth=(depth, depth), strides=(1,), augmentation=STILL, least_pixels=4)
    clip = make_clip(0, 0, 2, SIZE, settings)
    assert clip.slices.shape[0] == 5
    assert len(np.unique(clip.slices.reshape(5, -1), axis=0)) <= depth


def test_clips_are_laid_across_the_ends_of_objects_as_often_as_asked():
    """A clip that is laid across an end holds slices with the object and slices without."""

    def share(ends):
        crossed = 0
        for number in range(20):
            settings = replace(
                SMALL, ends=ends, depth=(64, 64), strides=(1,), most_objects=1, least_pixels=60
            )
            there = make_clip(5, number, 2, SIZE, settings).targets.any(axis=(2, 3))
            crossed += not there.all()
        return crossed / 20

    often, seldom = share(1.0), share(0.0)
    assert often > seldom + 0.3, (often, seldom)


def test_a_reversed_clip_is_the_clip_upside_down():
    settings = replace(SMALL, reverse=0.0, augmentation=STILL, ends=0.0)
    forwards = make_clip(2, 3, 2, SIZE, settings).slices
    backwards = make_clip(2, 3, 2, SIZE, replace(settings, reverse=1.0)).slices
    np.testing.assert_array_equal(backwards[::-1], forwards)


def test_volumes_can_be_as_few_as_asked():
    """With one volume, every clip shows slices of it."""
    settings = replace(SMALL, volumes=1, augmentation=STILL, depth=(3, 3), strides=(1,), least_pixels=4)
    shown = [make_clip(0, number, 2, SIZE, settings).slices for number in range(4)]
    planes = np.concatenate(shown).reshape(20, -1)
    assert len(np.unique(planes, axis=0)) <= 3


@pytest.mark.parametrize("axis", ["anatomy", "contrast", "boundary", "noise"])
def test_an_axis_that_is_off_is_off_in_the_synthesis(axis):
    settings = replace(SMALL, off=(axis,)).synthesis(16, SIZE)
    assert getattr(settings, axis).mode == "off"
    assert getattr(SMALL.synthesis(16, SIZE), axis).mode == "drawn"


# --- prompts --------------------------------------------------------------------------------------


@pytest.fixture
def section():
    mask = np.zeros((40, 50), bool)
    mask[10:20, 25:45] = True
    return mask


def test_kinds_come_as_often_as_sam2_draws_them():
    settings, draw = ClipPromptSettings(), stream(0, "test")
    drawn = [settings.draw_kind(draw) for _ in range(2000)]
    assert drawn.count("mask") / 2000 == pytest.approx(0.5, abs=0.04)
    assert drawn.count("box") / 2000 == pytest.approx(0.25, abs=0.04)


def test_positive_clicks_lie_inside_and_negative_ones_near_outside(section):
    draw = stream(1, "test")
    for _ in range(50):
        points, labels = draw_clip_points(section, "point", ClipPromptSettings(negative=1.0), draw)
        for (x, y), label in zip(points.astype(int), labels, strict=True):
            if label != NO_POINT:
                assert section[y, x] == (label == 1)
        assert labels[0] == 1
        assert 0 in labels


def test_a_box_without_jitter_is_tight_and_with_it_stays_in_the_slice(section):
    draw = stream(2, "test")
    points, labels = draw_clip_points(section, "box", ClipPromptSettings(box_jitter=0.0), draw)
    assert points[:2].tolist() == [[25, 10], [44, 19]]
    assert labels.tolist() == [2, 3, NO_POINT]
    for _ in range(50):
        points, _ = draw_clip_points(section, "box", ClipPromptSettings(box_jitter=1.0), draw)
        assert (points[0] < points[1]).all() or (points[:2] <= [49, 39]).all()
        assert (points[:2] >= 0).all()
        assert (points[:2] <= [49, 39]).all()


def test_a_mask_is_at_most_a_pixel_off(section):
    draw = stream(3, "test")
    areas = {int(draw_clip_mask(section, ClipPromptSettings(mask_jitter=1.0), draw).sum()) for _ in range(30)}
    assert areas == {8 * 18, 10 * 20 + 2 * (10 + 20)}
    assert draw_clip_mask(section, ClipPromptSettings(mask_jitter=0.0), draw) is section


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"strides": ()}, "strides"),
        ({"length": 0}, "length"),
        ({"length": 1}, "nothing to learn: set length"),
        ({"ends": 2.0}, "ends"),
        ({"depth": (9, 3)}, "depth"),
        ({"pixel_mm": (2.0, 1.0)}, "pixel_mm"),
    ],
)
def test_impossible_settings_are_refused_by_name(wrong, named):
    with pytest.raises(ValueError, match=named):
        replace(SMALL, **wrong)


def test_objects_that_noise_hides_are_left_out():
    """Contrast-to-noise of 0.3 somewhere on the boundary, beyond what noise explains."""
    scene = draw_scene(2, 0, SynthesisSettings(shape=(8, 96, 96), modalities=("ct",)))
    image, labels = render(scene)
    noise = np.random.default_rng(0).normal(0, 20, image.shape).astype(np.int16)
    masks = [labels == value for value in np.unique(labels)[1:] if (labels == value).sum() > 400]
    assert sum(_visible(image, mask) for mask in masks) > 0
    assert not any(_visible(noise, mask) for mask in masks)
