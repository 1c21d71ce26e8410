"""Evidence in torch is that of NumPy and Numba."""

import numpy as np
import pytest
import torch

from synthfm3d.model.evidence_on_device import evidence_channels_on_device
from synthfm3d.model.prompt_channels import evidence_channels, prompt_channels
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.randomness import stream

SHAPE = (8, 48, 48)


def image_of(modality):
    """An ellipsoid on a noisy ground; CT has three windows, MR one that is repeated."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    inside = ((z - 4) / 4) ** 2 + ((y - 22) / 12) ** 2 + ((x - 26) / 10) ** 2 <= 1
    noise = stream(0, "evidence", modality).normal(0, 0.04, size=(3, *SHAPE))
    grey = 0.3 + 0.35 * inside + noise[0]
    channels = [grey, grey, grey] if modality == "mr" else [grey, 0.5 * grey + noise[1], 0.2 + 0.6 * grey]
    return np.clip(channels, 0, 1).astype(np.float32), np.asarray(inside)


def prompts_of(kind, inside):
    mask = np.zeros(SHAPE, np.int8)
    mask[4] = np.where(inside[4], 1, -1)
    click = np.array([[4.0, 22, 26]])
    walled_in = mask.copy()
    walled_in[[3, 5]] = -1
    return {
        "click": GridPrompts(positive=click),
        "clicks": GridPrompts(positive=click, negative=np.array([[4.0, 40, 8], [3.0, 22, 42]])),
        "box": GridPrompts(boxes=np.array([[[4.0, 10, 16], [4, 34, 36]]])),
        "wall": GridPrompts(boxes=np.array([[[4.0, 10, 16], [4, 34, 36]]]), negative=click),
        "walled in": GridPrompts(mask=walled_in),
        "mask": GridPrompts(mask=mask),
    }[kind]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Solvers that end where they must, not wherever the tolerance lets them."""
    monkeypatch.setattr("synthfm3d.model.prompt_channels.WALKER_TOLERANCE", 1e-5)
    monkeypatch.setattr("synthfm3d.model.random_walker.MOST_ITERATIONS", 2000)


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_both_give_the_same_channels_of_a_batch(modality):
    image, inside = image_of(modality)
    kinds = ("click", "clicks", "walled in", "box", "wall", "mask")
    before = np.where(np.roll(inside, 6, 2), 3.0, -3.0)
    said = [prompt_channels(prompts_of(kind, inside), SHAPE) for kind in kinds]
    said.append(prompt_channels(prompts_of("click", inside), SHAPE, previous=before))
    said.append(np.zeros_like(said[0]))
    batch = torch.from_numpy(np.stack(said))
    images = torch.from_numpy(image).expand(len(said), -1, -1, -1, -1)
    found = evidence_channels_on_device(images, batch).numpy()
    for n, channels in enumerate(said):
        expected = evidence_channels(image, channels)
        assert found[n].shape == expected.shape
        difference = np.abs(found[n] - expected)
        assert difference[[0, 1, 5, 6, 7, 8]].max() < 1e-2
        # Sweeps of Numba end a little early: paths that wind through noise are a little longer there.
        contests = difference[2:5]
        assert contests.mean() < 5e-3
        assert contests.max() < 0.2


def test_a_batch_gives_what_its_clips_give_alone():
    image, inside = image_of("mr")
    said = np.stack([prompt_channels(prompts_of(kind, inside), SHAPE) for kind in ("click", "mask")])
    images = torch.from_numpy(np.stack([image, image[:, ::-1].copy()]))
    together = evidence_channels_on_device(images, torch.from_numpy(said))
    for n in range(2):
        alone = evidence_channels_on_device(images[n : n + 1], torch.from_numpy(said[n : n + 1]))
        torch.testing.assert_close(together[n : n + 1], alone, atol=2e-3, rtol=0)


def test_no_walk_reaches_an_outline_that_background_walls_in(monkeypatch):
    monkeypatch.setattr("synthfm3d.model.random_walker.MOST_ITERATIONS", 1)
    image, inside = image_of("mr")
    said = prompt_channels(prompts_of("walled in", inside), SHAPE)
    found = evidence_channels_on_device(torch.from_numpy(image)[None], torch.from_numpy(said)[None])[0]
    expected = evidence_channels(image, said)
    for walkers in (found.numpy()[5:8], expected[5:8]):
        np.testing.assert_array_equal(walkers[:, [0, 1, 2, 6, 7]], -1.0)
