"""``synthfm3d adapt``: train the default model further on a few labelled scans."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, Seed, examples, print_json, progress, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.cli.adapt_inputs import ReadScans
    from synthfm3d.training.adaptation import Adaptation
    from synthfm3d.training.adaptation_family import AdaptationConfig

MINUTES = 20.0
_SAME_PATIENTS = (
    "the model is scored on other slices of the scans that it is trained on. It may become worse on other "
    "patients, and this run would not show it: label three scans or more."
)


OutputOption = Annotated[Path, typer.Option("-o", "--output", help="Folder of the new model.")]
ImageOption = Annotated[
    list[Path] | None, typer.Option(help="A labelled scan, in any supported format; repeatable.")
]
LabelsOption = Annotated[
    list[Path] | None, typer.Option(help="Label map of the scan, on the same grid; one for each --image.")
]
ScansOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Folder with images/, labels/ and labels.json, the names of the labels."
    ),
]
StructureOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Name or label value; repeatable. Default: all structures."),
]
NamesOption = Annotated[Path | None, typer.Option(help='Label names, JSON such as {"1": "liver"}.')]
OutlinedOption = Annotated[
    Literal["auto", "all", "some"],
    typer.Option(
        help="Meaning of a slice without an outline. all: the structure is not on it. some: the slice "
        "was not labelled. auto: decided from the outlines."
    ),
]
ModelOption = Annotated[str, typer.Option(help="Model to start from: default, or one of yours.")]
MinutesOption = Annotated[float, typer.Option(min=0.1, help="Approximate duration of the run.")]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Training steps, instead of --minutes.")]
SyntheticShareOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=0.95,
        help="Share of synthetic patches, which keep the model able to do other tasks; a quarter by default.",
    ),
]
ModalityOption = Annotated[
    Literal["ct", "mr", "us"] | None,
    typer.Option(help="Modality of the scans. Default: the DICOM tag, else CT if a value is -500 or less."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Continue a run that was stopped.")]


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
    output: OutputOption,
    image: ImageOption = None,
    labels: LabelsOption = None,
    scans: ScansOption = None,
    structure: StructureOption = None,
    names: NamesOption = None,
    outlined: OutlinedOption = "auto",
    model: ModelOption = "default",
    minutes: MinutesOption = MINUTES,
    steps: StepsOption = None,
    synthetic_share: SyntheticShareOption = None,
    modality: ModalityOption = None,
    resume: ResumeOption = False,
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
    from synthfm3d.cli.adapt_inputs import ScanOptions, read_scans

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
    plan = _plan(found, seed, model, minutes=None if steps else minutes, steps=steps)
    for doubt in found.doubts:
        say(f"Warning: {doubt}", quiet=quiet)
    if dry_run:
        print_json(plan) if as_json else typer.echo(_plan_text(plan))
        return
    say(_plan_text(plan), quiet=quiet)

    from synthfm3d.training.adaptation import adapt as run  # torch: seconds

    with progress("Adapting", quiet=quiet) as advance:
        told = run(
            found.scans,
            output,
            _config(seed, model, synthetic_share, steps),
            minutes=None if steps else minutes,
            resume=resume,
            device=device,
            report=_Progress(advance),
        )
    _tell(told, output, as_json=as_json, quiet=quiet)


def _config(seed: int, model: str, synthetic_share: float | None, steps: int | None) -> "AdaptationConfig":
    from synthfm3d.training.adaptation_family import AdaptationConfig

    usual = AdaptationConfig()
    share = usual.synthetic_share if synthetic_share is None else synthetic_share
    return replace(usual, seed=seed, start=model, synthetic_share=share, steps=steps or usual.steps)


def _check_output(output: Path, resume: bool) -> None:
    """Raise InputError if the folder contains files that the run would replace."""
    if output.is_file():
        raise InputError(f"{output}: is a file: give a new folder for the model.")
    if not resume and output.is_dir() and any(output.iterdir()):
        raise InputError(
            f"{output}: is not empty: add --resume to continue the run in it, or give a new folder."
        )


def _plan(
    found: "ReadScans", seed: int, model: str, *, minutes: float | None, steps: int | None
) -> dict[str, Any]:
    """The plan of the run. If training and scoring use slices of the same scans, a warning is added."""
    from synthfm3d.cli.adapt_inputs import told_of
    from synthfm3d.training.own_scans import held_back

    learnt, judged, what = held_back(found.scans, seed)
    if what == "slices":
        found.doubts.append(_SAME_PATIENTS)
    return {
        "scans": len(found.scans),
        "structures": told_of(found.scans),
        "held_back": what,
        "learnt": told_of(learnt),
        "judged": told_of(judged),
        "minutes": minutes,
        "steps": steps,
        "model": model,
        "doubts": found.doubts,
    }


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
