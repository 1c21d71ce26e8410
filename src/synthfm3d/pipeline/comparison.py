"""What came out beside what the paper is known for: a page and the same as data."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from synthfm3d import __version__
from synthfm3d.files import json_text, write_atomically
from synthfm3d.pipeline.pages import filled

PAGE, DATA = "reproduction.html", "reproduction.json"
_SAME_IMAGES = {"camus-stills": "camus"}
"""Datasets of the registry that show what another one shows, for which the paper has figures."""


def write_comparison(
    folder: Path,
    *,
    means: Sequence[Mapping[str, Any]],
    report: Path,
    facts: Mapping[str, Any],
    left_out: Sequence[str],
    scale: float,
) -> tuple[Path, list[dict[str, Any]]]:
    """Write the page and the data into ``folder``; returns the path of the page and the rows of its table.

    Parameters
    ----------
    means
        Mean Dice by dataset, structure, label source, prompt and method.
    report
        Place of the whole report, relative to ``folder``.
    facts
        What is known of the run, to be printed as it is.
    left_out
        Datasets of the recipe of which there was no copy.
    """
    paper = json.loads(files("synthfm3d.pipeline").joinpath("paper_figures.json").read_text("utf-8"))
    rows = comparison_rows(means, paper["figures"])
    methods = list(dict.fromkeys(mean["method"] for mean in means))
    data = {
        "scale": scale,
        "rows": rows,
        "paper": paper,
        "facts": dict(facts),
        "datasets_left_out": list(left_out),
        "report": report.as_posix(),
        "synthfm3d": __version__,
    }
    page = filled("reproduction.html.jinja", **data, methods=methods)
    write_atomically(folder / DATA, json_text(data).encode())
    write_atomically(folder / PAGE, page.encode())
    return folder / PAGE, rows


def comparison_rows(
    means: Sequence[Mapping[str, Any]], figures: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row for each dataset, structure, label source and prompt: Dice by method, and the paper's."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for mean in means:
        names = ("dataset", "structure", "label_source", "prompt")
        row = rows.setdefault(
            tuple(mean[name] for name in names),
            {**{name: mean[name] for name in names}, "cases": mean["cases"], "dice": {}, "paper": None},
        )
        row["dice"][mean["method"]] = mean["dice"]
    for row in rows.values():
        shown = _SAME_IMAGES.get(row["dataset"], row["dataset"])
        for figure in figures:
            if (figure["dataset"], figure["structure"]) == (shown, row["structure"]):
                row["paper"] = figure["dice"]
    return list(rows.values())
