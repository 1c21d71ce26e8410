"""``synthfm3d export``: shards in the formats of other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from synthfm3d.cli.common import AsJson, Quiet, examples, print_json, progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synthfm3d.shards.sample import StoredVolume


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "export",
        epilog=examples(
            "synthfm3d export shards/ --format nifti -n 10 -o nifti/",
            "synthfm3d export shards/ --format nnunet -o nnUNet_raw/Dataset900_Synthetic",
            "synthfm3d export shards/ --format medsam2-npz -o npz/",
        ),
    )(export)


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Shards that generate wrote.")],
    format_: Annotated[
        Literal["nifti", "nnunet", "monai-decathlon", "medsam2-npz", "sam2-video", "zarr"],
        typer.Option("--format", help="Output format."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")],
    first: Annotated[int, typer.Option("--first", min=0, help="Skip this many volumes.")] = 0,
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help="How many volumes; all if not given.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write stored volumes in a format that another program reads."""
    from synthfm3d.errors import InputError
    from synthfm3d.pipeline.export import check_one_meaning
    from synthfm3d.pipeline.export import export as write
    from synthfm3d.shards.reader import ShardFolder

    stored = ShardFolder(folder)
    places = range(len(stored))[first:][:count]
    if not places:
        raise InputError(f"--first {first}: {folder} holds {len(stored)} volumes: give a smaller number.")
    if len(places) > 1:
        check_one_meaning(folder, format_)
    with progress("Volumes", total=len(places), quiet=quiet) as advance:

        def volumes() -> "Iterator[StoredVolume]":
            for place in places:
                yield stored[place]
                advance()

        write(volumes(), format_, output)
    if as_json:
        print_json({"folder": str(output), "format": format_, "volumes": len(places)})
    else:
        typer.echo(f"{len(places)} volumes in {output}")
