"""``synthfm3d segment``: a scan and a click, a box or a mask become the object's mask."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthfm3d.cli.common import AsJson, Device, Quiet, examples, print_json, progress, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.cli.prompt_options import PromptOptions
    from synthfm3d.cli.segment_case import Case
    from synthfm3d.cli.segment_folder import Plan


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
    scan: Annotated[
        Path | None,
        typer.Argument(
            help="NIfTI, NRRD, MetaImage, a DICOM folder or file, a folder of PNG or JPEG slices, a NumPy "
            "array; or a folder of scans.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Mask: .nii, .nii.gz, .nrrd, .mha, .dcm; of many scans, a folder."
        ),
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(metavar="I,J,K", help="A place inside the object; may be repeated.")
    ] = None,
    negative: Annotated[
        list[str] | None, typer.Option(metavar="I,J,K", help="A place outside it; may be repeated.")
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="I0,J0,K0,I1,J1,K1",
            help="Two opposite corners, both inside the box. Flat along one axis: a box on that slice.",
        ),
    ] = None,
    mask_prompt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Mask that outlines the object on one or more slices."),
    ] = None,
    scribble: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask of a stroke inside the object.")
    ] = None,
    negative_scribble: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask of a stroke outside it.")
    ] = None,
    lasso: Annotated[
        list[str] | None,
        typer.Option(
            metavar="I0,J0,K0,I1,J1,K1,…",
            help="Corners of a closed line drawn loosely around the object on one slice, three at least.",
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prompts as JSON: several objects, or those of every scan."),
    ] = None,
    prompts_schema: Annotated[
        bool, typer.Option("--prompts-schema", help="Print the JSON Schema of prompts and stop.")
    ] = False,
    label: Annotated[
        int | None,
        typer.Option(min=1, help="Which label of --mask-prompt, --scribble and --correct is meant."),
    ] = None,
    structure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Without a prompt: a structure that the model was adapted to; may be repeated.",
        ),
    ] = None,
    mm: Annotated[
        bool, typer.Option("--mm", help="Numbers are RAS millimetres, not voxel indices of the stored array.")
    ] = False,
    correct: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="An earlier mask of the object, which the prompts correct."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="default, random-walker, grow-cut, a run folder, a .safetensors file, or SAM 2: a .pt file, "
            "a folder or a name of the Hugging Face hub; @512 behind it: at this size of the image."
        ),
    ] = "default",
    modality: Annotated[
        Literal["ct", "mr", "us"] | None, typer.Option(help="Told by the scan, if not given.")
    ] = None,
    frame: Annotated[int | None, typer.Option(min=0, help="Which volume of a 4-D scan, from 0.")] = None,
    series: Annotated[
        str | None, typer.Option(help="Which DICOM series of a folder: its number, or its UID.")
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(metavar="X,Y,Z", help="Voxel spacing in mm, for pictures and arrays, which have none."),
    ] = None,
    allow_gaps: Annotated[
        bool, typer.Option("--allow-gaps", help="Interpolate over missing and uneven DICOM slices.")
    ] = False,
    cine: Annotated[bool, typer.Option("--cine", help="The third axis of the scan is time.")] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of each object, too.")
    ] = False,
    alternatives: Annotated[
        bool,
        typer.Option(
            "--alternatives",
            help="Write up to two masks of other sizes, too: a click does not tell the size.",
        ),
    ] = False,
    keep_identity: Annotated[
        bool,
        typer.Option("--keep-identity", help="Let a DICOM patient's identity and path into the outputs."),
    ] = False,
    suffix: Annotated[
        str | None, typer.Option("--format", help="Ending of the masks of many scans; .nii.gz if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out scans that have their mask from the same prompts.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="How many scans at a time; one if not given.")
    ] = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Segment objects of a scan, or of every scan of a folder, from clicks, boxes or masks.

    Coordinates count the voxels of the stored array from 0, or are RAS millimetres with --mm. The mask
    lies on the scan's own voxels; several objects become one label map. A .json of the same name beside
    it tells how it was made. Of a folder, a bad scan is reported and the rest goes on; exit code 1 says so.
    """
    from synthfm3d.cli.prompt_options import PromptOptions, spacing_zyx
    from synthfm3d.io.read import ReadOptions

    if prompts_schema:
        from synthfm3d.cli.prompt_files import prompts_schema as schema

        print_json(schema())
        return
    if scan is None or output is None:
        raise InputError(
            "name a scan and its mask: synthfm3d segment scan.nii.gz --point 61,44,80 -o mask.nii.gz"
        )
    options = ReadOptions(
        frame=frame,
        series=series,
        modality=modality,
        spacing_mm=spacing_zyx(spacing),
        allow_gaps=allow_gaps,
        cine=cine,
    )
    said = PromptOptions(
        point=tuple(point or ()),
        negative=tuple(negative or ()),
        box=tuple(box or ()),
        mask=mask_prompt,
        scribble=scribble,
        negative_scribble=negative_scribble,
        lasso=tuple(lasso or ()),
        mm=mm,
        file=prompts,
        correct=correct,
        label=label,
    )
    if _is_many(scan, output):
        from synthfm3d.cli.segment_folder import Plan

        if prompts is None or said.by_option or correct:
            raise InputError(
                f"{scan}: is a folder, and {output} is no file of a mask: for one scan name a file such as "
                "mask.nii.gz, for many scans give the prompts of all with --prompts FILE."
            )
        suffix = suffix or ".nii.gz"
        plan = Plan(
            folder=scan,
            output=output,
            prompts=prompts,
            suffix=suffix if suffix.startswith(".") else f".{suffix}",
            options=options,
            model=model,
            device=device,
            jobs=jobs or 1,
            resume=resume,
            probabilities=probabilities,
            alternatives=alternatives,
            keep_identity=keep_identity,
        )
        _segment_folder(plan, quiet, as_json)
        return

    of_many = {"--format": suffix is not None, "--jobs": jobs is not None, "--resume": resume}
    if given := [name for name, is_given in of_many.items() if is_given]:
        raise InputError(f"{' and '.join(given)} are for folders of scans: leave them out for one scan.")

    from synthfm3d.cli.segment_case import Case

    case = Case(
        scan=scan,
        output=output,
        options=options,
        inputs=said.inputs,
        said=said.said(scan),
        previous=correct,
        label=label,
        probabilities=probabilities,
        alternatives=alternatives,
        keep_identity=keep_identity,
    )
    if structure:
        if said.inputs or said.by_option:
            raise InputError("--structure finds a structure without a prompt: leave out one of the two.")
        case = replace(case, said={"structure": structure})
        _segment_structures(case, structure, model, device, quiet=quiet, as_json=as_json)
        return
    _segment_scan(case, said, model, device, quiet=quiet, as_json=as_json)


def _segment_structures(
    case: "Case", structures: list[str], model: str, device: str, *, quiet: bool, as_json: bool
) -> None:
    """Structures that the model was adapted to, each prompted by the box that it finds."""
    from synthfm3d.cli.segment_automatic import chosen_guides, found_objects
    from synthfm3d.cli.segment_case import read_case, run_case
    from synthfm3d.evaluation.models import model_method

    case.check_outputs()
    guides = chosen_guides(model, structures)
    volume = read_case(case)
    say(f"Looking for {', '.join(guides)} in {case.scan} with the model {model}.", quiet=quiet)
    method = model_method(model, device)
    objects, doubts = found_objects(method, volume, guides)
    volume = replace(volume, doubts=(*volume.doubts, *doubts))
    _tell(run_case(case, volume, objects, method, model), quiet=quiet, as_json=as_json)


def _segment_scan(
    case: "Case", said: "PromptOptions", model: str, device: str, *, quiet: bool, as_json: bool
) -> None:
    from synthfm3d.cli.segment_case import earlier_mask, read_case, run_case
    from synthfm3d.io.read import format_of

    # All that can be wrong with the input is found before the model is loaded.
    case.check_outputs()
    if case.keep_identity and format_of(case.scan) != "dicom":
        raise InputError("--keep-identity has no effect on a scan that is not DICOM: leave it out.")
    volume = read_case(case)
    objects = said.objects(case.scan, volume)
    before = earlier_mask(case, volume)

    from synthfm3d.evaluation.models import model_method  # torch: seconds

    say(f"Segmenting {case.scan} with the model {model}.", quiet=quiet)
    report = run_case(case, volume, objects, model_method(model, device), model, before)
    _tell(report, quiet=quiet, as_json=as_json)


def _tell(report: "Mapping[str, Any]", *, quiet: bool, as_json: bool) -> None:
    from synthfm3d.cli.segment_case import summary

    for doubt in report["warnings"]:
        say(f"Warning: {doubt}", quiet=quiet)
    if as_json:
        print_json(report)
    else:
        typer.echo(summary(report))


def _segment_folder(plan: "Plan", quiet: bool, as_json: bool) -> None:
    from synthfm3d.cli.segment_case import summary
    from synthfm3d.cli.segment_folder import run_folder
    from synthfm3d.io.write import check_suffix

    check_suffix(plan.output / f"mask{plan.suffix}")
    outcomes = []
    with progress("Segmenting", quiet=quiet) as advance:
        for outcome in run_folder(plan):
            outcomes.append(outcome)
            advance(note=outcome.name)
            if outcome.error is not None:
                say(f"Failed: {outcome.name}: {outcome.error}")
            elif outcome.report is not None and not outcome.resumed:
                for doubt in outcome.report["warnings"]:
                    say(f"Warning: {outcome.name}: {doubt}", quiet=quiet)
            if outcome.report is not None and not as_json:
                typer.echo(summary(outcome.report))
    failed = {o.name: o.error for o in outcomes if o.error is not None}
    resumed = sum(o.resumed for o in outcomes)
    done = len(outcomes) - len(failed) - resumed
    if as_json:
        reports = {o.name: o.report for o in sorted(outcomes, key=lambda o: o.name) if o.report is not None}
        print_json({"masks": reports, "failed": failed})
    say(f"{done} scans segmented, {resumed} were there already, {len(failed)} failed.", quiet=quiet)
    if failed:
        raise typer.Exit(1)


def _is_many(scan: Path, output: Path) -> bool:
    """A folder of scans: the output is a folder, or has no ending, so that it can become one."""
    if not scan.is_dir() or (output.exists() and not output.is_dir()):
        return False
    return output.is_dir() or not output.suffix
