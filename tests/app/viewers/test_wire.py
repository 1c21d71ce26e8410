"""The wire of nnInteractive byte by byte: recorded requests, errors with their codes, answers in time."""

import json
import threading
import time

import numpy as np
import pytest
from viewer_phantom import MIDDLE, SHAPE, SPACING, TOKEN, Sticky

from synthfm3d.app.settings import Limits
from synthfm3d.app.viewers import deadline, routes_nninteractive
from synthfm3d.app.viewers.arrays import pack, unpack
from synthfm3d.app.viewers.messages import PREFIX
from synthfm3d.segmentation.predictor import Segmenter

MEBI = 2**20
POINT = (
    b'{"coordinates":[7,11,22],"include_interaction":true,"run_prediction":true,'
    b'"override_capability_checks":false}'
)


class Wire:
    """A client that says exactly what a test tells it to."""

    def __init__(self, http, **headers):
        self.http = http
        self.headers = headers

    def post(self, path, body=b"", meta=None, **headers):
        extra = {} if meta is None else {"X-Meta": meta if isinstance(meta, str) else json.dumps(meta)}
        kind = "application/json" if body[:1] == b"{" else "application/octet-stream"
        headers = {**self.headers, "Content-Type": kind, **extra, **headers}
        return self.http.post(f"{PREFIX}/{path}", content=body, headers=headers)

    def get(self, path):
        return self.http.get(f"{PREFIX}/{path}", headers=self.headers)

    def claim(self):
        answer = self.post("claim")
        assert answer.status_code == 200, answer.text
        self.headers["X-Lease-Token"] = answer.json()["lease_token"]
        return self

    def set_image(self, voxels, spacing=SPACING):
        return self.post("set_image", pack(voxels), {"image_properties": {"spacing": spacing}})


@pytest.fixture
def start(serve):
    """Starts a server with a fast model, and gives a client that has a place there."""

    def started(model=None, **settings):
        return Wire(serve(model=Segmenter(model or Sticky()), scans=(), **settings)).claim()

    return started


@pytest.fixture
def wire(start, voxels):
    """A client with a place and an image."""
    wire = start()
    assert wire.set_image(voxels[None]).json() == {"original_image_shape": [1, *SHAPE]}
    assert wire.post("set_target_buffer", b'{"shape":[15,26,38],"dtype":"uint8"}').json() == {}
    return wire


def diff_of(answer):
    """Meta and array of an answer to a prompt."""
    assert answer.status_code == 200, answer.text
    meta = json.loads(answer.headers["X-Meta"])
    assert set(meta) == {"ran_prediction", "bbox", "dtype", "shape"}
    array = unpack(answer.content, most_bytes=MEBI) if answer.content else None
    assert (array is None) == (meta["bbox"] is None)
    if array is not None:
        assert list(array.shape) == meta["shape"] == [high - low for low, high in meta["bbox"]]
        assert array.dtype.name == meta["dtype"]
        assert set(np.unique(array)) <= {0, 1}
    return meta, array


# ---------------------------------------------------------------- what is recorded of the client


def test_a_session_as_it_was_recorded(wire):
    assert wire.post("set_do_autozoom", b'{"do_autozoom":true}').json() == {}
    assert wire.post("reset_interactions", b"{}").json() == {}
    meta, array = diff_of(wire.post("add_point_interaction", POINT))
    assert meta["ran_prediction"]
    low, high = np.array(meta["bbox"]).T
    assert (low <= MIDDLE).all()
    assert (high > MIDDLE).all()
    assert array[tuple(np.array(MIDDLE) - low)] == 1
    ones = bytes.fromhex(
        "4e4e494101010305"
        "75696e7438010000000000000002000000000000000300000000000000010000000600000000000000"
        "26000000000000000501070106000000060000002600000000000000000005000000000000000000010101010101"
    )
    said = (
        '{"include_interaction":true,"run_prediction":true,"override_capability_checks":false,'
        '"interaction_bbox":[[2,3],[1,3],[1,4]]}'
    )
    meta, array = diff_of(wire.post("add_scribble_interaction", ones, said))
    assert array[tuple(np.array([2, 1, 1]) - np.array(meta["bbox"])[:, 0])] == 1
    meta, array = diff_of(wire.post("undo", b"{}"))
    assert not array.any()
    meta, array = diff_of(wire.post("undo", b"{}"))
    assert not array.any()
    meta, array = diff_of(wire.post("undo", b"{}"))
    assert meta == {"ran_prediction": False, "bbox": None, "dtype": "uint8", "shape": []}
    assert wire.post("release").json() == {"released": True}
    assert wire.post("release").json() == {"released": True}
    assert wire.post("add_point_interaction", POINT).status_code == 410


@pytest.mark.parametrize("body", [b"{}", b""])
def test_a_heartbeat_is_taken_with_and_without_a_body(wire, body):
    remaining = wire.post("heartbeat", body).json()["remaining_seconds"]
    assert 3590 < remaining <= 3600
    assert wire.get("lease_status").json()["idle_timeout_seconds"] == 3600


def test_the_capabilities_have_every_key_that_clients_read(wire):
    told = wire.get("capabilities").json()
    assert set(told) >= {
        "supported_interactions",
        "channel_mapping",
        "num_interaction_channels",
        "supports_initial_label",
        "supports_zero_shot_label_refinement",
        "preferred_scribble_thickness",
        "interaction_decay",
        "inference_session_version",
    }
    assert told["license"] == "Apache-2.0"


def test_a_field_that_a_newer_client_sends_is_left_alone(wire):
    body = b'{"coordinates":[7,11,22],"include_interaction":true,"novelty":{"a":1}}'
    assert diff_of(wire.post("add_point_interaction", body))[0]["bbox"] is not None


def test_the_address_tells_a_browser_what_it_is_for(start):
    answer = start().http.get(PREFIX)
    assert answer.status_code == 200
    assert "3D Slicer" in answer.text


# ---------------------------------------------------------------- what is refused


def test_without_the_token_nothing_is_answered_but_health(serve):
    http = serve(token=TOKEN)
    assert http.get(f"{PREFIX}/healthz").json() == {"ok": True}
    for path in ("claim", "set_image", "undo", "heartbeat", "release", "add_point_interaction"):
        assert http.post(f"{PREFIX}/{path}").status_code == 401
    assert http.get(f"{PREFIX}/capabilities").status_code == 401
    key = {"Authorization": f"Bearer {TOKEN}"}
    assert http.post(f"{PREFIX}/claim", headers=key).status_code == 200


def test_without_a_place_every_call_has_expired(start):
    stranger = Wire(start().http)
    for path in ("set_image", "undo", "heartbeat", "predict", "reset_interactions"):
        answer = stranger.post(path, b"{}")
        assert answer.status_code == 410
        assert "connect again" in answer.json()["detail"]
    assert stranger.get("capabilities").status_code == 410
    assert stranger.post("add_point_interaction", POINT).status_code == 410


def test_a_full_server_says_when_to_try_again(start):
    first = start(limits=Limits(viewers=1))
    answer = Wire(first.http).post("claim")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    first.post("release")
    assert Wire(first.http).post("claim").status_code == 200


def test_a_server_whose_model_is_busy_for_long_lets_no_further_viewer_in(start):
    wire = start()
    line = wire.http.app.state.shared.model
    line.waiting, line._seconds = 4, 10.0
    assert wire.post("claim").status_code == 503
    line.waiting = 2
    assert wire.post("claim").status_code == 200
    line.waiting = 0


def test_a_prompt_before_an_image_is_told(start):
    for path, body in (("add_point_interaction", POINT), ("undo", b"{}"), ("predict", b"{}")):
        answer = start().post(path, body)
        assert answer.status_code == 400
        assert "no image" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("shape", "dtype", "word"),
    [((2, *SHAPE), "int16", "channels"), (SHAPE, "int16", "axes"), ((1, 1, *SHAPE), "int16", "axes")],
)
def test_an_image_of_several_channels_or_other_axes_is_refused(start, shape, dtype, word):
    answer = start().set_image(np.ones(shape, dtype))
    assert answer.status_code == 400
    assert word in answer.json()["detail"]


def test_an_image_of_one_value_is_refused_and_the_former_one_stays(wire):
    answer = wire.set_image(np.ones((1, 4, 5, 6), np.int16))
    assert answer.status_code == 400
    assert "same value" in answer.json()["detail"]
    assert diff_of(wire.post("add_point_interaction", POINT))[0]["bbox"] is not None


@pytest.mark.parametrize(
    "meta", ["", "{", "[]", '{"image_properties":7}', '{"image_properties":{"spacing":"a"}}']
)
def test_a_wrong_header_is_told(start, voxels, meta):
    answer = start().post("set_image", pack(voxels[None]), meta)
    assert answer.status_code == 400
    assert "X-Meta" in answer.json()["detail"]


def test_a_body_that_is_no_array_is_told(wire):
    for path in (
        "set_image",
        "add_scribble_interaction",
        "add_lasso_interaction",
        "add_initial_seg_interaction",
    ):
        answer = wire.post(path, b"\x00\x01")
        assert answer.status_code == 400
        assert "cut off" in answer.json()["detail"]


def test_what_is_too_large_is_413(start, voxels):
    wire = start(limits=Limits(voxel_bytes=10_000, upload_bytes=50_000))
    assert wire.set_image(voxels[None]).status_code == 413
    assert wire.set_image(np.zeros((1, 50, 50, 50), np.uint8)).status_code == 413  # a bomb: it packs well
    assert wire.post("set_image", b"\0" * 60_000).status_code == 413
    assert wire.post("set_target_buffer", b'{"shape":[100,100,100],"dtype":"uint8"}').status_code == 413


def test_a_json_body_has_the_small_limit(start):
    wire = start(limits=Limits(body_bytes=200))
    assert wire.post("add_point_interaction", POINT + b" " * 200).status_code == 413


@pytest.mark.parametrize(
    "body",
    [b'{"shape":[15,26],"dtype":"uint8"}', b'{"shape":[15,26,0],"dtype":"uint8"}', b'{"dtype":"uint8"}'],
)
def test_a_buffer_has_three_axes(wire, body):
    assert wire.post("set_target_buffer", body).status_code == 422


@pytest.mark.parametrize(
    "body", [b'{"shape":[15,26,38],"dtype":"float32"}', b'{"shape":[15,26,37],"dtype":"uint8"}']
)
def test_a_buffer_is_of_whole_numbers_and_as_large_as_the_image(wire, body):
    assert wire.post("set_target_buffer", body).status_code == 400


@pytest.mark.parametrize("numbers", ["[7,11]", "[7,11,NaN]", "[7,11,1e999]", '[7,11,"x"]', "null"])
def test_coordinates_are_three_numbers(wire, numbers):
    body = f'{{"coordinates":{numbers},"include_interaction":true}}'.encode()
    answer = wire.post("add_point_interaction", body)
    assert answer.status_code == 422
    assert "coordinates" in answer.json()["detail"]


def test_a_negative_prompt_first_and_prompts_outside_change_nothing_and_fail_nothing(wire):
    nothing = {"ran_prediction": True, "bbox": None, "dtype": "uint8", "shape": []}
    negative = POINT.replace(b'"include_interaction":true', b'"include_interaction":false')
    assert diff_of(wire.post("add_point_interaction", negative))[0] == nothing
    for place in (b"[-3,11,22]", b"[7,11,38]", b"[1e308,-1e308,0]"):
        body = POINT.replace(b"[7,11,22]", place)
        assert diff_of(wire.post("add_point_interaction", body))[0] == nothing
    body = b'{"bbox_coords":[[20,25],[0,5],[0,5]],"include_interaction":true}'
    assert diff_of(wire.post("add_bbox_interaction", body))[0] == nothing


def test_a_box_of_no_size_is_taken(wire):
    body = b'{"bbox_coords":[[7,7],[11,11],[22,22]],"include_interaction":true}'
    assert diff_of(wire.post("add_bbox_interaction", body))[0]["ran_prediction"]


def test_a_drawing_has_the_size_of_its_box_and_shows_something(wire):
    ones = pack(np.ones((1, 2, 3), np.uint8))
    for bounds in ([[2, 3], [1, 3], [1, 5]], [[2, 2], [1, 3], [1, 4]], [[0, 99], [1, 3], [1, 4]], None):
        meta = {"include_interaction": True, "run_prediction": True, "interaction_bbox": bounds}
        assert wire.post("add_scribble_interaction", ones, meta).status_code == 400
    meta = {"include_interaction": True, "run_prediction": True, "interaction_bbox": [[2, 3], [1, 3], [1, 4]]}
    answer = wire.post("add_lasso_interaction", pack(np.zeros((1, 2, 3), np.uint8)), meta)
    assert answer.status_code == 400
    assert "nothing is drawn" in answer.json()["detail"]


def test_an_initial_mask_lies_on_the_image_and_is_not_empty(wire):
    for mask in (np.ones((15, 26, 37), np.uint8), np.zeros(SHAPE, np.uint8)):
        assert wire.post("add_initial_seg_interaction", pack(mask), {}).status_code == 400


def test_a_failure_of_the_model_is_500_and_the_next_prompt_works(start, voxels):
    class Moody(Sticky):
        fails = False

        def logits(self, features, prompts, previous=None):
            if self.fails:
                raise RuntimeError("/secret/path")
            return super().logits(features, prompts, previous)

    model = Moody()
    wire = start(model=model)
    wire.set_image(voxels[None])
    model.fails = True
    answer = wire.post("add_point_interaction", POINT)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    model.fails = False
    assert diff_of(wire.post("add_point_interaction", POINT))[0]["bbox"] is not None


# ---------------------------------------------------------------- in time


class Slow(Sticky):
    """A model that goes on only when a test lets it."""

    def __init__(self):
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def logits(self, features, prompts, previous=None):
        assert self.may_go_on.wait(60)
        return super().logits(features, prompts, previous)


@pytest.fixture
def hurry(monkeypatch):
    """Viewers are answered after half a second in any case."""
    monkeypatch.setattr(deadline, "LONGEST_ANSWER", 0.5)


def test_viewers_are_answered_before_their_patience_of_a_minute_ends():
    assert deadline.LONGEST_ANSWER < 60
    assert routes_nninteractive.LONGEST_LINE < deadline.LONGEST_ANSWER


def test_a_prediction_that_takes_too_long_is_told_with_the_next_answer(start, voxels, hurry, monkeypatch):
    model = Slow()
    wire = start(model=model)
    wire.set_image(voxels[None])
    model.may_go_on.clear()
    answer = wire.post("add_point_interaction", POINT)
    assert answer.status_code == 504
    assert "next answer" in answer.json()["detail"]
    model.may_go_on.set()
    monkeypatch.setattr(deadline, "LONGEST_ANSWER", 60.0)
    meta, array = diff_of(wire.post("add_point_interaction", POINT.replace(b"[7,11,22]", b"[7,11,28]")))
    low = np.array(meta["bbox"])[:, 0]
    assert array[tuple(np.array([7, 11, 22]) - low)] == 1
    assert array[tuple(np.array([7, 11, 28]) - low)] == 1


def test_a_prompt_that_only_stood_in_line_was_not_used(start, voxels, hurry, monkeypatch):
    model = Slow()
    first = start(model=model)
    second = Wire(first.http).claim()
    for wire in (first, second):
        wire.set_image(voxels[None])
    model.may_go_on.clear()
    busy = threading.Thread(target=first.post, args=("add_point_interaction", POINT))
    busy.start()
    while first.http.app.state.shared.model.waiting == 0:
        time.sleep(0.01)
    answer = second.post("add_point_interaction", POINT)
    assert answer.status_code == 504
    assert "not used" in answer.json()["detail"]
    model.may_go_on.set()
    busy.join()
    monkeypatch.setattr(deadline, "LONGEST_ANSWER", 60.0)
    meta, _ = diff_of(second.post("undo", b"{}"))
    assert not meta["ran_prediction"]
