"""``synthfm3d statistics``: what presets make, in numbers beside real anatomy."""

from pathlib import Path
from typing import Annotated

import typer

from synthfm3d.cli.common import AsJson, Quiet, Seed, examples, print_json, progress
from synthfm3d.cli.presets import Overrides, PresetNames, Shape


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "statistics",
        epilog=examples(
            "synthfm3d statistics -o statistics/",
            "synthfm3d statistics --preset default --preset paper -n 100 --workers 4 -o statistics/",
            "synthfm3d statistics --preset mr --set anatomy.organs=[2,4] -o few_organs/ --json",
        ),
    )(statistics)


def statistics(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")],
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
    from synthfm3d.cli.presets import chosen_presets
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
