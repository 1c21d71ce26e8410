"""``synthfm3d segment FOLDER``: many scans, each by itself; a bad one is reported and the rest goes on."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from synthfm3d.cli.boundary import user_message
from synthfm3d.cli.prompt_files import plain, prompted_objects, read_prompt_file, relocated
from synthfm3d.cli.segment_case import Case, read_case, run_case
from synthfm3d.errors import InputError
from synthfm3d.evaluation.models import ModelMethod, model_method
from synthfm3d.io.read import ReadOptions
from synthfm3d.prompts.prompt_file import FileObject, PromptFile

SCANS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".npy", ".npz")
_MOST_TRIES = 2
"""A scan that takes its process down is tried once more, alone."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all cases of a folder share."""

    folder: Path
    output: Path
    prompts: Path
    suffix: str
    options: ReadOptions
    model: str
    device: str
    jobs: int = 1
    resume: bool = False
    probabilities: bool = False
    alternatives: bool = False
    label_tables: bool = False
    keep_identity: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a case: a report, or the reason why there is none."""

    name: str
    report: dict[str, Any] | None = None
    error: str | None = None
    resumed: bool = False


def case_names(plan: Plan, prompts: PromptFile) -> dict[str, Path | None]:
    """The scans to segment by name: those that the prompts name, else all; None where there is no scan."""
    there: dict[str, Path] = {}
    for path in sorted(plan.folder.iterdir()):
        suffix = next(
            (s for s in sorted(SCANS, key=len, reverse=True) if path.name.lower().endswith(s)), None
        )
        if path.name.startswith(".") or path.resolve() == plan.output.resolve():
            continue
        if path.is_dir() or suffix:
            there[path.name[: -len(suffix)] if suffix and path.is_file() else path.name] = path
    if prompts.cases is None:
        if not there:
            raise InputError(f"{plan.folder}: holds no scan ({', '.join(SCANS)}, or folders of slices).")
        return dict(there)
    return {name: there.get(name) or _named(there, name) for name in prompts.cases}


def _named(there: dict[str, Path], name: str) -> Path | None:
    """A case may also be named with its ending."""
    return next((path for path in there.values() if path.name == name), None)


def number_of_cases(plan: Plan) -> int:
    """How many outcomes ``run_folder`` will give."""
    return len(case_names(plan, read_prompt_file(plan.prompts)))


def run_folder(plan: Plan) -> Iterator[Outcome]:
    """Every case once, as it is done; the order depends on the jobs, the results do not."""
    prompts = read_prompt_file(plan.prompts)
    waiting: list[tuple[str, Path, tuple[FileObject, ...]]] = []
    names = case_names(plan, prompts)
    plan.output.mkdir(parents=True, exist_ok=True)
    for name, path in names.items():
        objects = prompts.objects if prompts.cases is None else prompts.cases[name].objects
        if path is None:
            yield Outcome(name=name, error=f"{plan.folder}: holds no scan of the name {name}.")
        elif plan.resume and (done := _finished(plan, name, objects, prompts.unit)):
            yield Outcome(name=name, report=done, resumed=True)
        else:
            waiting.append((name, path, objects))
    if plan.jobs == 1:
        method = model_method(plan.model, plan.device) if waiting else None
        for entry in waiting:
            assert method is not None
            yield _outcome(plan, prompts, entry, method)
    else:
        yield from _in_parallel(plan, prompts, waiting)


_Entry = tuple[str, Path, tuple[FileObject, ...]]


def _in_parallel(plan: Plan, prompts: PromptFile, waiting: Sequence[_Entry]) -> Iterator[Outcome]:
    """The cases in ``plan.jobs`` processes; if one dies, what was not finished is tried once more alone."""
    left = {entry[0]: entry for entry in waiting}
    for attempt in range(_MOST_TRIES):
        jobs = plan.jobs if attempt == 0 else 1
        for entries in [list(left.values())] if attempt == 0 else [[entry] for entry in left.values()]:
            if not entries:
                continue
            with ProcessPoolExecutor(
                jobs, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(plan,)
            ) as pool:
                running = {pool.submit(_work, plan, prompts, entry): entry[0] for entry in entries}
                for done in as_completed(running):
                    try:
                        outcome = done.result()
                    except BrokenProcessPool:
                        continue
                    del left[running[done]]
                    yield outcome
    for name in left:
        yield Outcome(name=name, error="its process died, out of memory perhaps: segment it alone.")


_method: ModelMethod | None = None


def _start_worker(plan: Plan) -> None:
    """Load the model once for each process, and share the cores between them."""
    global _method
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // plan.jobs))
    _method = model_method(plan.model, plan.device)


def _work(plan: Plan, prompts: PromptFile, entry: _Entry) -> Outcome:
    assert _method is not None
    return _outcome(plan, prompts, entry, _method)


def _outcome(plan: Plan, prompts: PromptFile, entry: _Entry, method: ModelMethod) -> Outcome:
    """A case from file to file; whatever is wrong with it becomes its reason."""
    name, path, objects = entry
    case = _case(plan, name, path, objects, prompts.unit)
    try:
        case.check_outputs()
        scan = read_case(case)
        prompted = prompted_objects(prompts, objects, scan, plan.prompts)
        return Outcome(name=name, report=run_case(case, scan, prompted, method, plan.model))
    except (InputError, OSError, MemoryError) as error:
        said = user_message(error) if isinstance(error, InputError | OSError) else "not enough memory."
        return Outcome(name=name, error=said)
    except Exception as error:  # one case must not stop the others; the type leads to the bug
        return Outcome(name=name, error=f"failed unexpectedly ({type(error).__name__}: {error}).")


def _case(plan: Plan, name: str, path: Path, objects: Sequence[FileObject], unit: str) -> Case:
    said = [relocated(entry, plan.prompts.parent, plan.output) for entry in objects]
    return Case(
        scan=path,
        output=_mask(plan, name),
        options=plan.options,
        inputs=(plan.prompts,),
        said={"unit": unit, "objects": plain(said), "settings": _settings(plan)},
        probabilities=plan.probabilities,
        alternatives=plan.alternatives,
        label_tables=plan.label_tables,
        keep_identity=plan.keep_identity,
    )


def _mask(plan: Plan, name: str) -> Path:
    return plan.output / f"{name}{plan.suffix}"


def _settings(plan: Plan) -> str:
    """What else a result depends on, hashed: a finished case of other settings is not resumed."""
    extras = (plan.probabilities, plan.alternatives, plan.label_tables, plan.keep_identity)
    said = repr((_weights(plan.model), plan.options, *extras))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


@lru_cache
def _weights(model: str) -> str:
    """The hash of a model's weights, or its name where it has none."""
    from synthfm3d.model.checkpoint import weights_hash, weights_path

    path = weights_path(model)
    return model if path is None else weights_hash(path)


def _finished(plan: Plan, name: str, objects: Sequence[FileObject], unit: str) -> dict[str, Any] | None:
    """The report of a mask that is there already, made from the same prompts and settings."""
    case = _case(plan, name, plan.folder, objects, unit)
    if not case.output.is_file():
        return None
    try:
        report = json.loads(case.report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(report, dict) and report.get("prompts") == dict(case.said)
    return report if same else None
