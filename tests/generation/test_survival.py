"""Whatever is killed or filled up: the dataset is that of an undisturbed run, and never half a file."""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256

import pytest

from synthfm3d.generation.plan import DatasetPlan, ShardTask, establish_dataset
from synthfm3d.generation.work import MOST_DEATHS, LocalPool, make_shard
from synthfm3d.synthesis.settings import SynthesisSettings

SETTINGS = SynthesisSettings(shape=(12, 64, 64))
PLAN = DatasetPlan(settings=SETTINGS, count=40, seed=2, volumes_per_shard=8)

WORDS = ["-n", "40", "--seed", "2", "--per-shard", "8", "--shape", "12,64,64"]
COMMAND = [
    sys.executable,
    "-m",
    "synthfm3d",
    "generate",
    "--format",
    "shards",
    *WORDS,
    "--workers",
    "2",
    "-q",
]


def digests(folder):
    """SHA-256 of every file that can be seen, by name."""
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Digests of the dataset as one process makes it when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    command = [*COMMAND[:-2], "1", "-q", "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    found = digests(folder)
    assert len(found) == 2 * 5 + 1
    assert hidden(folder) == []
    return found


def tasks(folder):
    return [ShardTask(folder=folder, plan=PLAN, shard=shard) for shard in range(PLAN.shards)]


def make(folder, **more):
    return subprocess.run(
        [*COMMAND, "-o", str(folder)], check=False, capture_output=True, text=True, timeout=120, **more
    )


def test_two_workers_make_the_bytes_of_one(tmp_path, undisturbed):
    assert make(tmp_path).returncode == 0
    assert digests(tmp_path) == undisturbed


def test_killed_workers_cost_their_shard_and_no_bytes(tmp_path, undisturbed):
    establish_dataset(tmp_path, PLAN)
    killed, lost = [], []

    def kill_two(now):
        if now.volumes == 0:
            lost.append(now.shard)
        if now.shard in (1, 3) and now.volumes == 4 and now.shard not in killed:
            killed.append(now.shard)
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)
        assert {name for name in digests(tmp_path) if name.endswith(".tar")} <= undisturbed.keys()

    LocalPool(2).run(tasks(tmp_path), kill_two)
    assert killed == [1, 3]
    assert len(lost) > PLAN.shards  # some were begun again
    assert digests(tmp_path) == undisturbed
    assert hidden(tmp_path) == []


def test_a_shard_that_kills_every_worker_is_named_and_ends_the_run(tmp_path):
    deaths = 0

    def kill(now):
        nonlocal deaths
        if now.shard == 2 and now.volumes == 1:
            deaths += 1
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(RuntimeError, match=r"shard-00002\.tar.*exit code -9"):
        LocalPool(1).run(tasks(tmp_path), kill)
    assert deaths == MOST_DEATHS
    assert sorted(digests(tmp_path)) == [f"shard-0000{n}.{end}" for n in (0, 1) for end in ("json", "tar")]
    assert hidden(tmp_path) == []


def test_a_killed_driver_leaves_whole_shards_and_the_next_run_goes_on(tmp_path, undisturbed):
    driver = subprocess.Popen([*COMMAND, "-o", str(tmp_path)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (len(list(tmp_path.glob("shard-*.json"))) >= 2 and hidden(tmp_path)):
        assert driver.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    driver.kill()
    driver.communicate()  # ends when the workers, who share stderr, have ended as well
    after = digests(tmp_path)
    assert after.items() <= undisturbed.items()
    assert len(after) < len(undisturbed)
    assert hidden(tmp_path) == []  # the orphans tidied up
    written = {name: (tmp_path / name).stat().st_mtime_ns for name in after}
    again = make(tmp_path)
    assert again.returncode == 0, again.stderr
    assert digests(tmp_path) == undisturbed
    finished = [name for name in written if name.endswith(".json") and name.replace("json", "tar") in written]
    for name in finished:
        assert (tmp_path / name).stat().st_mtime_ns == written[name]


@pytest.mark.slow
def test_all_killed_at_once_leave_only_hidden_remains_that_the_next_run_removes(tmp_path, undisturbed):
    driver = subprocess.Popen([*COMMAND, "-o", str(tmp_path)], start_new_session=True)
    deadline = time.monotonic() + 60
    while not (list(tmp_path.glob("shard-*.json")) and hidden(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(driver.pid, signal.SIGKILL)  # as when a machine goes down
    driver.wait()
    time.sleep(0.2)
    assert digests(tmp_path).items() <= undisturbed.items()
    assert make(tmp_path).returncode == 0
    assert digests(tmp_path) == undisturbed
    assert hidden(tmp_path) == []


def test_only_what_is_harmed_missing_or_of_another_plan_is_made_again(tmp_path, undisturbed):
    establish_dataset(tmp_path, PLAN)
    for task in tasks(tmp_path):
        make_shard(task, lambda *_: None)
    assert digests(tmp_path) == undisturbed
    harmed = tmp_path / "shard-00002.tar"
    harmed.write_bytes(harmed.read_bytes()[:-1000])
    (tmp_path / "shard-00003.json").unlink()
    make_shard(ShardTask(folder=tmp_path, plan=replace(PLAN, seed=9), shard=4), lambda *_: None)
    reports = []
    for task in tasks(tmp_path):
        make_shard(task, reports.append)
    assert [report.shard for report in reports if report.kept] == [0, 1]
    assert digests(tmp_path) == undisturbed


@pytest.mark.slow
def test_files_that_may_not_grow_stop_the_run_in_one_line_and_it_goes_on_later(tmp_path, undisturbed):
    # Three volumes fit into a file, eight do not.
    limit = 200_000

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    stopped = make(tmp_path, preexec_fn=limited)
    assert stopped.returncode == 2
    assert stopped.stderr.count("\n") == 1
    assert "cannot be written (file too large)" in stopped.stderr
    assert digests(tmp_path).keys() == {"dataset.json"}
    assert hidden(tmp_path) == []
    assert make(tmp_path).returncode == 0
    assert digests(tmp_path) == undisturbed


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1.5 MB: two shards of 0.6 MB fit."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_keeps_what_is_whole(small_disk, undisturbed):
    stopped = make(small_disk)
    assert stopped.returncode == 2
    assert "no space left" in stopped.stderr
    assert digests(small_disk).items() <= undisturbed.items()
    assert hidden(small_disk) == []
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    assert make(small_disk).returncode == 0
    assert digests(small_disk) == undisturbed


@pytest.mark.slow
def test_parts_made_by_several_machines_are_the_dataset(tmp_path, undisturbed):
    # At the same time, as the tasks of a job array.
    running = [
        subprocess.Popen(
            [*COMMAND, "--part", f"{n}/3", "-o", str(tmp_path), "--json"], stdout=subprocess.PIPE
        )
        for n in range(3)
    ]
    told = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum(part["volumes"] for part in told) == 40
    assert digests(tmp_path) == undisturbed
