"""The unmodified client of nnInteractive's viewers gets the masks that ``Session`` makes of its prompts."""

import gc
import threading
import time

import httpx
import numpy as np
import pytest
from viewer_phantom import MIDDLE, SHAPE, SPACING, TOKEN, listening

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import Limits, ServeSettings
from synthfm3d.app.viewers.scan import grid_of_spacing, scan_of_array
from synthfm3d.io.reading import example
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Point, Scribble
from synthfm3d.prompts.simulation import correcting_click
from synthfm3d.segmentation.session import Session

SECONDS = 30
"""So long two clients click at the same time."""
remote = pytest.importorskip("nnInteractive.inference.remote")


@pytest.fixture
def session(segmenter, scan):
    return Session(segmenter, scan)


def point(scan, *index, positive=True):
    return Point(position_mm=tuple(scan.grid.to_mm(np.array(index))), positive=positive)


def box(scan, low, high):
    low, high = scan.grid.to_mm(np.array([low, high]))
    return Box(corner_mm=tuple(low), opposite_mm=tuple(high))


def mask_of(session):
    return session.label_map().voxels


def crop_of(drawn):
    """The smallest crop around what is drawn, and its half-open bounds, as viewers send them."""
    inside = np.argwhere(drawn)
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return drawn[part].astype(np.uint8), np.stack([low, high], axis=1).tolist()


def section_of(truth, axis):
    """A mask of what a slice through the middle of the object shows, across an axis."""
    part = [slice(None)] * 3
    part[axis] = MIDDLE[axis]
    drawn = np.zeros_like(truth)
    drawn[tuple(part)] = truth[tuple(part)]
    return drawn


def test_the_client_learns_what_it_can_do(client):
    assert all(client.supported_interactions.values())
    assert set(client.supported_interactions) == {"points", "bbox2d", "bbox3d", "scribble", "lasso"}
    assert len(client.preferred_scribble_thickness) == 3
    assert client.supports_undo
    assert client.original_image_shape == (1, *SHAPE)
    assert client.ping()


@pytest.mark.parametrize("index", [MIDDLE, (7.0, 10.6, 21.4)], ids=["whole voxels", "fractions"])
def test_a_click_gives_the_mask_of_the_same_point(client, session, scan, truth, index):
    changed = client.add_point_interaction(index, True)
    session.add(point(scan, *index))
    assert np.array_equal(client.target_buffer, mask_of(session))
    inside = np.argwhere(client.target_buffer)
    assert changed == np.stack([inside.min(axis=0), inside.max(axis=0) + 1], axis=1).tolist()
    overlap = np.count_nonzero((client.target_buffer > 0) & truth)
    assert 2 * overlap > 0.7 * (np.count_nonzero(client.target_buffer) + np.count_nonzero(truth))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_box_on_a_slice_of_any_orientation_is_the_same_box(client, session, scan, truth, axis):
    crop, bounds = crop_of(section_of(truth, axis))
    assert crop.shape[axis] == 1
    client.add_bbox_interaction(bounds, True)
    low, high = np.array(bounds).T
    session.add(box(scan, low, high - 1))
    assert np.array_equal(client.target_buffer, mask_of(session))
    assert client.target_buffer.any()


def test_a_box_of_fractions_is_rounded(client, session, scan):
    client.add_bbox_interaction([[7.0, 8.0], [5.2, 16.7], [13.4, 30.6]], True)
    session.add(box(scan, (7, 5, 13), (7, 16, 30)))
    assert np.array_equal(client.target_buffer, mask_of(session))


def test_a_box_in_three_dimensions_is_the_same_box(client, session, scan):
    client.add_bbox_interaction([[3, 12], [5, 18], [13, 32]], True)
    session.add(box(scan, (3, 5, 13), (11, 17, 31)))
    assert np.array_equal(client.target_buffer, mask_of(session))


def test_a_scribble_is_the_same_scribble(client, session, scan):
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[7, 11, 16:29] = 1
    crop, bounds = crop_of(drawn)
    client.add_scribble_interaction(crop, True, interaction_bbox=bounds)
    session.add(Scribble.of_voxels(scan.with_voxels(drawn)))
    assert np.array_equal(client.target_buffer, mask_of(session))


def test_a_scribble_of_the_whole_volume_is_the_same_as_its_crop(client):
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[7, 11, 16:29] = 1
    client.add_scribble_interaction(drawn, True)
    whole = client.target_buffer.copy()
    client.reset_interactions()
    crop, bounds = crop_of(drawn)
    client.add_scribble_interaction(crop, True, interaction_bbox=bounds)
    assert np.array_equal(client.target_buffer, whole)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_lasso_on_a_slice_of_any_orientation_is_the_box_around_it(client, session, scan, truth, axis):
    crop, bounds = crop_of(section_of(truth, axis))
    client.add_lasso_interaction(crop, True, interaction_bbox=bounds)
    low, high = np.array(bounds).T
    session.add(box(scan, low, high - 1))
    assert np.array_equal(client.target_buffer, mask_of(session))


def test_a_seed_mask_is_corrected_by_clicks(client, session, scan, truth):
    mask = truth.astype(np.uint8)
    mask[9:] = 0
    assert client.add_initial_seg_interaction(mask) is None
    assert np.array_equal(client.target_buffer, mask)
    client.add_point_interaction((10, 11, 22), True)
    session.start(scan.with_voxels(mask))
    session.add(point(scan, 10, 11, 22))
    assert np.array_equal(client.target_buffer, mask_of(session))
    assert client.undo()
    assert np.array_equal(client.target_buffer, mask)


def test_three_steps_are_taken_back_one_by_one_until_nothing_is_left(client):
    states = [client.target_buffer.copy()]
    for index, positive in (((7, 11, 22), True), ((7, 11, 30), False), ((10, 11, 22), True)):
        client.add_point_interaction(index, positive)
        states.append(client.target_buffer.copy())
    for state in states[-2::-1]:
        assert client.undo()
        assert np.array_equal(client.target_buffer, state)
    assert not client.target_buffer.any()
    assert not client.undo()


def test_a_reset_removes_prompts_and_steps_and_keeps_the_image(client):
    client.add_point_interaction(MIDDLE, True)
    first = client.target_buffer.copy()
    client.reset_interactions()
    assert not client.undo()
    client.add_point_interaction(MIDDLE, True)
    assert np.array_equal(client.target_buffer, first)


def test_prompts_wait_for_a_prediction_and_are_one_step_of_it(client, session, scan):
    if not hasattr(client, "_predict"):
        pytest.skip("this client is older than the call")
    assert client.add_point_interaction((7, 11, 22), True, run_prediction=False) is None
    assert client.add_point_interaction((10, 11, 22), True, run_prediction=False) is None
    assert not client.target_buffer.any()
    assert client._predict() is not None
    session.add([point(scan, 7, 11, 22), point(scan, 10, 11, 22)])
    assert np.array_equal(client.target_buffer, mask_of(session))
    assert client._predict() is None


def test_an_image_of_one_channel_in_another_type_gives_the_same_mask(client, connect, voxels):
    client.add_point_interaction(MIDDLE, True)
    other = connect()
    other.set_image(voxels[None].astype(np.float64), {"spacing": np.array(SPACING)})
    other.set_target_buffer(np.zeros(SHAPE, bool))
    other.add_point_interaction(np.array(MIDDLE), True)
    assert np.array_equal(other.target_buffer, client.target_buffer > 0)


def test_an_image_without_a_spacing_is_taken_to_have_voxels_of_a_millimetre(connect, voxels):
    client = connect()
    masks = []
    for properties in (None, {}, {"spacing": [1, 1, 1]}, {"spacing": [0, -1, 1]}):
        client.set_image(voxels[None], properties)
        client.set_target_buffer(np.zeros(SHAPE, np.uint8))
        client.add_point_interaction(MIDDLE, True)
        masks.append(client.target_buffer)
    assert masks[0].any()
    assert all(np.array_equal(mask, masks[0]) for mask in masks)


# ---------------------------------------------------------------- a click and four corrections


def corrected(client, session, places):
    """The same clicks for both, one after the other; the masks after each are equal."""
    for index, positive in places:
        client.add_point_interaction(index, positive)
        session.add(point(session.scan, *index, positive=positive))
        assert np.array_equal(client.target_buffer, mask_of(session))


def test_four_corrections_are_as_good_through_the_wire_as_without_it(client, session, scan, truth):
    corrected(client, session, [(MIDDLE, True)])
    for _ in range(4):
        wrong = correcting_click(client.target_buffer > 0, truth, scan.spacing_mm)
        if wrong is not None:
            corrected(client, session, [wrong])
    assert dice(client.target_buffer > 0, truth) == dice(mask_of(session) > 0, truth)


@pytest.mark.slow
def test_a_real_scan_is_segmented_through_the_wire_as_without_it(connect, segmenter):
    head = example()
    client = connect()
    client.set_image(head.voxels[None], {"spacing": head.spacing_mm})
    client.set_target_buffer(np.zeros(head.voxels.shape, np.uint8))
    scan = scan_of_array(head.voxels, grid_of_spacing(head.grid.shape, head.spacing_mm))
    z, y, x = (n // 2 for n in head.voxels.shape)
    places = [((z, y, x), True), ((z, y + 9, x), True), ((z, y, x + 12), False), ((z + 2, y, x), True)]
    corrected(client, Session(segmenter, scan), [*places, ((z, y - 9, x - 4), False)])


# ---------------------------------------------------------------- places


def refusal(connect, kind, *key):
    """What a client says that is not let in. It leaves its connection open, of which pytest would tell."""
    with pytest.raises(kind) as caught:
        connect(*key)
    message = str(caught.value)
    del caught
    gc.collect()
    return message


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_closing_a_client_frees_its_place(connect, segmenter):
    settings = ServeSettings(token=TOKEN, limits=Limits(viewers=2))
    with listening(create_app(segmenter, settings)) as small:
        there = (TOKEN, f"{small}/nninteractive")
        first, second = connect(*there), connect(*there)
        assert "2 places" in refusal(connect, remote.ServerAtCapacityError, *there)
        first.close()
        third = connect(*there)
        assert third.heartbeat() > 0
        assert second.lease_status()["remaining_seconds"] > 0
        for client in (second, third):
            client.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_wrong_key_is_no_key(connect):
    for key in ("wrong-horse-battery", ""):
        assert "401" in refusal(connect, httpx.HTTPStatusError, key)


def test_an_unknown_place_has_expired(client):
    client._http.headers["X-Lease-Token"] = "a-token-that-nobody-has"
    with pytest.raises(remote.SessionExpiredError):
        client.add_point_interaction(MIDDLE, True)
    del client._http.headers["X-Lease-Token"]
    with pytest.raises(remote.SessionExpiredError):
        client.reset_interactions()


# ---------------------------------------------------------------- two at a time


@pytest.mark.slow
def test_two_clients_click_at_the_same_time_and_see_their_own_masks_only(connect, voxels, truth):
    clients = [connect(), connect()]
    for client, flipped in zip(clients, (False, True), strict=True):
        client.set_image((voxels[:, :, ::-1] if flipped else voxels)[None], {"spacing": SPACING})
        client.set_target_buffer(np.zeros(SHAPE, np.uint8))
    places = (MIDDLE, (MIDDLE[0], MIDDLE[1], SHAPE[2] - 1 - MIDDLE[2]))
    expected = []
    for client, place in zip(clients, places, strict=True):
        client.add_point_interaction(place, True)
        expected.append(client.target_buffer.copy())
    assert not np.array_equal(*expected)
    failures, rounds = [], [0, 0]
    end = time.monotonic() + SECONDS

    def click_again(n):
        while time.monotonic() < end:
            clients[n].reset_interactions()
            clients[n].add_point_interaction(places[n], True)
            rounds[n] += 1
            if not np.array_equal(clients[n].target_buffer, expected[n]):
                failures.append(n)

    threads = [threading.Thread(target=click_again, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(rounds) > 1


def test_heartbeats_are_answered_while_predictions_run(client):
    stop = threading.Event()

    def keep_clicking():
        while not stop.is_set():
            client.reset_interactions()
            client.add_point_interaction(MIDDLE, True)

    thread = threading.Thread(target=keep_clicking)
    headers = {"X-Lease-Token": client._lease_token, "Authorization": f"Bearer {TOKEN}"}
    thread.start()
    waits = []
    with httpx.Client(base_url=client._http.base_url, headers=headers) as other:
        for path in ("/heartbeat", "/healthz") * 10:
            start = time.monotonic()
            answer = other.post(path) if path == "/heartbeat" else other.get(path)
            waits.append(time.monotonic() - start)
            assert answer.status_code == 200
    stop.set()
    thread.join()
    assert np.median(waits) < 0.2
