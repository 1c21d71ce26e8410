"""Models learn from the masks of open scans: in the background, one at a time, for the visitor who asked."""

import time

import numpy as np
import pytest

from synthfm3d.app.adaptations import Result
from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.pipeline.improving import improve
from synthfm3d.segmentation.predictor import Segmenter

PATIENCE_S = 300


def start_server(serve, folder, **settings):
    return serve(adapt=improve, adapted_models=folder, **settings)


def open_with_mask(client, phantom, ball=0):
    scan = client.post("/api/scans", json={"scan": 0}).json()["id"]
    mask = phantom.scan.with_voxels(phantom.balls[ball].astype(np.uint8))
    content = nifti_bytes(mask, 1)
    assert client.put(f"/api/scans/{scan}/labels", content=content).status_code == 200
    return scan


def end_of(client):
    """The visitor's latest adaptation, once it is over."""
    end = time.monotonic() + PATIENCE_S
    while True:
        latest = client.get("/api/adaptations").json()[-1]
        if latest["state"] not in ("waiting", "running"):
            return latest
        assert time.monotonic() < end, latest
        time.sleep(0.2)


@pytest.mark.slow
def test_a_better_model_is_written_and_can_be_chosen(serve, phantom, tiny_model, tmp_path):
    model = Segmenter.from_pretrained(tiny_model, "cpu")
    client = start_server(serve, tmp_path / "new", model=model, model_name=tiny_model, device="cpu")
    scan = open_with_mask(client, phantom)
    said = {"scans": [scan], "name": "ball", "steps": 6, "synthetic_share": 0}
    answer = client.post("/api/adaptations", json=said)
    assert answer.status_code == 202, answer.text
    latest = end_of(client)
    assert latest["state"] == "better", latest
    assert latest["after"] > latest["before"]
    name = str(tmp_path / "new" / "ball")
    assert latest["model"] == name
    assert name in client.get("/api/models").json()["names"]
    assert client.patch(f"/api/scans/{scan}", json={"model": name}).json()["model"] == name
    assert client.post("/api/adaptations", json=said).status_code == 422  # the name is taken


@pytest.mark.slow
def test_a_cancelled_adaptation_ends_at_once_and_leaves_nothing(serve, phantom, tiny_model, tmp_path):
    model = Segmenter.from_pretrained(tiny_model, "cpu")
    client = start_server(serve, tmp_path / "new", model=model, model_name=tiny_model, device="cpu")
    scan = open_with_mask(client, phantom)
    for name in ("first", "second"):
        client.post("/api/adaptations", json={"scans": [scan], "name": name, "minutes": 60})
    first, second = client.get("/api/adaptations").json()
    assert second["state"] == "waiting"
    for one in (second, first):
        assert client.delete(f"/api/adaptations/{one['id']}").status_code == 204
    end = time.monotonic() + PATIENCE_S
    while any(one["state"] != "cancelled" for one in client.get("/api/adaptations").json()):
        assert time.monotonic() < end
        time.sleep(0.1)
    while (tmp_path / "new" / "first").exists():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_model_that_cannot_learn_is_told_in_plain_words(serve, phantom, tmp_path):
    client = start_server(serve, tmp_path / "new", model_name="random-walker")
    scan = open_with_mask(client, phantom)
    client.post(
        "/api/adaptations", json={"scans": [scan], "name": "walker", "steps": 1, "synthetic_share": 0}
    )
    latest = end_of(client)
    assert latest["state"] == "failed"
    assert "random-walker" in latest["error"]
    assert "--" not in latest["error"]
    assert not (tmp_path / "new" / "walker").exists()


def never(task, send):
    return Result(before=0, after=0, is_better=False)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": "../up"}, "letters"),
        ({"name": ""}, "letters"),
        ({"name": "taken"}, "choose another name"),
        ({"name": "new", "start": "unknown"}, "no model unknown"),
        ({"name": "new", "minutes": 0}, "minutes"),
    ],
)
def test_what_cannot_be_begun_is_refused_with_the_reason(serve, phantom, tmp_path, said, told):
    (tmp_path / "taken").mkdir()
    client = serve(adapt=never, adapted_models=tmp_path)
    scan = open_with_mask(client, phantom)
    answer = client.post("/api/adaptations", json={"scans": [scan], **said})
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_a_scan_without_a_mask_teaches_nothing(serve, scan_file, tmp_path):
    client = serve(adapt=never, adapted_models=tmp_path)
    scan = client.post("/api/scans", json={"scan": 0}).json()["id"]
    answer = client.post("/api/adaptations", json={"scans": [scan], "name": "new"})
    assert answer.status_code == 422
    assert "no mask" in answer.json()["detail"]


def test_adaptations_are_their_visitors_own_and_want_the_token(serve, phantom, tmp_path):
    token = "a-token-of-this-test"
    client = serve(adapt=improve, adapted_models=tmp_path, token=token)
    for method, path in (("GET", "/api/adaptations"), ("POST", "/api/adaptations"), ("GET", "/api/models")):
        assert client.request(method, path).status_code == 401
    client.headers["Authorization"] = f"Bearer {token}"
    scan = open_with_mask(client, phantom)
    client.post("/api/adaptations", json={"scans": [scan], "name": "mine", "minutes": 60})
    (mine,) = client.get("/api/adaptations").json()
    client.cookies.clear()
    assert client.get("/api/adaptations").json() == []
    assert client.delete(f"/api/adaptations/{mine['id']}").status_code == 404


def test_a_server_without_training_offers_none(client, scan):
    assert client.get("/api/models").json()["can_adapt"] is False
    answer = client.post("/api/adaptations", json={"scans": [scan["id"]], "name": "new"})
    assert answer.status_code == 422
