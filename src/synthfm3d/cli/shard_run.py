"""Run ``synthfm3d generate --format shards``: plan the shards, then estimate or make them."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthfm3d.cli.common import print_json, progress
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.generation.plan import DatasetPlan
    from synthfm3d.generation.work import Engine, Progress
    from synthfm3d.synthesis.settings import SynthesisSettings


@dataclass(frozen=True)
class ShardOptions:
    """Options of ``generate`` that have an effect on shards alone, as given on the command line.

    Parameters
    ----------
    part
        Which part of the shards is made, such as ``3/8``; None: all shards.
    per_shard
        Volumes in each shard; None: the default.
    upload
        URL to which each finished shard is moved; None: it stays in the folder.
    resume
        Keep shards that are finished already.
    """

    workers: int | None = None
    engine: str = "local"
    address: str | None = None
    part: str | None = None
    per_shard: int | None = None
    upload: str | None = None
    resume: bool = True

    def __post_init__(self) -> None:
        if self.upload is not None and not self.resume:
            raise InputError("--no-resume: shards at the URL are not removed: choose another URL.")

    def check_unused(self) -> None:
        """Raise InputError that names the options which were given, although no shards are made."""
        given = {
            "--workers": self.workers,
            "--part": self.part,
            "--per-shard": self.per_shard,
            "--no-resume": not self.resume,
            "--engine": self.engine != "local",
            "--address": self.address,
            "--upload": self.upload,
        }
        if any(given.values()):
            names = ", ".join(name for name, value in given.items() if value)
            raise InputError(f"{names}: has an effect only on shards: add --format shards.")


def run_shards(
    output: Path,
    settings: "SynthesisSettings",
    indices: range,
    seed: int,
    options: ShardOptions,
    *,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the shards of some volumes of a seed, or estimate how long it takes (``dry_run``)."""
    from synthfm3d.generation.plan import VOLUMES_PER_SHARD, DatasetPlan
    from synthfm3d.pipeline.doctor.machine import usable_cores

    plan = DatasetPlan(
        settings=settings,
        count=len(indices),
        seed=seed,
        first=indices.start,
        volumes_per_shard=options.per_shard or VOLUMES_PER_SHARD,
    )
    shards = _chosen_part(plan, options.part)
    if dry_run:
        _tell_estimate(plan, shards, options.workers or usable_cores(), as_json)
    else:
        _make_shards(output, plan, shards, options, as_json=as_json, quiet=quiet)


def _chosen_part(plan: "DatasetPlan", part: str | None) -> range:
    """Numbers of the shards in a part such as ``3/8``, or in the whole plan.

    Raises InputError for a part that does not exist.
    """
    if part is None:
        return range(plan.shards)
    try:
        number, parts = (int(word) for word in part.split("/"))
        return plan.part(number, parts)
    except ValueError:
        raise InputError(
            f"--part {part}: write it as i/n, with i from 0 to n - 1: the first of eight parts is 0/8."
        ) from None


def _chosen_engine(options: ShardOptions) -> "Engine":
    """The processes of this machine, or the Ray cluster, that make the shards."""
    from synthfm3d.generation.work import LocalPool
    from synthfm3d.pipeline.doctor.machine import usable_cores

    if options.engine == "local":
        if options.address is not None:
            raise InputError("--address: is the address of a Ray cluster: add --engine ray.")
        return LocalPool(options.workers or usable_cores())
    from synthfm3d.generation.ray import RayCluster

    return RayCluster(options.address, options.workers)


def _tell_estimate(plan: "DatasetPlan", shards: range, workers: int, as_json: bool) -> None:
    """Print the number of volumes, the bytes and the hours that the shards will take."""
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


def _make_shards(
    output: Path, plan: "DatasetPlan", shards: range, options: ShardOptions, *, as_json: bool, quiet: bool
) -> None:
    """Make those shards of a plan that are not finished yet, and print how many there are."""
    from synthfm3d.generation.delivery import deliver
    from synthfm3d.generation.plan import DATASET_FILE, ShardTask, establish_dataset
    from synthfm3d.shards.record import record_path

    engine = _chosen_engine(options)
    output.mkdir(parents=True, exist_ok=True)
    establish_dataset(output, plan)
    if options.upload is not None:
        deliver(output / DATASET_FILE, options.upload)
    tasks = [ShardTask(folder=output, plan=plan, shard=n, destination=options.upload) for n in shards]
    if not options.resume:
        for task in tasks:
            record_path(task.path).unlink(missing_ok=True)
    total = sum(len(plan.indices(shard)) for shard in shards)
    with progress("Volumes", total=total, quiet=quiet) as advance:
        tally = _Tally(advance)
        if tasks:
            engine.run(tasks, tally.count)
    folder = options.upload or str(output)
    if as_json:
        print_json(
            {
                "folder": folder,
                "shards": len(tasks),
                "volumes": total,
                "kept_volumes": tally.kept,
                "bytes": tally.size,
                "seconds": round(tally.seconds, 2),
            }
        )
    else:
        kept = f" ({tally.kept} were made before)" if tally.kept else ""
        print(
            f"{total} volumes{kept} in {len(tasks)} shards in {folder}, {size_in_words(tally.size)}, "
            f"{tally.seconds:.0f} s"
        )


class _Tally:
    """Adds up what engines report about many shards, and shows it on a progress bar."""

    def __init__(self, advance: Callable[..., None]) -> None:
        self._advance = advance
        self._start = time.perf_counter()
        self._volumes: Counter[int] = Counter()
        self._sizes: Counter[int] = Counter()
        self.kept = 0

    @property
    def size(self) -> int:
        """Bytes of the finished shards."""
        return self._sizes.total()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def count(self, now: "Progress") -> None:
        """Take a report about one shard; a shard whose worker died begins again."""
        self.kept += now.volumes if now.kept else 0
        steps = now.volumes - self._volumes[now.shard]
        self._volumes[now.shard], self._sizes[now.shard] = now.volumes, now.size
        rate = (self._volumes.total() - self.kept) / self.seconds
        self._advance(steps, f"{rate:.1f} volumes/s, {size_in_words(self.size)}")


def size_in_words(size: float) -> str:
    """A number of bytes such as ``1.2 GB``, in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
