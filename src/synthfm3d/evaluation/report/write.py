"""The files of a report.

The CSV files hold no timings, so two runs of the same evaluation give the same bytes; seconds stand in
the JSON and on the page. The page is one file: pictures are inside it and nothing is fetched.
"""

from pathlib import Path

from synthfm3d.evaluation.report.contents import Report, report_data
from synthfm3d.evaluation.report.page import report_page
from synthfm3d.evaluation.report.tables import latex_tables, means_csv, scores_csv
from synthfm3d.files import check_writable, json_text, write_atomically

SCORES_NAME, MEANS_NAME, LATEX_NAME = "scores.csv", "means.csv", "table.tex"
JSON_NAME, PAGE_NAME = "report.json", "report.html"


def check_report_folder(folder: Path) -> None:
    """Raise InputError now if ``folder`` could not be made or written to; nothing is left behind."""
    path = folder / PAGE_NAME
    while not path.parent.exists():
        path = path.parent
    check_writable(path)


def write_report(folder: Path, report: Report) -> None:
    """Write the page, its data as JSON, two CSV files and a LaTeX table, each whole or not at all.

    All are composed before the first is written. Raises InputError if the folder cannot be written to.
    """
    contents = {
        SCORES_NAME: scores_csv(report.scores),
        MEANS_NAME: means_csv(report),
        LATEX_NAME: latex_tables(report),
        JSON_NAME: json_text(report_data(report)),
        PAGE_NAME: report_page(report),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        write_atomically(folder / name, text.encode("utf-8"))
