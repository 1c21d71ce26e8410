"""Shards on the command line: a plan is made, estimated or carried out, and told."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from synthfm3d.cli.common import print_json, progress

if TYPE_CHECKING:
    from synthfm3d.generation.plan import DatasetPlan
    from synthfm3d.generation.work import Engine, Progress


def chosen_part(plan: "DatasetPlan", part: str | None) -> range:
    """Shards of a part such as ``3/8``, or of the whole plan.

    Raises InputError for a part that does not exist.
    """
    from synthfm3d.errors import InputError

    if part is None:
        return range(plan.shards)
    try:
        number, parts = (int(word) for word in part.split("/"))
        return plan.part(number, parts)
    except ValueError:
        raise InputError(
            f"--part {part}: write it as i/n, with i from 0 to n - 1: the first of eight parts is 0/8."
        ) from None


def chosen_engine(name: str, address: str | None, workers: int | None) -> "Engine":
    """What makes the shards: processes of this machine, or a Ray cluster."""
    from synthfm3d.errors import InputError
    from synthfm3d.generation.work import LocalPool
    from synthfm3d.pipeline.doctor.machine import usable_cores

    if name == "local":
        if address is not None:
            raise InputError("--address: is of a Ray cluster: add --engine ray.")
        return LocalPool(workers or usable_cores())
    from synthfm3d.generation.ray import RayCluster

    return RayCluster(address, workers)


def tell_estimate(plan: "DatasetPlan", shards: range, workers: int, as_json: bool) -> None:
    """Say how many volumes, bytes and hours it would be."""
    from synthfm3d.generation.work import estimate

    expected = estimate(plan, shards, workers)
    if as_json:
        print_json(asdict(expected))
    else:
        print(
            f"{expected.volumes} volumes in {expected.shards} shards, {size_in_words(expected.bytes)}, "
            f"{expected.hours:g} hours at {expected.volumes_per_second:g} volumes/s with {workers} workers "
            f"(measured on {expected.measured_volumes} volumes)"
        )


def make_shards(
    output: Path,
    plan: "DatasetPlan",
    shards: range,
    engine: "Engine",
    *,
    destination: str | None,
    resume: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the shards of a plan, or what is missing of them, and say what there is."""
    from synthfm3d.generation.delivery import deliver
    from synthfm3d.generation.plan import DATASET_FILE, ShardTask, establish_dataset
    from synthfm3d.shards.record import record_path

    output.mkdir(parents=True, exist_ok=True)
    establish_dataset(output, plan)
    if destination is not None:
        deliver(output / DATASET_FILE, destination)
    tasks = [ShardTask(folder=output, plan=plan, shard=shard, destination=destination) for shard in shards]
    if not resume:
        for task in tasks:
            record_path(task.path).unlink(missing_ok=True)
    total = sum(len(plan.indices(shard)) for shard in shards)
    with progress("Volumes", total=total, quiet=quiet) as advance:
        tally = _Tally(advance)
        if tasks:
            engine.run(tasks, tally.count)
    done = {
        "folder": destination or str(output),
        "shards": len(tasks),
        "volumes": total,
        "kept_volumes": tally.kept,
        "bytes": tally.size,
        "seconds": round(tally.seconds, 2),
    }
    if as_json:
        print_json(done)
    else:
        there = f" ({tally.kept} were there)" if tally.kept else ""
        print(
            f"{total} volumes{there} in {len(tasks)} shards in {destination or output}, "
            f"{size_in_words(tally.size)}, {tally.seconds:.0f} s"
        )


class _Tally:
    """What engines report of many shards, added up and shown on a bar."""

    def __init__(self, advance: Callable[..., None]) -> None:
        self._advance = advance
        self._start = time.perf_counter()
        self._volumes: Counter[int] = Counter()
        self._sizes: Counter[int] = Counter()
        self.kept = 0

    @property
    def size(self) -> int:
        """Bytes of the shards that are whole."""
        return self._sizes.total()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def count(self, now: "Progress") -> None:
        """Take down how far a shard is; one whose worker died begins again."""
        self.kept += now.volumes if now.kept else 0
        steps = now.volumes - self._volumes[now.shard]
        self._volumes[now.shard], self._sizes[now.shard] = now.volumes, now.size
        rate = (self._volumes.total() - self.kept) / self.seconds
        self._advance(steps, f"{rate:.1f} volumes/s, {size_in_words(self.size)}")


def size_in_words(size: float) -> str:
    """``1.2 GB``: decimal units, as disks and networks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
