"""Reading volumes from shards, by position or one after the other."""

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from itertools import accumulate
from pathlib import Path
from typing import overload

from synthfm3d.errors import InputError
from synthfm3d.shards.record import Entry, ShardRecord, read_record, record_path
from synthfm3d.shards.sample import StoredVolume, decoded

_MOST_OPEN = 64
"""Number of records that are kept; more than the number of shards that a loader mixes at a time."""


class Shard(Sequence[StoredVolume]):
    """The volumes of one shard; each access reads just its bytes, found through the record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record: ShardRecord = read_record(record_path(path))

    def __len__(self) -> int:
        return len(self.record.samples)

    @overload
    def __getitem__(self, position: int) -> StoredVolume: ...
    @overload
    def __getitem__(self, position: slice) -> list[StoredVolume]: ...
    def __getitem__(self, position: int | slice) -> StoredVolume | list[StoredVolume]:
        if isinstance(position, slice):
            return [self[n] for n in range(*position.indices(len(self)))]
        return self.read(self.record.samples[position])

    def read(self, entry: Entry, slices: slice | None = None) -> StoredVolume:
        """The volume of an entry, or some of its slices."""
        content = {}
        try:
            with self.path.open("rb", buffering=0) as file:
                for part, (offset, size) in entry.parts.items():
                    content[part] = os.pread(file.fileno(), size, offset)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"{self.path}: cannot be read ({reason}): check the path.") from error
        try:
            return decoded(entry.key, content, slices)
        except (ValueError, RuntimeError, KeyError, MemoryError, SyntaxError) as error:  # blosc2 raises all
            raise InputError(
                f"{self.path}: {entry.key} is damaged: run  synthfm3d verify {self.path.parent}"
            ) from error

    def is_whole(self) -> bool:
        """Whether the file has the size and the SHA-256 of its record."""
        try:
            if self.path.stat().st_size != self.record.size:
                return False
            with self.path.open("rb") as file:
                return file_digest(file, "sha256").hexdigest() == self.record.sha256
        except FileNotFoundError:
            return False


class ShardFolder(Sequence[StoredVolume]):
    """All volumes of a folder of shards, in the order of shards, by position from 0.

    Records are read once to count, then again when they are needed, and few are kept: ten million
    entries would not fit into the memory of every loader.

    Raises InputError for a folder without shards.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = shard_paths(folder)
        if not self.paths:
            raise InputError(
                f"{folder}: holds no shards: make some with  synthfm3d generate --format shards -o {folder}"
            )
        self._open: dict[int, Shard] = {}
        self._starts = [0, *accumulate(len(Shard(path)) for path in self.paths)]

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[StoredVolume]:
        for path in self.paths:
            yield from Shard(path)

    @overload
    def __getitem__(self, position: int) -> StoredVolume: ...
    @overload
    def __getitem__(self, position: slice) -> list[StoredVolume]: ...
    def __getitem__(self, position: int | slice) -> StoredVolume | list[StoredVolume]:
        if isinstance(position, slice):
            return [self[n] for n in range(*position.indices(len(self)))]
        shard, entry = self.locate(position)
        return shard.read(entry)

    def locate(self, position: int) -> tuple[Shard, Entry]:
        """Shard and entry of the volume at a position; raises IndexError beyond the last."""
        count = len(self)
        if not -count <= position < count:
            raise IndexError(f"there is no volume {position}: {self.folder} holds {count}.")
        position %= count
        number = bisect_right(self._starts, position) - 1
        shard = self.shard(number)
        return shard, shard.record.samples[position - self._starts[number]]

    def positions(self, number: int) -> range:
        """Places of the volumes of shard ``number``."""
        return range(self._starts[number], self._starts[number + 1])

    def shard(self, number: int) -> Shard:
        """Shard ``number`` in the order of their names."""
        if number not in self._open:
            while len(self._open) >= _MOST_OPEN:
                del self._open[next(iter(self._open))]
            self._open[number] = Shard(self.paths[number])
        return self._open[number]


def shard_paths(folder: Path) -> list[Path]:
    """Shards of a folder in the order of their numbers (99999 comes before 100000)."""
    return sorted(folder.glob("shard-*.tar"), key=lambda path: (len(path.name), path.name))
