"""The statistics of presets as one HTML page and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from synthfm3d import __version__
from synthfm3d.files import json_text, write_atomically
from synthfm3d.pictures import histogram_svg
from synthfm3d.pipeline.pages import filled
from synthfm3d.pipeline.statistics import (
    LEAST_VOXELS,
    Measure,
    PresetStatistics,
    RealTargets,
    read_real_targets,
)

PAGE_NAME, JSON_NAME = "statistics.html", "statistics.json"
_SHARES = ("modality", "layout", "contrast", "family", "effect")


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
    page = folder / PAGE_NAME
    write_atomically(page, statistics_page(presets, seed=seed).encode())
    write_atomically(folder / JSON_NAME, json_text(statistics_data(presets, seed=seed)).encode())
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
