"""``synthfm3d segment``: segment objects of a scan from clicks, boxes or masks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from synthfm3d.cli.common import AsJson, Device, Quiet, examples, print_json, progress, say
from synthfm3d.cli.segment_options import (
    AllowGapsOption,
    AlternativesOption,
    BoxOption,
    CineOption,
    CorrectOption,
    FormatOption,
    FrameOption,
    InputOption,
    JobsOption,
    KeepIdentityOption,
    LabelOption,
    LabelTablesOption,
    LassoOption,
    MaskPromptOption,
    MillimetresOption,
    ModalityOption,
    ModelOption,
    NegativeOption,
    NegativeScribbleOption,
    OutputOption,
    PointOption,
    ProbabilitiesOption,
    PromptsOption,
    ResumeOption,
    ScanArgument,
    SchemaOption,
    ScribbleOption,
    SeriesOption,
    SpacingOption,
    StructureOption,
)
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.cli.prompt_files import PromptedObject
    from synthfm3d.cli.prompt_options import PromptOptions
    from synthfm3d.cli.segment_folder import FolderJob
    from synthfm3d.cli.segment_scan import Extras, ScanJob
    from synthfm3d.evaluation.methods.models import ModelMethod
    from synthfm3d.io.read import ReadOptions
    from synthfm3d.segmentation.automatic import StructureGuide
    from synthfm3d.volume import Modality, Volume


_NO_SCAN = "name a scan and its mask: synthfm3d segment scan.nii.gz --point 61,44,80 -o mask.nii.gz"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog=examples(
            "synthfm3d segment scan.nii.gz --point 61,44,80 -o mask.nii.gz",
            "synthfm3d segment scan.nrrd --point -12.5,3,40 --negative -30,3,40 --mm -o mask.nrrd",
            "synthfm3d segment ct.nii.gz --modality ct --box 40,52,80,75,90,80 -o liver.nii.gz --json",
            "synthfm3d segment dicom/ --series 2 --prompts liver_and_spleen.json -o organs.dcm",
            "synthfm3d segment ct.nii.gz --structure liver --model my-model -o liver.nii.gz",
            "synthfm3d segment scans/ --prompts prompts.json -o masks/ --resume --jobs 4",
        )
    )(segment)


def segment(
    scan: ScanArgument = None,
    scan_option: InputOption = None,
    output: OutputOption = None,
    point: PointOption = None,
    negative: NegativeOption = None,
    box: BoxOption = None,
    mask_prompt: MaskPromptOption = None,
    scribble: ScribbleOption = None,
    negative_scribble: NegativeScribbleOption = None,
    lasso: LassoOption = None,
    prompts: PromptsOption = None,
    prompts_schema: SchemaOption = False,
    label: LabelOption = None,
    structure: StructureOption = None,
    mm: MillimetresOption = False,
    correct: CorrectOption = None,
    model: ModelOption = "default",
    modality: ModalityOption = None,
    frame: FrameOption = None,
    series: SeriesOption = None,
    spacing: SpacingOption = None,
    allow_gaps: AllowGapsOption = False,
    cine: CineOption = False,
    probabilities: ProbabilitiesOption = False,
    alternatives: AlternativesOption = False,
    label_tables: LabelTablesOption = False,
    keep_identity: KeepIdentityOption = False,
    suffix: FormatOption = None,
    resume: ResumeOption = False,
    jobs: JobsOption = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Segment objects of a scan, or of every scan of a folder, from clicks, boxes or masks.

    Coordinates are voxel indices of the stored array, counted from 0, or RAS millimetres with --mm. The mask
    has the voxels of the scan; several objects become one label map. A .json file beside it records how it
    was made. If a scan of a folder fails, the other scans are still segmented, and the exit code is 1.
    """
    from synthfm3d.cli.prompt_options import PromptOptions
    from synthfm3d.cli.segment_scan import Extras

    if prompts_schema:
        _print_schema()
        return
    scan, output = _scan_and_output(scan, scan_option, output)
    options = _read_options(frame, series, modality, spacing, allow_gaps=allow_gaps, cine=cine)
    drawn = (mask_prompt, scribble, negative_scribble)
    asked = PromptOptions.given(point, negative, box, lasso, drawn, mm, prompts, correct, label)
    extras = Extras(probabilities, alternatives, label_tables, keep_identity)
    if _is_many(scan, output):
        folder = _folder_job(scan, output, asked, options, extras, suffix)
        folder = replace(folder, model=model, device=device, jobs=jobs or 1, resume=resume)
        _segment_folder(folder, quiet, as_json)
    else:
        _check_for_one_scan(suffix, jobs, resume=resume)
        job = _scan_job(scan, output, asked, options, extras)
        _segment_scan(job, asked, structure, model, device, quiet=quiet, as_json=as_json)


def _scan_and_output(scan: Path | None, other: Path | None, output: Path | None) -> tuple[Path, Path]:
    """The scan, named by the argument or by ``--input``, and the output; InputError if one is missing."""
    if scan is not None and other is not None:
        raise InputError(f"two scans are named, {scan} and {other}: give one of them.")
    scan = scan or other
    if scan is None:
        raise InputError(_NO_SCAN)
    if output is None:
        raise InputError(f"say where the mask of {scan} is to be written: -o mask.nii.gz.")
    return scan, output


def _print_schema() -> None:
    from synthfm3d.cli.prompt_files import prompts_schema

    print_json(prompts_schema())


def _read_options(
    frame: int | None,
    series: str | None,
    modality: "Modality | None",
    spacing: str | None,
    *,
    allow_gaps: bool,
    cine: bool,
) -> "ReadOptions":
    from synthfm3d.cli.prompt_options import spacing_zyx
    from synthfm3d.io.read import ReadOptions

    return ReadOptions(
        frame=frame,
        series=series,
        modality=modality,
        spacing_mm=spacing_zyx(spacing),
        allow_gaps=allow_gaps,
        cine=cine,
    )


def _folder_job(
    scans: Path,
    output: Path,
    asked: "PromptOptions",
    options: "ReadOptions",
    extras: "Extras",
    suffix: str | None,
) -> "FolderJob":
    """A job for a folder of scans, with the default model; InputError without a file of prompts."""
    from synthfm3d.cli.segment_folder import FolderJob

    if asked.file is None or asked.by_option or asked.correct:
        raise InputError(
            f"is a folder, and {output} is no file of a mask",
            "for one scan name a file such as mask.nii.gz, for many scans give the prompts of all with "
            "--prompts FILE.",
            path=scans,
        )
    suffix = suffix or ".nii.gz"
    return FolderJob(
        folder=scans,
        output=output,
        prompts=asked.file,
        suffix=suffix if suffix.startswith(".") else f".{suffix}",
        options=options,
        extras=extras,
    )


def _scan_job(
    scan: Path, output: Path, asked: "PromptOptions", options: "ReadOptions", extras: "Extras"
) -> "ScanJob":
    from synthfm3d.cli.segment_scan import ScanJob

    return ScanJob(
        scan=scan,
        output=output,
        options=options,
        inputs=asked.inputs,
        prompts=asked.for_report(scan, output.parent),
        previous=asked.correct,
        label=asked.label,
        extras=extras,
    )


def _check_for_one_scan(suffix: str | None, jobs: int | None, *, resume: bool) -> None:
    """Raise InputError for options that have an effect only on folders of scans."""
    of_many = {"--format": suffix is not None, "--jobs": jobs is not None, "--resume": resume}
    if given := [name for name, is_given in of_many.items() if is_given]:
        raise InputError(f"{' and '.join(given)} are for folders of scans", "leave them out for one scan.")


def _segment_structures(
    job: "ScanJob", structures: list[str], model: str, device: str, *, quiet: bool, as_json: bool
) -> None:
    """Segment structures that the model was adapted to, each from a box that the model finds."""
    from synthfm3d.cli.segment_scan import read_scan, run_job
    from synthfm3d.evaluation.methods.models import model_method

    job.check_outputs()
    guides = _chosen_guides(model, structures)
    volume = read_scan(job)
    say(f"Looking for {', '.join(guides)} in {job.scan} with the model {model}.", quiet=quiet)
    method = model_method(model, device)
    objects, doubts = _found_objects(method, volume, guides)
    report = run_job(job, volume, objects, method, model, doubts=doubts)
    _tell(report, quiet=quiet, as_json=as_json)


def _chosen_guides(model: str, structures: "Sequence[str]") -> "dict[str, StructureGuide]":
    """Guides of the named structures; InputError where the model was not adapted to one of them."""
    from synthfm3d.model.checkpoint import weights_path
    from synthfm3d.segmentation.automatic import GUIDES_FILE, read_guides

    path = weights_path(model)
    guides = read_guides((Path(model) if path is None else path.parent) / GUIDES_FILE)
    for name in structures:
        if name not in guides:
            raise InputError(f"{model}: was not adapted to {name!r}; it knows {', '.join(guides)}.")
    return {name: guides[name] for name in dict.fromkeys(structures)}


def _found_objects(
    method: "ModelMethod", scan: "Volume", guides: "dict[str, StructureGuide]"
) -> "tuple[list[PromptedObject], list[str]]":
    """An object for each structure, with the box that was found as its prompt; and doubts about the boxes."""
    from synthfm3d.cli.prompt_files import PromptedObject
    from synthfm3d.segmentation.automatic import UNLIKE, find_structure

    objects, doubts = [], []
    for label, (name, guide) in enumerate(guides.items(), 1):
        box, unlike = find_structure(method.segmenter, scan, guide)
        objects.append(PromptedObject(label=label, name=name, prompts=(box,)))
        if unlike >= UNLIKE:
            doubts.append(
                f"{name}: nothing in this scan looks like the labelled ones ({guide.scans} scans); check the "
                "mask, or give a prompt."
            )
    return objects, doubts


def _segment_scan(
    job: "ScanJob",
    asked: "PromptOptions",
    structures: list[str] | None,
    model: str,
    device: str,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    if structures:
        if asked.inputs or asked.by_option:
            raise InputError("--structure finds a structure without a prompt: leave out one of the two.")
        job = replace(job, prompts={"structure": structures})
        _segment_structures(job, structures, model, device, quiet=quiet, as_json=as_json)
        return
    from synthfm3d.cli.segment_scan import earlier_mask, read_scan, run_job
    from synthfm3d.io.read import format_of

    # Find wrong input before the model is loaded.
    job.check_outputs()
    if job.extras.keep_identity and format_of(job.scan) != "dicom":
        raise InputError("--keep-identity has no effect on a scan that is not DICOM", "leave it out.")
    volume = read_scan(job)
    objects = asked.objects(job.scan, volume)
    before = earlier_mask(job, volume)

    from synthfm3d.evaluation.methods.models import model_method  # torch: seconds

    say(f"Segmenting {job.scan} with the model {model}.", quiet=quiet)
    report = run_job(job, volume, objects, model_method(model, device), model, before)
    _tell(report, quiet=quiet, as_json=as_json)


def _tell(report: "Mapping[str, Any]", *, quiet: bool, as_json: bool) -> None:
    from synthfm3d.cli.segment_scan import summary

    for doubt in report["warnings"]:
        say(f"Warning: {doubt}", quiet=quiet)
    if as_json:
        print_json(report)
    else:
        typer.echo(summary(report))


def _segment_folder(job: "FolderJob", quiet: bool, as_json: bool) -> None:
    from synthfm3d.cli.segment_folder import number_of_scans, run_folder
    from synthfm3d.cli.segment_scan import summary
    from synthfm3d.io.write import check_suffix

    check_suffix(job.output / f"mask{job.suffix}")
    results = []
    with progress("Segmenting", total=number_of_scans(job), quiet=quiet) as advance:
        for result in run_folder(job):
            results.append(result)
            advance(note=result.name)
            if result.error is not None:
                say(f"Failed: {result.name}: {result.error}")
            elif result.report is not None and not result.resumed:
                for doubt in result.report["warnings"]:
                    say(f"Warning: {result.name}: {doubt}", quiet=quiet)
            if result.report is not None and not as_json:
                typer.echo(summary(result.report))
    failed = {result.name: result.error for result in results if result.error is not None}
    resumed = sum(result.resumed for result in results)
    done = len(results) - len(failed) - resumed
    if as_json:
        in_order = sorted(results, key=lambda result: result.name)
        reports = {result.name: result.report for result in in_order if result.report is not None}
        print_json({"masks": reports, "failed": failed})
    say(f"{done} scans segmented, {resumed} were segmented before, {len(failed)} failed.", quiet=quiet)
    if failed:
        raise typer.Exit(1)


def _is_many(scan: Path, output: Path) -> bool:
    """Whether the scan is a folder of scans: then the output is a folder, or has no file extension."""
    if not scan.is_dir() or (output.exists() and not output.is_dir()):
        return False
    return output.is_dir() or not output.suffix
