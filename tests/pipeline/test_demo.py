"""The demonstration: real volumes, a real scan, the default model, one page that needs nothing else."""

import html
import re

import nibabel
import numpy as np
import pytest

import synthfm3d as sf
from synthfm3d.cli import main
from synthfm3d.io.reading import example
from synthfm3d.pipeline.demo import CLICK_IJK


def test_the_example_is_the_first_volume_of_an_mr_head():
    scan = example()
    assert scan.voxels.shape == (24, 96, 128)
    assert scan.spacing_mm == pytest.approx((2.2, 2.0, 2.0))
    assert nibabel.aff2axcodes(scan.affine[:, [2, 1, 0, 3]]) == ("L", "A", "S")


def test_the_demo_makes_volumes_a_mask_of_the_clicked_object_and_a_page_of_its_own(tmp_path, capsys):
    assert main(["demo", "-o", str(tmp_path), "--quiet", "--device", "cpu"]) == 0
    assert (tmp_path / "index.html").resolve().as_uri() in capsys.readouterr().out
    mask = nibabel.load(tmp_path / "head_mask.nii.gz")
    assert np.allclose(mask.affine[:, [2, 1, 0, 3]], example().affine, atol=1e-4)
    found = np.asarray(mask.dataobj)
    assert found[CLICK_IJK] == 1
    assert 0 < found.mean() < 0.5
    scan = sf.read(tmp_path / "head.nii.gz", modality="mr")
    assert np.array_equal(scan.voxels, example().voxels)
    page = (tmp_path / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"(src|href)=.?https?:", page)
    assert len(list(tmp_path.glob("volume_*/image.nii.gz"))) == 6


def test_the_lines_of_python_on_the_page_run_beside_it(tmp_path, monkeypatch):
    assert main(["demo", "-o", str(tmp_path), "--quiet", "--device", "cpu", "--model", "random-walker"]) == 0
    page = (tmp_path / "index.html").read_text()
    program = html.unescape(re.search("<pre>(.*?)</pre>", page, re.S)[1])
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    assert np.asarray(nibabel.load(tmp_path / "mask.nii.gz").dataobj)[CLICK_IJK] == 1
