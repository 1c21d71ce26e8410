"""Workers on this machine: one process each, and a shard whose worker died is made by another.

Python's own pools give up all running tasks when one worker is killed (ProcessPoolExecutor), or wait
for ever (multiprocessing.Pool). Here a death costs the shard that the dead one was making, no other.
"""

import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from synthfm3d.errors import InputError
from synthfm3d.files import remove_unfinished
from synthfm3d.generation.plan import ShardTask
from synthfm3d.generation.work import MOST_DEATHS, Progress, Report, make_shard
from synthfm3d.shards.record import record_path

Work = Callable[[ShardTask, Report], None]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A worker waits for its next shard."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """A shard cannot be made, and another worker could not either."""

    message: str
    by_user: bool


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: "Connection[object, object]"
    task: ShardTask | None = None


class LocalPool:
    """Processes of this machine.

    Parameters
    ----------
    workers
        How many shards are made at a time.
    work
        What each does with its task.
    """

    def __init__(self, workers: int, work: Work = make_shard) -> None:
        self._count = workers
        self._work = work

    def run(self, tasks: Sequence[ShardTask], report: Report) -> None:
        """Make all shards; see ``Engine``. If one fails, the workers stop and what is whole stays."""
        waiting, deaths = deque(tasks), Counter[int]()
        workers = [self._start() for _ in range(min(self._count, len(tasks)))]
        try:
            while workers:
                for connection in wait([worker.connection for worker in workers]):
                    worker = next(w for w in workers if w.connection is connection)
                    try:
                        if _answer(worker, worker.connection.recv(), waiting, report):
                            continue
                    except (EOFError, ConnectionResetError, BrokenPipeError):  # it was killed
                        worker.process.join()
                        _count_death(worker, deaths)
                        if worker.task is not None:
                            report(Progress(shard=worker.task.shard, volumes=0))
                            waiting.appendleft(worker.task)
                        if waiting:
                            workers.append(self._start())
                    workers.remove(worker)
        finally:
            _stop(workers)

    def _start(self) -> _Worker:
        # Spawned, not forked: a fork would copy the locks of running threads.
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._work), daemon=True)
        process.start()
        theirs.close()  # so that the worker's death closes the last one, and we see it
        return _Worker(process, ours)


def _answer(worker: _Worker, said: object, waiting: deque[ShardTask], report: Report) -> bool:
    """Do what a worker asks for; False where there is nothing left for it, and it ends."""
    match said:
        case _Ready():
            worker.task = waiting.popleft() if waiting else None
            if worker.task is None:
                worker.connection.close()
                worker.process.join()
                return False
            worker.connection.send(worker.task)
        case _Failed(message=message, by_user=by_user):
            raise InputError(message) if by_user else RuntimeError(message)
        case Progress():
            report(said)
    return True


def _count_death(worker: _Worker, deaths: Counter[int]) -> None:
    """Raise RuntimeError where the same shard, or the mere start, has killed too many."""
    number, where = (worker.task.shard, str(worker.task.path)) if worker.task else (-1, "before their work")
    deaths[number] += 1
    if deaths[number] >= MOST_DEATHS:
        raise RuntimeError(
            f"{where}: {MOST_DEATHS} workers died (the last with exit code {worker.process.exitcode}): if "
            "the memory was full, give fewer --workers or a smaller --shape."
        )


def _stop(workers: Sequence[_Worker]) -> None:
    """End workers before their work is done, and remove what they had not finished."""
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.join()
        worker.connection.close()
        if worker.task is not None:
            remove_unfinished(worker.task.path)
            remove_unfinished(record_path(worker.task.path))


def _serve(connection: "Connection[object, object]", work: Work) -> None:
    """Life of a worker: ask for a shard, make it, until there is none, or nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # nobody asks any more
        try:
            while True:
                connection.send(_Ready())
                task = connection.recv()
                assert isinstance(task, ShardTask)
                work(task, connection.send)  # fails if the driver was killed: we end within a volume
        except InputError as error:
            connection.send(_Failed(str(error), by_user=True))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception:
            connection.send(_Failed(traceback.format_exc(), by_user=False))
