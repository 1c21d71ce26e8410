"""Run ``synthfm3d evaluate`` in one process or in several, and print its results."""

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
    from synthfm3d.evaluation.run import RunSettings
    from synthfm3d.evaluation.statistics.summary import Mean

_MOST_ROWS = 60
"""Rows of a printed table; with more, only the means over all structures are printed."""
CASES_NAME = "cases"
"""Folder in the report that keeps the result of each case."""


def check_output(folder: Path) -> None:
    """Raise InputError if the report could not be written."""
    from synthfm3d.evaluation.report import check_report_folder

    check_report_folder(folder)


def run_with_progress(run: "RunSettings", *, quiet: bool) -> "Report":
    """The report of a run; raises InputError if its input is wrong or nothing was scored."""
    from synthfm3d.evaluation.run import run_evaluation, run_in_processes

    # Made here once, so that errors in them are found before a process starts.
    cases, methods = run.cases(), run.methods()
    check_names(methods, run.protocol, run.against)
    with progress("Scoring", masks_of(cases, methods, run.protocol), quiet=quiet) as advance:
        if run.jobs > 1:
            return run_in_processes(run, lambda result: advance(max(1, len(result.scores)), note=result.case))
        return run_evaluation(
            cases,
            methods,
            run.protocol,
            folder=run.folder,
            resume=run.resume,
            with_pictures=run.with_pictures,
            against=run.against,
            on_score=lambda score: advance(note=f"{score.case} {score.structure}"),
        )


def tell_dry_run(run: "RunSettings", output: Path) -> None:
    """Print what a run would do."""
    from synthfm3d.evaluation.report import PAGE_NAME

    cases, methods = run.cases(), run.methods()
    check_names(methods, run.protocol, run.against)
    masks = masks_of(cases, methods, run.protocol)
    say(f"Would make and score {masks} masks in {len(cases)} cases and write {output / PAGE_NAME}.")


def masks_of(cases: "Sequence[PendingCase]", methods: "Sequence[Method]", protocol: "Protocol") -> int:
    """Number of masks that are scored, without the masks after correcting clicks."""
    masks = sum(
        len(protocol.seeds(prompt)) * sum(method.takes(prompt) for method in methods)
        for prompt in protocol.prompts
    )
    return masks * sum(len(case.targets) for case in cases)


def check_names(methods: "Sequence[Method]", protocol: "Protocol", against: str | None) -> None:
    """Raise InputError if two methods share a name, or the one to compare with will not be scored."""
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: is the name of two methods: give each its own.")
    if against is not None and against not in names:
        raise InputError(f"--against {against}: is not one of {', '.join(names)}.")
    for method in methods:
        if method.name == against and not any(method.takes(prompt) for prompt in protocol.prompts):
            raise InputError(
                f"--against {against}: accepts none of the prompts {', '.join(protocol.prompts)}."
            )


def export(folder: Path, cases: "Cases", protocol: "Protocol", *, quiet: bool, as_json: bool) -> None:
    """Write prompts for another tool, and print how to use them."""
    from synthfm3d.evaluation.prompt_export import MANIFEST_NAME, export_prompts

    manifest = export_prompts(folder, cases(), protocol)
    for entry in manifest["unusable"]:
        say(f"Left out: {entry['case']}: {entry['reason']}")
    if as_json:
        print_json(manifest)
    say(f"{len(manifest['questions'])} prompts: {folder / MANIFEST_NAME}. {manifest['how']}", quiet=quiet)


def print_tables(report: "Report") -> None:
    """Dice of each structure and prompt by method, with the means below; one table for each label source."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from synthfm3d.evaluation.datasets.cases import labels_of

    console = Console()
    for source in dict.fromkeys(mean.label_source for mean in report.means):
        mine = [mean for mean in report.means if mean.label_source == source]
        methods = list(dict.fromkeys(mean.method for mean in mine))
        table = Table(title=f"Dice against {labels_of(source)}", box=box.SIMPLE_HEAD, title_justify="left")
        for column in ("structure", "prompt"):
            table.add_column(column, overflow="fold")
        for method in methods:
            table.add_column(Text(method), justify="right", overflow="fold")
        for together in (False, True):
            rows: dict[tuple[str, str], dict[str, str]] = {}
            for mean in mine:
                if (mean.structure is None) == together:
                    row = rows.setdefault((mean.structure or "all structures", mean.prompt), {})
                    row[mean.method] = _cell(mean)
            if together or len(rows) <= _MOST_ROWS:
                for key, cells in rows.items():
                    words = (Text(word) for word in key)
                    table.add_row(*words, *(Text(cells.get(name, "–")) for name in methods))
                table.add_section()
        console.print(table)


def tell_what_went_wrong(report: "Report") -> None:
    """Print cases, structures and masks that are missing on stderr."""
    for case, reason in report.unusable:
        say(f"Left out: {case}: {reason}")
    for case, structure in report.absent:
        say(f"Skipped: {structure} has no voxel in {case}.")
    failures = [score for score in report.scores if score.error is not None]
    if failures:
        say(f"{len(failures)} of {len(report.scores)} masks failed; the first: {failures[0].error}")


def _cell(mean: "Mean") -> str:
    return "failed" if mean.failures == mean.structures else f"{mean.dice:.3f}"
