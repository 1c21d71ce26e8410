"""The curves of ``benchmarks.adaptation`` and ``benchmarks.adaptation_steps`` as SVG for the documentation.

    python -m benchmarks.adaptation_figure

``adaptation.svg`` shows the Dice on other scans over the number of labelled scans. ``adaptation_steps.svg``
shows the Dice on exactly prompted patches of other scans over the number of training steps.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from benchmarks import adaptation, adaptation_steps
from benchmarks.adaptation import HOSPITALS, RANDOM

PICTURES = Path(__file__).parents[1] / "docs" / "images"
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 170, 150, 44, 40, 60
_COLOURS = {"default": "#1f6feb", RANDOM: "#d1661f"}
_WORDS = {"default": "from the default model", RANDOM: "from random weights"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: Dice of each start over the ``ticks``, and the Dice of the default model, not adapted."""

    title: str
    axis: str
    ticks: tuple[int, ...]
    curves: dict[str, list[tuple[int, float]]]
    unadapted: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--output", type=Path, default=PICTURES)
    given = arguments.parse_args()
    over_scans = panels_over_scans(json.loads(adaptation.RESULTS.read_text()))
    over_steps = panels_over_steps(json.loads(adaptation_steps.RESULTS.read_text()))
    (given.output / "adaptation.svg").write_text(figure(over_scans))
    (given.output / "adaptation_steps.svg").write_text(figure(over_steps))


def panels_over_scans(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """A panel for each hospital of ``benchmarks.adaptation`` that has a run."""
    panels = []
    for name in HOSPITALS:
        some = [row for row in rows if row["hospital"] == name]
        if not any(row["scans"] for row in some):
            continue
        curves = {
            start: sorted((r["scans"], r["dice"]) for r in some if r["start"] == start and r["scans"])
            for start in _WORDS
        }
        unadapted = next(row["dice"] for row in some if not row["scans"])
        panels.append(_panel_of(name, "", "labelled scans", (1, 2, 5, 10), curves, unadapted))
    return panels


def panels_over_steps(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """A panel for each hospital and number of scans of ``benchmarks.adaptation_steps``."""
    panels = []
    for name, scans in sorted({(row["hospital"], row["scans"]) for row in rows}):
        some = [row for row in rows if (row["hospital"], row["scans"]) == (name, scans)]
        trained = [row for row in some if row["steps"]]
        curves = {
            start: sorted((row["steps"], row["exact"]["mean"]) for row in trained if row["start"] == start)
            for start in _WORDS
        }
        ticks = tuple(sorted({row["steps"] for row in trained}))
        unadapted = next(row["exact"]["mean"] for row in some if not row["steps"])
        panels.append(_panel_of(name, f", {scans} scan(s)", "training steps", ticks, curves, unadapted))
    return panels


def _panel_of(
    name: str,
    more: str,
    axis: str,
    ticks: tuple[int, ...],
    curves: dict[str, list[tuple[int, float]]],
    unadapted: float,
) -> Panel:
    title = f"{name}: {HOSPITALS[name].structure}{more}"
    return Panel(title=title, axis=axis, ticks=ticks, curves=curves, unadapted=unadapted)


def figure(panels: Sequence[Panel]) -> str:
    """SVG of panels side by side, with a legend below."""
    width = max(300, _LEFT + len(panels) * (_WIDTH + _GAP))
    height = _TOP + _HEIGHT + 96
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for n, panel in enumerate(panels):
        parts += _drawn(panel, _LEFT + n * (_WIDTH + _GAP))
    below = _TOP + _HEIGHT + 52
    parts.append(_text(_LEFT, below, "dashed: the default model, not adapted", "start"))
    for n, (start, words) in enumerate(_WORDS.items(), 1):
        parts.append(_text(_LEFT, below + 16 * n, words, "start", _COLOURS[start]))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _drawn(panel: Panel, left: float) -> list[str]:
    parts = [_text(left, _TOP - 12, panel.title, "start")]
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(f'<path d="M{left} {_y(tick)}h{_WIDTH}" stroke="#ddd"/>')
        parts.append(_text(left - 4, _y(tick) + 4, f"{tick:g}", "end"))
    step = _WIDTH / len(panel.ticks)
    x = {tick: left + step * (n + 0.5) for n, tick in enumerate(panel.ticks)}
    parts += [_text(x[tick], _TOP + _HEIGHT + 16, str(tick), "middle") for tick in panel.ticks]
    parts.append(_text(left + _WIDTH / 2, _TOP + _HEIGHT + 32, panel.axis, "middle"))
    parts.append(f'<path d="M{left} {_y(panel.unadapted)}h{_WIDTH}" stroke="#555" stroke-dasharray="4 3"/>')
    for start, curve in panel.curves.items():
        places = [(x[tick], _y(dice)) for tick, dice in curve]
        if places:
            colour, way = _COLOURS[start], "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
            parts.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places]
    return parts


def _y(dice: float) -> float:
    return round(_TOP + _HEIGHT * (1 - dice), 1)


def _text(x: float, y: float, words: str, anchor: str, colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


if __name__ == "__main__":
    main()
