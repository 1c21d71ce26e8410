"""Making shards: one task, many tasks in processes of this machine, and an estimate of time and size."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Protocol

from synthfm3d.errors import InputError
from synthfm3d.files import remove_unfinished
from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.generation.delivery import deliver, delivered_record
from synthfm3d.generation.plan import DatasetPlan, ShardTask
from synthfm3d.processes import Died, Finished, Message, in_processes
from synthfm3d.shards.reader import Shard
from synthfm3d.shards.record import ShardRecord, record_path
from synthfm3d.shards.sample import encoded
from synthfm3d.shards.writer import write_shard

MOST_DEATHS = 3
"""Number of workers that may die of a shard; more would die too, since the memory is probably too small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a shard: finished volumes, its bytes (0 until complete), and whether it existed before."""

    shard: int
    volumes: int
    size: int = 0
    kept: bool = False


Report = Callable[[Progress], None]


class Engine(Protocol):
    """Interface of all engines that make shards. All shards are complete when ``run`` returns.

    Raises InputError for an error that the user can correct, and RuntimeError if a shard kills its workers
    repeatedly.
    """

    def run(self, tasks: Sequence[ShardTask], report: Report) -> None: ...


def make_shard(task: ShardTask, report: Report) -> None:
    """Make the shard of a task, unless it exists, is complete, and has the same origin."""
    kept = finished_size(task)
    if kept is not None:
        volumes = len(task.plan.indices(task.shard))
        report(Progress(shard=task.shard, volumes=volumes, size=kept, kept=True))
        return
    record = write_shard(task.path, _volumes(task, report), task.plan.origin(task.shard))
    if task.destination is not None:
        for path in (task.path, record_path(task.path)):
            deliver(path, task.destination)
            path.unlink()
    report(Progress(shard=task.shard, volumes=len(record.samples), size=record.size))


def finished_size(task: ShardTask) -> int | None:
    """Bytes of the task's shard if it exists, is complete and agrees with the plan, else None.

    At a destination only the size is checked, because a hash would need all bytes.
    """
    if task.destination is not None:
        record = delivered_record(task.path.name, task.destination)
        if record is None or what_differs(record, task.plan, task.shard) is not None:
            return None
        return record.size
    try:
        shard = Shard(task.path)
    except InputError:
        return None
    if what_differs(shard.record, task.plan, task.shard) is not None:
        return None
    return shard.record.size if shard.is_whole() else None


def what_differs(record: ShardRecord, plan: DatasetPlan, number: int) -> str | None:
    """Why a record is not that of shard ``number`` of the plan; None if it is."""
    origin, wanted = record.origin, plan.origin(number)
    if not origin.same_volumes(wanted):
        existing, planned = asdict(origin), asdict(wanted)
        return "other " + ", ".join(name for name in planned if existing[name] != planned[name])
    if [entry.index for entry in record.samples] != list(plan.indices(number)):
        return "other volumes than the plan has"
    return None


def _volumes(task: ShardTask, report: Report) -> Iterator[LabelledVolume]:
    for ready, index in enumerate(task.plan.indices(task.shard)):
        report(Progress(shard=task.shard, volumes=ready))
        yield generate(task.plan.seed, index, task.plan.settings)


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
        """Make all shards; see ``Engine``. If one fails, the workers stop; complete shards are kept."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Expected time and size of some shards of a plan.

    Parameters
    ----------
    bytes
        On the disk.
    volumes_per_second
        Of all workers together, if each is as fast as this process was just now.
    measured_volumes
        How many volumes the estimate is made of.
    """

    shards: int
    volumes: int
    bytes: int
    workers: int
    volumes_per_second: float
    hours: float
    measured_volumes: int


def estimate(plan: DatasetPlan, shards: range, workers: int, seconds: float = 3.0) -> Estimate:
    """Estimate time and size from volumes that are made for this many seconds and then discarded."""
    small = replace(plan.settings, shape=(min(8, plan.settings.shape[0]), 64, 64))
    for modality in plan.settings.modalities:  # loads the kernels of each
        generate(plan.seed, plan.first, replace(small, modalities=(modality,)))
    made, size = 0, 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds and made < plan.count:
        content = encoded(generate(plan.seed, plan.first + made, plan.settings))
        size += sum(map(len, content.values()))
        made += 1
    elapsed = time.perf_counter() - start
    volumes = sum(len(plan.indices(shard)) for shard in shards)
    rate = made / elapsed * max(1, min(workers, len(shards)))
    return Estimate(
        shards=len(shards),
        volumes=volumes,
        bytes=round(size / made * volumes),
        workers=workers,
        volumes_per_second=round(rate, 2),
        hours=float(f"{volumes / rate / 3600:.3g}"),
        measured_volumes=made,
    )
