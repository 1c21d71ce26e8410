"""Measure shards: the cost of writing beside that of making volumes, and the speed of reading."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Results, mean_cpu_seconds
from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.generation.plan import DatasetPlan
from synthfm3d.loading.shards import ShardStream
from synthfm3d.shards.reader import Shard
from synthfm3d.shards.writer import shard_name, write_shard
from synthfm3d.synthesis.settings import SynthesisSettings

_VOLUMES = 40
_SETTINGS = SynthesisSettings(shape=(32, 128, 128))


def measure(results: Results) -> None:
    """CPU milliseconds per volume of 32 x 128 x 128, one process."""
    plan = DatasetPlan(settings=_SETTINGS, count=_VOLUMES, volumes_per_shard=_VOLUMES)

    def made() -> Iterator[LabelledVolume]:
        return (generate(0, index, _SETTINGS) for index in range(_VOLUMES))

    for index in range(3):
        generate(0, index, _SETTINGS)
    rendering = 1e3 * mean_cpu_seconds(lambda _: list(made()), range(1), 0) / _VOLUMES
    results.add("volume 32x128x128", rendering, "ms")
    volumes = list(made())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / shard_name(0)

        def write(_: int) -> None:
            write_shard(path, volumes, plan.origin(0))

        writing = 1e3 * mean_cpu_seconds(write, range(3), 1) / _VOLUMES
        results.add("volume into a shard", writing, "ms", ratio_to=("volume 32x128x128",))
        results.add(
            "share of the renderer's rate that reaches disk", 100 * rendering / (rendering + writing), "%"
        )
        shard = Shard(path)
        results.add("bytes of a volume in a shard", shard.record.size / _VOLUMES / 1e6, "MB")
        reading = 1e3 * mean_cpu_seconds(lambda _: list(ShardStream(folder)), range(3), 1) / _VOLUMES
        results.add("volume out of a shard, as tensors", reading, "ms", ratio_to=("volume 32x128x128",))
        entries = shard.record.samples
        clip = 1e3 * mean_cpu_seconds(lambda n: shard.read(entries[n], slice(12, 20)), range(_VOLUMES), 3)
        results.add("8 of 32 slices out of a shard", clip, "ms")
        hashing = mean_cpu_seconds(lambda _: shard.is_whole(), range(5), 1)
        results.add("shard verified", shard.record.size / hashing / 1e9, "GB/s")
