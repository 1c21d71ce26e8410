"""``reproduce`` and ``demo``: commands that run a whole pipeline."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthfm3d.cli.boundary import require
from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, Seed, examples, print_json, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.pipeline.reproduction_config import ReproductionConfig
    from synthfm3d.pipeline.stages import StageState


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        "reproduce",
        epilog=examples(
            "synthfm3d reproduce recipes/reproduce.yaml -o runs/paper --dataset camus=/data/CAMUS_public",
            "synthfm3d reproduce recipes/reproduce.yaml -o runs/try --dataset acdc=/data/ACDC --scale 0.001",
            "synthfm3d reproduce recipes/reproduce.yaml -o runs/paper --dataset acdc=/data/ACDC --dry-run",
            "accelerate launch -m synthfm3d reproduce recipes/reproduce.yaml -o runs/paper",
        ),
    )(reproduce)
    app.command("demo", epilog=examples("synthfm3d demo -o demo/"))(demo)


def reproduce(
    recipe: Annotated[Path, typer.Argument(help="YAML file of the experiment: recipes/reproduce.yaml.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run; made if missing.")],
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Path of your copy of a dataset; repeatable."),
    ] = None,
    scale: Annotated[
        float, typer.Option(help="Share of steps, volumes and cases; below 1 for a rehearsal.")
    ] = 1.0,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one setting.")
    ] = None,
    device: Device = "auto",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make volumes, fine-tune SAM 2 on them, score it before and after, and compare with the paper.

    Each stage is done once. If the command is stopped or killed, run it again to continue. Writes
    reproduction.html and reproduction.json beside the folders of the stages.
    """
    from synthfm3d.cli.settings import read_settings
    from synthfm3d.pipeline.reproduce import planned
    from synthfm3d.pipeline.reproduce import reproduce as run
    from synthfm3d.pipeline.reproduction_config import ReproductionConfig

    config = _with_paths(read_settings(ReproductionConfig, recipe, overrides or ()), dataset or ())
    if not 0 < scale <= 1:
        raise InputError(f"--scale {scale:g}: give a share above 0 and up to 1.")
    if dry_run:
        stages = [_summary(placed) for placed in planned(config, output, scale=scale)]
        if as_json:
            print_json(stages)
        else:
            for stage in stages:
                typer.echo("  ".join(f"{name} {value}" for name, value in stage.items()))
        return
    done = run(config, output, scale=scale, device=device, say=lambda words: say(words, quiet=quiet))
    if done is None:
        return
    if as_json:
        print_json({"page": str(done.page), "rows": list(done.rows)})
    else:
        typer.echo(done.page)


def _with_paths(config: "ReproductionConfig", words: "list[str] | tuple[str, ...]") -> "ReproductionConfig":
    """The configuration with the paths of datasets. A dataset that it does not name is used whole."""
    from synthfm3d.cli.evaluate_inputs import name_and_path
    from synthfm3d.pipeline.reproduction_config import DatasetChoice

    datasets = dict(config.evaluation.datasets)
    for word in words:
        name, path = name_and_path(word)
        datasets[name] = replace(datasets.get(name, DatasetChoice()), path=path)
    return replace(config, evaluation=replace(config.evaluation, datasets=datasets))


def _summary(placed: "StageState") -> dict[str, object]:
    return {
        "stage": placed.stage.name,
        "folder": str(placed.folder),
        "done": placed.facts is not None,
        **_size(placed.stage.settings),
    }


def _size(settings: "object") -> dict[str, object]:
    """The numbers of a stage that determine how long it takes."""
    assert isinstance(settings, dict)
    data = settings.get("data", {})
    size: dict[str, object] = {name: settings[name] for name in ("start", "steps") if name in settings}
    if "volumes" in data:
        size["volumes"] = data["volumes"]
    if "cases" in settings:
        size["cases"] = len(settings["cases"])
    return size


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")] = Path(
        "demo"
    ),
    model: Annotated[str, typer.Option("--model", help="Model that segments the scan.")] = "default",
    seed: Seed = 0,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a gallery of synthetic volumes, segment a real scan from one click, write index.html."""
    require("torch")  # before volumes are made

    from synthfm3d.pipeline.demo import run_demo

    result = run_demo(
        output, seed=seed, model=model, device=device, report=lambda sentence: say(sentence, quiet=quiet)
    )
    if as_json:
        print_json(
            {
                "page": str(result.page),
                "volume_ml": round(result.volume_ml, 3),
                "seconds_per_volume": round(result.seconds_per_volume, 3),
                "seconds_to_segment": round(result.seconds_to_segment, 3),
            }
        )
    else:
        typer.echo(f"Open {result.page.resolve().as_uri()} in a browser.")
