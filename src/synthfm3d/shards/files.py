"""A file appears under its name when it is whole, and not before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from synthfm3d.errors import InputError


@contextmanager
def appearing_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the name ``path`` when the block ends without an error.

    Until then it is a hidden temporary beside it. The bytes are on the disk before the name is, and
    the name is before the block is left, so a machine may lose power at any time.

    Raises
    ------
    InputError
        The folder is missing or not writable, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, ConnectionError):  # not of the file: whoever wanted it is gone
            raise
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"{path}: cannot be written ({reason}): free space there or choose another place, and run the "
            "same command again."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left on the way to ``path``."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Let a rename survive a loss of power, where the system lets a folder be opened at all."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
