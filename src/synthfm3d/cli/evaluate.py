"""``synthfm3d evaluate``: how good models are on scans with known labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from synthfm3d.cli.common import AsJson, Device, DryRun, Quiet, examples, print_json, progress, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.evaluation.cases import LabelSource, PendingCase
    from synthfm3d.evaluation.method import Method
    from synthfm3d.evaluation.report import Report
    from synthfm3d.volume import Modality


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog=examples(
            "synthfm3d evaluate --image scan.nii.gz --labels labels.nii.gz --names labels.json "
            "--structure liver -o report",
            "synthfm3d evaluate --samples samples --model default,random-walker -o report",
            "synthfm3d evaluate --dataset camus=/data/CAMUS_public --split test -o report",
            "synthfm3d evaluate --dataset acdc=/data/ACDC --dataset amos-mr=/data/amos22 --cases 10 -o out",
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
        Path | None, typer.Option(help="Folder of the six sample scans: score their frozen targets.")
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
    prompt: Annotated[
        list[str] | None,
        typer.Option(metavar="point,box,mask", help="Prompts, simulated from the labels. All, if not given."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="default, random-walker, a run folder, a .safetensors file, or SAM 2 (a .pt file, a "
            "folder or name of the Hugging Face hub, such as facebook/sam2.1-hiera-tiny@512); several "
            "with commas. The default model, if not given.",
        ),
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Score the two trivial baselines, too.")] = True,
    modality: Annotated[
        Literal["ct", "mr", "us"] | None, typer.Option(help="Told by the scan's values, if not given.")
    ] = None,
    label_source: Annotated[
        Literal["expert", "automatic", "non-expert", "unknown"] | None,
        typer.Option(help="Who made the labels; unknown, if not given."),
    ] = None,
    frame: Annotated[int | None, typer.Option(min=0, help="Which volume of a 4-D scan, from 0.")] = None,
    device: Device = "auto",
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score models on scans with known labels: prompts from the truth, Dice over every voxel.

    Writes report.html (tables and pictures), scores.csv and report.json, and prints the table.
    """
    import warnings

    from synthfm3d.cli.dataset_options import dataset_cases
    from synthfm3d.evaluation.method import PROMPT_KINDS
    from synthfm3d.evaluation.report import PAGE_NAME, check_report_folder, report_data, write_report
    from synthfm3d.evaluation.run import run_evaluation
    from synthfm3d.evaluation.samples import sample_cases

    # All that can be wrong with the input is found before a model is loaded.
    kinds = [_one_of(PROMPT_KINDS, word, "--prompt") for word in _words(prompt) or PROMPT_KINDS]
    check_report_folder(output)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cases: Sequence[PendingCase]
        if not dataset and (split is not None or limit is not None):
            raise InputError("--split and --cases are for --dataset: leave them out, or name a dataset.")
        if dataset:
            if any(option is not None for option in (image, labels, names, samples, frame)):
                raise InputError("--dataset brings its scans and labels: leave out the options for others.")
            cases = dataset_cases(
                dataset,
                split=split,
                limit=limit,
                structures=_words(structure),
                modality=modality,
                label_source=label_source,
            )
        elif samples is not None:
            if any(
                option is not None
                for option in (image, labels, names, structure, modality, label_source, frame)
            ):
                raise InputError(
                    "--samples brings its scans and targets: leave out the options for one scan."
                )
            cases = sample_cases(samples)
        elif image is not None and labels is not None:
            cases = [
                _one_case(image, labels, names, _words(structure), modality, label_source or "unknown", frame)
            ]
        else:
            raise InputError("nothing to score: give --image and --labels, or --samples, or --dataset.")
        methods = _methods(_words(model) or ["default"], baselines, device)
        takers = sum(kind in method.accepts for kind in kinds for method in methods)
        masks = takers * sum(len(case.targets) for case in cases)
        if dry_run:
            say(f"Would make and score {masks} masks in {len(cases)} cases and write {output / PAGE_NAME}.")
            return
        with progress("Scoring", masks, quiet=quiet) as advance:
            report = run_evaluation(
                cases, methods, kinds, on_score=lambda score: advance(note=f"{score.case} {score.structure}")
            )
    write_report(output, report)
    if as_json:
        print_json(report_data(report))
    else:
        _print_tables(report)
    for doubt in dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning):
        say(f"Warning: {doubt}", quiet=quiet)
    _tell_what_went_wrong(report)
    say(f"Report: {output / PAGE_NAME}", quiet=quiet)
    if all(score.error is not None for score in report.scores):
        raise typer.Exit(1)


def _one_case(
    image: Path,
    labels: Path,
    names: Path | None,
    structures: Sequence[str],
    modality: "Modality | None",
    label_source: "LabelSource",
    frame: int | None,
) -> "PendingCase":
    from synthfm3d.evaluation.cases import PendingCase, choose_targets, make_case
    from synthfm3d.io.nifti import read_label_names
    from synthfm3d.io.pairs import labels_on
    from synthfm3d.io.read import ReadOptions, read, read_labels

    scan = read(image, ReadOptions(frame=frame, modality=modality))
    known = {} if names is None else read_label_names(names)
    label_map = labels_on(scan, read_labels(labels), str(labels), known)
    targets = choose_targets(label_map, known, structures, label_source=label_source, where=str(labels))
    case = make_case(image.name, scan, label_map, targets)
    return PendingCase(name=case.name, targets=case.targets, read=lambda: case)


def _methods(models: Sequence[str], baselines: bool, device: str) -> "list[Method]":
    from synthfm3d.evaluation.baselines import EllipsoidFromBox, ShrinkingMask
    from synthfm3d.evaluation.models import model_method

    methods: list[Method] = [model_method(name, device) for name in dict.fromkeys(models)]
    return [*methods, EllipsoidFromBox(), ShrinkingMask()] if baselines else methods


def _tell_what_went_wrong(report: "Report") -> None:
    for case, reason in report.unusable:
        say(f"Left out: {case}: {reason}")
    for case, structure in report.absent:
        say(f"Skipped: {structure} has no voxel in {case}.")
    failures = [score for score in report.scores if score.error is not None]
    if failures:
        say(f"{len(failures)} of {len(report.scores)} masks failed; the first: {failures[0].error}")


def _print_tables(report: "Report") -> None:
    """Dice of each structure and prompt by method, with the means below; one table for each label source."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from synthfm3d.evaluation.cases import labels_of
    from synthfm3d.evaluation.summary import means

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # a file or pipe has no width to respect
    methods = list(dict.fromkeys(score.method for score in report.scores))
    for source in dict.fromkeys(score.label_source for score in report.scores):
        measure = "Agreement (Dice) with" if source == "automatic" else "Dice against"
        rows: dict[tuple[str, str, str], dict[str, str]] = {}
        for score in report.scores:
            if score.label_source == source:
                row = rows.setdefault((score.case, score.structure, score.prompt), {})
                row[score.method] = "failed" if score.error else f"{score.dice:.3f}"
        mean_rows: dict[tuple[str, str, str], dict[str, str]] = {}
        for mean in means(report.scores):
            if mean.label_source == source:
                row = mean_rows.setdefault(
                    (f"mean of {mean.cases} case{'s' if mean.cases > 1 else ''}", "", mean.prompt), {}
                )
                row[mean.method] = f"{mean.dice:.3f}"
        table = Table(title=f"{measure} {labels_of(source)}", title_justify="left", box=box.SIMPLE)
        for heading in ("case", "structure", "prompt"):
            table.add_column(heading, overflow="fold")
        for method in methods:
            table.add_column(Text(method), justify="right", overflow="fold")
        for part in (rows, mean_rows):
            for key, cells in part.items():
                table.add_row(
                    *(Text(word) for word in key), *(Text(cells.get(name, "–")) for name in methods)
                )
            table.add_section()
        console.print(table)


Word = TypeVar("Word", bound=str)


def _one_of(known: Sequence[Word], word: str, option: str) -> Word:
    for candidate in known:
        if word == candidate:
            return candidate
    raise InputError(f"{option} {word}: is none of {', '.join(known)}.")


def _words(given: Sequence[str] | None) -> list[str]:
    """Words of a repeatable option that also takes commas."""
    return [word.strip() for text in given or () for word in text.split(",") if word.strip()]
