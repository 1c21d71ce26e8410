"""``synthfm3d generate``: labelled synthetic volumes from a seed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthfm3d.cli.common import AsJson, DryRun, Quiet, Seed, examples, print_json, progress

if TYPE_CHECKING:
    from synthfm3d.volume import Array


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "generate",
        epilog=examples(
            "synthfm3d generate -n 6 --seed 0 -o out/",
            "synthfm3d generate -n 2 --modality us --shape 48,256,256 -o ultrasound/",
        ),
    )(generate)


def generate(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many volumes.")] = 6,
    seed: Seed = 0,
    first: Annotated[int, typer.Option("--first", min=0, help="Index of the first volume.")] = 0,
    modality: Annotated[
        list[str] | None,
        typer.Option("--modality", metavar="ct|mr|us", help="Only this look; may be repeated."),
    ] = None,
    shape: Annotated[
        str | None, typer.Option("--shape", metavar="Z,Y,X", help="Voxels of each volume.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Slices rendered at a time.")] = 2,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make labelled synthetic volumes: image and label map as NIfTI, the scene as JSON.

    Volume n is a function of the seed and n alone: the same on every machine, with any number of
    threads, in any order. One picture, contact_sheet.png, shows the first 24.
    """
    from synthfm3d.errors import InputError
    from synthfm3d.generate import generate as make
    from synthfm3d.io.atomic import check_writable
    from synthfm3d.pipeline import gallery
    from synthfm3d.synthesis.settings import SynthesisSettings

    chosen: dict[str, object] = {}
    if shape is not None:
        chosen["shape"] = _whole_numbers(shape)
    if modality:
        chosen["modalities"] = tuple(modality)
    try:
        settings = SynthesisSettings(**chosen)  # type: ignore[arg-type]  # checked by the class itself
    except ValueError as error:
        raise InputError(str(error)) from error
    folders = [gallery.volume_folder(output, index) for index in range(first, first + count)]
    if dry_run:
        voxels = settings.shape[0] * settings.shape[1] * settings.shape[2]
        plan = {"volumes": count, "voxels_each": voxels, "bytes_uncompressed": 3 * voxels * count}
        print_json(plan) if as_json else typer.echo("  ".join(f"{k} {v}" for k, v in plan.items()))
        return
    output.mkdir(parents=True, exist_ok=True)
    check_writable(output / gallery.CONTACT_SHEET)

    rows: list[tuple[Array, Array]] = []
    captions: list[str] = []
    with progress("Volumes", total=count, quiet=quiet) as advance:
        for index, folder in enumerate(folders, start=first):
            volume = make(seed, index, settings, threads=threads)
            gallery.write_volume(folder, volume)
            if len(rows) < gallery.MOST_PICTURED:
                rows.append(gallery.tiles(volume))
                captions.append(gallery.caption(volume))
            advance()
    sheet = gallery.write_contact_sheet(output, rows, captions)
    if as_json:
        print_json({"volumes": [str(folder) for folder in folders], "contact_sheet": str(sheet)})
    else:
        typer.echo(f"{count} volumes in {output}, pictures in {sheet}")


def _whole_numbers(text: str) -> tuple[int, int, int]:
    from synthfm3d.errors import InputError

    try:
        z, y, x = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--shape {text}: write three whole numbers, for example --shape 64,192,192."
        ) from None
    return z, y, x
