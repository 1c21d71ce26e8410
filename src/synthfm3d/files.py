"""Write files atomically, and read text: a file gets its name only when it is complete."""

import codecs
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from synthfm3d.errors import InputError


@contextmanager
def atomic_writer(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write, which gets the name ``path`` when the block ends without an error.

    Until then it is a hidden temporary file in the same folder, and ``path`` keeps its old content. The bytes
    are on the disk before the file gets its name, and the name is on the disk when the block ends. So a loss
    of power at any time leaves the old or the new content.

    Raises
    ------
    InputError
        The folder is missing or not writable, the disk is full, or ``path`` is a folder.
    """
    path = Path(path)
    temporary = _hidden_beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except ConnectionError:  # the client is gone; the file is not the reason
        raise
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({_reason(error)}): choose another place, or free space there."
        ) from error
    finally:
        _remove(temporary)


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write a file atomically: after a failure, ``path`` has its old content.

    Raises InputError as ``atomic_writer`` does.
    """
    with atomic_writer(path) as file:
        file.write(content)


def read_text(path: str | Path) -> str:
    """The text of a file: UTF-8 with or without a byte order mark, or UTF-16 with one (Windows).

    Raises OSError if the file cannot be read, UnicodeDecodeError (a ValueError) if it is not text.
    """
    content = Path(path).read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")


def json_text(content: Any) -> str:
    """Plain values as strict JSON; ValueError for NaN and infinity, which JSON does not have."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def safe_name(name: str) -> str:
    """A file name for ``name`` that every system accepts; different names have different file names."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")
    if safe == name:
        return safe
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def check_writable(path: str | Path) -> None:
    """Raise InputError if ``path`` could not be written. Call it before hours of work.

    A file of one byte is written beside ``path`` and removed; ``path`` itself is not touched.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name a file in it.")
    probe = _hidden_beside(path)
    try:
        with probe.open("xb") as file:
            file.write(b"\0")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({_reason(error)}): choose another place, or make the folder first."
        ) from error
    finally:
        _remove(probe)


def remove_unfinished(path: Path) -> None:
    """Remove temporary files of ``path`` that killed processes left."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)


def _hidden_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{token_hex(4)}.tmp")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _remove(path: Path) -> None:
    with suppress(OSError):  # for example, a part of the path is a file, so nothing was made
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write a rename to the disk, on systems on which folders can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
