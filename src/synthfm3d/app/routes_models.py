"""Models: which can be chosen, and new ones that learn from the visitor's own masks."""

import asyncio
from dataclasses import fields
from typing import Any

from fastapi import APIRouter, HTTPException, Response

from synthfm3d.app.adaptations import Adaptation, Example, Task
from synthfm3d.app.answers import object_name, without_options
from synthfm3d.app.messages import AdaptationRequest
from synthfm3d.app.replies import AdaptationAnswer, Models
from synthfm3d.app.state import State, Visitor, find_scan
from synthfm3d.app.store import OpenScan

router = APIRouter(prefix="/api", tags=["models"])


@router.get("/models")
async def get_models(state: State) -> Models:
    """The models that can be chosen for a scan, with those that visitors adapted."""
    return Models(names=list(state.models.names), can_adapt=state.adaptations.is_offered)


@router.get("/adaptations")
async def list_adaptations(state: State, visitor: Visitor) -> list[AdaptationAnswer]:
    """The visitor's own adaptations, in the order of their start."""
    return [_answer(one) for one in state.adaptations.of(visitor)]


@router.post("/adaptations", status_code=202)
async def adapt(body: AdaptationRequest, state: State, visitor: Visitor) -> AdaptationAnswer:
    """Adapt a model to the masks of open scans, in the background; one adaptation runs at a time.

    A part of the masks is held back, and the model is judged by it. If it did not become better, no model is
    written.
    """
    opened = [find_scan(identifier, state) for identifier in dict.fromkeys(body.scans)]
    examples = [example for one in opened if (example := await _example(one)) is not None]
    start = body.start or opened[0].model
    state.models.check(start)
    task = Task(
        examples=examples,
        start=start,
        minutes=body.minutes,
        steps=body.steps,
        synthetic_share=body.synthetic_share,
    )
    return _answer(state.adaptations.start(body.name, visitor, task))


@router.delete("/adaptations/{identifier}", status_code=204, response_class=Response)
async def cancel_adaptation(identifier: str, state: State, visitor: Visitor) -> Response:
    """Stop an adaptation; one that is over is taken off the list. A model that was written stays."""
    try:
        state.adaptations.cancel(identifier, visitor)
    except KeyError:
        raise HTTPException(404, "There is no such adaptation.") from None
    return Response(status_code=204)


async def _example(opened: OpenScan) -> Example | None:
    """A scan with the masks of its objects; None if it has none."""
    async with opened.lock:
        found = await asyncio.to_thread(lambda: dict(opened.session.segmentations))
        masks = {
            object_name(opened, label): one.mask.voxels > 0
            for label, one in found.items()
            if one.mask.voxels.any()
        }
        return Example(image=opened.scan, masks=masks) if masks else None


def _answer(one: Adaptation) -> AdaptationAnswer:
    known: dict[str, Any] = {f.name: getattr(one, f.name) for f in fields(Adaptation)}
    shown = {name: known[name] for name in AdaptationAnswer.model_fields}
    if one.error is not None:
        shown["error"] = without_options(one.error)
    return AdaptationAnswer(**shown)
