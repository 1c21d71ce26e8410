"""``synthfm3d train``: a model from synthetic volumes that are rendered while it learns."""

from pathlib import Path
from typing import Annotated, Any

import typer

from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, examples, print_json, progress, say


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        "train",
        epilog=examples(
            "synthfm3d train recipes/nano.yaml -o runs/nano",
            "synthfm3d train recipes/nano.yaml -o runs/nano --resume",
            "synthfm3d train recipes/nano.yaml -o runs/short --set steps=200 --set optimiser.rate=1e-3",
        ),
    )(train)


def train(
    recipe: Annotated[Path | None, typer.Argument(help="YAML file with the settings of the run.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder of the run.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")] = False,
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

    The folder gets log.jsonl, checkpoint.pt, and in the end model.safetensors, which `--model` of
    the other commands takes (give it the folder). The last quarter of a cosine decay matters:
    shorten a run by setting steps, not by stopping it.
    """
    from synthfm3d.cli.settings import read_settings, settings_schema
    from synthfm3d.errors import InputError
    from synthfm3d.training.config import TrainingConfig
    from synthfm3d.training.loop import train as run
    from synthfm3d.training.state import CHECKPOINT_FILE, parameter_count

    if schema:
        print_json(settings_schema(TrainingConfig))
        return
    if recipe is None or output is None:
        raise InputError("a recipe and -o FOLDER are needed: synthfm3d train recipes/nano.yaml -o runs/nano")
    config = read_settings(TrainingConfig, recipe, overrides or ())
    if dry_run:
        plan = {
            "parameters": parameter_count(config.model),
            "steps": config.steps,
            "volumes": config.steps * config.batch_size,
            "checkpoints": config.steps // config.checkpoint_steps,
        }
        print_json(plan) if as_json else typer.echo("  ".join(f"{k} {v}" for k, v in plan.items()))
        return
    if not resume and (output / CHECKPOINT_FILE).exists():
        raise InputError(f"{output}: holds a run already; add --resume to go on, or name a new folder.")

    with progress("Training", total=config.steps, quiet=quiet) as advance:
        seen = 0

        def report(entry: dict[str, Any]) -> None:
            nonlocal seen
            told = [f"{name} {entry[name]:.3f}" for name in ("loss", "soft_dice") if name in entry]
            told += [f"{name} {value:.3f}" for name, value in entry.items() if name.startswith("validation")]
            advance(entry["step"] - seen, "  ".join(told))
            seen = entry["step"]

        weights = run(config, output, resume=resume, device=device, report=report)
    say(f"trained {config.steps} steps", quiet=quiet)
    print_json({"weights": str(weights), "steps": config.steps}) if as_json else typer.echo(weights)
