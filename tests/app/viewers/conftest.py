"""A server that listens, and the client of nnInteractive's viewers."""

import numpy as np
import pytest
from viewer_phantom import SHAPE, SPACING, TOKEN, listening, object_and_voxels

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import ServeSettings
from synthfm3d.app.viewers.scan import grid_of_spacing, scan_of_array
from synthfm3d.segmentation.predictor import Segmenter


@pytest.fixture(scope="session")
def segmenter():
    """The default model: on so small a scan it is faster than the classical ones."""
    return Segmenter.from_pretrained("default")


@pytest.fixture(scope="session")
def truth():
    return object_and_voxels()[0]


@pytest.fixture(scope="session")
def voxels():
    return object_and_voxels()[1]


@pytest.fixture(scope="session")
def scan(voxels):
    """The scan that the server makes of these voxels and this spacing."""
    return scan_of_array(voxels, grid_of_spacing(SHAPE, SPACING))


@pytest.fixture(scope="session")
def address(segmenter):
    """Address of a server with a token."""
    with listening(create_app(segmenter, ServeSettings(token=TOKEN))) as address:
        yield f"{address}/nninteractive"


@pytest.fixture
def connect(address):
    """Connects clients of nnInteractive to the server; all leave it with the test."""
    remote = pytest.importorskip("nnInteractive.inference.remote")
    connected = []

    def connected_client(key=TOKEN, to=address):
        connected.append(remote.nnInteractiveRemoteInferenceSession(to, api_key=key))
        return connected[-1]

    yield connected_client
    for client in connected:
        client.close()


@pytest.fixture
def client(connect, voxels):
    """A client that has done what viewers call "Initialize"."""
    client = connect()
    client.set_image(voxels[None], {"spacing": SPACING})
    client.set_target_buffer(np.zeros(SHAPE, np.uint8))
    return client
