"""A Ray cluster makes the same bytes as this machine's processes, whoever is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from synthfm3d.errors import InputError
from synthfm3d.generation.plan import DatasetPlan, ShardTask, establish_dataset
from synthfm3d.generation.ray import RayCluster
from synthfm3d.generation.work import LocalPool
from synthfm3d.synthesis.settings import SynthesisSettings

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of Ray's own imports

PLAN = DatasetPlan(settings=SynthesisSettings(shape=(24, 96, 96)), count=40, seed=2, volumes_per_shard=8)
WORDS = ["-n", "40", "--seed", "2", "--per-shard", "8", "--shape", "24,96,96", "--format", "shards", "-q"]
COMMAND = [sys.executable, "-m", "synthfm3d", "generate", *WORDS, "--engine", "ray", "--workers", "2"]


def tasks(folder):
    return [ShardTask(folder=folder, plan=PLAN, shard=shard) for shard in range(PLAN.shards)]


def digests(folder):
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def hidden(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def descendants(pid):
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *descendants(child)]
    return found


def title(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Digests of the dataset as processes of this machine make it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    establish_dataset(folder, PLAN)
    LocalPool(1).run(tasks(folder), lambda _: None)
    return digests(folder)


def test_killed_workers_cost_no_bytes(tmp_path, undisturbed):
    establish_dataset(tmp_path, PLAN)
    killed, reports = [], []

    def kill():
        wait_until(lambda: len(hidden(tmp_path)) >= 1)
        workers = [pid for pid in descendants(os.getpid()) if title(pid).startswith("ray::_made")]
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    RayCluster(workers=2).run(tasks(tmp_path), reports.append)
    killer.join()
    assert killed
    assert sorted(report.shard for report in reports) == list(range(PLAN.shards))
    assert digests(tmp_path) == undisturbed
    assert hidden(tmp_path) == []


def test_a_killed_driver_leaves_whole_shards_and_the_next_run_goes_on(tmp_path, undisturbed):
    driver = subprocess.Popen([*COMMAND, "-o", str(tmp_path)], stderr=subprocess.DEVNULL)
    wait_until(lambda: list(tmp_path.glob("shard-*.json")) and hidden(tmp_path))
    others = descendants(driver.pid)
    driver.kill()
    driver.wait()
    wait_until(lambda: not any(title(pid).startswith("ray::_made") for pid in others))
    assert digests(tmp_path).items() <= undisturbed.items()
    subprocess.run([*COMMAND, "-o", str(tmp_path)], check=True, timeout=300, capture_output=True)
    assert digests(tmp_path) == undisturbed
    assert hidden(tmp_path) == []


def test_what_the_user_can_mend_arrives_as_such(tmp_path):
    task = ShardTask(folder=tmp_path / "missing", plan=replace(PLAN, count=1), shard=0)
    with pytest.raises(InputError, match="cannot be written"):
        RayCluster(workers=1).run([task], lambda _: None)
