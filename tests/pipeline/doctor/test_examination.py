"""What is found by trying: SAM 2 beside a broken torchvision, voxels that differ, a GPU that is no use."""

import os
from pathlib import Path

import pytest

import synthfm3d
from synthfm3d.pipeline.doctor import examination, ok
from synthfm3d.synthesis.sampler import GENERATOR_VERSION


def test_a_volume_has_the_voxels_of_its_generator_version():
    """Fails when any seed's volume changes: renew examination.EXPECTED."""
    assert examination.EXPECTED[0] == GENERATOR_VERSION
    assert examination.volume().state == "ok"


def test_other_voxels_fail(monkeypatch):
    monkeypatch.setattr(examination, "EXPECTED", (GENERATOR_VERSION, "0" * 64))
    found = examination.volume()
    assert found.state == "fail"
    assert "0" * 12 in found.message


@pytest.mark.slow
def test_sam2_can_be_imported_here():
    assert examination.sam2().state == "ok"


@pytest.mark.slow
def test_a_torchvision_that_does_not_fit_torch_fails_and_is_named(tmp_path, monkeypatch):
    """A torchvision whose operators are missing, as its wheel for CUDA beside a torch for CPUs."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import torch\n"
        "__version__ = '0.28.0'\n"
        "@torch.library.register_fake('torchvision::nms')\n"
        "def nms(boxes, scores, threshold): ...\n"
    )
    (package / "transforms.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    information = tmp_path / "torchvision-0.28.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n")
    sources = Path(synthfm3d.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{sources}")
    monkeypatch.syspath_prepend(tmp_path)
    found = examination.sam2()
    assert found.state == "fail"
    assert "torchvision::nms" in found.message
    assert found.way_out == "pip uninstall torchvision"


@pytest.mark.slow
def test_one_click_on_the_example_gives_a_mask():
    assert examination.mask().state == "ok"


def test_torch_says_where_it_computes():
    assert "threads" in examination.torch_device().message


def test_a_check_that_stumbles_is_told_and_the_others_go_on(monkeypatch):
    def some_check():
        raise RuntimeError("odd machine")

    monkeypatch.setattr(examination, "QUICK", (some_check, lambda: ok("last", "fine")))
    first, last = examination.examine()
    assert (first.check, first.state, first.message) == ("some check", "fail", "RuntimeError: odd machine")
    assert last.state == "ok"
