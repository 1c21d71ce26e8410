"""Options that all commands share, and output to the terminal.

Results go to stdout. Messages and progress go to stderr, so that a pipe carries only results.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

console = Console(stderr=True)
"""For logs and progress; never for results."""

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")


def _device(name: str) -> str:
    if not _DEVICE.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is not one of auto, cpu, cuda, cuda:N, mps.")
    return name


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors on stderr.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the results on stdout as JSON.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same result.")]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        callback=_device,
        metavar="auto|cpu|cuda[:N]|mps",
        help="Where the model runs; auto takes a GPU if there is one.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]


def examples(*commands: str) -> str:
    """The examples at the end of a command's help, one on each line."""
    return "\n\n".join(["[bold]Examples[/bold]", *map(escape, commands)])


def say(message: str, *, quiet: bool = False) -> None:
    """Print a line on stderr, unless ``quiet``."""
    if not quiet:
        console.print(message, markup=False, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print results on stdout as strict JSON; raises ValueError for NaN and infinity."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


@contextmanager
def progress(
    title: str, total: int | None = None, *, quiet: bool = False, forced: bool = False
) -> Iterator[Callable[..., None]]:
    """Show a progress bar on stderr; yields ``advance(steps=1, note="", total=None)``.

    No bar is shown if ``quiet``, or if stderr is not a terminal and the bar is not ``forced``. So the logs of
    batch jobs stay readable.

    Parameters
    ----------
    title
        What is done, for example ``"Rendering volumes"``.
    total
        Number of steps; None if it is not known.
    """
    # Imported here, because `--help` shows no bar and is faster without this import.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True, force_terminal=True) if forced else console,
        disable=quiet or not (forced or console.is_terminal),
    )
    with bar:
        task = bar.add_task(title, total=total, note="")

        def advance(steps: int = 1, note: str = "", total: int | None = None) -> None:
            bar.update(task, advance=steps, note=note, total=total)

        yield advance
