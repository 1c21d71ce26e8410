"""A patch is a function of (seed, index), and its prompts lie where they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.utils.data import DataLoader

from synthfm3d.loading.patches import (
    LANES,
    PatchDataset,
    PatchSettings,
    group_of,
    make_patches,
    volumes_of_patches,
)
from synthfm3d.loading.shares import PromptSettings, draw_patch_prompts
from synthfm3d.loading.targets import TargetSettings
from synthfm3d.model.prompt_channels import prompt_channels

SHAPE = (16, 64, 64)
SMALL = PatchSettings(
    depth=(16, 24),
    in_plane=(64, 80),
    per_volume=2,
    elongation=(0.7, 2.0),
    least_region_voxels=200,
    targets=TargetSettings(least_voxels=60),
)
SOLID = replace(SMALL.targets, walls_open=0.0)
"""No rings: they are never prompted by clicks."""


def cut(seed, count, settings=SMALL):
    """The first patches of a seed, in the order of their volumes."""
    groups = range(-(-count // settings.per_volume))
    return [patch for group in groups for patch in make_patches(seed, group, SHAPE, settings)][:count]


@pytest.fixture(scope="module")
def patches():
    return cut(2, 24)


def test_the_same_group_gives_the_same_patches(patches):
    for again, patch in zip(make_patches(2, 3, SHAPE, SMALL), patches[6:8], strict=True):
        assert np.array_equal(again.channels, patch.channels)
        assert np.array_equal(again.target, patch.target)
        assert np.array_equal(prompt_channels(again.prompts, SHAPE), prompt_channels(patch.prompts, SHAPE))


def test_every_patch_of_a_volume_is_shown_once_and_batches_show_many_volumes():
    shown = [group_of(number, 4) for number in range(20 * LANES)]
    assert len(set(shown)) == len(shown)
    ends = {group for group, _ in shown[:LANES] + shown[-LANES:]}
    whole = {group for group, _ in shown} - ends
    assert len(whole) > 2 * LANES
    assert {(group, member) for group in whole for member in range(4)} <= set(shown)
    for first in range(0, len(shown), LANES):
        assert len({group for group, _ in shown[first : first + LANES]}) == LANES


def test_at_any_time_an_equal_share_of_patches_needs_a_new_volume():
    known = set()
    for turn in range(8):
        groups = {group_of(turn * LANES + lane, 4)[0] for lane in range(LANES)}
        assert len(groups - known) == (LANES if turn == 0 else LANES // 4)
        known |= groups


def test_the_volumes_of_the_first_patches_are_told():
    used = volumes_of_patches(3 * LANES, SMALL)
    groups = [group_of(number, SMALL.per_volume)[0] for number in range(3 * LANES)]
    assert used.start == 0
    assert used.stop == 20 * (max(groups) + 1)


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


def test_positive_clicks_are_inside_and_negative_ones_outside(patches):
    seen = 0
    for patch in patches:
        for clicks, inside in ((patch.prompts.positive, True), (patch.prompts.negative, False)):
            for z, y, x in clicks.astype(int):
                assert patch.target[z, y, x] == inside
                seen += 1
    assert seen > 10


def test_an_exact_mask_prompt_is_the_target_on_one_slice_or_two():
    exact = replace(SMALL, prompts=PromptSettings(click=0.0, box=0.0, handed_on=0.0, imperfect=0.0))
    for patch in cut(2, 8, exact):
        mask, target = patch.prompts.mask, patch.target
        outlined = np.unique(np.nonzero(mask)[0])
        assert len(outlined) <= 2
        assert np.array_equal(mask[outlined] > 0, target[outlined])
        assert (mask[outlined] != 0).all()


def test_a_second_slice_is_outlined_as_often_as_asked_for():
    outlined = PromptSettings(click=0.0, box=0.0, negative=0.0, handed_on=0.0)
    for share, slices in ((0.0, 1), (1.0, 2)):
        settings = replace(SMALL, off_centre=0.0, prompts=replace(outlined, second_slice=share))
        masks = [patch.prompts.mask for patch in cut(5, 6, settings)]
        assert max(np.count_nonzero(mask.any(axis=(1, 2))) for mask in masks) == slices


def test_clicks_in_the_middle_of_the_view_come_as_often_as_asked_for():
    """Off the prompted slice's middle only where the target's own pixel there is lost to resampling."""
    for share, least, most in ((1.0, 7, 8), (0.0, 0, 4)):
        prompts = PromptSettings(
            click=1.0, box=0.0, more_clicks=0.0, negative=0.0, scribble=0.0, central=share
        )
        patches = cut(6, 8, replace(SMALL, prompts=prompts, targets=SOLID))
        # Turned and flipped: the middle pixel of 64 may be the 31st or the 32nd.
        middle = [np.isin(patch.prompts.positive[0, 1:], (31, 32)).all() for patch in patches]
        assert least <= sum(middle) <= most


def test_elongation_stretches_patches_through_the_plane():
    """The same targets, seen twice as long: as many voxels on the prompted slice, about twice in all."""
    settings = replace(
        SMALL,
        off_centre=0.0,
        per_volume=1,
        prompts=PromptSettings(click=0.0, box=0.0),
        outline_scale=(2.0, 2.0),
    )
    ratios = []
    both = (cut(7, 6, replace(settings, elongation=(factor, factor))) for factor in (0.5, 1.0))
    for short, long in zip(*both, strict=True):
        ratios.append(long.target.any(axis=(1, 2)).sum() / short.target.any(axis=(1, 2)).sum())
    assert np.median(ratios) == pytest.approx(2.0, abs=0.5)


def test_a_click_may_fall_into_a_view_that_the_object_fills():
    settings = replace(
        SMALL,
        least_field_pixels=8,
        prompts=PromptSettings(click=1.0, box=0.0),
        click_scale=(0.5, 0.5),
        targets=SOLID,
    )
    shares = [patch.target[SHAPE[0] // 2].mean() for patch in cut(8, 6, settings)]
    assert max(shares) > 0.5


def test_a_box_without_jitter_is_tight():
    settings = replace(
        SMALL, prompts=PromptSettings(click=0.0, box=1.0, box_jitter=(0.0, 0.0), loose_box=0.0, solid_box=0.0)
    )
    for patch in cut(4, 8, settings):
        ((low, high),) = patch.prompts.boxes.astype(int)
        assert low[0] == high[0]
        rows, columns = np.nonzero(patch.target[low[0]])
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (low[1], high[1], low[2], high[2])


def test_a_solid_box_without_jitter_bounds_the_target_in_three_dimensions():
    settings = replace(
        SMALL, prompts=PromptSettings(click=0.0, box=1.0, box_jitter=(0.0, 0.0), loose_box=0.0, solid_box=1.0)
    )
    for patch in cut(4, 4, settings):
        inside = np.argwhere(patch.target)
        assert np.array_equal(patch.prompts.boxes[0], [inside.min(axis=0), inside.max(axis=0)])


def test_prompts_come_in_the_shares_asked_for():
    settings = replace(SMALL, prompts=PromptSettings(click=0.5, box=0.25), targets=SOLID)
    dataset = PatchDataset(9, SHAPE, settings)
    kinds = [int(dataset[index]["kind"]) for index in range(60)]
    shares = np.bincount(kinds, minlength=3) / 60
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.2)  # three standard errors


def test_settings_that_leave_no_target_say_so():
    unseen = TargetSettings(least_contrast=1e6)
    with pytest.raises(RuntimeError, match="20 volumes have 0 targets"):
        make_patches(0, 0, SHAPE, replace(SMALL, depth=(8,), in_plane=(32,), targets=unseen))


def test_shares_beyond_one_are_refused():
    with pytest.raises(ValueError, match="click and box"):
        PromptSettings(click=0.8, box=0.4)
    with pytest.raises(ValueError, match="box_jitter"):
        PromptSettings(box_jitter=(0.2, 0.1))


def disc(radius=20, side=64):
    y, x = np.mgrid[:side, :side] - side // 2
    return np.broadcast_to(np.hypot(y, x) <= radius, (5, side, side))


def test_a_stroke_stays_inside_the_target_and_its_pixels_touch():
    settings = PromptSettings(scribble=1.0, negative=0.0)
    lengths = []
    for n in range(20):
        prompts = draw_patch_prompts(disc(), 2, False, False, settings, np.random.default_rng(n))
        pixels = prompts.positive.astype(int)
        assert disc()[tuple(pixels.T)].all()
        drawn = np.zeros((64, 64), bool)
        drawn[pixels[:, 1], pixels[:, 2]] = True
        assert ndimage.label(drawn, np.ones((3, 3)))[1] == 1
        lengths.append(len(pixels))
    assert max(lengths) > 15


def test_a_negative_stroke_lies_around_the_target():
    settings = PromptSettings(scribble=1.0, negative=1.0)
    for n in range(20):
        prompts = draw_patch_prompts(disc(), 2, True, False, settings, np.random.default_rng(n))
        _, y, x = prompts.negative.astype(int).T
        distance = np.hypot(y - 32, x - 32)
        assert ((distance > 20) & (distance < 34)).all()


def test_an_object_that_is_handed_on_is_outlined_on_all_slices_of_one_side():
    prompts = PromptSettings(click=0.0, box=0.0, second_slice=0.0, handed_on=1.0, imperfect=0.0)
    for patch in cut(3, 8, replace(SMALL, off_centre=0.0, prompts=prompts)):
        outlined = np.flatnonzero(patch.prompts.mask.any(axis=(1, 2)))
        shown = np.flatnonzero(patch.target.any(axis=(1, 2)))
        # From one end of the object to the prompted slice, the middle one of 16, which may have been flipped.
        upwards = outlined[0] == shown[0] and outlined[-1] in (7, 8)
        assert upwards or (outlined[-1] == shown[-1] and outlined[0] in (7, 8))
        between = shown[(shown >= outlined[0]) & (shown <= outlined[-1])]
        assert np.array_equal(outlined, between)


def test_the_box_around_a_wall_comes_with_a_click_in_its_hole():
    prompts = PromptSettings(click=0.0, box=1.0, negative=0.0)
    walls = TargetSettings(
        least_voxels=60,
        whole_structure=0.0,
        walls_open=1.0,
        least_contrast=0.0,
        least_median_contrast=0.0,
        most_invisible=1.0,
    )
    settings = replace(SMALL, prompts=prompts, targets=walls, in_plane=(96,), per_volume=4)
    clicked = [patch for patch in cut(1, 32, settings) if len(patch.prompts.negative)]
    assert clicked
    for patch in clicked:
        ((z, y, x),) = patch.prompts.negative.astype(int)
        assert not patch.target[z, y, x]
        assert patch.target[z, :y, x].any()
        assert patch.target[z, y:, x].any()
