"""Read exactly the bytes that a header declares, and refuse files with fewer."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from synthfm3d.errors import InputError

LARGEST_DEFLATE_RATIO = 1040
"""Deflate cannot compress data by more than 1032 to 1, so a header that declares more is wrong."""
_CHUNK = 1 << 22

Packing = Literal["raw", "gzip", "zlib"]


@contextmanager
def told_of_damage(path: Path) -> Iterator[None]:
    """Turn errors of a compressed or unreadable file within the block into an InputError that names it."""
    try:
        yield
    except EOFError as error:
        raise InputError(
            "the compressed file is truncated", "copy or download it again.", path=path
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"the compressed file is damaged ({error})", "copy or download it again.", path=path
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read ({reason})", "check its permissions.", path=path) from error


def read_promised(path: Path, file: BinaryIO, promised: int, packing: Packing) -> bytearray:
    """Read ``promised`` uncompressed bytes from the current position of a file.

    A compressed stream is read to its end, so that its checksum is verified.

    Raises
    ------
    InputError
        There are fewer bytes, or a compressed stream is damaged.
    """
    left = path.stat().st_size - file.tell()
    most = left if packing == "raw" else left * LARGEST_DEFLATE_RATIO
    if promised > most:
        raise _truncated(path, promised, most)
    content = bytearray()
    with told_of_damage(path):
        for chunk in _pieces(file, packing):
            content += chunk[: promised - len(content)]
            if packing == "raw" and len(content) == promised:
                return content
    if len(content) < promised:
        raise _truncated(path, promised, len(content))
    return content


def _pieces(file: BinaryIO, packing: Packing) -> Iterator[bytes]:
    if packing == "gzip":
        with gzip.GzipFile(fileobj=file) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    elif packing == "raw":
        while chunk := file.read(_CHUNK):
            yield chunk
    else:
        inflate = zlib.decompressobj(wbits=47)  # zlib or gzip: MetaImage writers use both
        while not inflate.eof:
            # The rest of the last piece comes first, so that a compression bomb does not fill the memory.
            stored = inflate.unconsumed_tail or file.read(_CHUNK)
            if not stored:
                raise EOFError
            yield inflate.decompress(stored, _CHUNK)


def _truncated(path: Path, promised: int, held: int) -> InputError:
    return InputError(
        f"the file is truncated: its header declares {promised:,} bytes of voxels, "
        f"it cannot hold more than {held:,}",
        "copy or export it again.",
        path=path,
    )


def beside(header: Path, name: str) -> Path:
    """The data file that a header names, which must be in the folder of the header or below it.

    Raises
    ------
    InputError
        The name leads out of the folder (also through a link), is a list or a pattern, or the file does not
        exist.
    """
    if "%" in name or name.split(" ")[0] == "LIST":
        raise InputError(
            "its voxels are spread over several files", "convert it to one file first.", path=header
        )
    folder = header.parent.resolve()
    data = folder if "\0" in name else (folder / name).resolve()
    if data == folder or not data.is_relative_to(folder):
        raise InputError("its voxels are in a file outside its own folder, which is not read.", path=header)
    if not data.is_file():
        raise InputError(f"the file of its voxels, {name!r}, is not beside it", "copy both.", path=header)
    return data
