"""Scans: list, open, upload, look at, close."""

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Header, Query, Request, Response

from synthfm3d.app.answers import details_of, shown_patient
from synthfm3d.app.messages import OpenRequest, ScanRequest, Source
from synthfm3d.app.opening import open_file
from synthfm3d.app.replies import FileEntry, Listing, ScanDetails, ShownPatient
from synthfm3d.app.state import AppState, State, ThisScan, Visitor, read_out
from synthfm3d.app.store import OpenScan
from synthfm3d.errors import InputError
from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.io.read import ReadOptions
from synthfm3d.volume import Modality, Volume

router = APIRouter(prefix="/api", tags=["scans"])
NIFTI = "application/gzip"
QUICK_GZIP = 1
"""Compression level of files that are made at every click; level 4 takes three times as long."""
Stack = Annotated[
    bool, Query(description="Frames of a sequence as slices of a stack, as the page shows them.")
]


@router.get("/files")
async def list_files(state: State, folder: str = "") -> Listing:
    """What can be opened without an upload: the named scans, and a folder under the root."""
    scans = [FileEntry(name=path.name, scan=n) for n, path in enumerate(state.files.scans)]
    entries = []
    if state.files.root is not None:
        found = await asyncio.to_thread(state.files.listing, folder)
        entries = [FileEntry(name=e.name, path=e.path, is_folder=e.is_folder) for e in found]
    return Listing(scans=scans, has_root=state.files.root is not None, folder=folder, entries=entries)


@router.get("/scans")
async def list_scans(state: State, visitor: Visitor) -> list[ScanDetails]:
    """The visitor's own open scans, told apart by a cookie."""
    return [await _details(opened) for opened in state.store.of(visitor)]


@router.post("/scans", status_code=201)
async def open_scan(body: OpenRequest, state: State, visitor: Visitor) -> ScanDetails:
    """Open a named scan, or a file or DICOM folder under the root."""
    if (body.scan is None) == (body.path is None):
        raise InputError("give either the number of a scan or a path.")
    path = state.files.named(body.scan) if body.scan is not None else state.files.under_root(body.path or "")
    given = state.settings.reading if body.scan is not None else ReadOptions()
    options = replace(
        given,
        frame=given.frame if body.frame is None else body.frame,
        series=body.series or given.series,
        modality=body.modality or given.modality,
        spacing_mm=body.spacing_mm or given.spacing_mm,
        allow_gaps=body.allow_gaps,
        cine=body.cine,
    )
    source = Source(scan=body.scan, path=body.path, frame=body.frame, series=body.series)
    return await _opened(state, path, path.name, visitor, options, source=source)


@router.post("/uploads", status_code=201, openapi_extra={"requestBody": {"content": {"*/*": {}}}})
async def upload(
    request: Request,
    state: State,
    visitor: Visitor,
    x_file_name: Annotated[str, Header(description="Name of the file, percent-encoded.")] = "scan",
    modality: Modality | None = None,
    frame: Annotated[int | None, Query(ge=0)] = None,
) -> ScanDetails:
    """Open a scan from the body of the request, the file as it is: NIfTI, NRRD, MetaImage, one DICOM file."""
    state.store.check_room()
    name = _plain_name(x_file_name)
    folder = Path(tempfile.mkdtemp(prefix="synthfm3d_"))
    kept = False
    try:
        path = folder / "upload"
        with path.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
        details = await _opened(
            state, path, name, visitor, ReadOptions(modality=modality, frame=frame), folder=folder
        )
        kept = details.dicom
        return details
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


@router.get("/scans/{identifier}")
async def get_scan(opened: ThisScan) -> ScanDetails:
    """Geometry, grey values, doubts and objects of an open scan."""
    return await _details(opened)


@router.patch("/scans/{identifier}")
async def change_scan(body: ScanRequest, opened: ThisScan, state: State) -> ScanDetails:
    """Change the modality of a scan or the model for it; its objects stay as they are."""
    async with opened.lock:
        if body.model is not None:
            name = body.model
            opened.session.segmenter = await state.model.do(lambda: state.models.get(name))
            opened.model = name
        if body.modality is not None:
            modality = None if body.modality == "unknown" else body.modality
            opened.session.take_for(modality)
            opened.scan = opened.session.scan
        opened.revision += 1
    return await _details(opened)


@router.delete("/scans/{identifier}", status_code=204)
async def close_scan(opened: ThisScan, state: State) -> None:
    """Close a scan; its masks are gone."""
    state.store.close(opened.id)


@router.get("/scans/{identifier}/image.nii.gz", response_class=Response)
async def get_image(opened: ThisScan, stack: Stack = False) -> Response:
    """The scan as NIfTI on its own grid."""
    content = await asyncio.to_thread(_packed, opened.scan, stack)
    return Response(content, media_type=NIFTI)


@router.get("/scans/{identifier}/patient")
async def get_patient(opened: ThisScan) -> ShownPatient:
    """A coarse mask of the patient in a CT scan; for a 3-D view without the table."""
    return await asyncio.to_thread(shown_patient, opened.scan)


def attachment(opened: OpenScan, ending: str) -> dict[str, str]:
    """Headers that make a browser save an answer under a name of ASCII letters made from the scan's."""
    stem = opened.name.split(".")[0]
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in stem) or "scan"
    return {"Content-Disposition": f'attachment; filename="{plain}_{ending}"'}


def _packed(volume: Volume, stack: bool) -> bytes:
    return nifti_bytes(as_stack(volume) if stack else volume, QUICK_GZIP)


def as_stack(volume: Volume) -> Volume:
    """The same voxels with frames as slices: a viewer of stacks shows no time."""
    return replace(volume, third_axis="space")


async def _opened(
    state: AppState,
    path: Path,
    name: str,
    visitor: str,
    options: ReadOptions,
    *,
    folder: Path | None = None,
    source: Source | None = None,
) -> ScanDetails:
    state.store.check_room()
    opened = await state.reader.do(
        lambda: open_file(path, name, visitor, options, state.segmenter, state.settings.limits)
    )
    opened.source, opened.model = source, state.settings.model
    opened = state.store.add(opened)
    if opened.origin is not None:
        opened.folder = folder
    if state.settings.warm_up:
        state.warm_up.start(opened.session.segmenter, opened.scan)
    return await _details(opened)


async def _details(opened: OpenScan) -> ScanDetails:
    return await read_out(opened, lambda: details_of(opened))


def _plain_name(given: str) -> str:
    """The last part of a name, without what could be a path or be hidden."""
    name = PurePosixPath(unquote(given).replace("\\", "/")).name
    return "".join(c for c in name if c.isprintable()).lstrip(".")[:120] or "scan"
