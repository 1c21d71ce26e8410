"""An evaluation written down: one page to look at, JSON, CSV and LaTeX to go on with."""

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
