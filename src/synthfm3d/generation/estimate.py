"""How long a plan takes and how much it writes, measured on its own volumes for a few seconds."""

import time
from dataclasses import dataclass, replace

from synthfm3d.generate import generate
from synthfm3d.generation.plan import DatasetPlan
from synthfm3d.shards.sample import encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is expected of some shards of a plan.

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
    """Make volumes for so many seconds, throw them away, and multiply."""
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
