"""``synthfm3d evaluate``: how good models are on scans with known labels."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, Seed, examples, print_json, say
from synthfm3d.cli.evaluate_inputs import CaseOptions, chosen_methods
from synthfm3d.cli.evaluate_run import CASES_NAME, check_names, export, masks_of, run_with_progress
from synthfm3d.cli.evaluate_tables import print_tables, tell_what_went_wrong
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.evaluation.protocol import Protocol
    from synthfm3d.evaluation.report import Report


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog=examples(
            "synthfm3d evaluate --image scan.nii.gz --labels labels.nii.gz --names labels.json "
            "--structure liver -o report",
            "synthfm3d evaluate --samples samples --model default,random-walker,grow-cut --prompt all "
            "--jobs 2 -o report",
            "synthfm3d evaluate --samples samples --export-prompts asked -o report",
            "synthfm3d evaluate --samples samples --predictions nnInteractive=masks -o report",
            "synthfm3d evaluate --dataset camus=/data/CAMUS_public --split test --jobs 4 -o report",
            "synthfm3d evaluate --dataset acdc=/data/ACDC --dataset chaos-mr=/data/CHAOS --cases 10 -o out",
        )
    )(evaluate)


def evaluate(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")],
    image: Annotated[Path | None, typer.Option(help="Scan (NIfTI).")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its label map, on the same grid.")] = None,
    names: Annotated[Path | None, typer.Option(help='Label names, JSON such as {"1": "liver"}.')] = None,
    structure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name or label value; several with commas. All, if not given."),
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Folder of the ten sample scans: score their frozen targets.")
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="A public dataset (see `synthfm3d datasets`); repeatable."),
    ] = None,
    split: Annotated[
        Literal["training", "validation", "test"] | None,
        typer.Option(help="This part of the datasets only."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--cases", min=1, help="The first so many cases of each dataset only.")
    ] = None,
    modality: Annotated[
        Literal["ct", "mr", "us"] | None, typer.Option(help="Told by the scan's values, if not given.")
    ] = None,
    label_source: Annotated[
        Literal["expert", "automatic", "non-expert", "unknown"] | None,
        typer.Option(help="Who made the labels; unknown, if not given."),
    ] = None,
    frame: Annotated[int | None, typer.Option(min=0, help="Which volume of a 4-D scan, from 0.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="default, random-walker, grow-cut, a run folder, a .safetensors file, or SAM 2 (a .pt file, "
            "a folder or name of the Hugging Face hub; @512 behind it: at this size of the image); several "
            "with commas. The default model, if neither this nor --predictions is given.",
        ),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FOLDER", help="Masks of another tool; see --export-prompts. Repeatable."),
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Score the two trivial baselines, too.")] = True,
    against: Annotated[
        str | None, typer.Option(help="Method that the others are compared with; the first, if not given.")
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROMPT",
            help="point, 3-points, 5-points, point-negative, box, jittered-box, mask, or all; several with "
            "commas. Simulated from the labels. Point, box and mask, if not given.",
        ),
    ] = None,
    prompt_slice: Annotated[
        Literal["largest", "middle", "first"], typer.Option(help="Which slice of a structure is prompted.")
    ] = "largest",
    direction: Annotated[
        Literal["both", "forward"],
        typer.Option(help="Give the whole scan, or the prompted slice and those behind it."),
    ] = "both",
    prompt_seeds: Annotated[
        int | None, typer.Option(min=1, help="Draws of prompts that hold chance; 5, if not given.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=0, help="Clicks after each prompt, into the largest error that is left.")
    ] = 0,
    export_prompts: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Score nothing: write scans and prompts for another tool."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; each holds a model and a scan.")] = 1,
    resume: Annotated[
        bool, typer.Option(help="Go on: take cases that were scored with the same choices and methods.")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="Show masks on the page.")] = True,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score models on scans with known labels: prompts from the truth, every voxel counted.

    Writes report.html (tables, plots, pictures), report.json, scores.csv, means.csv and table.tex, keeps the
    result of each case in cases/, and prints the table.
    """
    import warnings

    from synthfm3d.evaluation.processes import Plan
    from synthfm3d.evaluation.report import PAGE_NAME, check_report_folder, write_report

    # All that can be wrong with the input is found before a model is loaded.
    protocol = _protocol(
        _words(prompt), prompt_seeds, prompt_slice=prompt_slice, direction=direction, rounds=rounds, seed=seed
    )
    check_report_folder(output)
    options = CaseOptions(
        image=image,
        labels=labels,
        names=names,
        samples=samples,
        datasets=tuple(dataset or ()),
        split=split,
        limit=limit,
        structures=tuple(_words(structure)),
        modality=modality,
        label_source=label_source,
        frame=frame,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cases = options.cases()
        if export_prompts is not None:
            export(export_prompts, cases, protocol, quiet=quiet, as_json=as_json)
            return
        models = _words(model) or ([] if predictions else ["default"])
        plan = Plan(
            cases=cases,
            methods=partial(chosen_methods, models, tuple(predictions or ()), baselines, device),
            protocol=protocol,
            folder=output / CASES_NAME,
            resume=resume,
            with_pictures=pictures,
            jobs=jobs,
            against=against,
        )
        if dry_run:
            pending, methods = plan.cases(), plan.methods()
            check_names(methods, protocol, against)
            masks = masks_of(pending, methods, protocol)
            say(f"Would make and score {masks} masks in {len(pending)} cases and write {output / PAGE_NAME}.")
            return
        report = run_with_progress(plan, quiet=quiet)
    write_report(output, report)
    doubts = [str(warning.message) for warning in caught if warning.category is UserWarning]
    _tell(report, output / PAGE_NAME, doubts, quiet=quiet, as_json=as_json)
    if all(score.error is not None for score in report.scores):
        raise typer.Exit(1)


def _tell(report: "Report", page: Path, doubts: Sequence[str], *, quiet: bool, as_json: bool) -> None:
    """Results on stdout; what was doubted, what went wrong and where the page is on stderr."""
    from synthfm3d.evaluation.report import report_data

    if as_json:
        print_json(report_data(report))
    else:
        print_tables(report)
    for doubt in dict.fromkeys(doubts):
        say(f"Warning: {doubt}", quiet=quiet)
    tell_what_went_wrong(report)
    say(f"Report: {page}", quiet=quiet)


def _protocol(prompts: Sequence[str], prompt_seeds: int | None, **choices: Any) -> "Protocol":
    """The protocol of the options; raises InputError for a prompt that does not exist."""
    from synthfm3d.evaluation.protocol import PROMPT_NAMES, Protocol

    for word in prompts:
        if word not in (*PROMPT_NAMES, "all"):
            raise InputError(f"--prompt {word}: is none of {', '.join(PROMPT_NAMES)}, all.")
    if prompts:
        named = [name for word in prompts for name in (PROMPT_NAMES if word == "all" else [word])]
        choices["prompts"] = tuple(dict.fromkeys(named))
    if prompt_seeds is not None:
        choices["prompt_seeds"] = prompt_seeds
    return Protocol(**choices)


def _words(given: Sequence[str] | None) -> list[str]:
    """Words of a repeatable option that also takes commas."""
    return [word.strip() for text in given or () for word in text.split(",") if word.strip()]
