"""A worker that dies costs the task that it was doing, and nothing runs on when nobody wants it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from worker_tasks import (
    deadly_once_work,
    deadly_work,
    failing_start,
    halves,
    kill_myself,
    refusing_work,
    sleeping_work,
)

from synthfm3d.errors import InputError
from synthfm3d.processes import Died, Finished, Message, in_processes, in_processes_then_alone


def events(tasks, start, **options):
    with closing(in_processes(tasks, start, **options)) as happening:
        return list(happening)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_until(is_so) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_task_tells_what_it_does_and_gives_its_result_once():
    found = events([3, 4, 4], halves, workers=2)
    assert sorted(event.result for event in found if isinstance(event, Finished)) == [1.5, 2, 2]
    assert [event.value for event in found if isinstance(event, Message)] == 3 * ["begun"]


def test_no_tasks_start_no_process():
    assert events([], failing_start, workers=2) == []


def test_a_task_that_kills_its_workers_is_given_up_after_as_many_as_allowed():
    found = events([1, 2, 3], deadly_work, workers=1, most_deaths=2)
    assert found == [
        Finished(1, 1),
        Died(2, -signal.SIGKILL, given_up=False),
        Died(2, -signal.SIGKILL, given_up=True),
        Finished(3, 3),
    ]


def test_a_task_whose_worker_died_is_done_again_when_all_others_are_done(tmp_path):
    start = partial(deadly_once_work, tmp_path / "died")
    with closing(in_processes_then_alone([2, 1, 3], start, workers=2)) as happening:
        found = list(happening)
    assert found[-1] == Finished(2, 2)
    assert [event.task for event in found if isinstance(event, Died) and not event.given_up] == [2]
    assert sorted(event.task for event in found[:-1] if isinstance(event, Finished)) == [1, 3]


def test_a_task_that_dies_alone_as_well_is_given_up():
    with closing(in_processes_then_alone([2], deadly_work, workers=2)) as happening:
        assert [event.given_up for event in happening] == [False, True]


def test_wrong_input_of_a_task_is_raised_as_such():
    with pytest.raises(InputError, match="choose another"):
        events([0, 1], refusing_work, workers=1)


def test_an_unexpected_error_brings_its_traceback():
    with pytest.raises(RuntimeError, match=r"(?s)failing_start.*ZeroDivisionError"):
        events([0], failing_start, workers=1)


def test_workers_that_die_before_they_work_end_the_run():
    with pytest.raises(RuntimeError, match="exit code -9"):
        events([0, 1], kill_myself, workers=1)


def test_closing_the_iterator_ends_the_workers(tmp_path):
    with closing(in_processes([1, 2], partial(sleeping_work, tmp_path), workers=2)) as happening:
        while len(list(tmp_path.iterdir())) < 2:
            next(happening)
    assert not any(is_alive(int(path.name)) for path in tmp_path.iterdir())


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["the caller is killed", "Ctrl-C"])
def test_workers_end_with_their_caller(tmp_path, kill):
    script = (
        "import signal; from functools import partial; from pathlib import Path;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # a shell may have it ignored
        "from synthfm3d.processes import in_processes;"
        "from worker_tasks import sleeping_work;"
        f"list(in_processes([1, 2], partial(sleeping_work, Path({str(tmp_path)!r})), workers=2))"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, start_new_session=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    kill(caller.pid, signal.SIGKILL if kill is os.kill else signal.SIGINT)
    caller.wait(timeout=10)
    wait_until(lambda: not any(is_alive(int(path.name)) for path in tmp_path.iterdir()))
