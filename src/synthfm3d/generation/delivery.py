"""Delivery of finished shards to a URL that fsspec can write to: ``s3://``, ``gs://``, ``hf://``.

A shard is made on a local disk, copied, and removed there. Its record is copied after it, so a record exists
only if its shard is complete.
"""

from pathlib import Path
from secrets import token_hex
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.shards.record import ShardRecord, parse_record, record_path

_WRITE_WHOLE_OBJECTS = {"s3", "s3a", "gs", "gcs", "abfs", "az", "hf", "memory"}
"""Stores in which an upload appears only when it is complete. In others a file is uploaded under a hidden
name first."""


def deliver(path: Path, destination: str) -> None:
    """Copy a file to a folder given by URL, where it appears whole or not at all.

    Raises InputError where the place cannot be reached or written to.
    """
    try:
        store, folder = _store(destination)
        target = f"{folder}/{path.name}"
        if _protocols(store) & _WRITE_WHOLE_OBJECTS:
            store.put_file(str(path), target)
            return
        store.makedirs(folder, exist_ok=True)
        hidden = f"{folder}/.{path.name}.{token_hex(4)}.tmp"
        try:
            store.put_file(str(path), hidden)
            store.mv(hidden, target)
        finally:
            if store.exists(hidden):
                store.rm_file(hidden)
    except (OSError, ValueError) as error:
        raise InputError(f"{destination}: {path.name} cannot be copied there: {error}") from error


def delivered_record(name: str, destination: str) -> ShardRecord | None:
    """The record of shard ``name`` at a place, if it is there with a shard of its size; else None."""
    try:
        store, folder = _store(destination)
        where = f"{folder}/{record_path(Path(name))}"
        if not store.exists(where):
            return None
        record = parse_record(store.cat_file(where).decode(), f"{destination}/{where}")
        return record if store.size(f"{folder}/{name}") == record.size else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):  # an incomplete record, from a store whose uploads are not atomic
            return None
        raise InputError(f"{destination}: cannot be read: {error}") from error


def _store(destination: str) -> tuple[Any, str]:
    """File system and folder of a URL; ImportError's words name the package that a protocol needs."""
    import fsspec  # of the extra [remote]

    try:
        store, folder = fsspec.core.url_to_fs(destination)
    except ImportError as error:
        raise InputError(f"{destination}: {error}") from error
    return store, str(folder).rstrip("/")


def _protocols(store: Any) -> set[str]:
    protocol = store.protocol
    return {protocol} if isinstance(protocol, str) else set(protocol)
