"""The page of a report: one HTML file, in light or dark colours, for a screen or for paper."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2

from synthfm3d.evaluation.datasets.cases import LabelSource, labels_of
from synthfm3d.evaluation.protocol import PromptName
from synthfm3d.evaluation.report.contents import SIGNIFICANT, STATISTICS, Report, versions
from synthfm3d.evaluation.report.plots import FEW, box_plot, curves, reliability_diagram
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.evaluation.statistics.summary import Mean, by_patient
from synthfm3d.metrics.failure import RETENTION_PLACES
from synthfm3d.metrics.surface import tolerance_of
from synthfm3d.pictures import data_uri


def report_page(report: Report) -> str:
    """The whole HTML page."""
    here = files("synthfm3d.evaluation.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(here.joinpath("page.html.jinja").read_text("utf-8"))
    scores = report.scores
    sources: list[LabelSource] = list(dict.fromkeys(score.label_source for score in scores))
    return template.render(
        style=here.joinpath("page.css").read_text("utf-8"),
        prompts=[prompt for prompt in report.protocol.prompts if any(s.prompt == prompt for s in scores)],
        methods=_methods(scores),
        against=report.against,
        significant=SIGNIFICANT,
        few=FEW,
        sections=[_section(report, source) for source in sources],
        failed=[score for score in scores if score.error is not None],
        absent=report.absent,
        unusable=report.unusable,
        notes=report.notes,
        facts=report.methods,
        datasets=_datasets(scores),
        protocol=report.protocol.words(),
        statistics=STATISTICS,
        versions=versions(),
        patients=len({score.patient for score in scores}),
        cases=len({score.case for score in scores}),
        structures=len({(score.case, score.structure) for score in scores}),
    )


def _datasets(scores: Sequence[Score]) -> list[str]:
    """The datasets in the names of cases, ``dataset/case``; a single scan belongs to none."""
    return list(dict.fromkeys(score.case.partition("/")[0] for score in scores if "/" in score.case))


def _methods(scores: Sequence[Score]) -> list[str]:
    return list(dict.fromkeys(score.method for score in scores))


def _section(report: Report, source: LabelSource) -> dict[str, Any]:
    """The values that the page shows for one label source."""
    numbers = [n for n, score in enumerate(report.scores) if score.label_source == source]
    scores = [report.scores[n] for n in numbers]
    prompts = [p for p in report.protocol.prompts if any(score.prompt == p for score in scores)]
    together = {
        (mean.prompt, mean.method): mean
        for mean in report.means
        if mean.label_source == source and mean.structure is None
    }
    methods = _methods(scores)
    return {
        "labels": labels_of(source),
        # Automatic labels come from another program, so overlap with them is agreement, not accuracy.
        "measure": "agreement (Dice)" if source == "automatic" else "Dice",
        "patients": len({score.patient for score in scores}),
        "cases": len({score.case for score in scores}),
        "structures": len({(score.case, score.structure) for score in scores}),
        "prompts": prompts,
        "methods": methods,
        "means": {method: [together.get((prompt, method)) for prompt in prompts] for method in methods},
        "best": [_best(mean for (p, _), mean in together.items() if p == prompt) for prompt in prompts],
        "tables": [_table(report, source, prompt, scores) for prompt in prompts],
        "behaviour": list(together.values()),
        "frames": list(dict.fromkeys(name for mean in together.values() for name in mean.frame_dice)),
        "reliability": _reliability(report, list(together.values())),
        "figures": [
            {"score": report.scores[n], "uri": data_uri(report.pictures[n])}
            for n in numbers
            if n in report.pictures
        ],
    }


def _reliability(report: Report, together: Sequence[Mean]) -> dict[str, list[str]]:
    """Diagrams by prompt, one for each method with probabilities; prompts without diagrams are left out."""
    colours = {name: n for n, name in enumerate(_methods(report.scores))}
    found: dict[str, list[str]] = {}
    for mean in together:
        if mean.calibration is not None:
            drawn = reliability_diagram(mean.method, mean.calibration, colours[mean.method])
            found.setdefault(mean.prompt, []).append(drawn)
    return found


def _table(
    report: Report, source: LabelSource, prompt: PromptName, scores: Sequence[Score]
) -> dict[str, Any]:
    """The table and the plots of one prompt: rows of structures (all together last), columns of methods."""
    mine = [score for score in scores if score.prompt == prompt]
    methods = _methods(mine)
    means = {
        (mean.structure, mean.method): mean
        for mean in report.means
        if (mean.label_source, mean.prompt) == (source, prompt)
    }
    compared = {
        (comparison.structure, comparison.method): comparison
        for comparison in report.comparisons
        if (comparison.label_source, comparison.prompt) == (source, prompt)
    }
    structures: list[str | None] = [*dict.fromkeys(score.structure for score in mine)]
    rows = [
        {
            "structure": structure or "all structures",
            "together": structure is None,
            "tolerance": None if structure is None else tolerance_of(structure),
            "cases": len({score.case for score in mine if structure in (None, score.structure)}),
            "best": _best(means[key] for key in ((structure, m) for m in methods) if key in means),
            "cells": [
                {"mean": means.get((structure, method)), "comparison": compared.get((structure, method))}
                for method in methods
            ],
        }
        for structure in (structures if len(structures) == 1 else [*structures, None])
    ]
    return {"prompt": prompt, "methods": methods, "rows": rows, **_plots(report, mine, means, methods)}


def _plots(
    report: Report,
    scores: Sequence[Score],
    means: Mapping[tuple[str | None, str], Mean],
    methods: Sequence[str],
) -> dict[str, Any]:
    colours = {name: n for n, name in enumerate(_methods(report.scores))}
    values = {method: _structure_values([s for s in scores if s.method == method]) for method in methods}
    together = {method: means[None, method] for method in methods}
    ways = [n / (RETENTION_PLACES - 1) for n in range(RETENTION_PLACES)]
    retention = {
        m: list(zip(ways, mean.retention, strict=True)) for m, mean in together.items() if mean.retention
    }
    clicks = {
        method: [(float(n), dice) for n, dice in enumerate(mean.click_curve)]
        for method, mean in together.items()
        if mean.click_curve
    }
    way, after = "way from the prompt slice (0) to the structure's last (1)", "correcting clicks"
    return {
        "boxes": box_plot(values, colours, "Dice"),
        "retention": curves(retention, colours, way, "Dice of a slice") if retention else "",
        "clicks": curves(clicks, colours, after, "Dice") if clicks else "",
        "click_areas": [
            (method, mean.click_area) for method, mean in together.items() if mean.click_area is not None
        ],
    }


def _structure_values(scores: Sequence[Score]) -> list[float]:
    """Dice of each structure of each case, mean over draws."""
    names = dict.fromkeys(score.structure for score in scores)
    found = []
    for name in names:
        cases = by_patient([score for score in scores if score.structure == name], lambda score: score.dice)
        found += [value for patient in cases.values() for value in patient.values()]
    return found


def _best(means: Any) -> float:
    """The largest Dice with the digits of the page; more than 1 if there is only one method."""
    found = [round(mean.dice, 2) for mean in means]
    return max(found) if len(found) > 1 else 2.0
