"""Scores as files: a CSV for statistics, a JSON with everything, an HTML page to look at.

The CSV holds no timings, so two runs of the same evaluation give the same bytes; seconds stand in
the JSON and on the page. The page is one file: pictures are inside it and nothing is fetched.
"""

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from synthfm3d import __version__
from synthfm3d.evaluation.cases import LabelSource, labels_of
from synthfm3d.evaluation.method import PROMPT_KINDS, PromptKind
from synthfm3d.evaluation.protocol import PROTOCOL, Score
from synthfm3d.evaluation.summary import Mean, means
from synthfm3d.io.atomic import check_writable, write_atomically
from synthfm3d.pictures import data_uri

CSV_NAME, JSON_NAME, PAGE_NAME = "scores.csv", "report.json", "report.html"
_CSV_COLUMNS = tuple(column.name for column in fields(Score) if column.name != "seconds")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is written down of an evaluation.

    Parameters
    ----------
    scores
        In the order in which they were made.
    pictures
        PNG file of each score, as many as scores; or none at all.
    absent
        (case, structure) pairs that were asked for and have no voxel.
    unusable
        (case, reason) pairs of cases that could not be read.
    methods
        What is known of each method, by name: for example the hash of its weights.
    """

    scores: tuple[Score, ...]
    pictures: tuple[bytes, ...] = ()
    absent: tuple[tuple[str, str], ...] = ()
    unusable: tuple[tuple[str, str], ...] = ()
    methods: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.scores:
            raise ValueError("a report needs at least one score.")
        if self.pictures and len(self.pictures) != len(self.scores):
            raise ValueError(f"{len(self.pictures)} pictures for {len(self.scores)} scores: give one each.")


def check_report_folder(folder: Path) -> None:
    """Raise InputError now if ``folder`` could not be made or written to; nothing is left behind."""
    path = folder / PAGE_NAME
    while not path.parent.exists():
        path = path.parent
    check_writable(path)


def write_report(folder: Path, report: Report) -> None:
    """Write ``scores.csv``, ``report.json`` and ``report.html``, each whole or not at all.

    All three are composed before the first is written. Raises InputError if the folder cannot be
    written to.
    """
    contents = {
        CSV_NAME: scores_csv(report.scores),
        JSON_NAME: json.dumps(report_data(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        PAGE_NAME: report_page(report),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        write_atomically(folder / name, text.encode("utf-8"))


def scores_csv(scores: Sequence[Score]) -> str:
    """One row for each case, structure, prompt and method; decimals with six digits, no timings."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for score in scores:
        values = (getattr(score, name) for name in _CSV_COLUMNS)
        writer.writerow([f"{value:.6f}" if isinstance(value, float) else value for value in values])
    return file.getvalue()


def report_data(report: Report) -> dict[str, Any]:
    """Everything that the report knows, as plain JSON values."""
    return {
        "scores": [asdict(score) for score in report.scores],
        "means": [asdict(mean) for mean in means(report.scores)],
        "absent": [{"case": case, "structure": structure} for case, structure in report.absent],
        "unusable": [{"case": case, "reason": reason} for case, reason in report.unusable],
        "methods": {name: dict(facts) for name, facts in report.methods.items()},
        "protocol": list(PROTOCOL),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of what took part; torch and scikit-image only where they are installed."""
    found = {"synthfm3d": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "nibabel", "pillow", "torch", "scikit-image"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# --- the page -------------------------------------------------------------------------------------


def report_page(report: Report) -> str:
    """The whole HTML page."""
    template = files("synthfm3d.evaluation").joinpath("report.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    scores = report.scores
    prompts = [kind for kind in PROMPT_KINDS if any(score.prompt == kind for score in scores)]
    methods = list(dict.fromkeys(score.method for score in scores))
    sources = list(dict.fromkeys(score.label_source for score in scores))
    # Methods that take a prompt, by prompt: the columns of the table of structures.
    columns = {
        kind: [m for m in methods if any(s.prompt == kind and s.method == m for s in scores)]
        for kind in prompts
    }
    return environment.from_string(template).render(
        prompts=prompts,
        methods=methods,
        columns=columns,
        sections=[_section(source, report, methods, columns) for source in sources],
        failed=[score for score in scores if score.error is not None],
        absent=report.absent,
        unusable=report.unusable,
        facts=report.methods,
        protocol=PROTOCOL,
        versions=versions(),
        cases=len({score.case for score in scores}),
        structures=len({(score.case, score.structure) for score in scores}),
    )


def _section(
    source: LabelSource, report: Report, methods: Sequence[str], columns: Mapping[PromptKind, Sequence[str]]
) -> dict[str, Any]:
    """What the page shows of one label source: means, a row and the pictures of each structure."""
    mine = [n for n, score in enumerate(report.scores) if score.label_source == source]
    mean_of = {(mean.prompt, mean.method): mean for mean in means([report.scores[n] for n in mine])}
    groups: dict[tuple[str, str], list[int]] = {}
    for n in mine:
        groups.setdefault((report.scores[n].case, report.scores[n].structure), []).append(n)
    return {
        "labels": labels_of(source),
        # An automatic label is another program's opinion: to overlap with it is to agree with it.
        "measure": "agreement (Dice)" if source == "automatic" else "Dice",
        "cases": len({case for case, _ in groups}),
        "means": [[mean_of.get((prompt, method)) for prompt in columns] for method in methods],
        "best_means": [_best([m for (p, _), m in mean_of.items() if p == prompt]) for prompt in columns],
        "structures": [_structure(report, numbers, columns) for numbers in groups.values()],
    }


def _structure(
    report: Report, numbers: Sequence[int], columns: Mapping[PromptKind, Sequence[str]]
) -> dict[str, Any]:
    scores = [report.scores[n] for n in numbers]
    score_of = {(score.prompt, score.method): score for score in scores}
    return {
        "case": scores[0].case,
        "structure": scores[0].structure,
        "ml": scores[0].reference_ml,
        "cells": [
            {
                "score": score_of.get((prompt, method)),
                "best": _best([score for score in scores if score.prompt == prompt]),
                "first": method == methods[0],
            }
            for prompt, methods in columns.items()
            for method in methods
        ],
        "figures": [{"score": report.scores[n], "uri": data_uri(report.pictures[n])} for n in numbers]
        if report.pictures
        else [],
    }


def _best(entries: Sequence[Score] | Sequence[Mean]) -> float:
    """The greatest Dice to the digits that the page shows; more than 1 where there is nothing to compare."""
    return max((round(entry.dice, 2) for entry in entries), default=2.0) if len(entries) > 1 else 2.0
