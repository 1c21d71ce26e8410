"""How ``synthfm3d evaluate`` runs: in this process or in several, with a bar that tells how far it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synthfm3d.cli.common import print_json, progress, say
from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.cli.evaluate_inputs import Cases
    from synthfm3d.evaluation.datasets.cases import PendingCase
    from synthfm3d.evaluation.methods.method import Method
    from synthfm3d.evaluation.protocol import Protocol
    from synthfm3d.evaluation.report import Report
    from synthfm3d.evaluation.running.processes import Plan

CASES_NAME = "cases"
"""Folder of the report where the result of each case is kept."""


def run_with_progress(plan: "Plan", *, quiet: bool) -> "Report":
    """The report of a run; raises InputError if its input is wrong or nothing was scored."""
    from synthfm3d.evaluation.running.processes import run_in_processes
    from synthfm3d.evaluation.running.run import run_evaluation

    # Made here once, so that what is wrong with them is told before a process starts.
    cases, methods = plan.cases(), plan.methods()
    check_names(methods, plan.protocol, plan.against)
    with progress("Scoring", masks_of(cases, methods, plan.protocol), quiet=quiet) as advance:
        if plan.jobs > 1:
            return run_in_processes(
                plan, lambda result: advance(max(1, len(result.scores)), note=result.case)
            )
        return run_evaluation(
            cases,
            methods,
            plan.protocol,
            folder=plan.folder,
            resume=plan.resume,
            with_pictures=plan.with_pictures,
            against=plan.against,
            on_score=lambda score: advance(note=f"{score.case} {score.structure}"),
        )


def masks_of(cases: "Sequence[PendingCase]", methods: "Sequence[Method]", protocol: "Protocol") -> int:
    """Number of masks that are scored, without those of correcting clicks."""
    answers = sum(
        len(protocol.seeds(prompt)) * sum(method.takes(prompt) for method in methods)
        for prompt in protocol.prompts
    )
    return answers * sum(len(case.targets) for case in cases)


def check_names(methods: "Sequence[Method]", protocol: "Protocol", against: str | None) -> None:
    """Raise InputError if two methods share a name, or the one to compare with will not be scored."""
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: is the name of two methods: give each its own.")
    if against is not None and against not in names:
        raise InputError(f"--against {against}: is none of {', '.join(names)}.")
    for method in methods:
        if method.name == against and not any(method.takes(prompt) for prompt in protocol.prompts):
            raise InputError(f"--against {against}: takes none of the prompts {', '.join(protocol.prompts)}.")


def export(folder: Path, cases: "Cases", protocol: "Protocol", *, quiet: bool, as_json: bool) -> None:
    """Write prompts for another tool, and say what to do with them."""
    from synthfm3d.evaluation.running.prompt_export import MANIFEST_NAME, export_prompts

    manifest = export_prompts(folder, cases(), protocol)
    for entry in manifest["unusable"]:
        say(f"Left out: {entry['case']}: {entry['reason']}")
    if as_json:
        print_json(manifest)
    say(f"{len(manifest['questions'])} prompts: {folder / MANIFEST_NAME}. {manifest['how']}", quiet=quiet)
