"""``synthfm3d generate``: labelled synthetic volumes from a seed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from synthfm3d.cli.common import AsJson, DryRun, Quiet, Seed, examples, print_json, progress
from synthfm3d.cli.presets import Overrides, Shape, chosen_preset
from synthfm3d.cli.shard_run import ShardOptions, run_shards
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.synthesis.settings import SynthesisSettings

MOST_AS_NIFTI = 100
"""More volumes than these are stored in shards by default: folders with many files are slow."""

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="Folder to write; made if missing.")
]
CountOption = Annotated[int, typer.Option("-n", "--count", min=1, help="How many volumes.")]
FirstOption = Annotated[int, typer.Option("--first", min=0, help="Index of the first volume.")]
PresetOption = Annotated[
    str, typer.Option("--preset", help="default, ct, mr, us, cine-us (a beating heart), free, or paper.")
]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", help="YAML file of settings that change the preset.")
]
PrintSettingsOption = Annotated[
    bool, typer.Option("--print-settings", help="Print all settings as YAML and stop.")
]
SchemaOption = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of settings and stop.")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=1, help="NIfTI: slices rendered at the same time.")
]
FormatOption = Annotated[
    Literal["nifti", "shards"] | None,
    typer.Option("--format", help="Output format; shards by default above 100 volumes."),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Shards: number of processes; all cores by default.")
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="Shards: processes of this machine, or a Ray cluster."),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="Ray: address of a cluster; one on this machine by default."),
]
PartOption = Annotated[
    str | None,
    typer.Option("--part", metavar="I/N", help="Shards: make only part I of N, counted from 0."),
]
PerShardOption = Annotated[
    int | None, typer.Option("--per-shard", min=1, help="Shards: volumes in each; 128 by default.")
]
UploadOption = Annotated[
    str | None,
    typer.Option(
        "--upload", metavar="URL", help="Shards: move each to s3://, gs://, hf://, ... when it is finished."
    ),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Shards: keep those that are finished already.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="NIfTI: remove volumes that are in the folder already.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "generate",
        epilog=examples(
            "synthfm3d generate -n 6 --seed 0 -o out/",
            "synthfm3d generate -n 2 --preset us --shape 48,256,256 -o ultrasound/",
            "synthfm3d generate -n 6 --set contrast.mode=off -o two_tone/",
            "synthfm3d generate --preset paper --print-settings > paper.yaml",
            "synthfm3d generate --settings paper.yaml -o out/",
            "synthfm3d generate -n 10000 --shape 32,128,128 -o shards/",
            "synthfm3d generate -n 10000000 --part 17/1000 --workers 32 -o /scratch/shards",
            "synthfm3d generate -n 10000000 --part 0/1000 --dry-run -o /scratch/shards",
            "synthfm3d generate -n 10000000 --engine ray --address auto -o /shared/shards",
        ),
    )(generate)


def generate(
    output: OutputOption = None,
    count: CountOption = 6,
    seed: Seed = 0,
    first: FirstOption = 0,
    preset: PresetOption = "default",
    settings_file: SettingsOption = None,
    overrides: Overrides = None,
    print_settings: PrintSettingsOption = False,
    schema: SchemaOption = False,
    shape: Shape = None,
    threads: ThreadsOption = 2,
    format_: FormatOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    part: PartOption = None,
    per_shard: PerShardOption = None,
    upload: UploadOption = None,
    resume: ResumeOption = True,
    overwrite: OverwriteOption = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make labelled synthetic volumes: image and label map as NIfTI or in shards, the scene as JSON.

    Volume n depends only on the settings, the seed and n. It is the same with any number of threads or
    workers, in any order, and on every x86-64 Linux machine. With NIfTI files, the picture
    contact_sheet.png shows the first 24 volumes; a folder that has volumes already is refused. Shards are
    for many volumes: if the command is stopped or killed, run it again to continue.
    """
    if schema:
        _print_schema()
        return
    settings = chosen_preset(preset, settings_file, overrides, shape)
    if print_settings:
        _print_settings(settings)
        return
    if output is None:
        raise InputError("-o FOLDER is needed: synthfm3d generate -n 6 --seed 0 -o out/")
    shards = ShardOptions(workers, engine, address, part, per_shard, upload, resume)
    indices = range(first, first + count)
    if (format_ or ("shards" if count > MOST_AS_NIFTI else "nifti")) == "shards":
        if overwrite:
            raise InputError("--overwrite: is for NIfTI; use --no-resume to make shards again.")
        run_shards(output, settings, indices, seed, shards, dry_run=dry_run, as_json=as_json, quiet=quiet)
        return
    shards.check_unused()
    if dry_run:
        _tell_size(settings, count, as_json)
        return
    _check_unused(output, overwrite)
    folders, sheet = _write_folders(output, settings, indices, seed=seed, threads=threads, quiet=quiet)
    if as_json:
        print_json({"volumes": [str(folder) for folder in folders], "contact_sheet": str(sheet)})
    else:
        typer.echo(f"{count} volumes in {output}, pictures in {sheet}")


def _print_schema() -> None:
    from synthfm3d.cli.settings import settings_schema
    from synthfm3d.synthesis.settings import SynthesisSettings

    print_json(settings_schema(SynthesisSettings))


def _print_settings(settings: "SynthesisSettings") -> None:
    from synthfm3d.cli.settings import settings_yaml

    typer.echo(settings_yaml(settings), nl=False)


def _tell_size(settings: "SynthesisSettings", count: int, as_json: bool) -> None:
    """Print how many voxels and bytes the volumes will have."""
    depth, height, width = settings.shape
    voxels = depth * height * width
    size = {"volumes": count, "voxels_each": voxels, "bytes_uncompressed": 3 * voxels * count}
    print_json(size) if as_json else typer.echo("  ".join(f"{name} {value}" for name, value in size.items()))


def _check_unused(output: Path, overwrite: bool) -> None:
    """Refuse a folder with volumes of an earlier run, or remove these, so that two runs are never mixed."""
    from synthfm3d.pipeline.gallery import remove_volumes, volumes_in

    existing = volumes_in(output)
    if existing and not overwrite:
        raise InputError(
            f"{output}: holds {len(existing)} volumes already: name a new folder, or replace them "
            "(--overwrite)."
        )
    if next(output.glob("*.tar"), None) is not None:
        raise InputError(f"{output}: holds shards: name a new folder for NIfTI files.")
    remove_volumes(output)


def _write_folders(
    output: Path, settings: "SynthesisSettings", indices: range, *, seed: int, threads: int, quiet: bool
) -> tuple[list[Path], Path]:
    """Write a folder for each volume, and one picture of the first volumes; return both."""
    from synthfm3d.files import check_writable
    from synthfm3d.generate import generate as make
    from synthfm3d.pipeline import gallery

    output.mkdir(parents=True, exist_ok=True)
    check_writable(output / gallery.CONTACT_SHEET)
    folders = [gallery.volume_folder(output, index) for index in indices]
    sheet = gallery.ContactSheet()
    with progress("Volumes", total=len(indices), quiet=quiet) as advance:
        for index, folder in zip(indices, folders, strict=True):
            volume = make(seed, index, settings, threads=threads)
            gallery.write_volume(folder, volume)
            sheet.add(volume)
            advance()
    return folders, sheet.write(output)
