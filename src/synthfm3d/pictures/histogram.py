"""A histogram as SVG for an HTML page; the style sheet of the page sets its colours."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from synthfm3d.volume import Array

_WIDTH, _HEIGHT, _BELOW, _ABOVE = 260, 84, 16, 8
_BINS = 36


def histogram_svg(
    values: Sequence[float],
    axis: tuple[float, float],
    *,
    log: bool = False,
    band: tuple[float, float] | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """Bars of the number of values between ``axis[0]`` and ``axis[1]``; values outside count in the end bars.

    Classes for the style sheet: ``bar``, ``band`` (a range behind the bars), ``mark`` (single values below
    the axis, each with its name as a tool tip), ``axis`` (line and numbers).
    """

    def x_of(value: float) -> float:
        low, high = axis
        share = (
            math.log(max(value, low) / low) / math.log(high / low) if log else (value - low) / (high - low)
        )
        return _WIDTH * min(1.0, max(0.0, share))

    positions = np.array([x_of(value) for value in values])
    counts, edges = np.histogram(positions, _BINS, (0, _WIDTH))
    parts = [
        f'<svg viewBox="0 {-_ABOVE} {_WIDTH} {_ABOVE + _HEIGHT + _BELOW}" role="img" '
        f'aria-label="histogram of {len(positions)} values">'
    ]
    if band:
        left, right = (x_of(bound) for bound in band)
        parts.append(
            f'<rect class="band" x="{left:.1f}" y="{-_ABOVE}" width="{max(1.0, right - left):.1f}" '
            f'height="{_ABOVE + _HEIGHT}"/>'
        )
    parts += _bars(counts, edges, len(positions))
    parts.append(f'<path class="axis" d="M0 {_HEIGHT}H{_WIDTH}"/>')
    parts += [
        f'<path class="mark" d="M{x_of(value):.1f} {_HEIGHT - 7}v7">'
        f"<title>{escape(name)}: {value:g}</title></path>"
        for value, name in marks
    ]
    for value in _ticks(axis, log):
        x = x_of(value)
        anchor = "start" if x < 12 else "end" if x > _WIDTH - 12 else "middle"
        parts.append(
            f'<text class="axis" x="{x:.1f}" y="{_HEIGHT + 12}" text-anchor="{anchor}">{value:g}</text>'
        )
    return "".join([*parts, "</svg>"])


def _bars(counts: Array, edges: Array, total: int) -> list[str]:
    highest = max(1, int(counts.max()))
    return [
        f'<rect class="bar" x="{left + 0.4:.1f}" y="{_HEIGHT * (1 - count / highest):.1f}" '
        f'width="{right - left - 0.8:.1f}" height="{_HEIGHT * count / highest:.1f}">'
        f"<title>{count} of {total}</title></rect>"
        for count, left, right in zip(counts, edges, edges[1:], strict=False)
        if count
    ]


def _ticks(axis: tuple[float, float], log: bool) -> list[float]:
    """Round numbers along an axis: powers of ten, or four to eight equal steps."""
    low, high = axis
    if log:
        decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
        ticks = [10.0**n for n in decades]
        return ticks if len(ticks) > 1 else [low, *ticks, high]
    step = 10 ** math.floor(math.log10((high - low) / 2))
    if (high - low) / step > 5:
        step *= 2
    return [round(n * step, 10) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
