"""Segment a folder of scans; a scan that fails is reported, and the others are segmented."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from synthfm3d.cli.boundary import user_message
from synthfm3d.cli.prompt_files import plain, prompted_objects, read_prompt_file, relocated
from synthfm3d.cli.segment_scan import Extras, ScanJob, read_scan, run_job
from synthfm3d.errors import InputError
from synthfm3d.evaluation.methods.models import ModelMethod, model_method
from synthfm3d.io.read import ReadOptions
from synthfm3d.processes import Died, Finished, Work, in_processes_then_alone, share_cores
from synthfm3d.prompts.prompt_file import FileObject, PromptFile

SCAN_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".npy", ".npz")


@dataclass(frozen=True, kw_only=True)
class FolderJob:
    """A folder of scans, and the settings that all of them share."""

    folder: Path
    output: Path
    prompts: Path
    suffix: str
    options: ReadOptions
    extras: Extras = Extras()
    model: str = "default"
    device: str = "auto"
    jobs: int = 1
    resume: bool = False


@dataclass(frozen=True, kw_only=True)
class ScanResult:
    """The report of a scan that was segmented, or the error that prevented it."""

    name: str
    report: dict[str, Any] | None = None
    error: str | None = None
    resumed: bool = False


def scans_to_segment(job: FolderJob, prompts: PromptFile) -> dict[str, Path | None]:
    """The path of each scan by its name: the scans that the prompts name, else all; None if it is missing."""
    found: dict[str, Path] = {}
    for path in sorted(job.folder.iterdir()):
        suffix = next(
            (s for s in sorted(SCAN_SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)), None
        )
        if path.name.startswith(".") or path.resolve() == job.output.resolve():
            continue
        if path.is_dir() or suffix:
            found[path.name[: -len(suffix)] if suffix and path.is_file() else path.name] = path
    if prompts.cases is None:
        if not found:
            raise InputError(
                f"{job.folder}: holds no scan ({', '.join(SCAN_SUFFIXES)}, or folders of slices)."
            )
        return dict(found)
    return {name: found.get(name) or _named(found, name) for name in prompts.cases}


def _named(found: dict[str, Path], name: str) -> Path | None:
    """The scan whose file name, with its extension, is ``name``."""
    return next((path for path in found.values() if path.name == name), None)


def number_of_scans(job: FolderJob) -> int:
    """How many results ``run_folder`` will give."""
    return len(scans_to_segment(job, read_prompt_file(job.prompts)))


def run_folder(job: FolderJob) -> Iterator[ScanResult]:
    """Yield each result when it is finished; the order depends on the number of jobs, the results do not."""
    prompts = read_prompt_file(job.prompts)
    waiting: list[tuple[str, Path, tuple[FileObject, ...]]] = []
    names = scans_to_segment(job, prompts)
    job.output.mkdir(parents=True, exist_ok=True)
    for name, path in names.items():
        objects = prompts.objects if prompts.cases is None else prompts.cases[name].objects
        if path is None:
            yield ScanResult(name=name, error=f"{job.folder}: holds no scan of the name {name}.")
        elif job.resume and (done := _finished(job, name, objects, prompts.unit)):
            yield ScanResult(name=name, report=done, resumed=True)
        else:
            waiting.append((name, path, objects))
    if job.jobs == 1:
        method = model_method(job.model, job.device) if waiting else None
        for entry in waiting:
            assert method is not None
            yield _result(job, prompts, entry, method)
    else:
        yield from _in_parallel(job, prompts, waiting)


_Entry = tuple[str, Path, tuple[FileObject, ...]]


def _in_parallel(job: FolderJob, prompts: PromptFile, waiting: Sequence[_Entry]) -> Iterator[ScanResult]:
    """Segment in ``job.jobs`` processes; a scan whose process dies is tried again at the end, alone."""
    start = partial(_start_worker, job, prompts)
    with closing(in_processes_then_alone(waiting, start, workers=job.jobs)) as events:
        for event in events:
            match event:
                case Finished(result=result):
                    yield result
                case Died(task=entry, given_up=True):
                    reason = "its process died twice, perhaps for lack of memory: segment it alone."
                    yield ScanResult(name=entry[0], error=reason)


def _start_worker(job: FolderJob, prompts: PromptFile) -> Work[_Entry, ScanResult]:
    """Load the model once in a process; returns the function that segments a scan with it."""
    method = model_method(job.model, job.device)
    share_cores(job.jobs)
    return lambda entry, _: _result(job, prompts, entry, method)


def _result(job: FolderJob, prompts: PromptFile, entry: _Entry, method: ModelMethod) -> ScanResult:
    """Segment a scan from file to file; any error becomes the error of the result."""
    name, path, objects = entry
    scan_job = _scan_job(job, name, path, objects, prompts.unit)
    try:
        scan_job.check_outputs()
        scan = read_scan(scan_job)
        prompted = prompted_objects(prompts, objects, scan, job.prompts)
        return ScanResult(name=name, report=run_job(scan_job, scan, prompted, method, job.model))
    except (InputError, OSError, MemoryError) as error:
        reason = user_message(error) if isinstance(error, InputError | OSError) else "not enough memory."
        return ScanResult(name=name, error=reason)
    except Exception as error:  # one scan must not stop the others; the type helps to find the bug
        return ScanResult(name=name, error=f"failed unexpectedly ({type(error).__name__}: {error}).")


def _scan_job(job: FolderJob, name: str, path: Path, objects: Sequence[FileObject], unit: str) -> ScanJob:
    entries = [relocated(entry, job.prompts.parent, job.output) for entry in objects]
    return ScanJob(
        scan=path,
        output=_mask(job, name),
        options=job.options,
        inputs=(job.prompts,),
        prompts={"unit": unit, "objects": plain(entries), "settings": _settings(job)},
        extras=job.extras,
    )


def _mask(job: FolderJob, name: str) -> Path:
    return job.output / f"{name}{job.suffix}"


def _settings(job: FolderJob) -> str:
    """A hash of the model and the options, so that a mask made with others is not kept on resuming."""
    content = repr(
        (
            _weights(job.model),
            job.options,
            job.extras.probabilities,
            job.extras.alternatives,
            job.extras.label_tables,
            job.extras.keep_identity,
        )
    )
    return hashlib.sha256(content.encode()).hexdigest()[:12]


@lru_cache
def _weights(model: str) -> str:
    """The hash of a model's weights, or the model's name if it has no weights."""
    from synthfm3d.model.checkpoint import weights_hash, weights_path

    path = weights_path(model)
    return model if path is None else weights_hash(path)


def _finished(job: FolderJob, name: str, objects: Sequence[FileObject], unit: str) -> dict[str, Any] | None:
    """The report of a mask that was made before with the same prompts and settings; None if there is none."""
    scan_job = _scan_job(job, name, job.folder, objects, unit)
    if not scan_job.output.is_file():
        return None
    try:
        report = json.loads(scan_job.report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(report, dict) and report.get("prompts") == dict(scan_job.prompts)
    return report if same else None
