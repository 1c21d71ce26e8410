"""A small SAM 2 with random weights in which nothing hides behind a zero, and slices for it."""

import pytest
import torch

from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_configuration import fresh_network
from synthfm3d.model.sam2_sizes import Sam2Settings
from synthfm3d.model.sam2_slice import SlicePrompt

SIZE = 128


def make_network(**settings) -> Sam2Network:
    """A network whose zero-initialised parameters have values, and which finds the object on most slices."""
    network = fresh_network(Sam2Settings(**{"size": "micro", "image_size": SIZE, **settings}), seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.abs().max() < 1e-4:
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
        network.sam.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(1.0)
    return network


@pytest.fixture(scope="session")
def make_sam2():
    return make_network


@pytest.fixture(scope="session")
def sam2():
    return make_network()


@pytest.fixture(scope="session")
def slices():
    """(slice, 3, y, x) of noise: every slice looks different."""
    return torch.randn(9, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def points(*places, labels) -> SlicePrompt:
    return SlicePrompt(torch.tensor(places, dtype=torch.float32), torch.tensor(labels, dtype=torch.int32))


@pytest.fixture(scope="session")
def said():
    """One prompt of each kind, and what a click with a correction is."""
    outline = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    outline[30:60, 40:90] = True
    nothing = torch.zeros(0, 2)
    return {
        "click": points((60.0, 50.0), labels=(1,)),
        "box": points((30.0, 40.0), (80.0, 90.0), labels=(2, 3)),
        "mask": SlicePrompt(nothing, torch.zeros(0, dtype=torch.int32), outline),
        "clicks": points((60.0, 50.0), (20.0, 20.0), (70.0, 40.0), labels=(1, 0, 1)),
    }
