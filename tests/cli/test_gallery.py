"""``synthfm3d gallery``: a sheet for each preset and a page that shows them."""

import json
import re

import numpy as np
from PIL import Image

from synthfm3d.cli import main
from synthfm3d.pictures import PALETTE

SMALL = ["--shape", "10,48,48", "--quiet"]


def _sheet(path):
    return np.asarray(Image.open(path)).astype(int)


def test_each_preset_has_a_sheet_that_the_page_shows(tmp_path, capsys):
    command = [
        "gallery",
        "--preset",
        "ct",
        "--preset",
        "us",
        "-n",
        "2",
        "-o",
        str(tmp_path),
        "--json",
        *SMALL,
    ]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert [path.rpartition("/")[2] for path in told["pictures"]] == ["ct.png", "us.png"]
    page = (tmp_path / "index.html").read_text()
    assert re.findall(r'src="([^"]+)"', page) == ["ct.png", "us.png"]
    assert all((tmp_path / name).is_file() for name in ("ct.png", "us.png"))


def test_more_volumes_make_a_higher_sheet_and_labels_show_in_their_colours(tmp_path):
    for count in ("1", "2"):
        command = ["gallery", "--preset", "ct", "-n", count, "-o", str(tmp_path / count), *SMALL]
        assert main(command) == 0
    one, two = _sheet(tmp_path / "1" / "ct.png"), _sheet(tmp_path / "2" / "ct.png")
    assert two.shape[0] > 1.8 * one.shape[0]
    # Outlines are opaque: the right half has pixels of a label's very colour, the left half none.
    half = one.shape[1] // 2
    coloured = [bool((part == PALETTE[0]).all(axis=2).any()) for part in (one[:, :half], one[:, half:])]
    assert coloured == [False, True]


def test_a_setting_changes_the_pictures(tmp_path):
    for name, words in (("whole", []), ("quiet", ["--set", "noise.mode=off"])):
        command = ["gallery", "--preset", "mr", "-n", "1", "-o", str(tmp_path / name), *words, *SMALL]
        assert main(command) == 0
    assert (_sheet(tmp_path / "whole" / "mr.png") != _sheet(tmp_path / "quiet" / "mr.png")).any()


def test_an_unknown_preset_is_refused_before_anything_is_made(tmp_path, capsys):
    assert main(["gallery", "--preset", "pet", "-o", str(tmp_path / "out")]) == 2
    assert "choose default" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
