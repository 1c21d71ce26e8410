"""HTML pages and texts from the templates of this folder: statistics of presets, and the reproduction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from synthfm3d import __version__
from synthfm3d.files import json_text, write_atomically
from synthfm3d.pictures import histogram_svg
from synthfm3d.pipeline.statistics import (
    LEAST_VOXELS,
    Measure,
    PresetStatistics,
    RealTargets,
    read_real_targets,
)

STATISTICS_PAGE, STATISTICS_JSON = "statistics.html", "statistics.json"
REPRODUCTION_PAGE, REPRODUCTION_JSON = "reproduction.html", "reproduction.json"
_SHARES = ("modality", "layout", "contrast", "family", "effect")
_SAME_IMAGES = {"camus-stills": "camus"}
"""Datasets of the registry that show the same images as another one, for which the paper has figures."""


def filled(template: str, **known: object) -> str:
    """A page from its template ``NAME.html.jinja``, or a text from ``NAME.md.jinja``.

    The values in ``known`` are escaped in HTML. It is an error if the template uses a name that is not
    in ``known``.
    """
    environment = Environment(
        loader=PackageLoader("synthfm3d.pipeline", "."),
        autoescape=template.endswith(".html.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**known)


def statistics_page(presets: Sequence[PresetStatistics], *, seed: int) -> str:
    """The whole page; nothing in it is fetched from elsewhere."""
    real = read_real_targets()
    return filled(
        "statistics.html.jinja",
        presets=presets,
        real=real,
        seed=seed,
        least_voxels=LEAST_VOXELS,
        histograms={
            measure.name: [_histogram(measure, preset, real) for preset in presets]
            for measure in real.measures
        },
        marked={measure.name: [s for s in real.structures if measure.name in s] for measure in real.measures},
        shares=[(kind, _share_rows(kind, presets)) for kind in _SHARES],
        version=__version__,
    )


def statistics_data(presets: Sequence[PresetStatistics], *, seed: int) -> dict[str, Any]:
    """Every number of every target, as plain JSON values."""
    return {"seed": seed, "presets": {preset.name: asdict(preset) for preset in presets}}


def write_statistics(folder: Path, presets: Sequence[PresetStatistics], *, seed: int) -> Path:
    """Write the page and its data as JSON into ``folder``; returns the page."""
    page = folder / STATISTICS_PAGE
    write_atomically(page, statistics_page(presets, seed=seed).encode())
    write_atomically(folder / STATISTICS_JSON, json_text(statistics_data(presets, seed=seed)).encode())
    return page


def _histogram(measure: Measure, preset: PresetStatistics, real: RealTargets) -> Markup:
    marks = [(float(s[measure.name]), str(s["name"])) for s in real.structures if measure.name in s]
    svg = histogram_svg(
        preset.values(measure.name), measure.axis, log=measure.log, band=measure.range, marks=marks
    )
    return Markup(svg)  # made of numbers, and of names that histogram_svg escapes


def _share_rows(kind: str, presets: Sequence[PresetStatistics]) -> list[tuple[str, list[float | None]]]:
    """Names that occur in any preset, with the share in each; None where it cannot occur."""
    columns: list[dict[str, Any]] = [getattr(preset.shares, kind) for preset in presets]
    names = dict.fromkeys(name for column in columns for name in column)
    absent = None if kind == "effect" else 0.0
    return [(name, [column.get(name, absent) for column in columns]) for name in names]


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
    write_atomically(folder / REPRODUCTION_JSON, json_text(data).encode())
    write_atomically(folder / REPRODUCTION_PAGE, page.encode())
    return folder / REPRODUCTION_PAGE, rows


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
