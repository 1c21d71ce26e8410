"""Writing volumes to a shard, a tar file in the layout of WebDataset, and its record.

The same volumes give the same bytes: headers carry no time, owner or machine.
"""

import tarfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from synthfm3d.files import atomic_writer, remove_unfinished
from synthfm3d.generate import LabelledVolume
from synthfm3d.shards.record import Entry, ShardOrigin, ShardRecord, record_path
from synthfm3d.shards.sample import encoded, key_of

_BLOCK = tarfile.BLOCKSIZE


def shard_name(number: int) -> str:
    """``shard-00042.tar``; for its record see ``record_path``."""
    return f"shard-{number:05d}.tar"


def write_shard(path: Path, volumes: Iterable[LabelledVolume], origin: ShardOrigin) -> ShardRecord:
    """Write a shard and then its record, each completely or not at all.

    Volumes are taken one by one, so the memory holds one of them, however many there are. Raises InputError
    where a file cannot be written, ValueError for voxels of other types (``sample.encoded``).
    """
    beside = record_path(path)
    remove_unfinished(path)
    remove_unfinished(beside)
    beside.unlink(missing_ok=True)  # of a shard that is about to be replaced
    with atomic_writer(path) as file:
        tar = _TarWriter(file)
        samples = tuple(_add(tar, volume) for volume in volumes)
        tar.finish()
    record = ShardRecord(size=tar.size, sha256=tar.hash.hexdigest(), origin=origin, samples=samples)
    with atomic_writer(beside) as file:
        file.write(record.to_json().encode())
    return record


def _add(tar: "_TarWriter", volume: LabelledVolume) -> Entry:
    key = key_of(volume.scene.seed, volume.scene.index)
    parts = {part: tar.add(f"{key}.{part}", content) for part, content in encoded(volume).items()}
    return Entry(key=key, index=volume.scene.index, parts=parts)


class _TarWriter:
    """Writer of a POSIX tar that records the positions of its members and computes its hash."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = sha256()
        self.size = 0

    def add(self, name: str, content: bytes) -> tuple[int, int]:
        """Append a member; returns offset and size of its content."""
        header = tarfile.TarInfo(name)  # time, owner and group are 0, mode 0644
        header.size = len(content)
        self._write(header.tobuf(tarfile.USTAR_FORMAT))
        offset = self.size
        self._write(content)
        self._write(bytes(-len(content) % _BLOCK))
        return offset, len(content)

    def finish(self) -> None:
        """Two empty blocks end a tar file, which is then a whole number of records."""
        self._write(bytes(2 * _BLOCK))
        self._write(bytes(-self.size % tarfile.RECORDSIZE))

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self.hash.update(content)
        self.size += len(content)
