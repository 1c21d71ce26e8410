"""The report of an evaluation: a page, and the same results as JSON, CSV and LaTeX."""

from synthfm3d.evaluation.report.contents import Report, report_data
from synthfm3d.evaluation.report.files import (
    PAGE_NAME,
    check_report_folder,
    latex_tables,
    means_csv,
    scores_csv,
    write_report,
)
from synthfm3d.evaluation.report.page import report_page

__all__ = [
    "PAGE_NAME",
    "Report",
    "check_report_folder",
    "latex_tables",
    "means_csv",
    "report_data",
    "report_page",
    "scores_csv",
    "write_report",
]
