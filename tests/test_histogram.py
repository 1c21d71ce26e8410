"""Histograms as SVG: bars stand where values are."""

import re
from itertools import pairwise

import pytest

from synthfm3d.pictures import histogram_svg


def _bars(svg):
    found = re.findall(r'class="bar" x="([\d.]+)" .*?width="([\d.]+)".*?<title>(\d+) of', svg)
    return [(float(x) + float(width) / 2, int(count)) for x, width, count in found]


def test_bars_stand_where_values_are_and_count_them():
    svg = histogram_svg([0.1, 0.1, 0.9], (0.0, 1.0))
    assert [count for _, count in _bars(svg)] == [2, 1]
    width = float(re.search(r'viewBox="0 \S+ (\d+)', svg)[1])
    assert [x / width for x, _ in _bars(svg)] == pytest.approx([0.1, 0.9], abs=0.02)


def test_on_a_logarithmic_axis_equal_factors_are_equal_distances():
    bars = _bars(histogram_svg([0.11, 1.1, 11.0], (0.01, 100.0), log=True))
    steps = [b - a for (a, _), (b, _) in pairwise(bars)]
    assert steps[0] == pytest.approx(steps[1], abs=8)


def test_what_lies_beyond_the_axis_joins_the_end_bars():
    bars = _bars(histogram_svg([-5.0, 0.5, 7.0, 8.0], (0.0, 1.0)))
    assert [count for _, count in bars] == [1, 1, 2]


def test_marks_carry_their_names_safely():
    svg = histogram_svg([1.0], (0.0, 2.0), marks=[(1.5, "<liver> & bile")], band=(0.5, 1.0))
    assert "&lt;liver&gt; &amp; bile: 1.5" in svg
    assert 'class="band"' in svg
