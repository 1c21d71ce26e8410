"""The four calls that a notebook needs."""

import subprocess
import sys

import pytest

import synthfm3d
from synthfm3d.io.example import read_example


def test_every_name_that_the_package_offers_is_there():
    for name in synthfm3d.__all__:
        assert getattr(synthfm3d, name) is not None
    with pytest.raises(AttributeError, match="segmentor"):
        _ = synthfm3d.segmentor


def test_reading_needs_no_torch():
    program = "import sys, synthfm3d; synthfm3d.read; synthfm3d.write; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_scan_becomes_a_mask_in_four_calls(tmp_path):
    synthfm3d.write(read_example(), tmp_path / "scan.nrrd")
    scan = synthfm3d.read(tmp_path / "scan.nrrd")
    segmenter = synthfm3d.Segmenter.from_pretrained("random-walker")
    mask = segmenter.segment(scan, [synthfm3d.Point(position_mm=(-12.1, 49.0, 44.5))])
    synthfm3d.write(mask, tmp_path / "mask.nrrd")
    assert synthfm3d.read(tmp_path / "mask.nrrd").grid.same_as(scan.grid)
