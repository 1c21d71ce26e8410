"""``synthfm3d train``: train a model on synthetic volumes, which are rendered during training."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, examples, print_json, progress, say

if TYPE_CHECKING:
    from synthfm3d.training.config import RunConfig


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "train",
        epilog=examples(
            "synthfm3d train recipes/nano.yaml -o runs/nano",
            "synthfm3d train recipes/nano.yaml -o runs/nano --resume",
            "synthfm3d train recipes/nano.yaml -o runs/nano --extend --set steps=40000",
            "synthfm3d train recipes/nano.yaml -o runs/short --set steps=200 --set optimiser.rate=1e-3",
            "synthfm3d train recipes/sam2.1-tiny.yaml --dry-run",
            "accelerate launch -m synthfm3d train recipes/paper.yaml -o runs/paper",
        ),
    )(train)


def train(
    recipe: Annotated[Path | None, typer.Argument(help="YAML file with the settings of the run.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder of the run.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint in the folder.")
    ] = False,
    extend: Annotated[
        bool,
        typer.Option("--extend", help="Continue with more steps than before (--set steps=N)."),
    ] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one setting.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of recipes, for editors, and stop.")
    ] = False,
    device: Device = "auto",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a promptable model on synthetic volumes.

    The folder gets log.jsonl, checkpoint.pt and, at the end, model.safetensors. Give the folder to `--model`
    of the other commands. Under `accelerate launch` the same command trains on many devices. To make a run
    shorter, set fewer steps instead of stopping it, because the last quarter of the cosine decay matters.
    --extend continues with the learning rate that the longer run has at this step. The rate rises again, so
    the result differs from that of a run that was longer from the start.
    """
    from synthfm3d.cli.settings import read_settings, settings_schema
    from synthfm3d.errors import InputError

    words = overrides or ()
    kind = _kind(recipe, words)
    if schema:
        print_json(settings_schema(kind))
        return
    if recipe is None or (output is None and not dry_run):
        raise InputError("a recipe and -o FOLDER are needed: synthfm3d train recipes/nano.yaml -o runs/nano")
    config = read_settings(kind, recipe, words)
    if dry_run:
        from synthfm3d.training.families import plan

        planned = plan(config)
        print_json(planned) if as_json else typer.echo(_plan_text(planned))
        return
    assert output is not None
    resume = resume or extend
    _check_output(output, resume)

    from synthfm3d.training.loop import train as run  # torch: seconds

    first = os.environ.get("RANK", "0") == "0"  # only one of several processes prints
    with progress("Training", total=config.steps, quiet=quiet or not first) as advance:
        samples = config.batch_size * config.accumulation * int(os.environ.get("WORLD_SIZE", "1"))
        report = _Progress(advance, samples)
        weights = run(config, output, resume=resume, extend=extend, device=device, report=report)
    if first:
        say(f"trained {config.steps} steps", quiet=quiet)
        print_json({"weights": str(weights), "steps": config.steps}) if as_json else typer.echo(weights)


def _check_output(output: Path, resume: bool) -> None:
    """Raise InputError if the folder has a run that is not resumed."""
    from synthfm3d.errors import InputError
    from synthfm3d.training.state import CHECKPOINT_FILE

    if not resume and (output / CHECKPOINT_FILE).exists():
        raise InputError(f"{output}: holds a run already; add --resume to continue, or name a new folder.")


class _Progress:
    """Shows the steps, the loss and the speed of a run on the progress bar."""

    def __init__(self, advance: Callable[..., None], samples_per_step: int) -> None:
        self.advance = advance
        self.samples_per_step = samples_per_step
        self.seen = 0
        self.begun = (0, 0.0)  # the first step that was reported, and its time

    def __call__(self, entry: dict[str, Any]) -> None:
        shown = ("loss", "soft_dice", "validation_dice")
        values = [f"{name} {entry[name]:.3f}" for name in shown if name in entry]
        step, (first_step, first_time) = entry["step"], self.begun
        if self.seen:
            speed = (step - first_step) * self.samples_per_step / max(1e-9, monotonic() - first_time)
            values.append(f"{speed:.2f} samples/s")
        else:
            self.begun = (step, monotonic())
        self.advance(step - self.seen, "  ".join(values))
        self.seen = step


def _kind(recipe: Path | None, overrides: Sequence[str]) -> "type[RunConfig]":
    """The configuration of the family that a recipe names, or ``--set family=…``."""
    from synthfm3d.cli.settings import named_setting
    from synthfm3d.errors import InputError
    from synthfm3d.training.families import FAMILIES

    family = str(named_setting("family", recipe, overrides) or "volumetric")
    if family not in FAMILIES:
        raise InputError(f"family {family}: is not one of {', '.join(FAMILIES)}.")
    return FAMILIES[family].config_type


def _plan_text(plan: dict[str, Any]) -> str:
    """The plan as text: the run, then the parts that are trained and their learning rates."""
    lines = [
        "  ".join(f"{name} {value}" for name, value in plan.items() if not isinstance(value, dict | list))
    ]
    lines += [f"  {part}: {count} trained" for part, count in plan["trained"].items()]
    lines += [
        f"  {group['part']}: rate {group['rate']:g}, decay {group['decay']:g}" for group in plan["rates"]
    ]
    return "\n".join(lines)
