"""``show``, ``verify``, ``inspect`` and ``export``: commands that read what ``generate`` stored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from synthfm3d.cli.common import AsJson, Quiet, Seed, examples, print_json, progress, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synthfm3d.shards.sample import StoredVolume

ShardsArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Shards that generate wrote.")]
OutputOption = Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("show", epilog=examples("synthfm3d show out/volume_00003/scene.json -o again/"))(show)
    app.command(
        "verify",
        epilog=examples(
            "synthfm3d verify shards/",
            "synthfm3d verify shards/ --regenerate 100 --json",
        ),
    )(verify)
    app.command(
        "inspect",
        epilog=examples(
            "synthfm3d inspect shards/",
            "synthfm3d inspect shards/ -n 300 -o report/ --json",
        ),
    )(inspect)
    app.command(
        "export",
        epilog=examples(
            "synthfm3d export shards/ --format nifti -n 10 -o nifti/",
            "synthfm3d export shards/ --format nnunet -o nnUNet_raw/Dataset900_Synthetic",
            "synthfm3d export shards/ --format medsam2-npz -o npz/",
        ),
    )(export)


def show(
    scene_file: Annotated[Path, typer.Argument(metavar="SCENE.json", help="A scene that generate wrote.")],
    output: OutputOption,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Render a stored scene again, to the same voxels as before.

    You may change numbers in the file by hand to see their effect. Writes image.nii.gz, labels.nii.gz,
    scene.json and contact_sheet.png.
    """
    from synthfm3d.cli.settings import read_scene
    from synthfm3d.files import check_writable
    from synthfm3d.generate import realise
    from synthfm3d.pipeline import gallery
    from synthfm3d.synthesis.sampler import GENERATOR_VERSION

    scene = read_scene(scene_file)
    if scene.generator_version != GENERATOR_VERSION:
        say(
            f"Warning: {scene_file} was made by generator version {scene.generator_version}, this is "
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


def verify(
    folder: ShardsArgument,
    regenerate: Annotated[
        int,
        typer.Option(
            "--regenerate", min=0, help="How many volumes to make again and compare; the seed chooses them."
        ),
    ] = 8,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check every shard against its hash and the plan, and make some volumes again to compare them.

    The exit code is 0 if the dataset is complete, and 1 if anything is missing or differs.
    """
    from dataclasses import asdict

    from synthfm3d.cli.settings import read_plan
    from synthfm3d.cli.shard_run import size_in_words
    from synthfm3d.generation.verify import verify as check

    plan = read_plan(folder)
    with progress("Shards", total=plan.shards, quiet=quiet) as advance:
        found = check(folder, plan, regenerate=regenerate, seed=seed, advance=advance)
    if as_json:
        print_json({"folder": str(folder), "whole": not found.problems, **asdict(found)})
    else:
        typer.echo(
            f"{found.volumes} of {plan.count} volumes in {found.shards} of {plan.shards} shards are "
            f"complete, {size_in_words(found.bytes)}; {found.regenerated} were made again and compared."
        )
    if found.problems:
        for problem in found.problems if not as_json else ():
            say(problem)
        say(f"To repair it, run the command that made {folder} again.", quiet=quiet)
        raise typer.Exit(1)


def inspect(
    folder: ShardsArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder to write; by default the folder of the shards."),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many volumes to measure.")] = 60,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Describe a dataset: statistics.html, contact_sheet.png and README.md, its card for a model hub.

    The volumes that are measured are spread evenly over the shards. No volume is made again.
    """
    from dataclasses import asdict

    from synthfm3d.cli.settings import scene_of
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
            f"{found.volumes} volumes, {found.measured} measured: open "
            f"{found.statistics.resolve().as_uri()} in a browser; the card is {found.card}."
        )


def export(
    folder: ShardsArgument,
    format_: Annotated[
        Literal["nifti", "nnunet", "monai-decathlon", "medsam2-npz", "sam2-video", "zarr"],
        typer.Option("--format", help="Output format."),
    ],
    output: OutputOption,
    first: Annotated[int, typer.Option("--first", min=0, help="Skip this many volumes.")] = 0,
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help="How many volumes; all by default.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write stored volumes in a format of another program."""
    from synthfm3d.errors import InputError
    from synthfm3d.pipeline.export import check_one_meaning
    from synthfm3d.pipeline.export import export as write
    from synthfm3d.shards.reader import ShardFolder

    stored = ShardFolder(folder)
    indices = range(len(stored))[first:][:count]
    if not indices:
        raise InputError(f"--first {first}: {folder} holds {len(stored)} volumes: give a smaller number.")
    if len(indices) > 1:
        check_one_meaning(folder, format_)
    with progress("Volumes", total=len(indices), quiet=quiet) as advance:

        def volumes() -> "Iterator[StoredVolume]":
            for index in indices:
                yield stored[index]
                advance()

        write(volumes(), format_, output)
    if as_json:
        print_json({"folder": str(output), "format": format_, "volumes": len(indices)})
    else:
        typer.echo(f"{len(indices)} volumes in {output}")
