"""Whether 3D Slicer and napari could use a server: every request of their plugins is made once."""

import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import numpy as np

from synthfm3d.app.viewers.arrays import WireError, pack, unpack
from synthfm3d.errors import InputError
from synthfm3d.pipeline.doctor import Finding, fail, ok, warn
from synthfm3d.volume import Array

SHAPE = (24, 48, 56)
SPACING_MM = (2.0, 1.0, 1.0)
CLICK = (12, 24, 28)
PATIENCE_SECONDS = 60
"""So long viewers wait for an answer."""
SLOW_SECONDS = 20
REQUIRED = frozenset(
    {
        "supported_interactions",
        "channel_mapping",
        "num_interaction_channels",
        "supports_initial_label",
        "supports_zero_shot_label_refinement",
        "preferred_scribble_thickness",
        "interaction_decay",
        "inference_session_version",
    }
)
"""Capabilities without which the client of the viewers stops."""
_ADDRESS = "the address ends in /nninteractive; add it if it is missing"
_UNREACHABLE = "is it the right address, does the server run, is the port open?"
_OTHER_WAY_OUT = "see the server's log"
_WAYS_OUT = {
    400: "if the name of the server is refused, start it with  --public-host NAME",
    401: "give the token of the server: --token, here as the API key of the viewer",
    404: _ADDRESS,
    405: _ADDRESS,
    413: "raise the server's --upload-limit, and the proxy's limit for bodies",
    502: "a proxy answers, and the server behind it does not: start the server",
    503: "too many viewers are connected: close one, or wait",
    504: "the server is too slow or too busy: try again, or give it a GPU",
}


class _Refused(Exception):
    """The server, or something before it, gave another answer than 200."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code


@dataclass(slots=True)
class _Wire:
    """Calls to one server, as the viewers' client makes them."""

    address: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, path: str, body: bytes | None = None, **headers: str) -> tuple[Mapping[str, str], bytes]:
        """Header and body of the answer; a GET where there is no body to send."""
        asked = urllib.request.Request(f"{self.address}/{path}", body, {**self.headers, **headers})
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise _Refused(error.code, _detail(error.read(10_000))) from None

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> dict[str, Any]:
        """The answer as JSON."""
        answer = json.loads(self.call(path, body, **headers)[1])
        if not isinstance(answer, dict):
            raise ValueError("no JSON object")
        return answer


def examine_viewer(url: str, token: str | None) -> Iterator[Finding]:
    """Connect, send a small image, click on the ball in it, and leave; stops at what does not work.

    Parameters
    ----------
    url
        What a user types into the viewer, such as ``http://127.0.0.1:8765/nninteractive``.

    Raises
    ------
    InputError
        It is no address of the web.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url}: give the whole address, such as http://127.0.0.1:8765/nninteractive")
    wire = _Wire(url.rstrip("/"), {"Authorization": f"Bearer {token}"} if token else {})
    for step in (_reach, _claim, _capabilities, _image, _click):
        name = step.__name__.strip("_")
        try:
            found = step(wire)
        except _Refused as error:
            found = fail(
                name, f"the server answers {error}", _WAYS_OUT.get(error.code, "see the server's log")
            )
        except (OSError, HTTPException) as error:
            found = fail(
                name, f"no answer: {error}", "is it the right address, does the server run, is the port open?"
            )
        except (ValueError, KeyError, TypeError) as error:
            found = fail(name, f"the answer is not understood: {error}", _ADDRESS)
        yield found
        if found.state == "fail":
            break
    yield from _leave(wire)


def _reach(wire: _Wire) -> Finding:
    wire.ask("healthz")
    return ok("reach", f"{wire.address} answers")


def _claim(wire: _Wire) -> Finding:
    answer = wire.ask("claim", b"")
    wire.headers["X-Lease-Token"] = answer["lease_token"]
    minutes = float(answer["idle_timeout_seconds"]) / 60
    return ok(
        "claim", f"a place among {answer['max_sessions']}, kept for {minutes:.0f} minutes without a click"
    )


def _capabilities(wire: _Wire) -> Finding:
    answer = wire.ask("capabilities")
    if missing := REQUIRED - answer.keys():
        return fail("capabilities", f"{', '.join(sorted(missing))} are missing", "update the server")
    can = [name for name, given in answer["supported_interactions"].items() if given]
    return ok("capabilities", f"{', '.join(can)}; licence of the model: {answer.get('license', 'unknown')}")


def _image(wire: _Wire) -> Finding:
    meta = json.dumps({"image_properties": {"spacing": SPACING_MM}})
    kind = {"Content-Type": "application/octet-stream", "X-Meta": meta}
    image, start = _ball(), time.perf_counter()
    wire.ask("set_image", pack(image[np.newaxis]), **kind)
    content = json.dumps({"shape": SHAPE, "dtype": "uint8"}).encode()
    wire.ask("set_target_buffer", content, **{"Content-Type": "application/json"})
    return ok("image", f"an image of {image.size:,} voxels was taken, {time.perf_counter() - start:.1f} s")


def _click(wire: _Wire) -> Finding:
    content = {"coordinates": CLICK, "include_interaction": True, "run_prediction": True}
    start = time.perf_counter()
    headers, body = wire.call(
        "add_point_interaction", json.dumps(content).encode(), **{"Content-Type": "application/json"}
    )
    seconds = time.perf_counter() - start
    bounds = json.loads(headers["X-Meta"])["bbox"]
    if bounds is None:
        return warn("click", f"the mask of a click is empty, {seconds:.1f} s", "try it on a scan of your own")
    try:
        mask = unpack(body, most_bytes=math.prod(SHAPE) * 8)
    except WireError as error:
        return fail("click", f"the mask is damaged: {error}", "does a proxy change bodies?")
    message = f"{np.count_nonzero(mask):,} voxels from one click, {seconds:.1f} s"
    if seconds > SLOW_SECONDS:
        way_out = f"viewers give up after {PATIENCE_SECONDS} s: start the server with  --device cuda"
        return warn("click", message, way_out)
    return ok("click", message)


def _leave(wire: _Wire) -> Iterator[Finding]:
    if "X-Lease-Token" not in wire.headers:
        return
    try:
        wire.ask("release", b"")
    except (_Refused, OSError, HTTPException, ValueError) as error:
        yield warn("release", f"the place was not given back: {error}", "it is free again after a minute")
    else:
        yield ok("release", "the place is given back")


def _ball() -> Array:
    """A bright ball with soft, grey surroundings, int16 (z, y, x)."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    distance_mm = np.linalg.norm((index - np.array(CLICK)) * SPACING_MM, axis=-1)
    ripple = 5 * np.sin(index @ np.array([1.7, 2.3, 2.9]))
    return np.asarray(np.where(distance_mm < 12, 200, 100) + ripple).astype(np.int16)


def _detail(body: bytes) -> str:
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return detail if isinstance(detail, str) else json.dumps(detail)
