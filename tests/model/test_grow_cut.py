"""Grow-cut as a promptable model."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from synthfm3d.model.grow_cut import GrowCut, attacks, strength
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.randomness import stream

SHAPE = (8, 64, 64)


@pytest.fixture(scope="module")
def scene():
    """Channels with a bright ellipsoid of radii (3, 14, 10) voxels, and its truth."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    truth = ((z - 4) / 3) ** 2 + ((y - 30) / 14) ** 2 + ((x - 34) / 10) ** 2 <= 1
    image = 0.3 + 0.4 * truth + stream(0, "grow-cut").normal(0, 0.05, size=SHAPE)
    return np.repeat(np.clip(image, 0, 1).astype(np.float32)[None], 3, axis=0), truth


def grown(channels, prompts):
    model = GrowCut()
    return model.logits(model.prepare(channels, (2.0, 1.0, 1.0)), prompts)


def test_strengths_are_the_greatest_products_along_any_path():
    """A product is greatest where the sum of -log g is least: Dijkstra's shortest paths."""
    shape = (3, 5, 6)
    channels = stream(1, "grow-cut").random((*shape, 3)).astype(np.float32)
    seeds = np.zeros(shape, bool)
    seeds[0, 0, 0] = seeds[2, 4, 1] = True
    places = np.argwhere(np.ones(shape, bool))
    flat = channels.reshape(-1, 3)
    neighbours = np.abs(places[:, None] - places[None]).max(axis=2) == 1
    difference = np.sqrt(np.square(flat[:, None] - flat[None]).sum(axis=2))
    costs = np.where(neighbours, -np.log(1 - difference / np.sqrt(3)), 0)
    lengths = dijkstra(sparse.csr_array(costs), indices=np.flatnonzero(seeds)).min(axis=0)
    found = strength(attacks(channels), seeds)
    assert found.ravel() == pytest.approx(np.exp(-lengths), rel=1e-5)


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_a_bright_object_is_found(scene, kind):
    channels, truth = scene
    outline = np.zeros(SHAPE, np.int8)
    outline[4] = np.where(truth[4], 1, -1)
    prompts = {
        "click": GridPrompts(positive=np.array([[4.0, 30, 34]])),
        "box": GridPrompts(boxes=np.array([[[4, 16, 24], [4, 44, 44]]])),
        "mask": GridPrompts(mask=outline),
    }[kind]
    logits = grown(channels, prompts)
    assert (logits.shape, logits.dtype) == (SHAPE, np.float32)
    assert np.isfinite(logits).all()
    found = logits > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.9


def test_a_negative_click_takes_its_surroundings_out(scene):
    channels, _ = scene
    positive = np.array([[4.0, 24, 34]])
    alone = grown(channels, GridPrompts(positive=positive))
    corrected = grown(channels, GridPrompts(positive=positive, negative=np.array([[4.0, 40, 34]])))
    assert alone[4, 40, 34] > 0 > corrected[4, 40, 34]
    assert corrected[4, 24, 34] > 0


@pytest.mark.parametrize(
    "prompts",
    [
        GridPrompts(positive=np.array([[0.0, 0, 0]])),
        GridPrompts(boxes=np.array([[[0, 0, 0], [7, 63, 63]]])),
        GridPrompts(mask=np.pad(np.ones((1, 1, 1), np.int8), [(3, 4), (31, 32), (31, 32)])),
        GridPrompts(positive=np.array([[4.0, 30, 30]]), negative=np.array([[4.0, 30, 30]])),
    ],
    ids=["corner", "whole region", "mask between samples", "contradiction"],
)
@pytest.mark.parametrize("constant", [False, True])
def test_odd_prompts_give_finite_logits(scene, prompts, constant):
    channels = np.full_like(scene[0], 0.5) if constant else scene[0]
    logits = grown(channels, prompts)
    assert logits.shape == SHAPE
    assert np.isfinite(logits).all()


def test_it_is_loaded_by_its_name():
    pytest.importorskip("torch")
    from synthfm3d.model.checkpoint import load_model, weights_path

    assert isinstance(load_model("grow-cut"), GrowCut)
    assert weights_path("grow-cut") is None
