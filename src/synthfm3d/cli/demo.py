"""``synthfm3d demo``: the whole project on one page."""

from pathlib import Path
from typing import Annotated

import typer

from synthfm3d.cli.boundary import require
from synthfm3d.cli.common import AsJson, Device, Quiet, Seed, examples, print_json, say


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("demo", epilog=examples("synthfm3d demo -o demo/"))(demo)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; made if missing.")] = Path(
        "demo"
    ),
    model: Annotated[str, typer.Option("--model", help="Which model segments the scan.")] = "default",
    seed: Seed = 0,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a gallery of synthetic volumes, segment a real scan from one click, write index.html."""
    require("torch")  # before the volumes are drawn, not after

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
