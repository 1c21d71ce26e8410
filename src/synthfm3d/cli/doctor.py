"""``synthfm3d doctor``: find problems of the installation, and say how to solve them."""

from typing import TYPE_CHECKING, Annotated

import typer

from synthfm3d.cli.common import AsJson, examples, print_json

if TYPE_CHECKING:
    from synthfm3d.pipeline.doctor import Finding

_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "doctor",
        epilog=examples(
            "synthfm3d doctor",
            "synthfm3d doctor --full",
            "synthfm3d doctor --json",
            "synthfm3d doctor --viewer http://127.0.0.1:8765/nninteractive",
        ),
    )(doctor)


def doctor(
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Also make a volume, import SAM 2 and segment a scan; takes half a minute."
        ),
    ] = False,
    viewer: Annotated[
        str | None,
        typer.Option(
            "--viewer",
            metavar="URL",
            help="Check only this server, as 3D Slicer and napari use it.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="SYNTHFM3D_TOKEN", help="Token of the server, with --viewer."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for problems: packages, extras, cores, memory, GPU, folders, weights.

    The exit code is 1 if something does not work. Something that may fail, or is slow, is a warning.
    """
    from dataclasses import asdict

    from synthfm3d.pipeline.doctor.examination import examine
    from synthfm3d.pipeline.doctor.viewer import examine_viewer

    found: list[Finding] = []
    for finding in examine(full=full) if viewer is None else examine_viewer(viewer, token or None):
        found.append(finding)
        if not as_json:
            typer.echo(_line(finding))
    if as_json:
        print_json([asdict(finding) for finding in found])
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(1)


def _line(finding: "Finding") -> str:
    state = typer.style(f"{finding.state:4}", fg=_COLOURS[finding.state])
    way_out = f"\n      {'':17} -> {finding.way_out}" if finding.way_out else ""
    return f"{state}  {finding.check:17} {finding.message}{way_out}"
