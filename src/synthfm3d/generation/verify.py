"""Verification of a dataset: all shards exist, their bytes are unchanged, and some volumes are made again."""

import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.generate import generate
from synthfm3d.generation.plan import DatasetPlan
from synthfm3d.generation.work import what_differs
from synthfm3d.randomness import stream
from synthfm3d.shards.reader import Shard, shard_paths
from synthfm3d.shards.sample import SCENE, encoded
from synthfm3d.shards.writer import shard_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found.

    Parameters
    ----------
    shards, volumes, bytes
        How many are there and whole as files.
    regenerated
        How many volumes were made again and compared, voxel by voxel.
    problems
        One line for each fault; none: the dataset is whole.
    """

    shards: int
    volumes: int
    bytes: int
    regenerated: int
    problems: tuple[str, ...]


def verify(
    folder: Path,
    plan: DatasetPlan,
    *,
    regenerate: int = 8,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> Verification:
    """Compare a dataset with its plan.

    Parameters
    ----------
    regenerate
        How many volumes, chosen by ``seed``, are made again and compared.
    advance
        Called after each shard.
    """
    draw = stream(seed, "verify")
    chosen = sorted(draw.choice(plan.count, size=min(regenerate, plan.count), replace=False).tolist())
    problems: list[str] = []
    shards = volumes = size = regenerated = 0
    for number in range(plan.shards):
        path = folder / shard_name(number)
        places = [n % plan.volumes_per_shard for n in chosen if n // plan.volumes_per_shard == number]
        try:
            shard = Shard(path)
            fault = what_differs(shard.record, plan, number) or _fault_of_file(shard)
            if fault is None:
                shards, volumes, size = shards + 1, volumes + len(shard), size + shard.record.size
                regenerated += len(places)
                fault = _unlike_made_again(shard, places, plan)
        except InputError as error:
            problems.append(str(error))
        else:
            if fault is not None:
                problems.append(f"{path}: {fault}.")
        advance()
    planned = {shard_name(number) for number in range(plan.shards)}
    problems += [f"{path}: is not in the plan." for path in shard_paths(folder) if path.name not in planned]
    return Verification(
        shards=shards, volumes=volumes, bytes=size, regenerated=regenerated, problems=tuple(problems)
    )


def _fault_of_file(shard: Shard) -> str | None:
    if not shard.path.exists():
        return "is missing"
    if not shard.is_whole():
        return "its bytes are not those that were written"
    recorded = [
        (f"{entry.key}.{part}", *place)
        for entry in shard.record.samples
        for part, place in entry.parts.items()
    ]
    with tarfile.open(shard.path) as tar:
        members = [(member.name, member.offset_data, member.size) for member in tar]
    return None if members == recorded else "its members lie elsewhere than the record says"


def _unlike_made_again(shard: Shard, places: Sequence[int], plan: DatasetPlan) -> str | None:
    """Differences between some volumes of a shard and the same volumes made again."""
    for place in places:
        entry = shard.record.samples[place]
        stored, made = shard.read(entry), generate(plan.seed, entry.index, plan.settings)
        for name, same in (
            ("image", np.array_equal(stored.image.voxels, made.image.voxels)),
            ("labels", np.array_equal(stored.labels.voxels, made.labels.voxels)),
            ("scene", stored.scene == json.loads(encoded(made)[SCENE])),
        ):
            if not same:
                return f"{entry.key} has another {name} than the generator makes"
    return None
