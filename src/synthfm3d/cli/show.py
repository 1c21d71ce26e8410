"""``synthfm3d show``: a stored scene as voxels again, bit for bit."""

from pathlib import Path
from typing import Annotated

import typer

from synthfm3d.cli.common import AsJson, Quiet, examples, print_json, say


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("show", epilog=examples("synthfm3d show out/volume_00003/scene.json -o again/"))(show)


def show(
    scene_file: Annotated[Path, typer.Argument(metavar="SCENE.json", help="A scene that generate wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Render a scene again: the voxels are those of the volume that it was stored with.

    Numbers in the file may be changed by hand to see what they do. Writes image.nii.gz,
    labels.nii.gz, scene.json and contact_sheet.png.
    """
    from synthfm3d.cli.stored import read_scene
    from synthfm3d.files import check_writable
    from synthfm3d.generate import realise
    from synthfm3d.pipeline import gallery
    from synthfm3d.synthesis.sampler import GENERATOR_VERSION

    scene = read_scene(scene_file)
    if scene.generator_version != GENERATOR_VERSION:
        say(
            f"Warning: {scene_file} is of generator version {scene.generator_version}, this is "
            f"{GENERATOR_VERSION}: the volume may differ.",
            quiet=quiet,
        )
    output.mkdir(parents=True, exist_ok=True)
    check_writable(output / gallery.CONTACT_SHEET)
    volume = realise(scene, threads=2)
    folder = gallery.volume_folder(output, scene.index)
    gallery.write_volume(folder, volume)
    pictures = gallery.ContactSheet()
    pictures.add(volume)
    sheet = pictures.write(output)
    if as_json:
        print_json({"volume": str(folder), "picture": str(sheet)})
    else:
        typer.echo(f"{folder}, picture in {sheet}")
