"""A server with a real, weightless model, and a scan with a bright ball of which every voxel is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import ServeSettings
from synthfm3d.io.nifti import write_nifti
from synthfm3d.model.checkpoint import write_network
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork
from synthfm3d.randomness import stream
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Array, Grid, Volume

SHAPE = (20, 40, 44)
SPACING_MM = (3.0, 2.0, 2.0)
RADIUS_MM = 16.0
ADDRESS = "http://127.0.0.1:8765"


@dataclass(frozen=True)
class Phantom:
    """Two bright balls on a dark, noisy ground, in a scan that is turned in the world."""

    scan: Volume
    balls: tuple[Array, Array]
    centres_mm: tuple[tuple[float, float, float], tuple[float, float, float]]


def make_phantom() -> Phantom:
    """Turned by 20 degrees about the patient's long axis and 10 about the left-right one."""
    turn, tilt = np.deg2rad(20), np.deg2rad(10)
    about_s = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_r = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    affine = np.eye(4)
    affine[:3, :3] = about_r @ about_s @ Grid.from_spacing(SHAPE, SPACING_MM).affine[:3, :3]
    affine[:3, 3] = (30.0, 60.0, -40.0)
    grid = Grid(SHAPE, affine)
    places = grid.to_mm(np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1))
    centres = [tuple(map(float, grid.to_mm(np.array(c)))) for c in ([10, 20, 11], [10, 20, 33])]
    balls = [np.linalg.norm(places - centre, axis=-1) <= RADIUS_MM for centre in centres]
    noise = stream(0, "phantom").normal(size=SHAPE)
    voxels = (100 + 100 * (balls[0] | balls[1]) + 5 * noise).astype(np.float32)
    scan = Volume(voxels=voxels, affine=affine, modality="mr")
    return Phantom(scan, (balls[0], balls[1]), (centres[0], centres[1]))


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    return make_phantom()


@pytest.fixture(scope="session")
def scan_file(phantom, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("scans") / "ball.nii.gz"
    write_nifti(path, phantom.scan)
    return path


@pytest.fixture(scope="session")
def segmenter() -> Segmenter:
    return Segmenter.from_pretrained("random-walker")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> str:
    """Folder of a tiny network with random weights, which any training can only improve."""
    import torch

    torch.manual_seed(0)
    network = VolumetricNetwork(VolumetricConfig(widths=(4, 4, 4, 4, 4), grid_shape=(16, 32, 32)))
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    write_network(folder / "model.safetensors", network, {"data": "none"})
    return str(folder)


@pytest.fixture
def serve(segmenter, scan_file):
    """Starts servers: ``serve(token=..., limits=...)`` gives a client; all stop with the test."""
    started = []

    def start(model=segmenter, base_url=ADDRESS, model_name="default", adapt=None, **settings):
        named = {"scans": (scan_file,), "model": model_name, **settings}
        app = create_app(model, ServeSettings(**named), adapt)
        client = TestClient(app, base_url=base_url)
        client.__enter__()
        started.append(client)
        return client

    yield start
    for client in started:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def scan(client):
    """The phantom, opened: what the server says of it."""
    answer = client.post("/api/scans", json={"scan": 0})
    assert answer.status_code == 201, answer.text
    return answer.json()
