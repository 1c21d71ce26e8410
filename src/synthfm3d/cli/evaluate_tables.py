"""What ``synthfm3d evaluate`` prints when it is done."""

from typing import TYPE_CHECKING

from synthfm3d.cli.common import say

if TYPE_CHECKING:
    from synthfm3d.evaluation.report import Report
    from synthfm3d.evaluation.statistics.summary import Mean

_MOST_ROWS = 60
"""Of structures by prompt; beyond, the means over all structures alone are printed."""


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
    """Cases, structures and answers that are missing, on stderr."""
    for case, reason in report.unusable:
        say(f"Left out: {case}: {reason}")
    for case, structure in report.absent:
        say(f"Skipped: {structure} has no voxel in {case}.")
    failures = [score for score in report.scores if score.error is not None]
    if failures:
        say(f"{len(failures)} of {len(report.scores)} masks failed; the first: {failures[0].error}")


def _cell(mean: "Mean") -> str:
    return "failed" if mean.failures == mean.structures else f"{mean.dice:.3f}"
