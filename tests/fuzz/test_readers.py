"""A short run of the fuzzer; ten minutes of it: python tests/fuzz/readers.py --minutes 10."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(tmp_path):
    script = Path(__file__).with_name("readers.py")
    words = [sys.executable, script, "--cases", "600", "--minutes", "3", "--keep", tmp_path / "kept"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "600 cases" in done.stdout
    assert " refused" in done.stdout
    assert " read" in done.stdout
