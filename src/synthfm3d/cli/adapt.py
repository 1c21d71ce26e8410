"""``synthfm3d adapt``: train the default model further on a few labelled scans."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, Seed, examples, print_json, progress, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.training.adaptation import Adaptation

MINUTES = 20.0
_SAME_PATIENTS = (
    "the model is scored on other slices of the scans that it is trained on. It may become worse on other "
    "patients, and this run would not show it: label three scans or more."
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog=examples(
            "synthfm3d adapt --image a.nii.gz --labels a_labels.nii.gz --structure 1 -o my-model",
            "synthfm3d adapt --scans labelled/ -o my-model --minutes 40",
            "synthfm3d adapt --scans labelled/ -o my-model --resume",
            "synthfm3d segment other.nii.gz --point 61,44,80 --model my-model -o mask.nii.gz",
        )
    )(adapt)


def adapt(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the new model.")],
    image: Annotated[
        list[Path] | None, typer.Option(help="A labelled scan, in any supported format; repeatable.")
    ] = None,
    labels: Annotated[
        list[Path] | None, typer.Option(help="Label map of the scan, on the same grid; one for each --image.")
    ] = None,
    scans: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder with images/, labels/ and labels.json, the names of the labels."
        ),
    ] = None,
    structure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name or label value; repeatable. Default: all structures."),
    ] = None,
    names: Annotated[Path | None, typer.Option(help='Label names, JSON such as {"1": "liver"}.')] = None,
    outlined: Annotated[
        Literal["auto", "all", "some"],
        typer.Option(
            help="Meaning of a slice without an outline. all: the structure is not on it. some: the slice "
            "was not labelled. auto: decided from the outlines."
        ),
    ] = "auto",
    model: Annotated[str, typer.Option(help="Model to start from: default, or one of yours.")] = "default",
    minutes: Annotated[float, typer.Option(min=0.1, help="Approximate duration of the run.")] = MINUTES,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps, instead of --minutes.")] = None,
    synthetic_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.95,
            help="Share of synthetic patches, which keep the model able to do other tasks.",
        ),
    ] = 0.25,
    modality: Annotated[
        Literal["ct", "mr", "us"] | None,
        typer.Option(
            help="Modality of the scans. Default: the DICOM tag, else CT if a value is -500 or less."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run that was stopped.")] = False,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Adapt the default model to your scanner and your structures, from a few labelled scans.

    A part of the labels is held back, and the model is scored on it. If the score did not clearly rise, no
    weights are written. `segment`, `serve` and `evaluate` take the new folder as --model. The folder contains
    hashes of the scans, and no names.
    """
    from synthfm3d.cli.adapt_inputs import ScanOptions, read_scans, told_of

    _check_output(output, resume)
    options = ScanOptions(
        images=tuple(image or ()),
        labels=tuple(labels or ()),
        names=names,
        folder=scans,
        structures=tuple(structure or ()),
        modality=modality,
        outlined=outlined,
    )
    found = read_scans(options)
    from synthfm3d.training.adaptation import adapt as run
    from synthfm3d.training.adaptation_family import AdaptationConfig
    from synthfm3d.training.own_scans import held_back

    config = AdaptationConfig(
        seed=seed, start=model, synthetic_share=synthetic_share, steps=steps or AdaptationConfig().steps
    )
    learnt, judged, what = held_back(found.scans, seed)
    if what == "slices":
        found.doubts.append(_SAME_PATIENTS)
    for doubt in found.doubts:
        say(f"Warning: {doubt}", quiet=quiet)
    plan = {
        "scans": len(found.scans),
        "structures": told_of(found.scans),
        "held_back": what,
        "learnt": told_of(learnt),
        "judged": told_of(judged),
        "minutes": None if steps else minutes,
        "steps": steps,
        "model": model,
        "doubts": found.doubts,
    }
    if dry_run:
        print_json(plan) if as_json else typer.echo(_plan_text(plan))
        return
    say(_plan_text(plan), quiet=quiet)
    with progress("Adapting", quiet=quiet) as advance:
        told = run(
            found.scans,
            output,
            config,
            minutes=None if steps else minutes,
            resume=resume,
            device=device,
            report=_Progress(advance),
        )
    _tell(told, output, as_json=as_json, quiet=quiet)


def _check_output(output: Path, resume: bool) -> None:
    """Raise InputError if the folder contains files that the run would replace."""
    if output.is_file():
        raise InputError(f"{output}: is a file: give a new folder for the model.")
    if not resume and output.is_dir() and any(output.iterdir()):
        raise InputError(
            f"{output}: is not empty: add --resume to continue the run in it, or give a new folder."
        )


def _plan_text(plan: dict[str, Any]) -> str:
    lines = [f"{plan['scans']} labelled scan(s); some {plan['held_back']} are held back to score the model."]
    for name, numbers in plan["structures"].items():
        learnt, judged = plan["learnt"].get(name), plan["judged"].get(name)
        lines.append(
            f"{name}: outlined on {numbers['outlined_slices']} slices of {numbers['scans']} scans; "
            f"{learnt['outlined_slices'] if learnt else 0} to train on, "
            f"{judged['outlined_slices'] if judged else 0} to score on."
        )
    length = f"{plan['steps']} steps" if plan["steps"] else f"about {plan['minutes']:g} minutes"
    lines.append(f"The run starts from the model {plan['model']} and takes {length}, or less.")
    return "\n".join(lines)


def _tell(told: "Adaptation", output: Path, *, as_json: bool, quiet: bool) -> None:
    before, after = told.before["validation_dice"], told.after["validation_dice"]
    numbers = f"Dice on the held-back labels {before:.3f} before, {after:.3f} after {told.steps} steps"
    if told.weights is not None:
        say(f"{numbers}: written.", quiet=quiet)
    else:
        say(
            f"{numbers}: not clearly better, so no model was written. Label more slices or scans, or use a "
            "larger --minutes."
        )
    if told.synthetic_before is not None and told.synthetic_after is not None:
        say(
            f"On synthetic volumes: {told.synthetic_before:.3f} before, {told.synthetic_after:.3f} after.",
            quiet=quiet,
        )
    if as_json:
        from dataclasses import asdict

        weights = None if told.weights is None else str(told.weights)
        print_json(asdict(told) | {"weights": weights, "record": str(output / "adaptation.json")})
    elif told.weights is not None:
        typer.echo(told.weights)


class _Progress:
    """Shows the steps and the Dice of a run on the progress bar."""

    def __init__(self, advance: Callable[..., None]) -> None:
        self.advance = advance
        self.seen = 0

    def __call__(self, entry: dict[str, Any]) -> None:
        if "steps" in entry:
            self.advance(0, total=entry["steps"])
            return
        shown = {"loss": "loss", "validation_dice": "held-back Dice"}
        note = "  ".join(f"{word} {entry[name]:.3f}" for name, word in shown.items() if name in entry)
        self.advance(max(0, entry["step"] - self.seen), note)
        self.seen = max(self.seen, entry["step"])
