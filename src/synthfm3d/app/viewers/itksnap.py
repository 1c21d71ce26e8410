"""ITK-SNAP's server, for a port of its own that this machine alone can reach."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from synthfm3d.app.security import Guard
from synthfm3d.app.settings import ServeSettings
from synthfm3d.app.state import AppState
from synthfm3d.app.store import Full
from synthfm3d.app.viewers import routes_itksnap
from synthfm3d.app.viewers.arrays import TooLarge, WireError
from synthfm3d.app.viewers.deadline import TooLate
from synthfm3d.app.viewers.leases import Leases
from synthfm3d.errors import InputError

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (InputError, 400),
    (WireError, 400),
    (TooLarge, 413),
    (Full, 503),
    (TooLate, 504),
)
_UPLOADS = tuple(
    f"{version}/{name}/"
    for version in ("", "/v2")
    for name in ("upload_raw", "process_scribble_interaction", "process_lasso_interaction")
)


def create_itksnap_app(main: FastAPI) -> FastAPI:
    """The application for ITK-SNAP. It shares the model, the memory and the limits of the main application.

    It asks for no token, so it answers to names of this machine only.
    """
    state = main.state.shared
    assert isinstance(state, AppState)
    app = FastAPI(title="SynthFM-3D for ITK-SNAP", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.shared = state
    limits = state.settings.limits
    # Between two prompts ITK-SNAP says nothing.
    app.state.itksnap_leases = Leases(replace(limits, silent_seconds=limits.idle_seconds), state.store)
    local = ServeSettings(model=state.settings.model, limits=limits)
    app.add_middleware(Guard, settings=local, private=("/",), uploads=_UPLOADS)
    for kind, code in _CODES:
        app.add_exception_handler(kind, _answered_with(code))
    app.add_exception_handler(routes_itksnap.NoSession, routes_itksnap.no_session)
    app.include_router(routes_itksnap.router)
    return app


def _answered_with(code: int) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"status": "error", "error": " ".join(str(error).split())}, code)

    return answer


class _Beside(uvicorn.Server):
    """A server that leaves signals to the first one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_both(
    main: uvicorn.Server, listener: socket.socket, beside: uvicorn.Config, beside_listener: socket.socket
) -> None:
    """Serve at two sockets until the process is stopped."""
    asyncio.run(_serve_both(main, listener, _Beside(beside), beside_listener))


async def _serve_both(
    main: uvicorn.Server, listener: socket.socket, beside: uvicorn.Server, beside_listener: socket.socket
) -> None:
    second = asyncio.create_task(beside.serve(sockets=[beside_listener]))
    try:
        await main.serve(sockets=[listener])
    finally:
        beside.should_exit = True
        await second
