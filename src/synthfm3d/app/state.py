"""What all routes share: the models, the open scans, the files that may be opened, and the visitor."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from secrets import token_urlsafe
from typing import Annotated, TypeVar

from fastapi import Cookie, Depends, HTTPException, Request, Response

from synthfm3d.app.adaptations import Adaptations
from synthfm3d.app.files import Files
from synthfm3d.app.models import OfferedModels
from synthfm3d.app.settings import ServeSettings
from synthfm3d.app.store import OpenScan, Store
from synthfm3d.app.viewers.leases import Leases
from synthfm3d.app.work import SerialThread, WarmUp, Work
from synthfm3d.segmentation.predictor import Segmenter

_VISITOR_COOKIE = "synthfm3d_visitor"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AppState:
    """What one server holds.

    Parameters
    ----------
    models
        The models that visitors may choose.
    adaptations
        Models that learn from the visitors' masks.
    leases
        Places of viewers such as 3D Slicer and napari.
    warm_up
        Segments once on each kind of scan, so that the first prompt on it is not slow.
    model, reader, renderer
        Threads for the model, for reading and writing scans, and for drawing synthetic ones.
    """

    settings: ServeSettings
    models: OfferedModels
    adaptations: Adaptations
    files: Files
    store: Store
    leases: Leases
    model: SerialThread
    reader: SerialThread
    renderer: SerialThread
    warm_up: WarmUp

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter that every scan begins with."""
        return self.models.get(self.settings.model)

    def close(self) -> None:
        """Cancel all work, stop the threads, and close all scans."""
        self.warm_up.stop()
        self.adaptations.stop_all()
        self.store.cancel_all()
        for thread in (self.model, self.reader, self.renderer):
            thread.close()
        self.store.close_all()


def _shared_state(request: Request) -> AppState:
    state = request.app.state.shared
    assert isinstance(state, AppState)
    return state


State = Annotated[AppState, Depends(_shared_state)]


def _visitor(
    request: Request, response: Response, known: Annotated[str | None, Cookie(alias=_VISITOR_COOKIE)] = None
) -> str:
    """Who is asking, for the list of scans: a browser keeps its cookie, a program may leave it alone."""
    if known is not None and 16 <= len(known) <= 64:
        return known
    new = token_urlsafe(24)
    set_cookie(request, response, _VISITOR_COOKIE, new)
    return new


Visitor = Annotated[str, Depends(_visitor)]


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie that scripts cannot read and other sites' pages do not send."""
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=request.url.scheme == "https")


def find_scan(identifier: str, state: State) -> OpenScan:
    """The open scan of an identifier; 404 if there is none."""
    try:
        return state.store.get(identifier)
    except KeyError:
        raise HTTPException(404, "This scan is not open (any more): open it again.") from None


ThisScan = Annotated[OpenScan, Depends(find_scan)]


async def changed(state: AppState, opened: OpenScan, call: Callable[[], Result]) -> Result:
    """The result of a call that changes a session, made by the model's thread; one at a time for a scan."""
    async with opened.lock:
        state.warm_up.stop()
        opened.work = Work()
        try:
            result = await state.model.do(partial(opened.work.run, call))
        finally:
            opened.work = None
        opened.revision += 1
        return result


async def read_out(opened: OpenScan, call: Callable[[], Result]) -> Result:
    """The result of a call that reads a session as a whole, beside the event loop and between changes."""
    async with opened.lock:
        return await asyncio.to_thread(call)
