"""The plan of a dataset: which shard holds which volumes, and which machine makes which shard.

Resuming, retrying and dividing the work are done by whole shards. The bytes of a shard are a function of the
plan and do not depend on the worker that makes it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from synthfm3d import __version__
from synthfm3d.errors import InputError
from synthfm3d.files import atomic_writer
from synthfm3d.shards.record import ShardOrigin
from synthfm3d.shards.writer import shard_name
from synthfm3d.synthesis.sampler import GENERATOR_VERSION
from synthfm3d.synthesis.settings import SynthesisSettings

DATASET_FILE = "dataset.json"
VOLUMES_PER_SHARD = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPlan:
    """Volumes ``range(first, first + count)`` of a seed, with ``volumes_per_shard`` in each shard."""

    settings: SynthesisSettings
    count: int
    seed: int = 0
    first: int = 0
    volumes_per_shard: int = VOLUMES_PER_SHARD

    def __post_init__(self) -> None:
        if self.count < 1 or self.first < 0 or self.volumes_per_shard < 1:
            raise ValueError(
                f"count and volumes_per_shard must be 1 or more and first 0 or more, got {self.count}, "
                f"{self.volumes_per_shard} and {self.first}."
            )

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.volumes_per_shard)

    def indices(self, shard: int) -> range:
        """Indices of the volumes in a shard; the last one may hold fewer."""
        start = self.first + shard * self.volumes_per_shard
        return range(start, min(start + self.volumes_per_shard, self.first + self.count))

    def part(self, number: int, parts: int) -> range:
        """Shards of part ``number`` (from 0) of ``parts``, each shard in exactly one of them."""
        if not 0 <= number < parts:
            raise ValueError(f"parts are numbered from 0 to {parts - 1}, there is no part {number}.")
        return range(self.shards * number // parts, self.shards * (number + 1) // parts)

    def origin(self, shard: int) -> ShardOrigin:
        """The origin that a shard of this plan records if this program makes it."""
        indices = self.indices(shard)
        return ShardOrigin(
            seed=self.seed,
            first=indices.start,
            after=indices.stop,
            settings_sha256=settings_sha256(self.settings),
            generator_version=GENERATOR_VERSION,
            package_version=__version__,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """One shard to be made; small enough to send to any worker.

    ``destination`` is a URL to which the finished shard is moved from ``folder``; None: it stays there.
    """

    folder: Path
    plan: DatasetPlan
    shard: int
    destination: str | None = None

    @property
    def path(self) -> Path:
        return self.folder / shard_name(self.shard)


def settings_sha256(settings: SynthesisSettings) -> str:
    """Hash of the settings; equal settings have equal hashes."""
    return sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()


def describe(plan: DatasetPlan) -> dict[str, Any]:
    """The contents of ``dataset.json``, from which every volume can be made again."""
    return {
        "format": "synthfm3d-dataset-1",
        "seed": plan.seed,
        "first": plan.first,
        "count": plan.count,
        "volumes_per_shard": plan.volumes_per_shard,
        "shards": plan.shards,
        "generator_version": GENERATOR_VERSION,
        "package_version": __version__,
        "settings_sha256": settings_sha256(plan.settings),
        "settings": asdict(plan.settings),
    }


def plan_of(folder: Path, settings_of: Callable[[Mapping[str, Any]], SynthesisSettings]) -> DatasetPlan:
    """The plan of a dataset; ``settings_of`` makes settings of their JSON.

    Raises InputError where it was made by another generator, or its settings are not those whose hash
    is stored beside them.
    """
    stored = read_dataset(folder)
    if stored["generator_version"] != GENERATOR_VERSION:
        raise InputError(
            f"{folder}: is of generator version {stored['generator_version']}, this is {GENERATOR_VERSION}: "
            f"install synthfm3d {stored['package_version']}, which made it."
        )
    settings = settings_of(stored["settings"])
    if settings_sha256(settings) != stored["settings_sha256"]:
        raise InputError(f"{folder / DATASET_FILE}: the settings in it were changed: restore the file.")
    return DatasetPlan(
        settings=settings,
        count=stored["count"],
        seed=stored["seed"],
        first=stored["first"],
        volumes_per_shard=stored["volumes_per_shard"],
    )


_NAMES = describe(DatasetPlan(settings=SynthesisSettings(), count=1)).keys()


def establish_dataset(folder: Path, plan: DatasetPlan) -> None:
    """Write ``dataset.json``, or check that the one in the folder agrees. A dataset may grow.

    Raises
    ------
    InputError
        The folder holds a dataset of other volumes, or of more.
    """
    path = folder / DATASET_FILE
    wanted: dict[str, Any] = json.loads(json.dumps(describe(plan)))
    if path.exists():
        stored = read_dataset(folder)
        other = [
            name for name in wanted if stored.get(name) != wanted[name] and name not in ("count", "shards")
        ]
        if other:
            names = ", ".join(other)
            raise InputError(f"{folder}: holds a dataset with other {names}: choose another folder.")
        if stored["count"] > plan.count:
            count = stored["count"]
            raise InputError(f"{folder}: holds {count} volumes: give -n {count} or more, or another folder.")
        if stored["count"] == plan.count:
            return
    with atomic_writer(path) as file:
        file.write((json.dumps(wanted, indent=1, ensure_ascii=False) + "\n").encode())


def read_dataset(folder: Path) -> dict[str, Any]:
    """The contents of ``dataset.json``.

    Raises InputError if there is none.
    """
    path = folder / DATASET_FILE
    try:
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: is missing: give a folder that  synthfm3d generate --format shards  wrote."
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path}: is not valid JSON: restore it, or remove it and generate again."
        ) from error
    if not isinstance(plain, dict) or _NAMES - plain.keys():
        raise InputError(f"{path}: does not describe a dataset: remove it and generate again.")
    return plain
