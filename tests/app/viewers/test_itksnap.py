"""ITK-SNAP's wire: whole geometry in, whole masks back."""

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from viewer_phantom import MIDDLE, SHAPE, Sticky

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import Limits, ServeSettings
from synthfm3d.app.viewers.arrays import TooLarge, WireError
from synthfm3d.app.viewers.itk_image import ItkMeta, form_parts, unzipped
from synthfm3d.app.viewers.itksnap import create_itksnap_app
from synthfm3d.app.viewers.scan import scan_of_array
from synthfm3d.prompts.prompt import Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import Session
from synthfm3d.volume import Grid

TURN = np.deg2rad(20)
DIRECTION = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
META = {
    "dimensions": [38, 26, 15],
    "spacing": [1.0, 1.5, 3.0],
    "origin": [-20.0, 30.0, 5.0],
    "direction": DIRECTION.ravel().tolist(),
    "components_per_pixel": 1,
    "component_type": "float",
}


def itk_grid():
    """The grid by ITK's rule, place = origin + direction (spacing * index), in LPS, axis by axis."""
    affine = np.eye(4)
    for column, index in enumerate(([0, 0, 1], [0, 1, 0], [1, 0, 0])):  # a step along z, y, x
        step = DIRECTION @ (np.array([1.0, 1.5, 3.0]) * index)
        affine[:3, column] = step * [-1, -1, 1]
    affine[:3, 3] = np.array(META["origin"]) * [-1, -1, 1]
    return Grid(SHAPE, affine)


def form(voxels, meta=META):
    content = gzip.compress(np.ascontiguousarray(voxels, np.float32).tobytes())
    return {
        "files": {"file": ("image.gz", content, "application/octet-stream")},
        "data": {"metadata": json.dumps(meta)},
    }


def mask_of(answer):
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["status"] == "success"
    return np.frombuffer(gzip.decompress(base64.b64decode(said["result"])), np.int8).reshape(SHAPE)


@pytest.fixture
def snap():
    """Starts a server for ITK-SNAP with a fast model."""
    clients = []

    def start(**limits):
        main = create_app(Segmenter(Sticky()), ServeSettings(limits=Limits(**limits)))
        client = TestClient(create_itksnap_app(main), base_url="http://127.0.0.1:8911")
        clients.append((client, main))
        client.__enter__()
        return client

    yield start
    for client, main in clients:
        client.__exit__(None, None, None)
        main.state.shared.close()


@pytest.fixture
def session(voxels):
    return Session(Segmenter(Sticky()), scan_of_array(voxels.astype(np.float32), itk_grid()))


def opened(client, voxels):
    identifier = client.get("/v2/start_session/SynthFM-3D").json()["session_id"]
    assert client.post(f"/upload_raw/{identifier}?filename=upload.nii.gz", **form(voxels)).status_code == 200
    return identifier


def click(session, index, positive=True):
    position = tuple(session.scan.grid.to_mm(np.array(index)))
    session.add(Point(position_mm=position, positive=positive))
    return session.label_map().voxels


def test_the_version_is_one_that_itk_snap_takes(snap):
    told = snap().get("/status").json()
    assert told["status"] == "ok"
    assert tuple(map(int, told["version"].split("."))) >= (0, 1, 2)
    (model,) = snap().get("/v2/models").json()["models"]
    assert model["dimensions"] == 3
    assert set(model["interactions"]) == {"point", "scribble", "lasso"}


def test_the_geometry_of_itk_becomes_ours():
    grid = ItkMeta.model_validate(META).grid
    assert grid.shape == SHAPE
    assert grid.spacing_mm == pytest.approx((3.0, 1.5, 1.0))
    assert grid.same_as(itk_grid())


def test_clicks_give_the_masks_of_the_same_points_in_an_oblique_scan(snap, session, voxels):
    client = snap()
    path = f"/v2/process_point_interaction/{opened(client, voxels)}"
    z, y, x = MIDDLE
    answer = client.get(path, params={"point": [x, y, z], "foreground": "true"})
    assert np.array_equal(mask_of(answer), click(session, MIDDLE))
    answer = client.get(path, params={"point": [x + 5, y, z], "foreground": "false"})
    assert np.array_equal(mask_of(answer), click(session, (z, y, x + 5), positive=False))


def test_older_versions_call_the_addresses_of_before(snap, session, voxels):
    client = snap()
    identifier = client.get("/start_session").json()["session_id"]
    client.post(f"/upload_raw/{identifier}", **form(voxels))
    z, y, x = MIDDLE
    answer = client.get(f"/process_point_interaction/{identifier}?x={x}&y={y}&z={z}&foreground=true")
    assert np.array_equal(mask_of(answer), click(session, MIDDLE))


def test_scribbles_and_lassos_are_volumes_of_the_size_of_the_image(snap, voxels):
    client = snap()
    identifier = opened(client, voxels)
    drawn = np.zeros(SHAPE)
    drawn[7, 11, 16:29] = 1
    mask = mask_of(client.post(f"/process_scribble_interaction/{identifier}?foreground=true", **form(drawn)))
    assert mask[7, 11, 16:29].all()
    drawn[7, 3:6, 3:9] = 1
    less = mask_of(client.post(f"/process_lasso_interaction/{identifier}?foreground=false", **form(drawn)))
    assert np.count_nonzero(less) < np.count_nonzero(mask)
    small = {**META, "dimensions": [38, 26, 14]}
    answer = client.post(f"/process_lasso_interaction/{identifier}", **form(drawn[1:], small))
    assert answer.status_code == 400


def test_a_reset_leaves_the_image(snap, voxels):
    client = snap()
    identifier = opened(client, voxels)
    z, y, x = MIDDLE
    path = f"/v2/process_point_interaction/{identifier}"
    first = mask_of(client.get(path, params={"point": [x, y, z]}))
    assert client.get(f"/reset_interactions/{identifier}").json() == {"status": "success"}
    nothing = mask_of(client.get(path, params={"point": [x, y, z], "foreground": "false"}))
    assert not nothing.any()
    client.get(f"/v2/reset_interactions/{identifier}")
    assert np.array_equal(mask_of(client.get(path, params={"point": [x, y, z]})), first)


def test_each_user_has_a_session_of_his_own_and_an_ended_one_is_invalid(snap, voxels):
    client = snap()
    one, other = opened(client, voxels), opened(client, voxels)
    assert one != other
    client.get(f"/v2/end_session/{one}")
    assert client.get(f"/reset_interactions/{one}").json() == {"error": "Invalid session"}
    assert client.get(f"/reset_interactions/{other}").json() == {"status": "success"}


def test_what_cannot_be_done_is_told(snap, voxels):
    client = snap(viewers=1, voxel_bytes=10 * voxels.size)
    identifier = client.get("/start_session").json()["session_id"]
    assert client.get("/start_session").status_code == 503
    answer = client.get(f"/v2/process_point_interaction/{identifier}", params={"point": [1, 2, 3]})
    assert answer.status_code == 400
    assert "no image" in answer.json()["error"]
    path = f"/upload_raw/{identifier}"
    assert client.post(path, **form(voxels, {**META, "dimensions": [380, 260, 150]})).status_code == 413
    assert client.post(path, **form(voxels, {**META, "dimensions": [38, 26, 14]})).status_code == 400
    assert client.post(path, **form(voxels, {**META, "direction": [1] * 9})).status_code == 400
    assert client.post(path, **form(voxels, {"dimensions": [38]})).status_code == 400
    assert client.post(path, content=b"abc").status_code == 400
    assert client.post(path, files={"file": b"abc"}).status_code == 400


def test_the_port_is_for_this_machine_alone(snap):
    client = snap()
    assert client.get("/status", headers={"Host": "10.0.0.7"}).status_code == 400
    assert client.get("/status", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/start_session", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


# ---------------------------------------------------------------- bodies


def test_the_parts_of_a_form_are_found_whatever_they_hold():
    content = b"\r\n--x\r\n\r\n--xy\x00"
    body = (
        b'--abc\r\nContent-Disposition: form-data; name="file"; filename="a.gz"\r\n\r\n' + content + b"\r\n"
        b'--abc\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{}\r\n--abc--\r\n'
    )
    parts = form_parts(body, 'multipart/form-data; boundary="abc"')
    assert {name: bytes(part) for name, part in parts.items()} == {"file": content, "metadata": b"{}"}


@pytest.mark.parametrize("length", range(0, 90, 7))
def test_a_form_that_is_cut_off_is_refused(length):
    body = b'--abc\r\nContent-Disposition: form-data; name="file"\r\n\r\nsome content\r\n--abc--\r\n'
    assert len(body) > 70
    if length < len(body) - 4:
        with pytest.raises(WireError):
            form_parts(body[:length], "multipart/form-data; boundary=abc")


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary="])
def test_what_is_no_form_is_refused(kind):
    with pytest.raises(WireError):
        form_parts(b"--abc--", kind)


def test_a_zip_bomb_is_not_unpacked():
    bomb = memoryview(gzip.compress(bytes(50_000_000)))
    with pytest.raises(WireError, match="bytes"):
        unzipped(bomb, (2, 3, 4), most_bytes=1000)
    with pytest.raises(TooLarge):
        unzipped(bomb, (250, 1000, 50), most_bytes=1000)
    with pytest.raises(WireError):
        unzipped(memoryview(bytes(100)), (2, 3, 4), most_bytes=1000)
    whole = gzip.compress(np.arange(24, dtype=np.float32).tobytes())
    with pytest.raises(WireError):
        unzipped(memoryview(whole)[:-9], (2, 3, 4), most_bytes=1000)


# ---------------------------------------------------------------- the command


@pytest.mark.slow
def test_the_command_serves_both_ports_and_stops():
    command = [sys.executable, "-m", "synthfm3d", "serve", "--port", "0", "--itksnap-port", "0", "--quiet"]
    environment = {**os.environ, "SYNTHFM3D_TOKEN": ""}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        main = re.match(r"Open (http\S+)/", process.stdout.readline()).group(1)
        snap = re.match(r"ITK-SNAP: (http\S+)", process.stdout.readline()).group(1)
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=transport, timeout=60) as client:
            assert client.get(f"{main}/nninteractive/healthz").json() == {"ok": True}
            assert client.get(f"{snap}/status").json()["status"] == "ok"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) in (0, 130, -signal.SIGINT)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
