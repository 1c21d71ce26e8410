"""Arrays as nnInteractive's clients send and expect them.

A body is ``NNIA``, a version, a codec, the number of axes, the name of the dtype, the shape (int64,
little-endian) and chunks of at most 1 GiB, each a frame of blosc2. Everything that a body claims is compared
with what it holds, and with what the caller allows, before memory is asked for.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import blosc2
import numpy as np

from synthfm3d.volume import Array

MAGIC = b"NNIA"
VERSION = 1
ZSTD, LZ4 = 1, 2
DTYPES = frozenset(
    {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
    | {"float16", "float32", "float64"}
)
MOST_CHUNK_BYTES = 2**30
_PREFIX = struct.Struct("<4sBBBB")
_COUNT = struct.Struct("<I")
_LENGTHS = struct.Struct("<QQ")


class WireError(ValueError):
    """A body or a request that is not what the wire asks for; the message says what is wrong."""


class TooLarge(ValueError):
    """An array that is larger than the server takes; the message says how large it may be."""


@dataclass(frozen=True, slots=True)
class _Header:
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    end: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def pack(array: Array) -> bytes:
    """An array as a body. It is stored little-endian and in C order."""
    name = array.dtype.name
    if name not in DTYPES:
        raise ValueError(f"an array of {name} cannot be sent.")
    stored = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    raw = memoryview(stored.reshape(-1).view(np.uint8).data)
    starts = range(0, len(raw), MOST_CHUNK_BYTES)
    parts = [
        _PREFIX.pack(MAGIC, VERSION, ZSTD, array.ndim, len(name)),
        name.encode(),
        struct.pack(f"<{array.ndim}q", *array.shape),
        _COUNT.pack(len(starts)),
    ]
    for start in starts:
        chunk = raw[start : start + MOST_CHUNK_BYTES]
        frame = blosc2.compress2(
            chunk,
            typesize=array.dtype.itemsize,
            codec=blosc2.Codec.ZSTD,
            clevel=3,
            filters=[blosc2.Filter.SHUFFLE if array.dtype.itemsize > 1 else blosc2.Filter.NOFILTER],
        )
        parts += [_LENGTHS.pack(len(chunk), len(frame)), frame]
    return b"".join(parts)


def unpack(
    body: bytes, *, most_bytes: int, axes: int | None = None, shape: tuple[int, ...] | None = None
) -> Array:
    """The array of a body.

    Parameters
    ----------
    most_bytes
        The largest array that is taken, uncompressed.
    axes, shape
        What the array must have; None: any.

    Raises
    ------
    WireError
        The body is damaged, contradicts itself, or holds an array of another kind.
    TooLarge
        The array has more than ``most_bytes``.
    """
    header = _header(body)
    if axes is not None and len(header.shape) != axes:
        raise WireError(f"the array must have {axes} axes, and has {len(header.shape)}.")
    if shape is not None and header.shape != shape:
        raise WireError(f"the array must have the shape {shape}, and has {header.shape}.")
    frames = list(_frames(body, header))
    if header.nbytes > most_bytes:
        raise TooLarge(f"the array has {header.nbytes:,} bytes; {most_bytes:,} are taken here.")
    flat = np.zeros(header.nbytes, np.uint8)  # not empty: a frame that fills less must not show old memory
    start = 0
    for frame, length in frames:
        _decompress(frame, flat[start : start + length])
        start += length
    values = flat != 0 if header.dtype == bool else flat.view(header.dtype)
    return np.asarray(values).reshape(header.shape)


def _header(body: bytes) -> _Header:
    try:
        magic, version, codec, axes, length = _PREFIX.unpack_from(body)
        end = _PREFIX.size + length
        name = body[_PREFIX.size : end].decode("ascii", "replace")
        shape = struct.unpack_from(f"<{axes}q", body, end)
    except struct.error:
        raise WireError("the array is cut off in its header.") from None
    if magic != MAGIC or version != VERSION:
        raise WireError(f"the body is no array of version {VERSION} of the wire.")
    if codec not in (ZSTD, LZ4):
        raise WireError(f"the array has the unknown codec {codec}.")
    if name not in DTYPES:
        raise WireError(f"the array has the dtype {name!r}; taken are {', '.join(sorted(DTYPES))}.")
    if not shape or min(shape) < 1:
        raise WireError(f"the array has the impossible shape {shape}.")
    return _Header(np.dtype(name).newbyteorder("<"), shape, end + 8 * axes)


def _frames(body: bytes, header: _Header) -> Iterator[tuple[memoryview, int]]:
    """Each frame with its length uncompressed; WireError where the lengths do not agree with the shape."""
    view, offset, left = memoryview(body), header.end, header.nbytes
    try:
        (count,) = _COUNT.unpack_from(body, offset)
        offset += _COUNT.size
        for _ in range(count):
            length, compressed = _LENGTHS.unpack_from(body, offset)
            offset += _LENGTHS.size
            frame = view[offset : offset + compressed]
            offset += compressed
            left -= length
            if left < 0 or length > MOST_CHUNK_BYTES or length % header.dtype.itemsize:
                raise WireError("the chunks of the array do not agree with its shape.")
            _check_frame(frame, length, compressed)
            yield frame, length
    except struct.error:
        raise WireError("the array is cut off.") from None
    if left or offset != len(body):
        raise WireError("the chunks of the array do not agree with its shape.")


def _check_frame(frame: memoryview, length: int, compressed: int) -> None:
    if len(frame) != compressed:
        raise WireError("the array is cut off.")
    try:
        told = blosc2.get_cbuffer_sizes(frame)[:2]
    except (ValueError, RuntimeError, TypeError):
        told = (-1, -1)
    if tuple(told) != (length, compressed):
        raise WireError("a chunk of the array is no frame of the length that it claims.")


def _decompress(frame: memoryview, into: Array) -> None:
    try:
        blosc2.decompress2(frame, dst=into)
    except (ValueError, RuntimeError) as error:
        raise WireError("a chunk of the array is damaged.") from error
