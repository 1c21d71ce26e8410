"""``synthfm3d serve``: segment scans with clicks in the browser, or by REST."""

import ipaddress
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from synthfm3d.cli.boundary import require
from synthfm3d.cli.common import Device, Quiet, examples, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    import socket

    import uvicorn
    from fastapi import FastAPI

    from synthfm3d.app.adaptations import Adapt
    from synthfm3d.app.settings import Limits, ServeSettings

_MEBI = 2**20
_ALWAYS_OFFERED = ("default", "random-walker", "grow-cut")
"""Models that come with the package. The page offers them in addition to the named ones."""
RANDOM = "random"
"""The value of ``--token`` that asks for a random token."""


ScansArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[SCAN]...", help="Scans to offer: files, or folders of one scan.", show_default=False
    ),
]
RootOption = Annotated[
    Path | None, typer.Option("--root", help="Folder in which visitors may open every scan.")
]
HostOption = Annotated[str, typer.Option("--host", help="Address to listen at.")]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port to listen at; 0: any free port.")
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Model, as for synthfm3d segment. Repeat it to offer more models on the page.",
        show_default="default",
    ),
]
FrameOption = Annotated[
    int | None, typer.Option("--frame", min=0, help="Frame of the named 4-D scans, counted from 0.")
]
SeriesOption = Annotated[
    str | None, typer.Option("--series", help="Series of the named DICOM folders, by number or UID.")
]
ModalityOption = Annotated[
    Literal["ct", "mr", "us"] | None, typer.Option("--modality", help="Modality of the named scans.")
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="SYNTHFM3D_TOKEN",
        help="Secret that visitors must know; required if others can reach the address. random: make one.",
    ),
]
PublicHostOption = Annotated[
    list[str] | None,
    typer.Option("--public-host", metavar="NAME", help="Name by which a browser calls the server."),
]
UploadOption = Annotated[
    int, typer.Option("--upload-limit", min=1, metavar="MIB", help="Largest file to upload.")
]
AdaptedModelsOption = Annotated[
    Path,
    typer.Option(
        "--adapted-models",
        metavar="FOLDER",
        help="Folder for the models that visitors adapt to their masks on the page.",
    ),
]
ItksnapOption = Annotated[
    int | None,
    typer.Option(
        "--itksnap-port", min=0, max=65535, help="Port for ITK-SNAP, on this machine only; 0: any free port."
    ),
]
IdleOption = Annotated[
    float,
    typer.Option("--idle", min=0.1, metavar="MINUTES", help="Close scans that are unused for this long."),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "serve",
        epilog=examples(
            "synthfm3d serve scan.nii.gz",
            "synthfm3d serve cardiac.nii.gz --frame 4 --modality mr",
            "synthfm3d serve dicom/ --root /data/scans --port 9000",
            "synthfm3d serve --host 0.0.0.0 --token random",
            "synthfm3d serve --itksnap-port 8911",
            "SYNTHFM3D_TOKEN=... synthfm3d serve --host 0.0.0.0 --public-host scans.example.org",
        ),
    )(serve)


def serve(
    scans: ScansArgument = None,
    root: RootOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8765,
    model: ModelOption = None,
    frame: FrameOption = None,
    series: SeriesOption = None,
    modality: ModalityOption = None,
    token: TokenOption = None,
    public_host: PublicHostOption = None,
    upload_mib: UploadOption = 1024,
    adapted_models: AdaptedModelsOption = Path("adapted-models"),
    itksnap_port: ItksnapOption = None,
    idle_minutes: IdleOption = 60.0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Serve a page on which you segment scans with clicks, and a playground of synthetic volumes.

    3D Slicer and napari use the same server, at its address followed by /nninteractive. The page and every
    file it needs come with the package; nothing is loaded from the internet. Programs use the same server by
    REST, which is described at /openapi.json. Stop the server with Ctrl+C.
    """
    require("uvicorn")  # before the scans are read

    from synthfm3d.app.settings import Limits
    from synthfm3d.io.read import ReadOptions

    limits = Limits(upload_bytes=upload_mib * _MEBI, idle_seconds=60 * idle_minutes)
    first, *others = model or ["default"]
    settings = replace(
        _settings(tuple(scans or ()), root, host, _token(token), tuple(public_host or ()), first, limits),
        other_models=(*others, *_ALWAYS_OFFERED),
        device=device,
        adapted_models=adapted_models,
        warm_up=True,
        reading=ReadOptions(frame=frame, series=series, modality=modality),
    )
    _check_scans(settings)  # find wrong input before the model is loaded
    if not _is_loopback(host):
        say(
            f"Warning: {host} can be reached by others, unencrypted: put a proxy with TLS in front.",
            quiet=quiet,
        )
    say(f"Loading the model {settings.model}.", quiet=quiet)
    _run(settings, host, port, itksnap_port, quiet=quiet)


def _run(settings: "ServeSettings", host: str, port: int, itksnap_port: int | None, *, quiet: bool) -> None:
    """Load the model and serve until the process is stopped."""
    import uvicorn

    from synthfm3d.app.server import create_app
    from synthfm3d.evaluation.methods.models import model_method  # torch: seconds

    app = create_app(model_method(settings.model, settings.device).segmenter, settings, _adapter())
    _write_log(quiet)
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    listener = _listener(server, host, settings.token)
    if itksnap_port is None:
        server.run(sockets=[listener])
    else:
        _run_with_itksnap(server, listener, app, itksnap_port)


def _adapter() -> "Adapt | None":
    """What adapts models to the masks of visitors; None if the extra ``train`` is not installed."""
    if find_spec("accelerate") is None:
        return None
    from synthfm3d.pipeline.improving import improve

    return improve


def _check_scans(settings: "ServeSettings") -> None:
    """Raise InputError for a scan that is missing or not a scan, and for options that do not fit it."""
    from synthfm3d.app.files import Files
    from synthfm3d.io.read import ReadOptions, format_of, load

    for path in Files(settings.scans, settings.root).scans:
        if settings.reading == ReadOptions():
            format_of(path)
            continue
        load(path, settings.reading)  # its doubts are shown when a user opens the scan


def _run_with_itksnap(server: "uvicorn.Server", listener: "socket.socket", app: "FastAPI", port: int) -> None:
    """Also serve ITK-SNAP, at a port of this machine's own address, until the process is stopped."""
    import uvicorn

    from synthfm3d.app.viewers.itksnap import create_itksnap_app, run_both

    beside = uvicorn.Config(create_itksnap_app(app), port=port, log_config=None, access_log=False, ws="none")
    beside_listener = beside.bind_socket()
    beside_listener.listen(beside.backlog)
    typer.echo(f"ITK-SNAP: http://127.0.0.1:{beside_listener.getsockname()[1]}")
    run_both(server, listener, beside, beside_listener)


def _listener(server: "uvicorn.Server", host: str, token: str | None) -> "socket.socket":
    """Bind the server's address, and print it."""
    listener = server.config.bind_socket()
    # From now on, a request waits for the server instead of being refused.
    listener.listen(server.config.backlog)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}/"
    # The part after the number sign stays in the browser and is in no log.
    typer.echo(f"Open {address}#token={token}" if token else f"Open {address}")
    return listener


def _token(token: str | None) -> str | None:
    from secrets import token_urlsafe

    return token_urlsafe(24) if token == RANDOM else token or None


def _settings(
    scans: tuple[Path, ...],
    root: Path | None,
    host: str,
    token: str | None,
    public_hosts: tuple[str, ...],
    model: str,
    limits: "Limits",
) -> "ServeSettings":
    from synthfm3d.app.settings import LOOPBACK, SHORTEST_TOKEN, ServeSettings

    if token is None and not _is_loopback(host):
        raise InputError(
            f"--host {host}: others can reach this address: add --token random, or a token of your own."
        )
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise InputError(f"--token: is too short: use {SHORTEST_TOKEN} characters or more, or random.")
    return ServeSettings(
        scans=scans,
        root=root,
        hosts=LOOPBACK | {host.lower(), *(name.lower() for name in public_hosts)},
        by_address=not _is_loopback(host),
        token=token,
        model=model,
        limits=limits,
    )


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _write_log(quiet: bool) -> None:
    """Log to stderr without paths, names or identifiers; libraries that quote headers are silenced."""
    import logging

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    level = os.environ.get("SYNTHFM3D_LOG", "WARNING" if quiet else "INFO").upper()
    logging.getLogger("synthfm3d.app").setLevel(level)
    for name in ("pydicom", "highdicom", "nibabel"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
