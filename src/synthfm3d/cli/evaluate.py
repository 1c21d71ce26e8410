"""``synthfm3d evaluate``: score models on scans with known labels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, Seed, examples, print_json, say
from synthfm3d.cli.evaluate_inputs import CaseOptions, ScanOptions, chosen_methods
from synthfm3d.cli.evaluate_options import (
    AgainstOption,
    AllowGapsOption,
    BaselinesOption,
    CasesOption,
    DatasetOption,
    DirectionOption,
    ExportPromptsOption,
    FrameOption,
    ImageOption,
    JobsOption,
    LabelsOption,
    LabelSourceOption,
    ModalityOption,
    ModelOption,
    NamesOption,
    OutputOption,
    PicturesOption,
    PredictionsOption,
    PromptOption,
    PromptSeedsOption,
    PromptSliceOption,
    ResumeOption,
    RoundsOption,
    SamplesOption,
    SeriesOption,
    SpacingOption,
    SplitOption,
    StructureOption,
)
from synthfm3d.cli.evaluate_run import (
    CASES_NAME,
    check_output,
    export,
    print_tables,
    run_with_progress,
    tell_dry_run,
    tell_what_went_wrong,
)
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.evaluation.methods.method import Method
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
    output: OutputOption,
    image: ImageOption = None,
    labels: LabelsOption = None,
    names: NamesOption = None,
    structure: StructureOption = None,
    samples: SamplesOption = None,
    dataset: DatasetOption = None,
    split: SplitOption = None,
    limit: CasesOption = None,
    modality: ModalityOption = None,
    label_source: LabelSourceOption = None,
    frame: FrameOption = None,
    series: SeriesOption = None,
    allow_gaps: AllowGapsOption = False,
    spacing: SpacingOption = None,
    model: ModelOption = None,
    predictions: PredictionsOption = None,
    baselines: BaselinesOption = True,
    against: AgainstOption = None,
    prompt: PromptOption = None,
    prompt_slice: PromptSliceOption = "largest",
    direction: DirectionOption = "both",
    prompt_seeds: PromptSeedsOption = None,
    rounds: RoundsOption = 0,
    export_prompts: ExportPromptsOption = None,
    jobs: JobsOption = 1,
    resume: ResumeOption = False,
    pictures: PicturesOption = True,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score models on labelled scans. Prompts are simulated from the labels; all voxels are scored.

    Writes report.html (tables, plots, pictures), report.json, scores.csv, means.csv and table.tex, keeps the
    result of each case in cases/, and prints the table.
    """
    from synthfm3d.evaluation.run import RunSettings

    protocol = _protocol(
        _words(prompt), prompt_seeds, prompt_slice=prompt_slice, direction=direction, rounds=rounds, seed=seed
    )
    check_output(output)  # before a model is loaded
    scan = ScanOptions(image, labels, names, frame, series, spacing, allow_gaps=allow_gaps)
    cases = CaseOptions(
        scan, samples, tuple(dataset or ()), split, limit, tuple(_words(structure)), modality, label_source
    ).cases()
    if export_prompts is not None:
        export(export_prompts, cases, protocol, quiet=quiet, as_json=as_json)
        return
    methods = _methods(_words(model), predictions or (), baselines, device)
    run = RunSettings(cases=cases, methods=methods, protocol=protocol, folder=output / CASES_NAME)
    run = replace(run, resume=resume, with_pictures=pictures, jobs=jobs, against=against)
    if dry_run:
        tell_dry_run(run, output)
    else:
        _finish(run_with_progress(run, quiet=quiet), output, quiet=quiet, as_json=as_json)


def _methods(
    models: Sequence[str], predictions: Sequence[str], baselines: bool, device: str
) -> "Callable[[], list[Method]]":
    """A function that makes the methods; the default model, if neither a model nor masks are named."""
    models = models or ([] if predictions else ["default"])
    return partial(chosen_methods, models, tuple(predictions), baselines, device)


def _finish(report: "Report", output: Path, *, quiet: bool, as_json: bool) -> None:
    """Write the report and print it; exit code 1 if every method failed."""
    from synthfm3d.evaluation.report import PAGE_NAME, write_report

    write_report(output, report)
    _tell(report, output / PAGE_NAME, quiet=quiet, as_json=as_json)
    if all(score.error is not None for score in report.scores):
        raise typer.Exit(1)


def _tell(report: "Report", page: Path, *, quiet: bool, as_json: bool) -> None:
    """Print results on stdout; and doubts, failures and the path of the page on stderr."""
    from synthfm3d.evaluation.report import report_data

    if as_json:
        print_json(report_data(report))
    else:
        print_tables(report)
    # Cases of a dataset are called DATASET/CASE. A doubt about several of them is printed once.
    for doubt in dict.fromkeys(f"{case.partition('/')[0]}: {note}" for case, note in report.notes):
        say(f"Warning: {doubt}", quiet=quiet)
    tell_what_went_wrong(report)
    say(f"Report: {page}", quiet=quiet)


def _protocol(prompts: Sequence[str], prompt_seeds: int | None, **choices: Any) -> "Protocol":
    """The protocol of the options; raises InputError for a prompt that does not exist."""
    from synthfm3d.evaluation.protocol import PROMPT_NAMES, Protocol

    for word in prompts:
        if word not in (*PROMPT_NAMES, "all"):
            raise InputError(f"--prompt {word}: is not one of {', '.join(PROMPT_NAMES)}, all.")
    if prompts:
        named = [name for word in prompts for name in (PROMPT_NAMES if word == "all" else [word])]
        choices["prompts"] = tuple(dict.fromkeys(named))
    if prompt_seeds is not None:
        choices["prompt_seeds"] = prompt_seeds
    return Protocol(**choices)


def _words(given: Sequence[str] | None) -> list[str]:
    """The words of an option that may be repeated and may have commas."""
    return [word.strip() for text in given or () for word in text.split(",") if word.strip()]
