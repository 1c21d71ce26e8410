"""What all commands share: options with one spelling, and where their words go.

Results go to stdout, everything said to a person goes to stderr, so that a pipe carries only data.
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
        raise typer.BadParameter(f"{name!r} is none of auto, cpu, cuda, cuda:N, mps.")
    return name


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]
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
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def examples(*commands: str) -> str:
    """Epilog of a command's help: one example on each line."""
    return "\n\n".join(["[bold]Examples[/bold]", *map(escape, commands)])


def say(message: str, *, quiet: bool = False) -> None:
    """One line to the person, on stderr; nothing when quiet."""
    if not quiet:
        console.print(message, markup=False, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any] | Sequence[Any]) -> None:
    """Results on stdout as strict JSON: not-a-number must have been given a meaning before."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


@contextmanager
def progress(
    title: str, total: int | None = None, *, quiet: bool = False, forced: bool = False
) -> Iterator[Callable[..., None]]:
    """Progress bar on stderr; yields ``advance(steps=1, note="", total=None)``.

    Silent when quiet, or where stderr is no terminal unless ``forced``, so logs of batch jobs stay
    readable.

    Parameters
    ----------
    title
        What is going on, for example ``"Rendering volumes"``.
    total
        Number of steps; None if it is not known.
    """
    # Here, not above: `--help` draws no bar and answers sooner without.
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
