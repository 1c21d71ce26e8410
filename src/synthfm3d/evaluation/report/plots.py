"""Box plots, curves and reliability diagrams as pieces of SVG inside the page; its style sheet colours them.

Series have the classes ``c0``, ``c1``, … (colours ``--c0``, ``--c1``, … of the style sheet); ``axis`` and
``grid`` are words and lines around them.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from synthfm3d.metrics.calibration import BINS, Calibration, Reliability

COLOURS = 8
"""With more series, colours repeat; boxes and lines also have names."""
FEW = 20
"""With fewer voxels or slices in a bin, chance may move its dot by 0.1 or more."""
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_LETTER = 6.3
"""Mean width of a letter of the plots' font in pixels."""


def box_plot(values: Mapping[str, Sequence[float]], colours: Mapping[str, int], axis_name: str) -> str:
    """Horizontal boxes of values from 0 to 1, one for each name: quartiles, whiskers, mean and every value.

    Whiskers reach the farthest value within 1.5 times the box (Tukey); the mean is a diamond.
    """
    names = {name: v for name, v in values.items() if v}
    left = 12 + _LETTER * max((len(name) for name in names), default=0)
    width, row, top = 420, 30, 6
    height = top + row * len(names)
    parts = [_open(left + width + 16, height + 34, f"box plots of {axis_name}")]
    for tick in _TICKS:
        x = left + width * tick
        parts.append(f'<path class="grid" d="M{x:.1f} {top}V{height}"/>')
        parts.append(_text(x, height + 14, f"{tick:g}", "middle"))
    parts.append(_text(left + width / 2, height + 30, axis_name, "middle"))
    for n, (name, found) in enumerate(names.items()):
        parts += _box(name, np.sort(np.asarray(found, float)), top + row * n, left, width, colours[name])
    return "".join([*parts, "</svg>"])


def _box(name: str, values: np.ndarray, top: float, left: float, width: float, colour: int) -> list[str]:
    low, median, high = np.percentile(values, (25, 50, 75))
    reach = 1.5 * (high - low)
    first, last = values[values >= low - reach][0], values[values <= high + reach][-1]
    middle = top + 15
    title = (
        f"{name}: {len(values)} values, mean {values.mean():.3f}, median {median:.3f}, "
        f"quartiles {low:.3f} and {high:.3f}"
    )
    x = {
        key: left + width * float(value)
        for key, value in zip("flmhe", (first, low, median, high, last), strict=True)
    }
    mean = left + width * float(values.mean())
    parts = [
        f'<g class="series c{colour % COLOURS}"><title>{escape(title)}</title>',
        f'<path class="line" d="M{x["f"]:.1f} {middle}H{x["l"]:.1f}M{x["h"]:.1f} {middle}H{x["e"]:.1f}"/>',
        f'<rect class="box" x="{x["l"]:.1f}" y="{middle - 8}" width="{max(1.0, x["h"] - x["l"]):.1f}" '
        'height="16"/>',
    ]
    # Values lie in three rows, in turn, so that equal ones do not hide each other.
    parts += [
        f'<circle class="dot" cx="{x_value:.1f}" cy="{middle + (n % 3 - 1) * 4}" r="1.8"/>'
        for n, x_value in enumerate(left + width * values)
    ]
    parts += [
        f'<path class="median" d="M{x["m"]:.1f} {middle - 8}v16"/>',
        f'<path class="mean" d="M{mean - 4:.1f} {middle}l4 -5l4 5l-4 5z"/></g>',
        _text(left - 8, middle + 4, name, "end"),
    ]
    return parts


def curves(
    lines: Mapping[str, Sequence[tuple[float, float]]], colours: Mapping[str, int], x_name: str, y_name: str
) -> str:
    """Lines through (x, y) points, y from 0 to 1, with a legend beside them."""
    left, top, width, height = 44, 8, 300, 190
    positions = [x for points in lines.values() for x, _ in points]
    low, high = min(positions), max(positions)
    span = (high - low) or 1.0
    legend = 34 + _LETTER * max(len(name) for name in lines)
    parts = [_open(left + width + 14 + legend, top + height + 38, f"{y_name} against {x_name}")]
    for tick in _TICKS:
        y = top + height * (1 - tick)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}h{width}"/>')
        parts.append(_text(left - 6, y + 4, f"{tick:g}", "end"))
    for tick in _x_ticks(low, high):
        parts.append(_text(left + width * (tick - low) / span, top + height + 16, f"{tick:g}", "middle"))
    parts.append(_text(left + width / 2, top + height + 33, x_name, "middle"))
    parts.append(_upright(11, top + height / 2, y_name))
    for n, (name, points) in enumerate(lines.items()):
        at = [(left + width * (x - low) / span, top + height * (1 - y)) for x, y in points]
        title = escape(f"{name}: " + ", ".join(f"{y:.2f}" for _, y in points))
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        dots = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>' for x, y in at)
        at_row = top + 12 + 18 * n
        at_column = left + width + 14
        parts.append(
            f'<g class="series c{colours[name] % COLOURS}"><title>{title}</title>'
            f'<path class="line" d="M{path}"/>'
            f'{dots}<path class="line" d="M{at_column} {at_row - 4}h18"/></g>'
        )
        parts.append(_text(at_column + 24, at_row, name, "start"))
    return "".join([*parts, "</svg>"])


def reliability_diagram(name: str, found: Calibration, colour: int) -> str:
    """Frequency of the object against the predicted probability, with a dot for each bin that is not empty.

    Voxels have a full line, slices a broken line. The number in each bin is printed below it. Lines join
    neighbouring bins. Bins with fewer than ``FEW`` are pale and not joined, because chance moves them far.
    """
    left, top, side = 60, 44, 320
    base = top + side
    parts = [_open(left + side + 10, base + 76, f"reliability diagram of {name}")]
    parts.append(_text(left, 13, name, "start"))
    for tick in _TICKS:
        x, y = left + side * tick, base - side * tick
        parts.append(f'<path class="grid" d="M{left} {y:.1f}h{side}M{x:.1f} {top}v{side}"/>')
        parts.append(_text(left - 6, y + 4, f"{tick:g}", "end"))
        parts.append(_text(x, base + 15, f"{tick:g}", "middle"))
    parts.append(f'<path class="grid diagonal" d="M{left} {base}L{left + side} {top}"/>')
    parts.append(_text(left + side / 2, base + 31, "probability that was given", "middle"))
    parts.append(_upright(11, top + side / 2, "frequency of the object"))
    parts.append(f'<g class="series c{colour % COLOURS}">')
    for row, (what, sums) in enumerate((("voxels", found.voxels), ("slices", found.slices))):
        parts += _reliability_line(what, sums, left, base, side)
        at = left + side / 2 * row
        parts.append(f'<path class="line {what}" d="M{at} {top - 18}h22"/>')
        parts.append(_text(at + 28, top - 14, f"{what}, ECE {sums.error:.3f}", "start"))
        parts.append(_text(left - 6, base + 51 + 17 * row, what, "end"))
        parts += [
            _text(left + side * (n + 0.5) / BINS, base + 51 + 17 * row, _short(count), "middle")
            for n, count in enumerate(sums.count)
        ]
    return "".join([*parts, "</g></svg>"])


def _reliability_line(what: str, sums: Reliability, left: float, base: float, side: float) -> list[str]:
    values = "; ".join(f"given {given:.3f}, true {true:.3f}" for given, true in sums.points)
    path, dots, joined = "", [], False
    for count, given, true in zip(sums.count, sums.given, sums.true, strict=True):
        if count:
            x, y = left + side * given / count, base - side * true / count
            pale = "" if count >= FEW else " few"
            dots.append(f'<circle class="dot {what}{pale}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
            if not pale:
                path += f"{'L' if joined else 'M'}{x:.1f} {y:.1f}"
        joined = count >= FEW
    return [f'<g><title>{what}: {values}</title><path class="line {what}" d="{path}"/>', *dots, "</g>"]


def _short(count: int) -> str:
    """A number in at most four characters: 0, 999, 1.2k, 34k, 5.6M."""
    if count < 1000:
        return str(count)
    power = 3 if count >= 999_500_000 else 2 if count >= 999_500 else 1
    value = count / 1000**power
    return f"{value:.1f}{' kMG'[power]}" if value < 9.95 else f"{value:.0f}{' kMG'[power]}"


def _x_ticks(low: float, high: float) -> list[float]:
    if high <= 1:
        return [0, 0.5, 1]
    step = max(1, round((high - low) / 8))
    return [float(tick) for tick in range(round(low), round(high) + 1, step)]


def _open(width: float, height: float, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(label)}">'
    )


def _upright(x: float, y: float, text: str) -> str:
    return (
        f'<text class="axis" text-anchor="middle" transform="translate({x} {y}) rotate(-90)">'
        f"{escape(text)}</text>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="axis" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
