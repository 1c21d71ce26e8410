"""Pages from templates: names that people chose must not become markup."""

from dataclasses import replace

import jinja2
import pytest

from synthfm3d.pipeline.pages import filled, statistics_page
from synthfm3d.pipeline.statistics import measure_presets
from synthfm3d.synthesis.presets import PRESETS


def test_a_name_with_angle_brackets_stands_in_the_page_as_text():
    presets = {"<b>mine</b>": replace(PRESETS["ct"], shape=(1, 8, 8))}
    page = statistics_page(measure_presets(presets, seed=0, volumes=1), seed=0)
    assert "&lt;b&gt;mine" in page
    assert "<b>mine" not in page


def test_what_a_template_asks_for_must_be_given():
    with pytest.raises(jinja2.UndefinedError):
        filled("statistics.html.jinja")
