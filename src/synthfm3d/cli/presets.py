"""Presets by name, and the commands ``gallery`` and ``statistics``, which show what presets make."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthfm3d.cli.common import AsJson, Quiet, Seed, examples, print_json, progress

if TYPE_CHECKING:
    from synthfm3d.synthesis.settings import SynthesisSettings

PresetNames = Annotated[
    list[str] | None,
    typer.Option("--preset", metavar="NAME", help="Preset; may be repeated; all by default."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, as in --set noise.mode=off."),
]
Shape = Annotated[str | None, typer.Option("--shape", metavar="Z,Y,X", help="Voxels of each volume.")]
OutputOption = Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")]

_BYTES_PER_VOXEL = 12
"""Memory of a volume while it is made, written and pictured: image, labels, and copies of them."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        "gallery",
        epilog=examples(
            "synthfm3d gallery -o gallery/",
            "synthfm3d gallery --preset us --preset mr -n 4 --seed 3 -o gallery/",
            "synthfm3d gallery --preset ct --set boundary.mode=off -o sharp/",
        ),
    )(gallery)
    app.command(
        "statistics",
        epilog=examples(
            "synthfm3d statistics -o statistics/",
            "synthfm3d statistics --preset default --preset paper -n 100 --workers 4 -o statistics/",
            "synthfm3d statistics --preset mr --set anatomy.organs=[2,4] -o few_organs/ --json",
        ),
    )(statistics)


def gallery(
    output: OutputOption,
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


def statistics(
    output: OutputOption,
    preset: PresetNames = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Volumes of each preset.")] = 30,
    seed: Seed = 0,
    shape: Shape = None,
    overrides: Overrides = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure every target of many volumes: size, roundness, overlap of slices, contrast, spacing.

    Writes statistics.html, one page of histograms beside published numbers of real organs, and
    statistics.json with every number of every target.
    """
    from synthfm3d.files import check_writable
    from synthfm3d.pipeline.pages import STATISTICS_PAGE, statistics_data, write_statistics
    from synthfm3d.pipeline.statistics import measure_presets

    presets = chosen_presets(preset, overrides, shape)
    output.mkdir(parents=True, exist_ok=True)
    check_writable(output / STATISTICS_PAGE)
    with progress("Volumes", total=count * len(presets), quiet=quiet) as advance:
        found = measure_presets(presets, seed=seed, volumes=count, workers=workers, advance=advance)
    page = write_statistics(output, found, seed=seed)
    if as_json:
        print_json(statistics_data(found, seed=seed))
    else:
        typer.echo(f"Open {page.resolve().as_uri()} in a browser.")


def chosen_preset(
    name: str, settings_file: Path | None, overrides: Sequence[str] | None, shape: str | None
) -> "SynthesisSettings":
    """Settings of one preset, changed by a file of settings and by single settings.

    Raises InputError for a name or a setting that does not exist, and for a shape that needs more memory than
    this machine has.
    """
    from synthfm3d.cli.settings import read_settings
    from synthfm3d.errors import InputError
    from synthfm3d.synthesis.presets import PRESETS
    from synthfm3d.synthesis.settings import SynthesisSettings

    if name not in PRESETS:
        raise InputError(f"--preset {name}: is not a preset; choose {', '.join(PRESETS)}.")
    words = [*(overrides or []), *([f"shape=[{shape}]"] if shape else [])]
    settings = read_settings(SynthesisSettings, settings_file, words, base=PRESETS[name])
    depth, height, width = settings.shape
    needed, available = depth * height * width * _BYTES_PER_VOXEL, _memory_bytes()
    if needed > available:
        raise InputError(
            f"shape: a volume of {depth} x {height} x {width} voxels needs {needed / 2**30:.0f} GiB of "
            f"memory, this machine has {available / 2**30:.0f} GiB: choose a smaller shape."
        )
    return settings


def _memory_bytes() -> int:
    """Memory of this machine; a very large number where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 1 << 62


def chosen_presets(
    names: Sequence[str] | None, overrides: Sequence[str] | None, shape: str | None
) -> "dict[str, SynthesisSettings]":
    """Settings of the named presets, or of all presets, with the same changes in each.

    Raises InputError for a name or a setting that does not exist.
    """
    from synthfm3d.synthesis.presets import PRESETS

    return {name: chosen_preset(name, None, overrides, shape) for name in dict.fromkeys(names or PRESETS)}
