"""Shards made by processes of this machine; a shard whose worker died is made by another."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

from synthfm3d.files import remove_unfinished
from synthfm3d.generation.plan import ShardTask
from synthfm3d.generation.work import MOST_DEATHS, Progress, Report, make_shard
from synthfm3d.processes import Died, Finished, Message, in_processes
from synthfm3d.shards.record import record_path

Work = Callable[[ShardTask, Report], None]


class LocalPool:
    """Processes of this machine.

    Parameters
    ----------
    workers
        How many shards are made at a time.
    work
        What each worker does with its task.
    """

    def __init__(self, workers: int, work: Work = make_shard) -> None:
        self._count = workers
        self._work = work

    def run(self, tasks: Sequence[ShardTask], report: Report) -> None:
        """Make all shards; see ``Engine``. If one fails, the workers stop and whole shards stay."""
        begun: dict[int, ShardTask] = {}
        start = partial(_same, self._work)
        try:
            with closing(in_processes(tasks, start, workers=self._count, most_deaths=MOST_DEATHS)) as events:
                for event in events:
                    match event:
                        case Message(task=task, value=progress):
                            begun[task.shard] = task
                            report(progress)
                        case Finished(task=task):
                            begun.pop(task.shard, None)
                        case Died(task=task):
                            if event.given_up:
                                raise RuntimeError(_too_many_deaths(event))
                            report(Progress(shard=task.shard, volumes=0))
        finally:  # the workers have ended, and may have left files that they had not finished
            for task in begun.values():
                remove_unfinished(task.path)
                remove_unfinished(record_path(task.path))


def _same(work: Work) -> Work:
    return work


def _too_many_deaths(event: Died[ShardTask]) -> str:
    return (
        f"{event.task.path}: {MOST_DEATHS} workers died (the last with exit code {event.exit_code}): if "
        "the memory was full, give fewer --workers or a smaller --shape."
    )
