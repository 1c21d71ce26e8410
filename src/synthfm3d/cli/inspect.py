"""``synthfm3d inspect``: what a folder of shards looks like."""

from pathlib import Path
from typing import Annotated

import typer

from synthfm3d.cli.common import AsJson, Quiet, examples, print_json, progress


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "inspect",
        epilog=examples(
            "synthfm3d inspect shards/",
            "synthfm3d inspect shards/ -n 300 -o report/ --json",
        ),
    )(inspect)


def inspect(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Shards that generate wrote.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to write; the shards' own if not given.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many volumes to measure.")] = 60,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Look into a dataset: statistics.html, contact_sheet.png, and README.md, its card for a model hub.

    Volumes are read, evenly spread over the shards; nothing is made again.
    """
    from dataclasses import asdict

    from synthfm3d.cli.stored import scene_of
    from synthfm3d.files import check_writable
    from synthfm3d.generation.plan import read_dataset
    from synthfm3d.pipeline.inspection import CARD_NAME, inspect_shards

    description = read_dataset(folder)
    output = output or folder
    output.mkdir(parents=True, exist_ok=True)
    check_writable(output / CARD_NAME)
    with progress("Volumes", total=min(count, description["count"]), quiet=quiet) as advance:
        found = inspect_shards(
            folder,
            output,
            description,
            scene_of=lambda volume: scene_of(volume.scene, f"{folder}: {volume.key}"),
            most=count,
            advance=advance,
        )
    if as_json:
        print_json(
            {**asdict(found), **{n: str(getattr(found, n)) for n in ("card", "statistics", "picture")}}
        )
    else:
        typer.echo(
            f"{found.volumes} volumes, {found.measured} looked at: open "
            f"{found.statistics.resolve().as_uri()} in a browser; the card is {found.card}."
        )
