"""What a worker does: one shard, from its seed to the disk, unless it is there already."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from synthfm3d.errors import InputError
from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.generation.delivery import deliver, delivered_record
from synthfm3d.generation.plan import DatasetPlan, ShardTask
from synthfm3d.shards.reader import Shard
from synthfm3d.shards.record import ShardRecord, record_path
from synthfm3d.shards.writer import write_shard

MOST_DEATHS = 3
"""A shard that killed so many workers would kill more: most likely the memory is too small for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a shard is: volumes that are ready, its bytes (0 until it is whole), whether it was there."""

    shard: int
    volumes: int
    size: int = 0
    kept: bool = False


Report = Callable[[Progress], None]


class Engine(Protocol):
    """Whatever makes shards: each of them is whole when ``run`` returns.

    Raises InputError where the user can mend it, RuntimeError where a shard kills its worker again
    and again.
    """

    def run(self, tasks: Sequence[ShardTask], report: Report) -> None: ...


def make_shard(task: ShardTask, report: Report) -> None:
    """Make the shard of a task; one that is there, of the same origin and whole, is kept."""
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
    """Bytes of the task's shard if it is there, whole, and what the plan wants; else None.

    At a destination the size stands for the bytes: to hash them all would be to fetch them all.
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
        there, planned = asdict(origin), asdict(wanted)
        return "other " + ", ".join(name for name in planned if there[name] != planned[name])
    if [entry.index for entry in record.samples] != list(plan.indices(number)):
        return "other volumes than the plan has"
    return None


def _volumes(task: ShardTask, report: Report) -> Iterator[LabelledVolume]:
    for ready, index in enumerate(task.plan.indices(task.shard)):
        report(Progress(shard=task.shard, volumes=ready))
        yield generate(task.plan.seed, index, task.plan.settings)
