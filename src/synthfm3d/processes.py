"""Do tasks in several processes. If a worker dies, only its present task is lost.

The pools of Python do not offer this: ``ProcessPoolExecutor`` gives up all running tasks if one worker is
killed, and ``multiprocessing.Pool`` waits forever.
"""

import os
import signal
import sys
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeAlias, TypeVar

from synthfm3d.errors import InputError

Task = TypeVar("Task")
Result = TypeVar("Result")

Send = Callable[[Any], None]
"""Sends a value to the caller before a task is finished."""
Work: TypeAlias = Callable[[Task, Send], Result]
"""Does a task in a worker. Its arguments and its result are sent between processes."""
MOST_DEATHS_AT_THE_START = 3
"""Number of workers that may die before they ask for a task."""


@dataclass(frozen=True, slots=True)
class Message(Generic[Task]):
    """A value that a worker sent before its task was finished."""

    task: Task
    value: Any


@dataclass(frozen=True, slots=True)
class Finished(Generic[Task, Result]):
    """A task is done."""

    task: Task
    result: Result


@dataclass(frozen=True, slots=True)
class Died(Generic[Task]):
    """A worker died (it was killed, or the memory was full) while it did a task.

    Parameters
    ----------
    exit_code
        As in ``multiprocessing.Process.exitcode``: the negative number of a signal.
    given_up
        Whether the task is given up; if False, another worker does it again.
    """

    task: Task
    exit_code: int | None
    given_up: bool


Event: TypeAlias = Message[Task] | Finished[Task, Result] | Died[Task]


def in_processes(
    tasks: Sequence[Task], start: Callable[[], Work[Task, Result]], *, workers: int, most_deaths: int = 1
) -> Generator[Event[Task, Result], None, None]:
    """Do tasks in several processes and yield what happens.

    Tasks are distributed while the iterator is advanced. The workers are killed when it is closed, so wrap it
    in ``contextlib.closing``. They also end if the calling process is killed, at the latest when they next
    send something.

    Parameters
    ----------
    start
        Called once in each worker; returns the function that does the tasks. Like the tasks it is pickled.
    most_deaths
        Number of workers that may die during a task before it is given up.

    Raises
    ------
    InputError
        A task, or ``start``, raised it.
    RuntimeError
        A task, or ``start``, raised another exception (the message holds its traceback), or workers die
        before they ask for a task.
    """
    pool = _Pool(tasks, start, most_deaths)
    try:
        yield from pool.run(workers)
    finally:
        pool.stop()


def in_processes_then_alone(
    tasks: Sequence[Task], start: Callable[[], Work[Task, Result]], *, workers: int
) -> Generator[Event[Task, Result], None, None]:
    """As ``in_processes``, but a task whose worker died is done again at the end, alone.

    Most workers die because the memory is full, and a task that runs alone has more memory.
    """
    again = []
    with closing(in_processes(tasks, start, workers=workers)) as events:
        for event in events:
            if isinstance(event, Died):
                again.append(event.task)
                yield Died(event.task, event.exit_code, given_up=False)
            else:
                yield event
    for task in again:
        yield from in_processes([task], start, workers=1)


def share_cores(processes: int) -> None:
    """Let torch, if it is loaded, use this process's share of the cores."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))


@dataclass(frozen=True, slots=True)
class _Ready:
    """A worker waits for its next task."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A value for the caller; ``last`` if it is the result."""

    value: Any
    last: bool = False


@dataclass(frozen=True, slots=True)
class _Failed:
    """A task raised an exception, which it would also raise in another worker."""

    message: str
    by_user: bool


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: "Connection[Any, Any]"
    task: int | None = None


class _Pool(Generic[Task, Result]):
    """Workers with a pipe each, since a shared pipe or lock would be lost if any worker dies."""

    def __init__(
        self, tasks: Sequence[Task], start: Callable[[], Work[Task, Result]], most_deaths: int
    ) -> None:
        self._tasks, self._start_work, self._most_deaths = tasks, start, most_deaths
        self._waiting = deque(range(len(tasks)))
        self._deaths = Counter[int | None]()
        self._workers: list[_Worker] = []

    def run(self, workers: int) -> Iterator[Event[Task, Result]]:
        self._workers = [self._start() for _ in range(min(workers, len(self._tasks)))]
        while self._workers:
            for connection in wait([worker.connection for worker in self._workers]):
                worker = next(w for w in self._workers if w.connection is connection)
                try:
                    message = worker.connection.recv()
                    if isinstance(message, _Ready):
                        self._give_task(worker)
                        continue
                except (EOFError, ConnectionResetError, BrokenPipeError):
                    yield from self._replace_dead(worker)
                else:
                    yield self._event(worker, message)

    def stop(self) -> None:
        """Kill the workers that are left."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def _start(self) -> _Worker:
        # Spawned, not forked, because a fork copies the locks of running threads.
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._start_work), daemon=True)
        process.start()
        theirs.close()  # so that the pipe ends if the worker dies
        return _Worker(process, ours)

    def _give_task(self, worker: _Worker) -> None:
        """Send a worker its next task, or end the worker if there is none."""
        worker.task = self._waiting.popleft() if self._waiting else None
        if worker.task is None:
            worker.connection.close()
            worker.process.join()
            self._workers.remove(worker)
        else:
            worker.connection.send((self._tasks[worker.task],))

    def _event(self, worker: _Worker, message: _Value | _Failed) -> Event[Task, Result]:
        if isinstance(message, _Failed):
            raise InputError(message.message) if message.by_user else RuntimeError(message.message)
        assert worker.task is not None
        task = self._tasks[worker.task]
        if not message.last:
            return Message(task, message.value)
        worker.task = None
        return Finished(task, message.value)

    def _replace_dead(self, worker: _Worker) -> Iterator[Died[Task]]:
        """Replace a dead worker if tasks are left."""
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        self._deaths[worker.task] += 1
        exit_code = worker.process.exitcode
        if worker.task is None:
            if self._deaths[None] >= MOST_DEATHS_AT_THE_START:
                raise RuntimeError(f"workers die before they ask for a task (exit code {exit_code}).")
        else:
            given_up = self._deaths[worker.task] >= self._most_deaths
            if not given_up:
                self._waiting.appendleft(worker.task)
            yield Died(self._tasks[worker.task], exit_code, given_up)
        if self._waiting:
            self._workers.append(self._start())


def _serve(connection: "Connection[Any, Any]", start: Callable[[], Work[Any, Any]]) -> None:
    """Run a worker: ask for tasks and do them, until there are none or the caller is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the calling process handles Ctrl-C and ends the workers

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the caller is gone or has finished
        try:
            work = start()
            while True:
                connection.send(_Ready())
                (task,) = connection.recv()
                result = work(task, lambda value: connection.send(_Value(value)))
                connection.send(_Value(result, last=True))
        except InputError as error:
            connection.send(_Failed(str(error), by_user=True))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception:
            connection.send(_Failed(traceback.format_exc(), by_user=False))
