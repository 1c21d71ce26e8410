"""``synthfm3d verify``: is a folder of shards whole."""

from pathlib import Path
from typing import Annotated

import typer

from synthfm3d.cli.common import AsJson, Quiet, Seed, examples, print_json, progress, say


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "verify",
        epilog=examples(
            "synthfm3d verify shards/",
            "synthfm3d verify shards/ --regenerate 100 --json",
        ),
    )(verify)


def verify(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Shards that generate wrote.")],
    regenerate: Annotated[
        int,
        typer.Option("--regenerate", min=0, help="Volumes to make again and compare, chosen by the seed."),
    ] = 8,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check every shard against its hash and the plan, and some volumes against themselves made again.

    Exit code 0 if the dataset is whole, 1 if anything is missing or differs.
    """
    from dataclasses import asdict

    from synthfm3d.cli.shard_run import size_in_words
    from synthfm3d.cli.stored import read_plan
    from synthfm3d.generation.verify import verify as check

    plan = read_plan(folder)
    with progress("Shards", total=plan.shards, quiet=quiet) as advance:
        found = check(folder, plan, regenerate=regenerate, seed=seed, advance=advance)
    if as_json:
        print_json({"folder": str(folder), "whole": not found.problems, **asdict(found)})
    else:
        typer.echo(
            f"{found.volumes} of {plan.count} volumes in {found.shards} of {plan.shards} shards are whole, "
            f"{size_in_words(found.bytes)}; {found.regenerated} were made again and compared."
        )
    if found.problems:
        for problem in found.problems if not as_json else ():
            say(problem)
        say(f"To mend it, run the command that made {folder} again.", quiet=quiet)
        raise typer.Exit(1)
