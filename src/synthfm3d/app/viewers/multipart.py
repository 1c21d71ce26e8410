"""The parts of a form that a program has sent with a file in it (``multipart/form-data``, RFC 7578)."""

import re
from collections.abc import Iterator

from synthfm3d.app.viewers.arrays import WireError

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"]{1,100})"', re.IGNORECASE)
_MOST_PARTS = 16


def form_parts(body: bytes, content_type: str) -> dict[str, memoryview]:
    """The content of each part by its name; nothing is copied.

    Raises
    ------
    WireError
        It is no such form, or is cut off.
    """
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        raise WireError("the body is no form with a file in it.")
    return dict(_parts(body, b"--" + found.group(1).encode()))


def _parts(body: bytes, mark: bytes) -> Iterator[tuple[str, memoryview]]:
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
