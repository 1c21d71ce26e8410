"""``synthfm3d segment``: a scan and a click, a box or a mask become the object's mask."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthfm3d import __version__
from synthfm3d.cli.common import AsJson, Device, Quiet, examples, print_json, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.prompts.prompt import Prompt
    from synthfm3d.segmentation.predictor import Segmentation
    from synthfm3d.volume import Grid, Position, Volume


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog=examples(
            "synthfm3d segment scan.nii.gz --point 61,44,80 -o mask.nii.gz",
            "synthfm3d segment scan.nii.gz --point -12.5,3,40 --negative -30,3,40 --mm -o mask.nii.gz",
            "synthfm3d segment ct.nii.gz --modality ct --box 40,52,80,75,90,80 -o liver.nii.gz --json",
        )
    )(segment)


def segment(
    scan: Annotated[Path, typer.Argument(help="Scan (NIfTI).", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Mask to write, .nii or .nii.gz.")],
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
        typer.Option(metavar="FILE", help="Mask (NIfTI) that outlines the object on one or more slices."),
    ] = None,
    mm: Annotated[
        bool, typer.Option("--mm", help="Numbers are RAS millimetres, not voxel indices of the stored array.")
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            help="default, random-walker, a run folder, a .safetensors file, or SAM 2: a .pt file, a folder "
            "or a name of the Hugging Face hub; @512 behind it: at this size of the image."
        ),
    ] = "default",
    modality: Annotated[
        Literal["ct", "mr", "us"] | None, typer.Option(help="Told by the scan's values, if not given.")
    ] = None,
    frame: Annotated[int | None, typer.Option(min=0, help="Which volume of a 4-D scan, from 0.")] = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Segment one object of a scan from a click, a box or a mask.

    Coordinates count the voxels of the stored NIfTI array from 0, or are RAS millimetres with --mm.
    The mask lies on the scan's own voxels. A .json of the same name beside it tells how it was made.
    """
    import warnings

    from synthfm3d.io.atomic import check_writable
    from synthfm3d.io.nifti import check_nifti_name, read_nifti
    from synthfm3d.segmentation.placement import checked_prompts

    # All that can be wrong with the input is found before the model is loaded.
    check_nifti_name(output)
    sidecar = output.with_name(output.name.removesuffix(".gz").removesuffix(".GZ")).with_suffix(".json")
    for target in (output, sidecar):
        _refuse_to_replace(target, [scan] if mask_prompt is None else [scan, mask_prompt])
        check_writable(target)
    _refuse_to_replace_others(sidecar)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        volume = read_nifti(scan, frame=frame, modality=modality)
        prompts = _points(point or [], "--point", volume.grid, mm)
        prompts += _points(negative or [], "--negative", volume.grid, mm)
        prompts += _boxes(box or [], volume.grid, mm)
        if mask_prompt is not None:
            prompts.append(_mask(mask_prompt, volume))
    if not prompts:
        raise InputError("nothing says where the object is: give --point, --box or --mask-prompt.")
    checked_prompts(prompts, volume.grid)
    doubts = [str(warning.message) for warning in caught if warning.category is UserWarning]

    from synthfm3d.evaluation.models import model_method  # torch: seconds

    say(f"Segmenting {scan} with the model {model}.", quiet=quiet)
    method = model_method(model, device)
    result = method.segmenter.segment_with_details(volume, prompts)
    doubts += result.warnings
    for doubt in doubts:
        say(f"Warning: {doubt}", quiet=quiet)
    report = {
        "mask": str(output),
        "scan": str(scan),
        "frame": frame,
        "prompts": {
            "unit": "RAS mm" if mm else "voxel of the stored array",
            "point": point or [],
            "negative": negative or [],
            "box": box or [],
            "mask": None if mask_prompt is None else str(mask_prompt),
        },
        "model": {"name": model, "weights_sha256": method.weights},
        **_findings(result),
        "warnings": doubts,
        "synthfm3d": __version__,
    }
    _write(output, sidecar, result.mask, report)
    if as_json:
        print_json(report)
    else:
        typer.echo(f"{output}: {report['volume_ml']:.2f} ml, {report['voxels']} voxels")


def _points(texts: list[str], option: str, grid: "Grid", mm: bool) -> "list[Prompt]":
    from synthfm3d.prompts.prompt import Point

    positive = option == "--point"
    return [
        Point(
            position_mm=_position_mm(_numbers(text, option, 3), f"{option} {text}", grid, mm),
            positive=positive,
        )
        for text in texts
    ]


def _boxes(texts: list[str], grid: "Grid", mm: bool) -> "list[Prompt]":
    from synthfm3d.prompts.prompt import Box

    boxes: list[Prompt] = []
    for text in texts:
        numbers = _numbers(text, "--box", 6)
        corner, opposite = (
            _position_mm(numbers[start : start + 3], f"--box {text}", grid, mm) for start in (0, 3)
        )
        boxes.append(Box(corner_mm=corner, opposite_mm=opposite))
    return boxes


def _mask(path: Path, scan: "Volume") -> "Prompt":
    """The mask of a file as a prompt; InputError names the file if it is empty or on another grid."""
    from synthfm3d.io.nifti import read_labels
    from synthfm3d.prompts.prompt import Mask
    from synthfm3d.segmentation.placement import checked_prompts

    prompt = Mask(volume=read_labels(path))
    try:
        checked_prompts([prompt], scan.grid)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return prompt


def _numbers(text: str, option: str, count: int) -> list[float]:
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise InputError(f"{option} {text}: give {count} numbers with commas between them and no spaces.")
    return numbers


def _position_mm(numbers: list[float], what: str, grid: "Grid", mm: bool) -> "Position":
    """RAS mm of a position that is either in mm already, or a voxel (i, j, k) of the stored array."""
    import numpy as np

    if mm:
        r, a, s = numbers
        return r, a, s
    index = np.array(numbers[::-1])  # stored (i, j, k) is our (x, y, z)
    if not grid.contains(index):
        last = ",".join(str(n - 1) for n in grid.shape[::-1])
        raise InputError(
            f"{what}: lies outside the scan, whose voxels I,J,K run from 0,0,0 to {last}: "
            "correct it, or add --mm if it is in millimetres."
        )
    r, a, s = (float(value) for value in grid.to_mm(index))
    return r, a, s


def _refuse_to_replace(target: Path, inputs: list[Path]) -> None:
    for path in inputs:
        if target.exists() and path.exists() and target.samefile(path):
            raise InputError(f"{target}: is an input: give the mask another name.")


def _refuse_to_replace_others(sidecar: Path) -> None:
    """InputError if there is a file in the report's place that is no such report."""
    import json

    if not sidecar.exists():
        return
    try:
        found = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or "synthfm3d" not in found:
        raise InputError(
            f"{sidecar}: is not the report of a mask, and one would replace it: give the mask another name."
        )


def _findings(result: "Segmentation") -> dict[str, Any]:
    import numpy as np

    return {
        "modality": result.modality,
        "field_of_view_mm": round(result.field_of_view_mm, 3),
        "voxels": int(np.count_nonzero(result.mask.voxels)),
        "volume_ml": round(result.volume_ml, 4),
    }


def _write(output: Path, sidecar: Path, mask: "Volume", report: dict[str, Any]) -> None:
    """Both files or none: a mask that cannot be written leaves no report behind."""
    import json

    from synthfm3d.io.atomic import write_atomically
    from synthfm3d.io.nifti import write_nifti

    write_atomically(sidecar, (json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode())
    try:
        write_nifti(output, mask)
    except InputError:
        sidecar.unlink(missing_ok=True)
        raise
