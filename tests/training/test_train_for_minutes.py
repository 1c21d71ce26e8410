"""Training for a lent quarter of an hour, rehearsed in miniature without what such a machine may lack."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synthfm3d.model.checkpoint import read_network

ROOT = Path(__file__).parents[2]
LACKING = "pydantic nibabel pydicom SimpleITK typer rich highdicom tensorboard"
WITHOUT = f"""
import runpy, sys
for name in {LACKING.split()!r}:
    sys.modules[name] = None  # an import raises ImportError
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
def test_half_a_minute_of_training_writes_weights_and_a_log(tmp_path):
    tool, recipe = ROOT / "tools" / "train_for_minutes.py", ROOT / "recipes" / "nano.yaml"
    if not tool.exists():
        pytest.skip("the tools are not beside the tests here")
    options = ["--miniature", "--minutes", "0.6", "--workers", "0", "--batch-size", "2", "--device", "cpu"]
    command = [sys.executable, "-c", WITHOUT, str(tool), str(recipe), "-o", str(tmp_path / "run"), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert "patches in" in done.stdout
    _, record = read_network(tmp_path / "run" / "model.safetensors")
    assert record["metrics"]["validation_dice"] > 0
    assert (tmp_path / "run" / "log.jsonl").exists()
