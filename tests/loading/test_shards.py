"""Shards in torch: nothing twice, nothing left out, resumable anywhere."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from synthfm3d.generate import generate
from synthfm3d.loading import shards as shards_module
from synthfm3d.loading.shards import OnTheFlyDataset, ShardDataset, ShardStream
from synthfm3d.shards.record import ShardOrigin
from synthfm3d.shards.writer import shard_name, write_shard
from synthfm3d.synthesis.settings import SynthesisSettings

SETTINGS = SynthesisSettings(shape=(2, 8, 8))
SIZES = (5, 3, 5, 1, 4)  # uneven, as the last shard of a plan is
COUNT = sum(SIZES)

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on small machines


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, first = tmp_path_factory.mktemp("shards"), 0
    for number, size in enumerate(SIZES):
        indices = range(first, first + size)
        origin = ShardOrigin(
            seed=0,
            first=indices.start,
            after=indices.stop,
            settings_sha256="",
            generator_version=1,
            package_version="1",
        )
        write_shard(folder / shard_name(number), (generate(0, n, SETTINGS) for n in indices), origin)
        first += size
    return folder


class Worker:
    """What torch tells a worker process about itself."""

    def __init__(self, number, workers):
        self.id, self.num_workers = number, workers


def places(folder, workers, monkeypatch, **arguments):
    """Places that each worker of one rank gives."""
    given = []
    for number in range(workers):
        monkeypatch.setattr(shards_module, "get_worker_info", lambda number=number: Worker(number, workers))
        given.append(list(ShardStream(folder, **arguments).positions()))
    return given


def in_turn(lists):
    """One of each in turn, as a DataLoader takes them from its workers."""
    return [each[n] for n in range(max(map(len, lists))) for each in lists if n < len(each)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    ranks=st.integers(1, 7),
    workers=st.integers(1, 5),
    window=st.integers(0, 6),
    epoch=st.integers(0, 3),
)
def test_ranks_and_workers_share_all_samples_without_duplicate_or_gap(
    folder, monkeypatch, ranks, workers, window, epoch
):
    found = []
    for rank in range(ranks):
        arguments = {"rank": rank, "ranks": ranks, "window": window, "epoch": epoch, "seed": 1}
        lists = places(folder, workers, monkeypatch, **arguments)
        assert sum(map(len, lists)) == len(ShardStream(folder, **arguments))
        # However many workers a rank has, it sees the same samples in the same order.
        assert in_turn(lists) == places(folder, 1, monkeypatch, **arguments)[0]
        found += in_turn(lists)
    assert sorted(found) == list(range(COUNT))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(start=st.integers(0, 20), ranks=st.integers(1, 4), workers=st.integers(1, 4))
def test_a_stream_goes_on_where_it_was_left_with_any_number_of_workers(
    folder, monkeypatch, start, ranks, workers
):
    for rank in range(ranks):
        whole = places(folder, 1, monkeypatch, rank=rank, ranks=ranks, seed=3)[0]
        rest = in_turn(places(folder, workers, monkeypatch, rank=rank, ranks=ranks, seed=3, start=start))
        assert rest == whole[start:]


def test_epochs_and_seeds_have_orders_of_their_own_and_the_same_name_the_same(folder):
    def order(**arguments):
        return list(ShardStream(folder, **arguments).positions())

    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    orders = [order(seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(each) for each in orders}) == 4
    assert order(window=0) == list(range(COUNT))


def test_real_workers_give_every_volume_once_in_the_order_of_one(folder):
    keys = []
    for workers in (0, 2):
        loader = DataLoader(ShardStream(folder, seed=5), batch_size=None, num_workers=workers)
        keys.append([item["key"] for item in loader])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == COUNT


def test_items_are_the_volumes_as_they_were_made(folder):
    dataset = ShardDataset(folder)
    assert len(dataset) == COUNT
    for place in (0, 7, COUNT - 1):
        made, item = generate(0, place, SETTINGS), dataset[place]
        assert item["image"].dtype == torch.int16
        assert np.array_equal(item["image"].numpy()[0], made.image.voxels)
        assert np.array_equal(item["labels"].numpy()[0], made.labels.voxels)
        assert np.array_equal(item["affine"].numpy(), made.image.affine)


def test_made_on_the_fly_the_items_are_the_same(folder):
    stored, made = ShardDataset(folder), OnTheFlyDataset(SETTINGS, 5, first=2)
    assert len(made) == 5
    for place in range(5):
        ours, theirs = made[place], stored[2 + place]
        assert ours["key"] == theirs["key"]
        assert all(torch.equal(ours[name], theirs[name]) for name in ("image", "labels", "affine"))
    with pytest.raises(IndexError):
        made[5]


def test_a_loader_batches_volumes_by_index(folder):
    batch = next(iter(DataLoader(ShardDataset(folder), batch_size=4, num_workers=2)))
    assert batch["image"].shape == (4, 1, 2, 8, 8)
    assert batch["key"] == [f"seed0-{n:08d}" for n in range(4)]


@pytest.mark.parametrize("wrong", [{"rank": 2, "ranks": 2}, {"start": -1}, {"window": -1}])
def test_impossible_parts_of_a_stream_are_refused(folder, wrong):
    with pytest.raises(ValueError, match="rank"):
        ShardStream(folder, **wrong)
