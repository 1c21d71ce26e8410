"""The files of a report: CSV tables, a LaTeX table, JSON, and the page.

The CSV files hold no timings, so two runs of the same evaluation write the same bytes. Seconds are in the
JSON and on the page. The page is one file: it contains its pictures and loads nothing.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from synthfm3d.evaluation.datasets.cases import labels_of
from synthfm3d.evaluation.report.contents import SIGNIFICANT, Report, report_data
from synthfm3d.evaluation.report.page import report_page
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.evaluation.statistics.comparison import Comparison
from synthfm3d.evaluation.statistics.summary import Key, Mean
from synthfm3d.files import check_writable, json_text, write_atomically

_COSTS = {"seconds", "peak_mb"}
_NESTED = {"retention", "frame_dice", "rounds", "click_curve", "dice_interval", "calibration"}
_SCORE_COLUMNS = tuple(c.name for c in fields(Score) if c.name not in _COSTS | _NESTED)
_MEAN_COLUMNS = tuple(c.name for c in fields(Mean) if c.name not in _COSTS | _NESTED)
_CALIBRATION_COLUMNS = ("voxel_calibration_error", "slice_calibration_error")
_COMPARISON_COLUMNS = ("difference", "difference_low", "difference_high", "p", "p_holm", "effect")


def scores_csv(scores: Sequence[Score]) -> str:
    """One row for each case, structure, prompt, draw and method; numbers with six decimals, no timings.

    Curves (retention, clicks, frames, reliability) are in the JSON; for clicks, the area is given.
    """
    rows = ([*(getattr(score, name) for name in _SCORE_COLUMNS), score.click_area] for score in scores)
    return _csv([*_SCORE_COLUMNS, "click_area"], rows)


def means_csv(report: Report) -> str:
    """One row for each label source, structure (empty: all together), prompt and method, with comparisons."""
    compared = {_key(comparison): comparison for comparison in report.comparisons}
    rows = []
    for mean in report.means:
        low, high = mean.dice_interval or (None, None)
        row = [*(getattr(mean, name) for name in _MEAN_COLUMNS), low, high, *_calibration_errors(mean)]
        rows.append([*row, *_comparison_values(compared.get(_key(mean)))])
    columns = [*_MEAN_COLUMNS, "dice_low", "dice_high", *_CALIBRATION_COLUMNS, *_COMPARISON_COLUMNS]
    return _csv(columns, rows)


def latex_tables(report: Report) -> str:
    r"""For each label source and prompt a ``tabular`` of structures and methods (package booktabs).

    Mean Dice in percent with its interval. The best of a row is bold. An asterisk marks a difference from the
    method that others are compared with (Holm-adjusted p < ``SIGNIFICANT``).
    """
    means = {_key(mean): mean for mean in report.means}
    compared = {_key(comparison): comparison for comparison in report.comparisons}
    parts = [
        "% Written by synthfm3d evaluate. Needs \\usepackage{booktabs}.",
        f"% Mean Dice in percent; * Holm-adjusted p < {SIGNIFICANT} against {_one_line(report.against)}.",
    ]
    groups = dict.fromkeys((mean.label_source, mean.prompt) for mean in report.means)
    for source, prompt in groups:
        mine = [mean for mean in report.means if (mean.label_source, mean.prompt) == (source, prompt)]
        methods = list(dict.fromkeys(mean.method for mean in mine))
        structures = sorted(dict.fromkeys(mean.structure for mean in mine), key=lambda s: s is None)
        parts += [
            f"% {labels_of(source)}, prompt: {prompt}",
            f"\\begin{{tabular}}{{l{'c' * len(methods)}}}",
            "\\toprule",
            " & ".join(["structure", *map(_latex, methods)]) + " \\\\",
            "\\midrule",
        ]
        for structure in structures:
            if structure is None:
                parts.append("\\midrule")
            keys: list[Key] = [(source, structure, prompt, method) for method in methods]
            best = max(round(means[key].dice, 3) for key in keys if key in means)
            cells = [_cell(means.get(key), compared.get(key), best) for key in keys]
            parts.append(" & ".join([_latex(structure or "all structures"), *cells]) + " \\\\")
        parts += ["\\bottomrule", "\\end{tabular}", ""]
    return "\n".join(parts)


def _key(row: Mean | Comparison) -> Key:
    return row.label_source, row.structure, row.prompt, row.method


def _calibration_errors(mean: Mean) -> tuple[float | None, float | None]:
    found = mean.calibration
    return (None, None) if found is None else (found.voxels.error, found.slices.error)


def _comparison_values(comparison: Comparison | None) -> list[Any]:
    if comparison is None:
        return [None] * len(_COMPARISON_COLUMNS)
    low, high = comparison.interval or (None, None)
    return [comparison.difference, low, high, comparison.p, comparison.p_holm, comparison.effect]


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([f"{value:.6f}" if isinstance(value, float) else value for value in row])
    return file.getvalue()


def _cell(mean: Mean | None, comparison: Comparison | None, best: float) -> str:
    if mean is None:
        return "--"
    number = f"{100 * mean.dice:.1f}"
    text = f"\\textbf{{{number}}}" if round(mean.dice, 3) == best else number
    if comparison is not None and comparison.p_holm < SIGNIFICANT:
        text += "$^{*}$"
    if mean.dice_interval is not None:
        text += " {{\\scriptsize [{:.1f}, {:.1f}]}}".format(*(100 * end for end in mean.dice_interval))
    return text


_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    sign: f"\\{sign}" for sign in "&%$#_{}"
}


def _latex(text: str) -> str:
    """Text with the special characters of LaTeX escaped."""
    return re.sub(r"[\\~^&%$#_{}]", lambda found: _SPECIAL[found.group()], _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


SCORES_NAME, MEANS_NAME, LATEX_NAME = "scores.csv", "means.csv", "table.tex"
JSON_NAME, PAGE_NAME = "report.json", "report.html"


def check_report_folder(folder: Path) -> None:
    """Raise InputError if ``folder`` could not be made or written to; nothing is left behind."""
    path = folder / PAGE_NAME
    while not path.parent.exists():
        path = path.parent
    check_writable(path)


def write_report(folder: Path, report: Report) -> None:
    """Write the page, its data as JSON, two CSV files and a LaTeX table, each atomically.

    All files are composed before the first is written. Raises InputError if the folder cannot be written to.
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
