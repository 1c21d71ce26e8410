"""The server, put together: guard, routes, page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from synthfm3d import __version__
from synthfm3d.app import routes_models, routes_objects, routes_playground, routes_scans, routes_sessions
from synthfm3d.app.adaptations import Adapt, Adaptations
from synthfm3d.app.answers import without_options
from synthfm3d.app.files import Files
from synthfm3d.app.messages import LoginRequest
from synthfm3d.app.models import OfferedModels
from synthfm3d.app.replies import Choices, Health
from synthfm3d.app.security import LOGIN_COOKIE, Guard, login_value, same_secret
from synthfm3d.app.settings import ServeSettings
from synthfm3d.app.state import AppState, State, set_cookie
from synthfm3d.app.store import Full, Store
from synthfm3d.app.viewers import routes_nninteractive
from synthfm3d.app.viewers.leases import Leases
from synthfm3d.app.work import SerialThread, WarmUp
from synthfm3d.errors import ChoiceNeeded, InputError
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.watching import Cancelled

PAGE = Path(__file__).parent / "page"
_SWEEP_SECONDS = 30.0
"""How often scans that nobody uses are looked for."""


def create_app(segmenter: Segmenter, settings: ServeSettings, adapt: Adapt | None = None) -> FastAPI:
    """The application for any ASGI server; one process of it, since open scans live in its memory.

    ``adapt`` adapts models to the masks of visitors; without it, this is not offered.

    Raises InputError for a named scan or a root that does not exist.
    """

    def load(name: str) -> Segmenter:
        return Segmenter.from_pretrained(name, settings.device)

    store = Store(settings.limits)
    model = SerialThread("model")
    models = OfferedModels(settings.model, segmenter, settings.other_models, load)
    state = AppState(
        settings=settings,
        models=models,
        adaptations=Adaptations(adapt, settings.adapted_models, models, settings.device),
        files=Files(settings.scans, settings.root),
        store=store,
        leases=Leases(settings.limits, store),
        model=model,
        reader=SerialThread("reader"),
        renderer=SerialThread("renderer"),
        warm_up=WarmUp(model),
    )
    app = FastAPI(
        title="SynthFM-3D",
        version=__version__,
        description="Promptable segmentation of 3-D scans. Research software, not a medical device.",
        docs_url=None,  # both load their scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.shared = state
    app.add_middleware(Guard, settings=settings)
    app.add_exception_handler(ChoiceNeeded, _choice_needed)
    app.add_exception_handler(InputError, _input_error)
    app.add_exception_handler(Full, _full)
    app.add_exception_handler(Cancelled, _cancelled)
    app.add_exception_handler(RequestValidationError, _wrong_request)
    _add_general_routes(app)
    for module in (
        routes_scans,
        routes_objects,
        routes_sessions,
        routes_models,
        routes_playground,
        routes_nninteractive,
    ):
        app.include_router(module.router)
    app.mount("/", GZipMiddleware(StaticFiles(directory=PAGE, html=True), minimum_size=2000, compresslevel=4))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state.shared
    sweeper = asyncio.create_task(_sweep(state))
    yield
    sweeper.cancel()
    state.close()


async def _sweep(state: AppState) -> None:
    while True:
        await asyncio.sleep(min(_SWEEP_SECONDS, state.settings.limits.idle_seconds))
        state.leases.take_back_unused()
        state.store.close_idle()


def _add_general_routes(app: FastAPI) -> None:
    @app.get("/healthz", tags=["server"])
    async def health(state: State) -> Health:
        """That the server lives, and how many calls stand in line for the model."""
        return Health(
            version=__version__,
            model=state.settings.model,
            models=list(state.models.names),
            open_scans=len(state.store),
            waiting=state.model.waiting,
        )

    @app.post("/api/login", tags=["server"], status_code=204, response_class=Response)
    async def log_in(body: LoginRequest, request: Request, state: State) -> Response:
        """Exchange the token for a cookie; programs send it as ``Authorization: Bearer`` instead."""
        token = state.settings.token
        if token is not None and not same_secret(body.token, token):
            raise HTTPException(401, "That is not the token.")
        response = Response(status_code=204)
        if token is not None:
            set_cookie(request, response, LOGIN_COOKIE, login_value(token))
        return response


async def _input_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": _for_visitors(error)}, 422)


async def _choice_needed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ChoiceNeeded)
    told = Choices(detail=_for_visitors(error), frames=error.frames, series=list(error.series))
    return JSONResponse(told.model_dump(), 422)


def _for_visitors(error: Exception) -> str:
    return " ".join(without_options(str(error)).split())


async def _wrong_request(request: Request, error: Exception) -> JSONResponse:
    """Which field is wrong and why; not its value, which may be not-a-number and so no JSON."""
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
    return JSONResponse({"detail": told}, 422)


async def _cancelled(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "Cancelled. Nothing was changed."}, 409)


async def _full(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, headers={"Retry-After": "60"})
