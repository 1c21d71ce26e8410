"""What follows from prompts and grey values, on images whose answer is known."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from synthfm3d.model.geodesic import geodesic_distance, path_distance, seed_contest
from synthfm3d.model.grow_cut import attacks, strength
from synthfm3d.model.prompt_channels import evidence_channels, prompt_channels
from synthfm3d.prompts.prompt import GridPrompts

SHAPE = (8, 48, 48)


def test_free_paths_are_as_long_as_their_steps():
    seeds = np.zeros((5, 9, 7), bool)
    seeds[2, 4, 3] = True
    z, y, x = np.indices(seeds.shape)
    expected = np.abs(z - 2) + np.abs(y - 4) + np.abs(x - 3)
    np.testing.assert_allclose(geodesic_distance(np.ones(seeds.shape), seeds), expected)


def test_paths_go_around_a_wall():
    cost = np.ones((1, 9, 9))
    cost[0, :8, 4] = 1000.0
    seeds = np.zeros(cost.shape, bool)
    seeds[0, 0, 0] = True
    assert geodesic_distance(cost, seeds)[0, 0, 8] == 8 + 8 + 8  # down, across, and up again


def test_paths_through_random_costs_are_those_of_dijkstra():
    """Sweeps end before every winding path is found: nearly all voxels agree, and none is too near."""
    generator = np.random.default_rng(0)
    cost = generator.uniform(0.1, 1.0, (4, 12, 12))
    index = np.arange(cost.size).reshape(cost.shape)
    pairs = [
        (np.delete(index, -1, axis).reshape(-1), np.delete(index, 0, axis).reshape(-1)) for axis in range(3)
    ]
    start = np.concatenate([np.concatenate([a, b]) for a, b in pairs])
    end = np.concatenate([np.concatenate([b, a]) for a, b in pairs])
    graph = coo_array((cost.reshape(-1)[end], (start, end)), shape=(cost.size, cost.size))
    expected = dijkstra(graph.tocsr(), indices=0).reshape(cost.shape)
    seeds = np.zeros(cost.shape, bool)
    seeds[0, 0, 0] = True
    found = geodesic_distance(cost, seeds)
    assert (found >= expected - 1e-5).all()
    assert np.isclose(found, expected, rtol=1e-4).mean() > 0.98


def test_steps_through_random_costs_are_those_of_dijkstra():
    steps = np.random.default_rng(0).uniform(0.1, 1.0, (3, 4, 12, 12)).astype(np.float32)
    index = np.arange(steps[0].size).reshape(steps[0].shape)
    ends = [np.delete(index, 0, axis).reshape(-1) for axis in range(3)]
    starts = [np.delete(index, -1, axis).reshape(-1) for axis in range(3)]
    costs = [along.reshape(-1)[end] for along, end in zip(steps, ends, strict=True)]
    graph = coo_array(
        (np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))),
        shape=(index.size, index.size),
    )
    expected = dijkstra(graph.tocsr(), directed=False, indices=0).reshape(index.shape)
    seeds = np.zeros(index.shape, bool)
    seeds[0, 0, 0] = True
    found = path_distance((steps[0], steps[1], steps[2]), seeds)
    assert (found >= expected - 1e-5).all()
    assert np.isclose(found, expected, rtol=1e-4).mean() > 0.98


def test_without_seeds_everything_is_far():
    ones, none = np.ones((2, 3, 4), np.float32), np.zeros((2, 3, 4), bool)
    assert (geodesic_distance(ones, none) >= 1e6).all()
    assert (path_distance((ones, ones, ones), none) >= 1e6).all()


def test_the_contest_is_grow_cut_between_voxels_that_share_a_face():
    """Distances are -log of strengths: on one line of voxels there are no others, and both agree."""
    values = np.random.default_rng(1).random((1, 1, 1, 40), np.float32)
    inside, outside = np.zeros((2, 1, 1, 40), bool)
    inside[..., 12], outside[..., 33] = True, True
    attack = attacks(values[0, ..., np.newaxis].repeat(3, axis=-1))
    expected = np.log(strength(attack, inside) / strength(attack, outside))
    raw, _, _ = seed_contest(values, inside, outside)
    np.testing.assert_allclose(raw, np.tanh(5 * expected), atol=1e-4)


def test_the_former_answer_is_no_seed():
    """What it got wrong would be confirmed."""
    image, (_, right) = _two_bright_discs()
    click = GridPrompts(positive=np.array([[4.0, 24.0, 12.0]]))
    before = np.where(right, 8.0, -8.0) * np.ones(SHAPE)
    plain = evidence_channels(image, prompt_channels(click, SHAPE))
    told = evidence_channels(image, prompt_channels(click, SHAPE, previous=before))
    assert np.array_equal(plain[2:8], told[2:8])


def _two_bright_discs():
    """Columns through all slices at x = 12 and x = 36; dark in between."""
    y, x = np.ogrid[:48, :48]
    discs = [(y - 24) ** 2 + (x - middle) ** 2 < 64 for middle in (12, 36)]
    noise = np.random.default_rng(0).normal(0, 0.03, SHAPE)
    image = np.clip(np.where(discs[0] | discs[1], 0.8, 0.3) + noise, 0, 1).astype(np.float32)
    return np.stack([image] * 3), discs


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_alike_values_are_likely_and_the_joined_ones_are_near(kind):
    image, (left, right) = _two_bright_discs()
    mask = np.zeros(SHAPE, np.int8)
    mask[4] = np.where(left, 1, -1)
    prompts = {
        "click": GridPrompts(positive=np.array([[4.0, 24.0, 12.0]])),
        "box": GridPrompts(boxes=np.array([[[4.0, 17, 5], [4, 31, 19]]])),
        "mask": GridPrompts(mask=mask),
    }[kind]
    likely, near, raw, smooth, _, low, high, highest, ended = evidence_channels(
        image, prompt_channels(prompts, SHAPE)
    )
    dark = ~(left | right)
    core = (np.indices(left.shape)[0] > 20) & (np.indices(left.shape)[0] < 28)
    assert likely.shape == near.shape == SHAPE
    for z in (0, 4, 7):
        assert likely[z][left & core].mean() > 0.5 + likely[z][dark].mean()
        # A mask of the left disc says that the right one, as bright, is none: a click does not.
        assert near[z][left & core].mean() > 2 * near[z][right & core].mean()
        for contest in (raw, smooth, high, highest, ended):
            assert np.median(contest[z][left & core]) > 0.5 > 0 > contest[z][:, 46:].max()
        assert low[z][left & core].mean() > low[z][right & core].mean()


def test_a_negative_click_and_the_former_answer_are_evidence_too():
    image, (_, right) = _two_bright_discs()
    image[:, :, :, 24:] *= 0.7  # the right disc is between left disc and background
    click = GridPrompts(positive=np.array([[4.0, 24.0, 12.0]]))
    denied = GridPrompts(positive=click.positive, negative=np.array([[4.0, 24.0, 36.0]]))
    plain, *_ = evidence_channels(image, prompt_channels(click, SHAPE))
    against, *_ = evidence_channels(image, prompt_channels(denied, SHAPE))
    assert against[:, right].mean() < plain[:, right].mean()
    before = np.where(right, 8.0, -8.0) * np.ones(SHAPE)
    told, *_ = evidence_channels(image, prompt_channels(click, SHAPE, previous=before))
    assert told[:, right].mean() > plain[:, right].mean()


def test_a_flat_image_gives_no_evidence_of_values_but_of_distance():
    image = np.full((3, *SHAPE), 0.5, np.float32)
    click = prompt_channels(GridPrompts(positive=np.array([[4.0, 24.0, 12.0]])), SHAPE)
    likely, near, *_ = evidence_channels(image, click)
    assert np.ptp(likely) < 1e-6
    assert near[4, 24, 12] == 1
    assert near[4, 24, 12] > near[4, 24, 24] > near[4, 24, 47]


def test_an_outline_of_one_pixel_is_a_seed_and_no_prompt_is_no_evidence():
    image, _ = _two_bright_discs()
    mask = np.zeros(SHAPE, np.int8)
    mask[4] = -1
    mask[4, 24, 12] = 1
    _, near, *_ = evidence_channels(image, prompt_channels(GridPrompts(mask=mask), SHAPE))
    assert near[4, 24, 12] == 1
    assert not evidence_channels(image, np.zeros((5, *SHAPE), np.float32)).any()


def test_a_box_with_a_negative_click_in_its_middle_means_the_wall():
    y, x = np.ogrid[:48, :48]
    radius = np.hypot(y - 24, x - 24)
    wall, hole = (radius >= 8) & (radius <= 13), radius < 8
    image = np.stack([np.where(wall, 0.8, 0.3) * np.ones(SHAPE)] * 3).astype(np.float32)
    box = np.array([[[4.0, 11, 11], [4, 37, 37]]])
    solid = evidence_channels(image, prompt_channels(GridPrompts(boxes=box), SHAPE))
    clicked = GridPrompts(boxes=box, negative=np.array([[4.0, 24, 24]]))
    hollow = evidence_channels(image, prompt_channels(clicked, SHAPE))
    for n in (2, 3, 6, 7, 8):
        assert solid[n, 4][hole].mean() > 0 > hollow[n, 4][hole].mean()
        assert hollow[n, 4][wall].mean() > 0.5
