"""Segment one scan for ``synthfm3d segment``: read it, segment its objects, write masks and a report."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from synthfm3d import __version__
from synthfm3d.cli.prompt_files import PromptedObject
from synthfm3d.errors import InputError
from synthfm3d.evaluation.methods.models import ModelMethod
from synthfm3d.files import check_writable, write_atomically
from synthfm3d.io.checks import warned
from synthfm3d.io.label_tables import Label, itk_snap_table, labels_of, slicer_table
from synthfm3d.io.pairs import read_mask
from synthfm3d.io.read import ReadOptions, format_of, load
from synthfm3d.io.write import SUFFIXES, Origin, check_suffix, check_writing, write
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import Segmentation, label_map
from synthfm3d.volume import Volume


@dataclass(frozen=True)
class Extras:
    """What is written in addition to the mask.

    Parameters
    ----------
    probabilities
        The probability of each object.
    alternatives
        Masks of other sizes.
    label_tables
        Names and colours of the objects, as tables for viewers.
    keep_identity
        The identity and the path of a DICOM patient.
    """

    probabilities: bool = False
    alternatives: bool = False
    label_tables: bool = False
    keep_identity: bool = False


@dataclass(frozen=True, kw_only=True)
class ScanJob:
    """A scan, its prompts, and the file of its mask.

    Parameters
    ----------
    inputs
        Other files that are read. None of them may be overwritten.
    prompts
        The prompts as the user gave them, for the report.
    previous
        An earlier mask that the prompts correct.
    label
        The label to correct, if the earlier mask has several.
    """

    scan: Path
    output: Path
    options: ReadOptions = field(default_factory=ReadOptions)
    inputs: tuple[Path, ...] = ()
    prompts: Mapping[str, Any] = field(default_factory=dict)
    previous: Path | None = None
    label: int | None = None
    extras: Extras = Extras()

    @property
    def report(self) -> Path:
        return self.output.with_name(_stem(self.output) + ".json")

    def check_outputs(self) -> None:
        """Raise InputError if the mask or the report could not be written."""
        suffix = check_suffix(self.output)
        for target in (self.output, self.report):
            for path in (self.scan, *self.inputs):
                if target.exists() and path.exists() and target.samefile(path):
                    raise InputError(f"{target}: is an input: give the mask another name.")
            check_writable(target)
        _refuse_to_replace_others(self.report)
        if suffix == ".dcm" and format_of(self.scan) != "dicom":
            raise InputError(
                f"{self.output}: a DICOM segmentation needs a DICOM scan: write .nii.gz, .nrrd or .mha."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Alternative:
    """Another mask for an object, and the file that it is written to."""

    label: int
    path: Path
    found: Segmentation


def read_scan(job: ScanJob) -> Volume:
    """The scan. Raises InputError also if a mask of it could not be written in the format of the output."""
    scan = load(job.scan, job.options)
    check_writing(job.output, scan, _origin(job))
    return scan


def run_job(
    job: ScanJob,
    scan: Volume,
    objects: Sequence[PromptedObject],
    method: ModelMethod,
    model: str,
    before: Segmentation | None = None,
    doubts: Sequence[str] = (),
) -> dict[str, Any]:
    """Segment the objects of a scan, write all files or none, and return the report.

    ``before`` is an earlier mask of the only object, which its prompts correct. ``doubts`` are those about
    the prompts.
    """
    start = time.perf_counter()
    found = {o.label: _segmented(scan, o, method, before) for o in objects}
    labels = label_map(scan, found)
    others: list[Alternative] = []
    if job.extras.alternatives:
        others = _alternatives(scan, objects, found, method.segmenter, job.output, _stem(job.output))
    report = _report(job, scan, objects, found, labels, method, model)
    for one in report["objects"]:
        one["alternatives"] = [
            _alternative_for_report(other) for other in others if other.label == one["label"]
        ]
    report["warnings"] += doubts
    report["seconds"] = round(time.perf_counter() - start, 2)
    _write(job, scan, labels, objects, found, report, others)
    return report


def _segmented(
    scan: Volume, prompted: PromptedObject, method: ModelMethod, before: Segmentation | None
) -> Segmentation:
    if before is None:
        return method.segmenter.segment_with_details(scan, prompted.prompts)
    return method.segmenter.correct(before, prompted.prompts)


def earlier_mask(job: ScanJob, scan: Volume) -> Segmentation | None:
    """The earlier mask that the prompts correct; None if there is none."""
    if job.previous is None:
        return None
    mask = warned(job.previous, read_mask(job.previous, scan, job.label))
    return Segmentation.from_mask(scan, mask)


def _report(
    job: ScanJob,
    scan: Volume,
    objects: Sequence[PromptedObject],
    found: Mapping[int, Segmentation],
    labels: Volume,
    method: ModelMethod,
    model: str,
) -> dict[str, Any]:
    first, name = next(iter(found.values())), _name_of_scan(job)
    doubts = dict.fromkeys(sentence for result in found.values() for sentence in result.warnings)
    voxels = {o.label: int(np.count_nonzero(labels.voxels == o.label)) for o in objects}
    voxel_ml = None if scan.third_axis == "time" else scan.grid.voxel_ml
    return {
        "mask": str(job.output),
        "scan": name,
        "frame": job.options.frame,
        "prompts": dict(job.prompts),
        "correct": None if job.previous is None else str(job.previous),
        "label": job.label,
        "model": {"name": model, "weights_sha256": method.weights},
        "modality": first.modality,
        "field_of_view_mm": round(first.field_of_view_mm, 3),
        "voxels": sum(voxels.values()),
        "volume_ml": None if voxel_ml is None else _ml(sum(voxels.values()) * voxel_ml),
        "objects": [
            {
                "label": o.label,
                "name": o.name,
                "colour": label.hexadecimal,
                "voxels": voxels[o.label],
                "predicted_dice": _rounded(found[o.label].predicted_dice),
                "volume_ml": None if voxel_ml is None else _ml(voxels[o.label] * voxel_ml),
            }
            for o, label in zip(objects, _labels(objects), strict=True)
        ],
        "warnings": [f"{name}: {doubt}" if doubt in scan.doubts else doubt for doubt in doubts],
        "synthfm3d": __version__,
    }


def _labels(objects: Sequence[PromptedObject]) -> list[Label]:
    """Names and colours of the objects, in their order."""
    by_value = {label.value: label for label in labels_of({o.label: o.name for o in objects})}
    return [by_value[o.label] for o in objects]


def _alternatives(
    scan: Volume,
    objects: Sequence[PromptedObject],
    found: Mapping[int, Segmentation],
    segmenter: Segmenter,
    output: Path,
    stem: str,
) -> list[Alternative]:
    """The masks of all objects that were not chosen, best first."""
    suffix = check_suffix(output)
    ending = ".nii.gz" if suffix == ".dcm" else suffix
    others = []
    for prompted in objects:
        which = f"_{prompted.label}" if len(objects) > 1 else ""
        first = found[prompted.label]
        positions = [n for n in range(len(first.alternatives)) if n != first.chosen]
        for number, position in enumerate(positions, start=2):
            others.append(
                Alternative(
                    label=prompted.label,
                    path=output.with_name(f"{stem}{which}_alternative_{number}{ending}"),
                    found=segmenter.choose(first, position),
                )
            )
    return others


def _alternative_for_report(alternative: Alternative) -> dict[str, Any]:
    """What the report says of an alternative."""
    view = alternative.found.alternatives[alternative.found.chosen]
    return {
        "mask": str(alternative.path),
        "voxels": int(np.count_nonzero(alternative.found.mask.voxels)),
        "diameter_mm": round(view.diameter_mm, 2),
        "predicted_dice": _rounded(view.predicted_dice),
    }


def _rounded(predicted_dice: float | None) -> float | None:
    """A predicted Dice with the digits of the report."""
    return None if predicted_dice is None else round(predicted_dice, 3)


def _ml(volume: float) -> float:
    """Millilitres with four decimals; volumes below 1 ml with four significant digits."""
    return round(volume, 4) if volume >= 1 else float(f"{volume:.4g}")


def _name_of_scan(job: ScanJob) -> str:
    """The path of the scan. For DICOM, whose paths often name the patient, a hash of it unless allowed."""
    if job.extras.keep_identity or format_of(job.scan) != "dicom":
        return str(job.scan)
    return f"DICOM {hashlib.sha256(str(job.scan.resolve()).encode()).hexdigest()[:12]}"


def _write(
    job: ScanJob,
    scan: Volume,
    labels: Volume,
    objects: Sequence[PromptedObject],
    found: Mapping[int, Segmentation],
    report: Mapping[str, Any],
    others: Sequence[Alternative],
) -> None:
    """Write all files or none: if one cannot be written, the others are removed."""
    names = {o.label: o.name for o in objects}
    origin = _origin(job, {label: name for label, name in names.items() if name})
    steps: list[tuple[Path, Callable[[Path], None]]] = []
    text = (json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    steps.append((job.report, lambda path: write_atomically(path, text)))
    if job.extras.probabilities:
        for label, result in found.items():
            steps.append((_probability_name(job.output, label, len(found)), _probability_writer(result)))
    steps.extend((other.path, partial(write, other.found.mask)) for other in others)
    if job.extras.label_tables:
        steps.extend(_table_steps(job, _labels(objects)))
    steps.append((job.output, lambda path: write(labels, path, origin, names=names)))
    written: list[Path] = []
    try:
        for path, save in steps:
            save(path)
            written.append(path)
    except InputError:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _table_steps(job: ScanJob, labels: Sequence[Label]) -> list[tuple[Path, Callable[[Path], None]]]:
    """The label tables beside the mask, each with the function that writes it."""
    tables = {"_itksnap.txt": itk_snap_table(labels), ".ctbl": slicer_table(labels)}
    return [
        (job.output.with_name(_stem(job.output) + ending), partial(_write_text, text=text))
        for ending, text in tables.items()
    ]


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, text.encode())


def _origin(job: ScanJob, names: Mapping[int, str] | None = None) -> Origin:
    return Origin(
        path=job.scan,
        series=job.options.series,
        frame=job.options.frame,
        names=names or {},
        keep_identity=job.extras.keep_identity,
    )


def _probability_writer(found: Segmentation) -> Callable[[Path], None]:
    if found.logits is None:
        raise InputError("this model gives no probabilities: leave out --probabilities.")
    logits = found.logits

    def save(path: Path) -> None:
        odds = np.exp(-np.abs(logits.voxels.astype(np.float32)))
        probability = np.where(logits.voxels > 0, 1 / (1 + odds), odds / (1 + odds))
        write(logits.with_voxels(probability.astype(np.float32)), path)

    return save


def _probability_name(output: Path, label: int, count: int) -> Path:
    which = f"_{label}" if count > 1 else ""
    suffix = check_suffix(output)
    return output.with_name(f"{_stem(output)}{which}_probability{'.nii.gz' if suffix == '.dcm' else suffix}")


def _stem(path: Path) -> str:
    """The file name without its extension."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def _refuse_to_replace_others(report: Path) -> None:
    """Raise InputError if the report would replace a file that is not the report of a mask."""
    if not report.exists():
        return
    try:
        found = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or "synthfm3d" not in found:
        raise InputError(
            f"{report}: is not the report of a mask, and one would replace it: give the mask another name."
        )


def summary(report: Mapping[str, Any]) -> str:
    """The line that is printed for a mask; for several objects, one more line for each."""
    lines = [f"{report['mask']}: {_size(report)}"]
    if len(report["objects"]) > 1:
        lines += [f"  {one['label']} {one['name'] or 'object'}: {_size(one)}" for one in report["objects"]]
    return "\n".join(lines)


def _size(report: Mapping[str, Any]) -> str:
    ml = report["volume_ml"]
    volume = "" if ml is None else f"{ml:.2f} ml, " if ml >= 0.1 or ml == 0 else f"{ml:.2g} ml, "
    return f"{volume}{report['voxels']} voxels"
