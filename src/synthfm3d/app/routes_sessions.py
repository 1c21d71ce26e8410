"""Work as a file: save a session, load one, and take the objects of a label map."""

from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from synthfm3d.app.answers import state_of
from synthfm3d.app.messages import MOST_OBJECTS
from synthfm3d.app.opening import read_label_map
from synthfm3d.app.replies import ScanState
from synthfm3d.app.routes_scans import attachment
from synthfm3d.app.session_file import prompts_json, read_session, session_bytes
from synthfm3d.app.state import State, ThisScan, changed, read_out
from synthfm3d.app.store import OpenScan
from synthfm3d.errors import InputError
from synthfm3d.volume import Volume

router = APIRouter(prefix="/api/scans/{identifier}", tags=["sessions"])
_ANY_BODY: dict[str, Any] = {"requestBody": {"content": {"*/*": {}}}}


@router.get("/session.zip", response_class=Response)
async def get_session(opened: ThisScan) -> Response:
    """All objects with their prompts, names and masks, to be loaded again."""
    content = await read_out(opened, lambda: session_bytes(opened.session, opened.names))
    return Response(content, media_type="application/zip", headers=attachment(opened, "session.zip"))


@router.get("/prompts.json", response_class=Response)
async def get_prompts(opened: ThisScan) -> Response:
    """All prompts in the form that ``synthfm3d segment --prompts`` reads, in millimetres."""
    content = await read_out(opened, lambda: prompts_json(opened.session, opened.names))
    return Response(content, media_type="application/json", headers=attachment(opened, "prompts.json"))


@router.put("/session", openapi_extra=_ANY_BODY)
async def load_session(request: Request, opened: ThisScan, state: State) -> ScanState:
    """Restore the objects of a session file; a prompts file is taken, too, and segmented anew.

    They replace the objects of the same labels, as one step.
    """
    content = await request.body()
    most_bytes = state.settings.limits.voxel_bytes
    saved = await state.reader.do(lambda: read_session(content, opened.scan, most_bytes))
    objects = {label: (one.prompts, one.mask) for label, one in saved.items()}
    await changed(state, opened, lambda: opened.session.restore(objects))
    opened.names.update({label: one.name for label, one in saved.items() if one.name})
    return await read_out(opened, lambda: state_of(opened))


@router.put("/labels", openapi_extra=_ANY_BODY)
async def load_labels(request: Request, opened: ThisScan, state: State) -> ScanState:
    """Take every label of a label map as an object that prompts then correct."""
    content = await request.body()
    most_bytes = state.settings.limits.voxel_bytes
    labels = await state.reader.do(lambda: read_label_map(content, opened.scan, most_bytes))
    return await _take_labels(labels, opened, state)


@router.post("/labels/{other}")
async def take_labels_of(other: str, opened: ThisScan, state: State) -> ScanState:
    """Take every label of a label map that is open as a scan, as an object."""
    try:
        labels = state.store.get(other).scan
    except KeyError:
        raise InputError("the label map is not open any more: open it again.") from None
    return await _take_labels(labels, opened, state)


async def _take_labels(labels: Volume, opened: OpenScan, state: State) -> ScanState:
    objects = _masks_by_label(labels, opened)
    await changed(state, opened, lambda: opened.session.restore(objects))
    return await read_out(opened, lambda: state_of(opened))


def _masks_by_label(labels: Volume, opened: OpenScan) -> dict[int, tuple[tuple[()], Volume]]:
    """The mask of each value under a free label, that of the value itself if it is free."""
    values = [int(value) for value in np.unique(labels.voxels) if value]
    free = [label for label in range(1, MOST_OBJECTS + 1) if label not in opened.session.prompts]
    if len(values) > len(free):
        raise InputError(f"the label map has {len(values)} labels: there is room for {len(free)} objects.")
    kept = {value for value in values if value in free}
    others = (label for label in free if label not in kept)
    return {
        value if value in kept else next(others): (
            (),
            labels.with_voxels((labels.voxels == value).astype(np.uint8)),
        )
        for value in values
    }
