"""How long a viewer keeps its place, by a clock that a test moves."""

import asyncio

import pytest

from synthfm3d.app.settings import Limits
from synthfm3d.app.store import Full, OpenScan, Store, new_id
from synthfm3d.app.viewers.leases import Leases
from synthfm3d.app.viewers.viewer_object import ViewerObject

LIMITS = Limits(viewers=2, scans=2, idle_seconds=600.0, silent_seconds=60.0)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return Store(LIMITS, clock)


@pytest.fixture
def leases(store, clock):
    return Leases(LIMITS, store, clock)


def opened(segmenter, scan):
    viewed = ViewerObject(segmenter, scan, most_steps=8)
    return OpenScan(id=new_id(), name="viewer", visitor="", scan=scan, session=viewed.session), viewed


def test_a_place_has_a_token_that_nobody_guesses(leases):
    one, other = leases.claim(), leases.claim()
    assert one.token != other.token
    assert len(one.token) >= 32
    with pytest.raises(KeyError):
        leases.get("", acts=True)


def test_there_are_only_so_many_places(leases):
    first = leases.claim()
    leases.claim()
    with pytest.raises(Full, match="2 places"):
        leases.claim()
    leases.release(first.token)
    leases.release(first.token)
    leases.claim()


def test_a_silent_program_loses_its_place_after_a_minute(leases, clock):
    lease = leases.claim()
    clock.now = 60.0
    leases.get(lease.token, acts=False)
    clock.now = 120.0
    leases.get(lease.token, acts=False)
    clock.now = 180.1
    with pytest.raises(KeyError):
        leases.get(lease.token, acts=False)
    assert len(leases) == 0


def test_a_heartbeat_does_not_keep_an_idle_place(leases, clock):
    lease = leases.claim()
    for minute in range(1, 11):
        clock.now = 60.0 * minute
        leases.get(lease.token, acts=False)
        assert leases.remaining(lease) == 600 - clock.now
    clock.now = 601.0
    with pytest.raises(KeyError):
        leases.get(lease.token, acts=False)


def test_asking_for_the_time_left_is_no_sign_of_life(leases, clock):
    lease = leases.claim()
    clock.now = 59.0
    leases.find(lease.token)
    clock.now = 61.0
    with pytest.raises(KeyError):
        leases.find(lease.token)


def test_what_a_user_does_keeps_the_place_and_the_scan(leases, store, clock, segmenter, scan):
    lease = leases.claim()
    leases.open(lease, *opened(segmenter, scan))
    for minute in range(1, 30):
        clock.now = 60.0 * minute
        leases.get(lease.token, acts=True)
        store.close_idle()
    assert len(store) == 1


def test_a_place_that_ends_takes_its_scan_with_it(leases, store, clock, segmenter, scan):
    leases.open(leases.claim(), *opened(segmenter, scan))
    clock.now = 61.0
    leases.take_back_unused()
    assert len(store) == 0


def test_a_further_image_replaces_the_first(leases, store, segmenter, scan):
    lease = leases.claim()
    for _ in range(3):
        leases.open(lease, *opened(segmenter, scan))
    assert len(store) == 1


def test_a_place_whose_scan_was_closed_has_ended(leases, store, segmenter, scan):
    lease = leases.claim()
    leases.open(lease, *opened(segmenter, scan))
    store.close(lease.opened.id)
    with pytest.raises(KeyError):
        leases.get(lease.token, acts=True)


def test_a_place_at_work_is_not_taken_back(leases, clock, segmenter, scan):
    lease = leases.claim()
    leases.open(lease, *opened(segmenter, scan))

    async def work():
        async with lease.opened.lock:
            clock.now = 1000.0
            leases.take_back_unused()
            assert len(leases) == 1

    asyncio.run(work())
    leases.take_back_unused()
    assert len(leases) == 0


def test_scans_of_viewers_count_as_all_others(leases, store, segmenter, scan):
    for _ in range(2):
        store.add(opened(segmenter, scan)[0])
    with pytest.raises(Full):
        leases.open(leases.claim(), *opened(segmenter, scan))
