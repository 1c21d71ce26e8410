"""``synthfm3d gallery``: what presets look like."""

from pathlib import Path
from typing import Annotated

import typer

from synthfm3d.cli.common import AsJson, Quiet, Seed, examples, print_json, progress
from synthfm3d.cli.presets import Overrides, PresetNames, Shape


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "gallery",
        epilog=examples(
            "synthfm3d gallery -o gallery/",
            "synthfm3d gallery --preset us --preset mr -n 4 --seed 3 -o gallery/",
            "synthfm3d gallery --preset ct --set boundary.mode=off -o sharp/",
        ),
    )(gallery)


def gallery(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")],
    preset: PresetNames = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=24, help="Volumes of each preset.")] = 8,
    seed: Seed = 0,
    shape: Shape = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a contact sheet of each preset: three planes of every volume, without and with labels.

    Writes PRESET.png for each, and index.html that shows them all.
    """
    from synthfm3d.cli.presets import chosen_presets
    from synthfm3d.files import check_writable
    from synthfm3d.pipeline.gallery import GALLERY_PAGE, write_contact_sheets

    presets = chosen_presets(preset, overrides, shape)
    output.mkdir(parents=True, exist_ok=True)
    check_writable(output / GALLERY_PAGE)
    with progress("Volumes", total=count * len(presets), quiet=quiet) as advance:
        page = write_contact_sheets(output, presets, seed=seed, volumes=count, advance=advance)
    if as_json:
        print_json({"page": str(page), "pictures": [str(output / f"{name}.png") for name in presets]})
    else:
        typer.echo(f"Open {page.resolve().as_uri()} in a browser.")
