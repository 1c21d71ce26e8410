"""Shards that go elsewhere: the same bytes there, the record last, and a second run sends nothing."""

import json
from hashlib import sha256

import pytest

from synthfm3d.cli import main
from synthfm3d.errors import InputError
from synthfm3d.generation import delivery
from synthfm3d.generation.plan import DatasetPlan, ShardTask
from synthfm3d.generation.work import make_shard
from synthfm3d.synthesis.settings import SynthesisSettings

fsspec = pytest.importorskip("fsspec")
PLAN = DatasetPlan(settings=SynthesisSettings(shape=(8, 32, 32)), count=6, volumes_per_shard=3)


@pytest.fixture(params=["memory", "file"])
def place(request, tmp_path):
    """URL of an empty folder, in memory or on a disk."""
    if request.param == "memory":
        yield f"memory://bucket/{tmp_path.name}"
        fsspec.filesystem("memory").rm("/bucket", recursive=True)
    else:
        yield (tmp_path / "elsewhere").as_uri()


def contents(url):
    store, folder = fsspec.core.url_to_fs(url)
    paths = store.find(folder) if store.exists(folder) else []
    return {path.rsplit("/", 1)[1]: store.cat_file(path) for path in paths}


def run(staging, url):
    staging.mkdir(exist_ok=True)
    reports = []
    for shard in range(PLAN.shards):
        make_shard(ShardTask(folder=staging, plan=PLAN, shard=shard, destination=url), reports.append)
    return sum(report.volumes for report in reports if report.kept)


@pytest.fixture
def undisturbed(tmp_path):
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    for shard in range(PLAN.shards):
        make_shard(ShardTask(folder=folder, plan=PLAN, shard=shard), lambda _: None)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_bytes_there_are_those_of_a_local_run_and_nothing_stays_here(tmp_path, place, undisturbed):
    assert run(tmp_path / "staging", place) == 0
    assert contents(place) == undisturbed
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_second_run_sends_only_what_is_missing_there_or_cut(tmp_path, place, undisturbed):
    run(tmp_path / "staging", place)
    assert run(tmp_path / "staging", place) == PLAN.count
    store, folder = fsspec.core.url_to_fs(place)
    for harm in ("gone", "cut", "half a record"):
        if harm == "gone":
            store.rm_file(f"{folder}/shard-00001.tar")
        else:
            name = "shard-00001.tar" if harm == "cut" else "shard-00001.json"
            store.pipe_file(f"{folder}/{name}", undisturbed[name][:-100])
        assert run(tmp_path / "staging", place) == PLAN.count - 3
        assert contents(place) == undisturbed


def test_the_record_arrives_after_its_shard(tmp_path, place, monkeypatch):
    send = delivery.deliver
    seen = []

    def watching(path, destination):
        seen.append((path.suffix, sorted(contents(destination))))
        send(path, destination)

    monkeypatch.setattr("synthfm3d.generation.work.deliver", watching)
    run(tmp_path / "staging", place)
    assert seen[:2] == [(".tar", []), (".json", ["shard-00000.tar"])]


def test_a_place_that_cannot_be_reached_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for url, told in (("nowhere://bucket", "nowhere"), ((tmp_path / "file" / "folder").as_uri(), "file")):
        with pytest.raises(InputError, match=told):
            delivery.deliver(tmp_path / "file", url)


def test_the_command_sends_a_whole_dataset_that_verify_finds_whole(tmp_path, capsys):
    there = tmp_path / "there"
    command = ["generate", "-n", "5", "--format", "shards", "--per-shard", "2", "--shape", "8,32,32", "-q"]
    staged = [*command, "--workers", "1", "-o", str(tmp_path / "here"), "--upload", there.as_uri(), "--json"]
    kept = []
    for _ in range(2):
        assert main(staged) == 0
        kept.append(json.loads(capsys.readouterr().out)["kept_volumes"])
    assert kept == [0, 5]
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["dataset.json"]
    assert main(["verify", str(there), "-q"]) == 0
    assert len({sha256(path.read_bytes()).digest() for path in there.glob("*.tar")}) == 3
