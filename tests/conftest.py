"""Fixtures of the whole test suite."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real sample scans, named by the environment variable SYNTHFM3D_SAMPLES."""
    folder = os.environ.get("SYNTHFM3D_SAMPLES")
    if not folder:
        pytest.skip("needs real scans: set SYNTHFM3D_SAMPLES to their folder")
    path = Path(folder)
    assert path.is_dir(), f"SYNTHFM3D_SAMPLES={folder} is no folder"
    return path
