"""An image as ITK-SNAP sends it: a form with its geometry in ITK's words and its voxels as zipped numbers."""

import math
import re
import zlib
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field, FiniteFloat

from synthfm3d.app.viewers.arrays import TooLarge, WireError
from synthfm3d.app.viewers.messages import WireMessage
from synthfm3d.errors import InputError
from synthfm3d.io.checks import LPS_TO_RAS, is_regular
from synthfm3d.volume import Array, Grid

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"]{1,100})"', re.IGNORECASE)
_MOST_PARTS = 16
_DTYPE = np.dtype("<f4")
_ALONG_THE_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
Side = Annotated[int, Field(ge=1, le=2**31)]
Three = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class ItkMeta(WireMessage):
    """Geometry in ITK's order (x, y, z), millimetres towards Left, Posterior and Superior.

    Parameters
    ----------
    direction
        Nine numbers, row by row; its columns are the directions of x, y and z.
    """

    dimensions: tuple[Side, Side, Side]
    spacing: Three = (1.0, 1.0, 1.0)
    origin: Three = (0.0, 0.0, 0.0)
    direction: Annotated[tuple[FiniteFloat, ...], Field(min_length=9, max_length=9)] = _ALONG_THE_AXES
    components_per_pixel: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x)."""
        x, y, z = self.dimensions
        return z, y, x

    @property
    def grid(self) -> Grid:
        """The grid in our order (z, y, x), RAS millimetres; InputError if it does not span the space."""
        affine = np.eye(4)
        affine[:3, :3] = np.array(self.direction, float).reshape(3, 3) * np.array(self.spacing)
        affine[:3, 3] = self.origin
        affine = (LPS_TO_RAS @ affine)[:, [2, 1, 0, 3]]
        if not is_regular(affine):
            raise InputError("the axes of the image do not span the space: its geometry is damaged.")
        return Grid(self.shape, affine)


def unzipped(content: memoryview, shape: tuple[int, int, int], most_bytes: int) -> Array:
    """Voxels float32 (z, y, x) of a gzip stream, which must hold exactly these.

    Raises
    ------
    WireError
        The stream is damaged, or has another length.
    TooLarge
        The shape has more than ``most_bytes``.
    """
    length = math.prod(shape) * _DTYPE.itemsize
    if length > most_bytes:
        raise TooLarge(f"the image has {length:,} bytes; {most_bytes:,} are taken here.")
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        raw = inflate.decompress(content, length + 1)
    except zlib.error as error:
        raise WireError("the image is no whole gzip stream.") from error
    if len(raw) != length or not inflate.eof:
        raise WireError(f"the image has not the {length:,} bytes that its dimensions claim.")
    return np.frombuffer(raw, _DTYPE).reshape(shape)


def form_parts(body: bytes, content_type: str) -> dict[str, memoryview]:
    """The content of each part of a form (``multipart/form-data``, RFC 7578) by its name; nothing is copied.

    Raises
    ------
    WireError
        It is no such form, or is cut off.
    """
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        raise WireError("the body is no form with a file in it.")
    return dict(_parts_between(body, b"--" + found.group(1).encode()))


def _parts_between(body: bytes, mark: bytes) -> Iterator[tuple[str, memoryview]]:
    view = memoryview(body)
    start = body.find(mark)
    for _ in range(_MOST_PARTS):
        if start < 0:
            break
        start += len(mark)
        if body[start : start + 2] == b"--":
            return
        content = body.find(b"\r\n\r\n", start) + 4
        end = body.find(b"\r\n" + mark, content)
        if content < 4 or end < 0:
            break
        name = _NAME.search(body[start:content])
        if name is not None:
            yield name.group(1).decode("utf-8", "replace"), view[content:end]
        start = end + 2
    raise WireError("the form is cut off, or has too many parts.")
