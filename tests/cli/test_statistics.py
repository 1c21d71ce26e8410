"""``synthfm3d statistics``: numbers of every target, on a page that needs nothing else."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from synthfm3d.cli import main
from synthfm3d.generate import generate
from synthfm3d.synthesis.settings import SynthesisSettings

SMALL = ["--shape", "16,64,64", "--quiet"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statistics")
    command = ["statistics", "--preset", "mr", "--preset", "us", "-n", "3", "--seed", "4", "-o", str(folder)]
    assert main([*command, *SMALL]) == 0
    return folder


def test_every_large_enough_label_is_measured_once(made):
    found = json.loads((made / "statistics.json").read_text())["presets"]["mr"]
    targets = {(t["index"], t["target"]): t for t in found["targets"]}
    assert len(targets) == len(found["targets"])
    expected = {}
    for index in range(3):
        volume = generate(4, index, SynthesisSettings(shape=(16, 64, 64), modalities=("mr",)))
        sizes = np.bincount(volume.labels.voxels.ravel(), minlength=256)
        names = volume.scene.label_names()
        expected |= {(index, name): int(sizes[v]) for v, name in names.items() if sizes[v] >= 150}
    assert {place: target["voxels"] for place, target in targets.items()} == expected


def test_percentiles_and_shares_are_those_of_the_targets(made):
    found = json.loads((made / "statistics.json").read_text())["presets"]["us"]
    ml = [t["volume_ml"] for t in found["targets"]]
    summary = found["summaries"]["volume_ml"]
    assert summary["p50"] == pytest.approx(np.median(ml))
    assert summary["share_in_range"] == pytest.approx(np.mean([3.6 <= v <= 1710 for v in ml]))
    round_ones = [t["sphericity"] for t in found["targets"]]
    within = np.mean([0.46 <= v <= 0.76 for v in round_ones])
    assert max(round_ones) > 0.76
    assert found["summaries"]["sphericity"]["share_in_range"] == pytest.approx(within)
    assert sum(found["shares"]["layout"].values()) == pytest.approx(1, abs=1e-3)
    assert found["shares"]["modality"] == {"us": 1.0}


class _Page(HTMLParser):
    """Tags that are open, addresses that are named, histograms that are drawn."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.histograms = [], [], 0

    def handle_starttag(self, tag, attributes):
        if tag != "meta":  # the only one here that has no end
            self.open.append(tag)
        self.histograms += tag == "svg"
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset")]

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing_elsewhere(made):
    text = (made / "statistics.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.addresses == []
    assert not re.search(r"url\(|@import|<script", text)
    measures = json.loads((made / "statistics.json").read_text())["presets"]["us"]["summaries"]
    assert page.histograms == 2 * len(measures)
    assert "oesophagus" in text


def test_two_workers_find_what_one_finds(made, tmp_path):
    command = ["statistics", "--preset", "mr", "--preset", "us", "-n", "3", "--seed", "4", "--workers", "2"]
    assert main([*command, "-o", str(tmp_path), *SMALL]) == 0
    for name in ("statistics.html", "statistics.json"):
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes()


def test_json_on_stdout_is_the_file(tmp_path, capsys):
    assert main(["statistics", "--preset", "paper", "-n", "1", "-o", str(tmp_path), "--json", *SMALL]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "statistics.json").read_text())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--preset", "pet"], "choose default"),
        (["--set", "anatomy.organ=3"], "anatomy.organ"),
        (["--shape", "16,64"], "shape"),
    ],
)
def test_impossible_wishes_are_refused_in_one_line(tmp_path, capsys, words, told):
    assert main(["statistics", "-o", str(tmp_path / "out"), *words]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_where_nothing_is_large_enough_the_page_says_so(tmp_path):
    command = ["statistics", "--preset", "ct", "-n", "1", "-o", str(tmp_path), "--shape", "1,8,8", "--quiet"]
    assert main(command) == 0
    assert "does not apply" in (tmp_path / "statistics.html").read_text()
