"""A patch is a function of (seed, index), and its prompts lie where they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from synthfm3d.generate import generate
from synthfm3d.loading.datasets import PatchDataset
from synthfm3d.loading.patches import PatchSettings, make_patch, visible_targets
from synthfm3d.loading.prompting import PromptSettings
from synthfm3d.metrics.contrast import INVISIBLE, boundary_contrast
from synthfm3d.model.prompt_channels import prompt_channels
from synthfm3d.synthesis.settings import SynthesisSettings

SHAPE = (16, 64, 64)
SMALL = PatchSettings(depth=(16, 24), in_plane=(64, 80), least_voxels=60)


@pytest.fixture(scope="module")
def patches():
    return [make_patch(2, index, SHAPE, SMALL) for index in range(24)]


def test_the_same_index_gives_the_same_patch(patches):
    again = make_patch(2, 5, SHAPE, SMALL)
    assert np.array_equal(again.channels, patches[5].channels)
    assert np.array_equal(again.target, patches[5].target)
    assert np.array_equal(prompt_channels(again.prompts, SHAPE), prompt_channels(patches[5].prompts, SHAPE))


def test_workers_do_not_change_a_patch():
    dataset = PatchDataset(2, SHAPE, SMALL)
    alone = [dataset[index]["inputs"] for index in range(4)]
    loader = DataLoader(dataset, batch_size=1, sampler=range(4), num_workers=2)
    for mine, theirs in zip(alone, loader, strict=True):
        assert torch.equal(mine, theirs["inputs"][0])


def test_channels_are_intensities_from_zero_to_one(patches):
    for patch in patches:
        assert patch.channels.shape == (3, *SHAPE)
        assert patch.channels.dtype == np.float32
        assert 0 <= patch.channels.min() < patch.channels.max() <= 1


def test_every_patch_shows_its_target(patches):
    for patch in patches:
        assert patch.target.sum() >= SMALL.least_region_voxels


def test_a_target_that_cannot_be_seen_anywhere_is_never_prompted():
    """Contrast-to-noise of 0.3 at least on some part of its boundary."""
    volume = generate(2, 0, SynthesisSettings(shape=(16, 80, 80), modalities=("ct",)))
    noise = np.random.default_rng(0).normal(0, 20, volume.image.voxels.shape).astype(np.int16)
    invisible = replace(volume, image=volume.image.with_voxels(noise))

    def prompted(volume):
        return [mask for mask, _ in visible_targets(volume, SMALL, np.random.default_rng(1))]

    assert len(prompted(volume)) > 2
    assert prompted(invisible) == []
    for mask in prompted(volume):
        seen = boundary_contrast(volume.image.voxels, mask.astype(np.uint8), 1)
        assert seen is not None
        assert seen.certain >= INVISIBLE == 0.3


def test_positive_clicks_are_inside_and_negative_ones_outside(patches):
    seen = 0
    for patch in patches:
        for clicks, inside in ((patch.prompts.positive, True), (patch.prompts.negative, False)):
            for z, y, x in clicks.astype(int):
                assert patch.target[z, y, x] == inside
                seen += 1
    assert seen > 10


def test_a_mask_prompt_is_the_target_on_one_slice(patches):
    masks = [(p.prompts.mask, p.target) for p in patches if p.prompts.mask is not None]
    assert masks
    for mask, target in masks:
        outlined = np.unique(np.nonzero(mask)[0])
        assert len(outlined) <= 2
        assert np.array_equal(mask[outlined] > 0, target[outlined])
        assert (mask[outlined] != 0).all()


def test_a_second_slice_is_outlined_as_often_as_asked_for():
    outlined = PromptSettings(click=0.0, box=0.0, negative=0.0)
    for share, slices in ((0.0, 1), (1.0, 2)):
        settings = replace(SMALL, off_centre=0.0, prompts=replace(outlined, second_slice=share))
        masks = [make_patch(5, index, SHAPE, settings).prompts.mask for index in range(6)]
        assert max(np.count_nonzero(mask.any(axis=(1, 2))) for mask in masks) == slices


def test_clicks_in_the_middle_of_the_view_come_as_often_as_asked_for():
    """Off the prompted slice's middle only where the target's own pixel there is lost to resampling."""
    for share, least, most in ((1.0, 7, 8), (0.0, 0, 4)):
        prompts = PromptSettings(click=1.0, box=0.0, more_clicks=0.0, negative=0.0, central=share)
        patches = [make_patch(6, index, SHAPE, replace(SMALL, prompts=prompts)) for index in range(8)]
        # Turned and flipped: the middle pixel of 64 may be the 31st or the 32nd.
        middle = [np.isin(patch.prompts.positive[0, 1:], (31, 32)).all() for patch in patches]
        assert least <= sum(middle) <= most


def test_elongation_stretches_patches_through_the_plane():
    """The same targets, seen twice as long: as many voxels on the prompted slice, about twice in all."""
    settings = replace(
        SMALL, off_centre=0.0, prompts=PromptSettings(click=0.0, box=0.0), outline_scale=(2.0, 2.0)
    )
    ratios = []
    for index in range(6):
        short, long = (
            make_patch(7, index, SHAPE, replace(settings, elongation=(factor, factor))).target.any(
                axis=(1, 2)
            )
            for factor in (0.5, 1.0)
        )
        ratios.append(long.sum() / short.sum())
    assert np.median(ratios) == pytest.approx(2.0, abs=0.5)


def test_a_click_may_fall_into_a_view_that_the_object_fills():
    settings = replace(
        SMALL, least_field_pixels=8, prompts=PromptSettings(click=1.0, box=0.0), click_scale=(0.5, 0.5)
    )
    shares = [make_patch(8, index, SHAPE, settings).target[SHAPE[0] // 2].mean() for index in range(6)]
    assert max(shares) > 0.5


def test_a_box_without_jitter_is_tight():
    settings = replace(SMALL, prompts=PromptSettings(click=0.0, box=1.0, box_jitter=0.0, solid_box=0.0))
    for index in range(8):
        patch = make_patch(4, index, SHAPE, settings)
        ((low, high),) = patch.prompts.boxes.astype(int)
        assert low[0] == high[0]
        rows, columns = np.nonzero(patch.target[low[0]])
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (low[1], high[1], low[2], high[2])


def test_a_solid_box_without_jitter_bounds_the_target_in_three_dimensions():
    settings = replace(SMALL, prompts=PromptSettings(click=0.0, box=1.0, box_jitter=0.0, solid_box=1.0))
    for index in range(4):
        patch = make_patch(4, index, SHAPE, settings)
        inside = np.argwhere(patch.target)
        assert np.array_equal(patch.prompts.boxes[0], [inside.min(axis=0), inside.max(axis=0)])


def test_prompts_come_in_the_shares_asked_for():
    settings = replace(SMALL, prompts=PromptSettings(click=0.5, box=0.25))
    kinds = [int(PatchDataset(9, SHAPE, settings)[index]["kind"]) for index in range(60)]
    shares = np.bincount(kinds, minlength=3) / 60
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.2)  # three standard errors


def test_settings_that_leave_no_target_say_so():
    with pytest.raises(RuntimeError, match="no target"):
        make_patch(0, 0, SHAPE, replace(SMALL, depth=(8,), in_plane=(32,), least_contrast=1e6))


def test_shares_beyond_one_are_refused():
    with pytest.raises(ValueError, match="click and box"):
        PromptSettings(click=0.8, box=0.4)
