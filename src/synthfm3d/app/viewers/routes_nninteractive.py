"""The wire of nnInteractive 2: what 3D Slicer and napari call with the plugins of nnInteractive.

What happens is in ``viewer_object``; here it gets its addresses, its limits and its error codes.
"""

import asyncio
import json
import math
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError

from synthfm3d.app.opening import most_steps
from synthfm3d.app.state import AppState, State
from synthfm3d.app.store import Full, OpenScan, new_id
from synthfm3d.app.viewers import messages
from synthfm3d.app.viewers.arrays import DTYPES, TooLarge, WireError, pack, unpack
from synthfm3d.app.viewers.deadline import TooLate, in_time
from synthfm3d.app.viewers.leases import Lease, Leases
from synthfm3d.app.viewers.messages import PREFIX
from synthfm3d.app.viewers.region import Region, crop_corner
from synthfm3d.app.viewers.scan import grid_of_spacing, scan_of_array
from synthfm3d.app.viewers.viewer_object import ViewerObject
from synthfm3d.errors import InputError

META = "X-Meta"
LONGEST_LINE = 30.0
"""Seconds: where a prompt would wait longer than this for the model, no further viewer is let in."""
_BUFFER_DTYPES = frozenset(name for name in DTYPES if "float" not in name)
_LARGEST_ITEM = 8
Meta = TypeVar("Meta", bound=messages.WireMessage)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _WireRoute(APIRoute):
    """A route whose errors have the codes that clients of the wire know."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (InputError, WireError) as error:
                raise HTTPException(400, _line(error)) from error
            except TooLarge as error:
                raise HTTPException(413, _line(error)) from error
            except Full as error:
                raise HTTPException(503, _line(error), headers={"Retry-After": "10"}) from error
            except TooLate as error:
                raise HTTPException(504, _line(error)) from error

        return handled


router = APIRouter(prefix=PREFIX, route_class=_WireRoute, include_in_schema=False)


# ---------------------------------------------------------------- places


def _leases(state: State) -> Leases:
    return state.leases


AtLeases = Annotated[Leases, Depends(_leases)]
Token = Annotated[str, Header(alias="X-Lease-Token")]


def _found(find: Callable[[], Lease]) -> Lease:
    try:
        return find()
    except KeyError:
        raise HTTPException(410, "This session has ended: connect again.") from None


async def _looking(leases: AtLeases, token: Token = "") -> Lease:
    return _found(lambda: leases.find(token))


async def _lifespan(leases: AtLeases, token: Token = "") -> Lease:
    return _found(lambda: leases.get(token, acts=False))


async def _acting(leases: AtLeases, token: Token = "") -> Lease:
    return _found(lambda: leases.get(token, acts=True))


ActingLease = Annotated[Lease, Depends(_acting)]


async def _viewing(lease: ActingLease) -> tuple[OpenScan, ViewerObject]:
    if lease.opened is None or lease.viewed is None:
        raise HTTPException(400, "There is no image yet: set one first.")
    return lease.opened, lease.viewed


Viewing = Annotated[tuple[OpenScan, ViewerObject], Depends(_viewing)]


@router.get("", response_class=PlainTextResponse)
@router.get("/", response_class=PlainTextResponse)
async def page() -> str:
    """What this address is for, told to whoever opens it in a browser."""
    return (
        "This address is for 3D Slicer and napari with the plugins of nnInteractive:\n"
        "type it into their field for the server, and the token of this server, if it has one, as API key.\n"
    )


@router.get("/healthz")
async def health() -> dict[str, bool]:
    return {"ok": True}


@router.post("/claim")
async def claim(state: State, leases: AtLeases) -> messages.Claimed:
    if state.model.expected_wait > LONGEST_LINE:
        raise Full("too many people wait for the model: try again later.")
    lease = leases.claim()
    limits = state.settings.limits
    return messages.Claimed(
        lease_token=lease.token,
        idle_timeout_seconds=limits.idle_seconds,
        liveness_timeout_seconds=limits.silent_seconds,
        max_sessions=limits.viewers,
    )


@router.get("/capabilities", dependencies=[Depends(_lifespan)])
async def get_capabilities(state: State) -> dict[str, Any]:
    model = state.settings.model
    return messages.capabilities("Apache-2.0" if model == "default" else f"that of the weights {model}")


@router.post("/heartbeat")
async def heartbeat(leases: AtLeases, lease: Annotated[Lease, Depends(_lifespan)]) -> dict[str, float]:
    return {"remaining_seconds": leases.remaining(lease)}


@router.get("/lease_status")
async def lease_status(
    state: State, leases: AtLeases, lease: Annotated[Lease, Depends(_looking)]
) -> dict[str, float]:
    return {
        "remaining_seconds": leases.remaining(lease),
        "idle_timeout_seconds": state.settings.limits.idle_seconds,
    }


@router.post("/release")
async def release(leases: AtLeases, token: Token = "") -> dict[str, bool]:
    leases.release(token)
    return {"released": True}


# ---------------------------------------------------------------- image and buffer


@router.post("/set_image")
async def set_image(
    request: Request, state: State, leases: AtLeases, lease: ActingLease
) -> dict[str, list[int]]:
    spacing = _meta(request, messages.ImageMeta).image_properties.spacing
    state.store.check_room()
    body = await request.body()
    opened, viewed = await state.reader.do(lambda: _opened(body, spacing, state))
    leases.open(lease, opened, viewed)
    return {"original_image_shape": [1, *viewed.scan.grid.shape]}


def _opened(body: bytes, spacing: list[float] | None, state: AppState) -> tuple[OpenScan, ViewerObject]:
    limits = state.settings.limits
    channels = unpack(body, most_bytes=limits.voxel_bytes, axes=4)
    if len(channels) != 1:
        raise InputError(f"the image has {len(channels)} channels: send one of them.")
    z, y, x = channels.shape[1:]
    scan = scan_of_array(channels[0], grid_of_spacing((z, y, x), spacing))
    viewed = ViewerObject(state.segmenter, scan, most_steps(scan, limits))
    opened = OpenScan(id=new_id(), name="viewer", visitor="", scan=scan, session=viewed.session)
    return opened, viewed


@router.post("/set_target_buffer")
async def set_target_buffer(body: messages.Buffer, state: State, lease: ActingLease) -> dict[str, Any]:
    if body.dtype not in _BUFFER_DTYPES:
        raise WireError(f"the target buffer has the dtype {body.dtype!r}: take uint8.")
    if math.prod(body.shape) > state.settings.limits.voxel_bytes:
        raise TooLarge("the target buffer is larger than any image that is taken here.")
    if lease.opened is not None and lease.viewed is not None:
        opened, viewed = lease.opened, lease.viewed
        if tuple(body.shape) != viewed.scan.grid.shape:
            raise WireError(f"the target buffer has the shape {body.shape}, not that of the image.")
        await in_time(asyncio.to_thread, opened, _done(viewed.forget_shown), bool)
    return {}


@router.post("/set_do_autozoom", dependencies=[Depends(_acting)])
async def set_do_autozoom(body: messages.Zoom) -> dict[str, Any]:
    """Taken, and without effect: an object is always followed to its ends."""
    return {}


@router.post("/reset_interactions")
async def reset_interactions(viewing: Viewing) -> dict[str, Any]:
    opened, viewed = viewing
    await in_time(asyncio.to_thread, opened, _done(viewed.reset), bool)
    return {}


# ---------------------------------------------------------------- prompts


@router.post("/add_point_interaction")
async def add_point(body: messages.PointInteraction, viewing: Viewing, state: State) -> Response:
    add = partial(
        viewing[1].add_point, body.coordinates, positive=body.include_interaction, predict=body.run_prediction
    )
    return await _predicted(state, viewing, add)


@router.post("/add_bbox_interaction")
async def add_box(body: messages.BoxInteraction, viewing: Viewing, state: State) -> Response:
    add = partial(
        viewing[1].add_box, body.bbox_coords, positive=body.include_interaction, predict=body.run_prediction
    )
    return await _predicted(state, viewing, add)


@router.post("/add_scribble_interaction")
async def add_scribble(request: Request, viewing: Viewing, state: State) -> Response:
    return await _drawn(request, viewing, state, viewing[1].add_scribble)


@router.post("/add_lasso_interaction")
async def add_lasso(request: Request, viewing: Viewing, state: State) -> Response:
    return await _drawn(request, viewing, state, viewing[1].add_lasso)


async def _drawn(
    request: Request, viewing: tuple[OpenScan, ViewerObject], state: AppState, add: Callable[..., bool]
) -> Response:
    meta = _meta(request, messages.RegionMeta)
    shape = viewing[1].scan.grid.shape
    corner, extent = crop_corner(meta.interaction_bbox, shape)
    body = await request.body()

    def change() -> bool:
        size = math.prod(extent) * _LARGEST_ITEM
        crop = unpack(body, most_bytes=size, shape=extent)
        if not crop.any():
            raise InputError("nothing is drawn: all voxels of the prompt are zero.")
        region = Region.clipped(corner, crop, shape)
        return add(region, positive=meta.include_interaction, predict=meta.run_prediction)

    return await _predicted(state, viewing, change)


@router.post("/add_initial_seg_interaction")
async def add_initial_mask(request: Request, viewing: Viewing, state: State) -> Response:
    _meta(request, messages.StartMeta)  # a mask is taken as it is, with and without a prediction
    viewed = viewing[1]
    body = await request.body()

    def change() -> bool:
        shape = viewed.scan.grid.shape
        return viewed.start(unpack(body, most_bytes=math.prod(shape) * _LARGEST_ITEM, shape=shape))

    return await _predicted(state, viewing, change)


@router.post("/predict")
async def predict(viewing: Viewing, state: State) -> Response:
    return await _predicted(state, viewing, viewing[1].predict)


@router.post("/undo")
async def undo(viewing: Viewing) -> Response:
    opened, viewed = viewing
    return await in_time(asyncio.to_thread, opened, viewed.undo, partial(_answer, viewed))


async def _predicted(
    state: AppState, viewing: tuple[OpenScan, ViewerObject], change: Callable[[], bool]
) -> Response:
    opened, viewed = viewing
    return await in_time(state.model.do, opened, change, partial(_answer, viewed))


def _answer(viewed: ViewerObject, ran: bool) -> Response:
    """The part of the mask that the client does not know yet."""
    part = viewed.changed_part() if ran else None
    meta: dict[str, Any] = {"ran_prediction": ran, "bbox": None, "dtype": "uint8", "shape": []}
    body = b""
    if part is not None:
        meta |= {"bbox": part.bounds, "shape": list(part.voxels.shape)}
        body = pack(part.voxels)
    headers = {META: json.dumps(meta, separators=(",", ":"))}
    return Response(body, media_type="application/octet-stream", headers=headers)


def _done(call: Callable[[], None]) -> Callable[[], bool]:
    def done() -> bool:
        call()
        return True

    return done


def _meta(request: Request, kind: type[Meta]) -> Meta:
    try:
        return kind.model_validate_json(request.headers.get(META, "{}"))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise WireError(f"the header {META} is wrong: {told}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
