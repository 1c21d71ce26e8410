"""``doctor --viewer`` does what a viewer does, and tells what is wrong with a server and what to do."""

import socket

import pytest
from viewer_phantom import TOKEN, listening

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import Limits, ServeSettings
from synthfm3d.errors import InputError
from synthfm3d.pipeline.doctor.viewer import examine_viewer
from synthfm3d.segmentation.predictor import Segmenter


@pytest.fixture(scope="module")
def address():
    """Of a server with a token and a single place for a viewer."""
    settings = ServeSettings(token=TOKEN, limits=Limits(viewers=1))
    with listening(create_app(Segmenter.from_pretrained("default"), settings)) as address:
        yield address


def told(url, token=TOKEN):
    return {finding.check: finding for finding in examine_viewer(url, token)}


def test_a_good_server_is_told_step_by_step_and_left_as_it_was(address):
    for _ in range(2):  # the only place is given back
        found = told(f"{address}/nninteractive/")
        assert list(found) == ["reach", "claim", "capabilities", "image", "click", "release"]
        assert {finding.state for finding in found.values()} <= {"ok", "warn"}
        assert "Apache-2.0" in found["capabilities"].message
        assert "voxels from one click" in found["click"].message


def test_a_wrong_token_is_told_with_the_way_out(address):
    for token in (None, "wrong-horse-battery"):
        found = told(f"{address}/nninteractive", token)
        assert list(found) == ["reach", "claim"]
        assert found["claim"].state == "fail"
        assert "401" in found["claim"].message
        assert "--token" in found["claim"].way_out


def test_an_address_without_its_end_is_told(address):
    found = told(address)
    assert list(found.values())[-1].state == "fail"
    assert "/nninteractive" in list(found.values())[-1].way_out


def test_a_server_that_does_not_run_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (finding,) = told(f"http://127.0.0.1:{port}/nninteractive").values()
    assert finding.state == "fail"
    assert "no answer" in finding.message


def test_what_is_no_address_is_refused():
    with pytest.raises(InputError, match="whole address"):
        list(examine_viewer("127.0.0.1:8765", None))
    with pytest.raises(InputError, match="whole address"):
        list(examine_viewer("file:///etc/passwd", None))
