"""A file exists whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from synthfm3d.errors import InputError


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write a file so that, whatever fails, ``path`` holds either all of ``content`` or what it held before.

    The bytes go to a hidden temporary file in the same folder, are flushed to the disk and renamed.

    Raises
    ------
    InputError
        The folder is missing or not writable, the disk is full, or ``path`` is a folder.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"{path}: cannot be written ({reason}): choose another place, or free space there."
        ) from error
    finally:
        _remove(temporary)


def check_writable(path: str | Path) -> None:
    """Raise InputError now if ``path`` could not be written later: before hours of work, not after them.

    A file of one byte is written beside ``path`` and removed; ``path`` itself is not touched.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name a file in it.")
    probe = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with probe.open("xb") as file:
            file.write(b"\0")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"{path}: cannot be written ({reason}): choose another place, or make the folder first."
        ) from error
    finally:
        _remove(probe)


def _remove(path: Path) -> None:
    with suppress(OSError):  # for example a "folder" on the way that is a file: nothing was made there
        path.unlink(missing_ok=True)
