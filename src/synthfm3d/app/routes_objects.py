"""Objects of a scan: prompt, segment, correct, undo, and download the result."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi import Path as InPath

from synthfm3d.app.answers import preview_of, state_of
from synthfm3d.app.messages import (
    ChoiceRequest,
    Label,
    NameRequest,
    PromptRequest,
    SegmentRequest,
    prompts_of,
)
from synthfm3d.app.replies import Preview, ScanState
from synthfm3d.app.routes_scans import NIFTI, QUICK_GZIP, Stack, as_stack, attachment
from synthfm3d.app.state import State, ThisScan, changed, read_out
from synthfm3d.app.store import OpenScan
from synthfm3d.errors import InputError
from synthfm3d.io.checks import reading_at_most
from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.io.pairs import read_mask
from synthfm3d.io.write import write
from synthfm3d.prompts.prompt import Mask
from synthfm3d.volume import Volume

router = APIRouter(prefix="/api/scans/{identifier}", tags=["objects"])
ThisLabel = Annotated[Label, InPath()]


@router.post("/prompts")
async def add_prompts(body: PromptRequest, opened: ThisScan, state: State) -> ScanState:
    """Add prompts to an object, as one step. Clicks on an object that is there correct its mask."""
    prompts = prompts_of(body.prompts)
    await changed(state, opened, lambda: opened.session.add(prompts, body.label))
    return await _state(opened)


@router.delete("/objects/{label}/prompts/{position}")
async def remove_prompt(label: ThisLabel, position: int, opened: ThisScan, state: State) -> ScanState:
    """Remove a prompt by its place in the list; with the last one the object goes, too."""
    if not 0 <= position < len(opened.session.prompts.get(label, ())):
        raise HTTPException(404, f"Object {label} has no prompt {position}.")
    await changed(state, opened, lambda: opened.session.remove(position, label))
    return await _state(opened)


@router.put("/objects/{label}/mask", openapi_extra={"requestBody": {"content": {"*/*": {}}}})
async def add_mask(
    label: ThisLabel,
    request: Request,
    opened: ThisScan,
    state: State,
    value: Annotated[int | None, Query(ge=1, description="The object's value in a label map.")] = None,
) -> ScanState:
    """Outline an object with a mask on the scan's grid, a file such as NIfTI, on one or more slices.

    A slice that holds foreground is taken as outlined whole.
    """
    content = await request.body()
    most_bytes = state.settings.limits.voxel_bytes
    mask = await state.reader.do(lambda: _read_mask(content, opened.scan, value, most_bytes))
    await changed(state, opened, lambda: opened.session.add(Mask(volume=mask), label))
    return await _state(opened)


@router.post("/objects/{label}/alternative")
async def choose(label: ThisLabel, body: ChoiceRequest, opened: ThisScan, state: State) -> ScanState:
    """Take another of the answers of different sizes that an object lists, as one step."""
    _check_there(opened, label)
    await changed(state, opened, lambda: opened.session.choose(body.position, label))
    return await _state(opened)


@router.patch("/objects/{label}")
async def rename(label: ThisLabel, body: NameRequest, opened: ThisScan) -> ScanState:
    """Name an object; a known structure becomes a coded term in DICOM."""
    _check_there(opened, label)
    opened.names[label] = body.name.strip() or f"Object {label}"
    return await _state(opened)


@router.delete("/objects/{label}")
async def discard(label: ThisLabel, opened: ThisScan, state: State) -> ScanState:
    """Remove an object with all its prompts."""
    _check_there(opened, label)
    await changed(state, opened, lambda: opened.session.discard(label))
    return await _state(opened)


@router.post("/undo")
async def undo(opened: ThisScan, state: State) -> ScanState:
    """Undo the last step, if there is one."""
    await changed(state, opened, opened.session.undo)
    return await _state(opened)


@router.post("/cancel", status_code=204)
async def cancel(opened: ThisScan) -> None:
    """Stop the change that is being made now, if there is one; its own call is answered with 409."""
    if opened.work is not None:
        opened.work.cancelled.set()


_NOTHING_NEW: dict[int | str, dict[str, Any]] = {204: {"description": "There is nothing new to see."}}


@router.get("/preview", responses=_NOTHING_NEW, response_model=Preview)
async def get_preview(opened: ThisScan, after: int = 0) -> Preview | Response:
    """The mask on the clicked slice so far, while a prompt is being answered.

    ``after`` is the number of the last preview that the caller has seen.
    """
    work = opened.work
    if work is None or work.preview is None or work.shown <= after or opened.scan.third_axis == "time":
        return Response(status_code=204)
    return preview_of(work.preview, work.shown)


@router.post("/redo")
async def redo(opened: ThisScan, state: State) -> ScanState:
    """Redo the last step that was undone, if there is one."""
    await changed(state, opened, opened.session.redo)
    return await _state(opened)


@router.post("/reset")
async def reset(opened: ThisScan, state: State) -> ScanState:
    """Remove all objects; this can be undone."""
    await changed(state, opened, opened.session.clear)
    return await _state(opened)


@router.post("/segment", response_class=Response)
async def segment(body: SegmentRequest, opened: ThisScan, state: State) -> Response:
    """All objects from all their prompts in one call; answers with the label map as NIfTI."""
    labels = [one.label for one in body.objects]
    if len(set(labels)) < len(labels):
        raise InputError("give each object a label of its own.")
    objects = {one.label: prompts_of(one.prompts) for one in body.objects}
    await changed(state, opened, lambda: opened.session.segment(objects))
    opened.names.update({one.label: one.name for one in body.objects if one.name})
    return await get_labels(opened)


@router.get("/labels.nii.gz", response_class=Response)
async def get_labels(opened: ThisScan, stack: Stack = False) -> Response:
    """All objects as a label map on the scan's own grid, as NIfTI."""
    content = await read_out(opened, lambda: _encoded(opened, stack))
    return Response(content, media_type=NIFTI, headers=attachment(opened, "labels.nii.gz"))


@router.get("/labels.dcm", response_class=Response)
async def get_dicom_segmentation(opened: ThisScan, state: State) -> Response:
    """All objects as a DICOM segmentation that refers to the series, without the patient's identity."""
    if opened.origin is None:
        raise InputError("a DICOM segmentation needs a DICOM scan: take the label map as NIfTI.")
    async with opened.lock:
        content = await state.reader.do(lambda: _dicom(opened))
    return Response(content, media_type="application/dicom", headers=attachment(opened, "labels.dcm"))


def _encoded(opened: OpenScan, stack: bool) -> bytes:
    labels = opened.session.label_map()
    return nifti_bytes(as_stack(labels) if stack else labels, QUICK_GZIP)


def _dicom(opened: OpenScan) -> bytes:
    assert opened.origin is not None
    names = {label: name for label, name in opened.names.items() if label in opened.session.prompts}
    with tempfile.TemporaryDirectory(prefix="synthfm3d_") as folder:
        path = Path(folder) / "labels.dcm"
        try:
            write(opened.session.label_map(), path, replace(opened.origin, names=names))
        except InputError as error:
            raise error.about("labels.dcm") from error
        return path.read_bytes()


def _read_mask(content: bytes, scan: Volume, value: int | None, most_bytes: int) -> Volume:
    with tempfile.TemporaryDirectory(prefix="synthfm3d_") as folder, reading_at_most(most_bytes):
        path = Path(folder) / "mask"
        path.write_bytes(content)
        try:
            return read_mask(path, scan, value)
        except InputError as error:
            raise error.about("the mask") from error


def _check_there(opened: OpenScan, label: int) -> None:
    if label not in opened.session.prompts:
        raise HTTPException(404, f"There is no object {label}.")


async def _state(opened: OpenScan) -> ScanState:
    return await read_out(opened, lambda: state_of(opened))
