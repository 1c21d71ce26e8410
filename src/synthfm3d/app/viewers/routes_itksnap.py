"""The wire of ITK-SNAP's deep learning tools, at the root of a port of its own.

It has no token, so it is for this machine alone. It sends the whole geometry of a scan, and wants the whole
mask back after each prompt. Older versions of ITK-SNAP call the addresses without ``v2``.
"""

import asyncio
import base64
import gzip
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import JSONResponse

from synthfm3d.app.opening import most_steps
from synthfm3d.app.state import AppState, State
from synthfm3d.app.store import OpenScan, new_id
from synthfm3d.app.viewers.arrays import WireError
from synthfm3d.app.viewers.deadline import in_time
from synthfm3d.app.viewers.itk_image import ItkMeta, form_parts, unzipped
from synthfm3d.app.viewers.leases import Lease, Leases
from synthfm3d.app.viewers.region import Region
from synthfm3d.app.viewers.scan import scan_of_array
from synthfm3d.app.viewers.viewer_object import ViewerObject
from synthfm3d.volume import Array

SPOKEN_VERSION = "0.1.6"
"""Of ITK-SNAP's own server, whose wire this is; ITK-SNAP wants 0.1.2 or newer."""
MODEL = "SynthFM-3D"
_QUICK_GZIP = 1
router = APIRouter(include_in_schema=False)
Answer = dict[str, Any]


class NoSession(Exception):
    """The session has ended, or never was; ITK-SNAP knows this answer."""


async def no_session(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": "Invalid session"})


def _leases(request: Request) -> Leases:
    leases = request.app.state.itksnap_leases
    assert isinstance(leases, Leases)
    return leases


AtLeases = Annotated[Leases, Depends(_leases)]


async def _lease(session_id: str, leases: AtLeases) -> Lease:
    try:
        return leases.get(session_id, acts=True)
    except KeyError:
        raise NoSession from None


ThisLease = Annotated[Lease, Depends(_lease)]


async def _viewing(lease: ThisLease) -> tuple[OpenScan, ViewerObject]:
    if lease.opened is None or lease.viewed is None:
        raise WireError("there is no image yet: upload one first.")
    return lease.opened, lease.viewed


Viewing = Annotated[tuple[OpenScan, ViewerObject], Depends(_viewing)]


@router.get("/status")
async def status() -> Answer:
    return {"status": "ok", "version": SPOKEN_VERSION}


@router.get("/v2/models")
async def models() -> Answer:
    interactions = ["point", "scribble", "lasso"]
    return {"models": [{"id": MODEL, "channels": [1], "dimensions": 3, "interactions": interactions}]}


@router.get("/start_session")
@router.get("/v2/start_session/{model}")
async def start_session(leases: AtLeases, model: str = MODEL) -> Answer:
    return {"session_id": leases.claim().token}


@router.get("/end_session/{session_id}")
@router.get("/v2/end_session/{session_id}")
async def end_session(session_id: str, leases: AtLeases) -> Answer:
    leases.release(session_id)
    return {"message": "Session ended"}


@router.post("/upload_raw/{session_id}")
@router.post("/v2/upload_raw/{session_id}")
async def upload(request: Request, lease: ThisLease, state: State, leases: AtLeases) -> Answer:
    state.store.check_room()
    body = await request.body()
    kind = request.headers.get("content-type", "")
    opened, viewed = await state.reader.do(lambda: _opened(body, kind, state))
    leases.open(lease, opened, viewed)
    return {"status": "success", "message": "The image is open."}


def _opened(body: bytes, kind: str, state: AppState) -> tuple[OpenScan, ViewerObject]:
    limits = state.settings.limits
    meta, content = _form(body, kind)
    scan = scan_of_array(unzipped(content, meta.shape, limits.voxel_bytes), meta.grid)
    viewed = ViewerObject(state.segmenter, scan, most_steps(scan, limits))
    opened = OpenScan(id=new_id(), name="ITK-SNAP", visitor="", scan=scan, session=viewed.session)
    return opened, viewed


@router.get("/process_point_interaction/{session_id}")
async def point_by_names(
    x: int, y: int, z: int, viewing: Viewing, state: State, foreground: bool = True
) -> Answer:
    add = partial(viewing[1].add_point, (z, y, x), positive=foreground)
    return await _predicted(state, viewing, add)


@router.get("/v2/process_point_interaction/{session_id}")
async def point(
    point: Annotated[list[int], Query(min_length=3, max_length=3)],
    viewing: Viewing,
    state: State,
    foreground: bool = True,
) -> Answer:
    x, y, z = point
    return await point_by_names(x, y, z, viewing, state, foreground)


@router.post("/process_scribble_interaction/{session_id}")
@router.post("/v2/process_scribble_interaction/{session_id}")
async def scribble(request: Request, viewing: Viewing, state: State, foreground: bool = True) -> Answer:
    return await _drawn(request, viewing, state, partial(viewing[1].add_scribble, positive=foreground))


@router.post("/process_lasso_interaction/{session_id}")
@router.post("/v2/process_lasso_interaction/{session_id}")
async def lasso(request: Request, viewing: Viewing, state: State, foreground: bool = True) -> Answer:
    return await _drawn(request, viewing, state, partial(viewing[1].add_lasso, positive=foreground))


@router.get("/reset_interactions/{session_id}")
@router.get("/v2/reset_interactions/{session_id}")
async def reset(viewing: Viewing) -> Answer:
    opened, viewed = viewing

    def change() -> bool:
        viewed.reset()
        return True

    await in_time(asyncio.to_thread, opened, change, bool)
    return {"status": "success"}


async def _drawn(
    request: Request,
    viewing: tuple[OpenScan, ViewerObject],
    state: AppState,
    add: Callable[[Region | None], bool],
) -> Answer:
    body = await request.body()
    kind = request.headers.get("content-type", "")

    def change() -> bool:
        shape = viewing[1].scan.grid.shape
        meta, content = _form(body, kind)
        if meta.shape != shape:
            raise WireError(f"the drawing has the shape {meta.shape}, the image {shape} (z, y, x).")
        drawn = unzipped(content, shape, state.settings.limits.voxel_bytes)
        return add(Region.clipped((0, 0, 0), drawn, shape))

    return await _predicted(state, viewing, change)


async def _predicted(
    state: AppState, viewing: tuple[OpenScan, ViewerObject], change: Callable[[], bool]
) -> Answer:
    opened, viewed = viewing
    return await in_time(state.model.do, opened, change, lambda _: _answer(viewed.mask))


def _answer(mask: Array) -> Answer:
    packed = gzip.compress(mask.astype(np.int8).tobytes(), _QUICK_GZIP)
    return {"status": "success", "result": base64.b64encode(packed).decode()}


def _form(body: bytes, kind: str) -> tuple[ItkMeta, memoryview]:
    parts = form_parts(body, kind)
    if not {"file", "metadata"} <= set(parts):
        raise WireError("the form has no file, or no metadata.")
    try:
        return ItkMeta.model_validate_json(bytes(parts["metadata"])), parts["file"]
    except ValidationError as error:
        raise WireError("the metadata of the image are wrong.") from error
