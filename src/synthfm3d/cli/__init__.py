"""The command ``synthfm3d`` with all its sub-commands.

The modules of commands import nothing heavy before a command runs, so ``--help`` answers at once.
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from synthfm3d import __version__
from synthfm3d.cli.boundary import guarded
from synthfm3d.cli.layout import CommandLine


def application() -> typer.Typer:
    """The application with all its commands."""
    # Imported here, so that reading a recipe (cli.settings) does not load every command.
    from synthfm3d.cli import (
        adapt,
        datasets,
        doctor,
        evaluate,
        generate,
        pipeline,
        presets,
        segment,
        serve,
        stored,
        train,
    )

    app = typer.Typer(
        cls=CommandLine,
        help="Promptable 3-D medical segmentation, trained without a single real image. "
        "Research software, not a medical device.",
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_without_a_command)
    # This is the order of the commands in the help.
    for module in (
        segment,
        serve,
        generate,
        stored,
        presets,
        train,
        adapt,
        evaluate,
        datasets,
        pipeline,
        doctor,
    ):
        module.register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 wrong input, 130 stopped.

    Parameters
    ----------
    arguments
        Words after ``synthfm3d``; None takes those of the process.
    """
    return guarded(application(), arguments)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"synthfm3d {__version__}")
        raise typer.Exit()


def _without_a_command(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
