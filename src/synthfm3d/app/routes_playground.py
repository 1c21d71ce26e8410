"""The playground: draw a synthetic volume, see its truth, and let the model find a structure in it."""

import asyncio
import time

import numpy as np
from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel

from synthfm3d.app.answers import details_of, state_of
from synthfm3d.app.messages import MOST_OBJECTS
from synthfm3d.app.opening import open_drawn
from synthfm3d.app.playground import STRONGEST, Drawn, DrawRequest, Strengths, as_yaml, settings_of
from synthfm3d.app.replies import ScanState
from synthfm3d.app.routes_scans import NIFTI, QUICK_GZIP, as_stack
from synthfm3d.app.state import State, ThisScan, Visitor, changed, read_out
from synthfm3d.app.store import OpenScan
from synthfm3d.errors import InputError
from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.prompts.prompt import Point
from synthfm3d.prompts.simulation import innermost_point, largest_slice
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.volume import Array

router = APIRouter(prefix="/api", tags=["playground"])
_THREADS = 2


class Choices(BaseModel):
    """Presets and axes, for the page's menus."""

    presets: list[str]
    axes: list[str]
    strongest: float


@router.get("/playground")
async def get_choices() -> Choices:
    """What can be chosen in the playground."""
    return Choices(presets=list(PRESETS), axes=list(Strengths.model_fields), strongest=STRONGEST)


@router.post("/playground", status_code=201)
async def draw(body: DrawRequest, state: State, visitor: Visitor) -> Drawn:
    """Draw a synthetic volume of 96 x 96 x 96 voxels; it is an open scan then, with its truth."""
    if body.preset not in PRESETS:
        raise InputError(f"there is no preset {body.preset}: choose {', '.join(PRESETS)}.")
    state.store.check_room()
    settings = settings_of(body)
    start = time.perf_counter()
    drawn = await state.renderer.do(lambda: generate(body.seed, body.index, settings, threads=_THREADS))
    milliseconds = 1000 * (time.perf_counter() - start)
    name = f"{body.preset}, seed {body.seed}, volume {body.index}"
    opened = state.store.add(open_drawn(drawn, name, visitor, state.segmenter, state.settings.limits))
    details = await read_out(opened, lambda: details_of(opened))
    return Drawn(scan=details, yaml=as_yaml(body, settings), milliseconds=milliseconds)


@router.get("/scans/{identifier}/truth.nii.gz", response_class=Response)
async def get_truth(opened: ThisScan) -> Response:
    """The label map that a synthetic volume was drawn with."""
    labels = _drawn(opened).labels
    content = await asyncio.to_thread(lambda: nifti_bytes(as_stack(labels), QUICK_GZIP))
    return Response(content, media_type=NIFTI)


@router.post("/scans/{identifier}/simulated-click")
async def simulate_click(opened: ThisScan, state: State, structure: int | None = None) -> ScanState:
    """A click in the innermost place of a drawn structure, the thickest if none is named, as a new object."""
    labels = _drawn(opened).labels
    there = [int(label) for label in np.unique(labels.voxels) if label]
    if not there or (structure is not None and structure not in there):
        raise HTTPException(404, "The volume holds no such structure.")
    free = next((n for n in range(1, MOST_OBJECTS + 1) if n not in opened.session.prompts), None)
    if free is None:
        raise InputError(f"there are {MOST_OBJECTS} objects: remove one first.")
    asked = there if structure is None else [structure]
    found = await asyncio.to_thread(lambda: [_innermost(labels.voxels == label) for label in asked])
    best = max(range(len(asked)), key=lambda n: found[n][1])
    r, a, s = (float(mm) for mm in labels.grid.to_mm(found[best][0]))
    await changed(state, opened, lambda: opened.session.add(Point(position_mm=(r, a, s)), free))
    opened.names[free] = _drawn(opened).scene.label_names()[asked[best]]
    return await read_out(opened, lambda: state_of(opened))


def _innermost(mask: Array) -> tuple[Array, float]:
    """(z, y, x) of the innermost voxel of a mask's largest slice, and its distance to the edge in pixels."""
    z = largest_slice(mask)
    y, x = innermost_point(mask[z])
    outside = np.argwhere(~mask[z])
    room = np.linalg.norm(outside - [y, x], axis=1).min() if len(outside) else np.inf
    return np.array([z, y, x]), float(room)


def _drawn(opened: OpenScan) -> LabelledVolume:
    if opened.drawn is None:
        raise HTTPException(404, "This scan was not drawn here: there is no truth of it.")
    return opened.drawn
