"""``shard-00000.json``: contents, positions and hash of ``shard-00000.tar``.

It is written after its shard, so a record exists only if its shard is complete.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from synthfm3d.errors import InputError

FORMAT = "synthfm3d-shard-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sample of a shard; for each part of it ``(offset, size)`` in bytes from the start of the file."""

    key: str
    index: int
    parts: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardOrigin:
    """Everything that determines the volumes of a shard, and the release of the package that made them.

    Parameters
    ----------
    first, after
        Indices of its volumes, ``range(first, after)``.
    settings_sha256
        Hash of the settings that the volumes were drawn with.
    generator_version
        Changes whenever any volume does.
    """

    seed: int
    first: int
    after: int
    settings_sha256: str
    generator_version: int
    package_version: str

    def same_volumes(self, other: "ShardOrigin") -> bool:
        """Whether both make the same volumes; a release of the same generator does."""
        return replace(self, package_version=other.package_version) == other


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRecord:
    """Size and hash of a shard, where it came from, and its samples in order."""

    size: int
    sha256: str
    origin: ShardOrigin
    samples: tuple[Entry, ...]

    def to_json(self) -> str:
        """One line for each sample, so that people can read it and tools can compare it."""
        head = {"format": FORMAT, "bytes": self.size, "sha256": self.sha256, **asdict(self.origin)}
        lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        samples = ",\n".join("  " + json.dumps(asdict(entry)) for entry in self.samples)
        return "{\n" + ",\n".join(lines) + ',\n "samples": [\n' + samples + "\n ]\n}\n"


def record_path(shard: Path) -> Path:
    """Where the record of a shard lies: beside it, ``shard-00042.json``."""
    return shard.with_suffix(".json")


def read_record(path: Path) -> ShardRecord:
    """The record in a file.

    Raises InputError if the file is missing or is none.
    """
    try:
        return parse_record(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is missing: run the command that made the shards again.") from error


def parse_record(text: str, where: object) -> ShardRecord:
    """The record of a shard from its JSON.

    Raises InputError, which names ``where`` it came from, if it is none.
    """
    try:
        plain: dict[str, Any] = json.loads(text)
        if plain["format"] != FORMAT:
            raise InputError(f"{where}: is of format {plain['format']}, this version reads {FORMAT}.")
        return ShardRecord(
            size=plain["bytes"],
            sha256=plain["sha256"],
            origin=ShardOrigin(**{name: plain[name] for name in ShardOrigin.__dataclass_fields__}),
            samples=tuple(
                Entry(
                    key=entry["key"],
                    index=entry["index"],
                    parts={name: (offset, size) for name, (offset, size) in entry["parts"].items()},
                )
                for entry in plain["samples"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: is not the record of a shard: remove it and make it again.") from error
