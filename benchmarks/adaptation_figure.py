"""The curves of ``benchmarks.adaptation`` as an SVG for the documentation.

    python -m benchmarks.adaptation_figure

One panel for each hospital: Dice on scans that were not learnt from, over the number of labelled scans.
"""

import argparse
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.adaptation import HOSPITALS, RANDOM, RESULTS

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "adaptation.svg"
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 170, 150, 44, 40, 26
_COUNTS = (1, 2, 5, 10)
_COLOURS = {"default": "#1f6feb", RANDOM: "#d1661f"}
_WORDS = {"default": "from the default model", RANDOM: "from random weights"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--results", type=Path, default=RESULTS)
    arguments.add_argument("--output", type=Path, default=PICTURE)
    given = arguments.parse_args()
    given.output.write_text(figure(json.loads(given.results.read_text())))


def figure(rows: Sequence[dict[str, Any]]) -> str:
    """SVG of rows as ``benchmarks.adaptation`` writes them; hospitals without a run are left out."""
    names = [name for name in HOSPITALS if any(r["hospital"] == name and r["scans"] for r in rows)]
    width = max(300, _LEFT + len(names) * (_WIDTH + _GAP))
    height = _TOP + _HEIGHT + 96
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for n, name in enumerate(names):
        some = [row for row in rows if row["hospital"] == name]
        parts += _panel(name, some, _LEFT + n * (_WIDTH + _GAP))
    below = _TOP + _HEIGHT + 52
    parts.append(_text(_LEFT, below, "dashed: the default model, not adapted", "start"))
    for n, (start, words) in enumerate(_WORDS.items(), 1):
        parts.append(_text(_LEFT, below + 16 * n, words, "start", _COLOURS[start]))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(name: str, rows: Sequence[dict[str, Any]], left: float) -> list[str]:
    title = f"{name}: {HOSPITALS[name].structure}"
    parts = [_text(left, _TOP - 12, title, "start")]
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(f'<path d="M{left} {_y(tick)}h{_WIDTH}" stroke="#ddd"/>')
        parts.append(_text(left - 4, _y(tick) + 4, f"{tick:g}", "end"))
    for count in _COUNTS:
        parts.append(_text(_x(count, left), _TOP + _HEIGHT + 16, str(count), "middle"))
    parts.append(_text(left + _WIDTH / 2, _TOP + _HEIGHT + 32, "labelled scans", "middle"))
    for row in rows:
        if not row["scans"]:
            line = f'<path d="M{left} {_y(row["dice"])}h{_WIDTH}" stroke="#555" stroke-dasharray="4 3"/>'
            parts.append(line)
    for start, colour in _COLOURS.items():
        found = sorted((r["scans"], r["dice"]) for r in rows if r["start"] == start and r["scans"])
        places = [(_x(scans, left), _y(dice)) for scans, dice in found]
        if places:
            way = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
            parts.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return parts


def _x(count: int, left: float) -> float:
    return left + _WIDTH * (_COUNTS.index(count) + 0.5) / len(_COUNTS)


def _y(dice: float) -> float:
    return round(_TOP + _HEIGHT * (1 - dice), 1)


def _text(x: float, y: float, words: str, anchor: str, colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


if __name__ == "__main__":
    main()
