"""Fixtures of the whole test suite."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# CI draws the same examples in each run, so that no change is refused for an unrelated example.
# Runs on a developer's machine draw new ones.
settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--ignore-gpu-blocklist",
    "--use-angle=swiftshader",  # WebGL 2 without a GPU
    "--enable-unsafe-swiftshader",
)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real sample scans, named by the environment variable SYNTHFM3D_SAMPLES."""
    folder = os.environ.get("SYNTHFM3D_SAMPLES")
    if not folder:
        pytest.skip("needs real scans: set SYNTHFM3D_SAMPLES to their folder")
    path = Path(folder)
    assert path.is_dir(), f"SYNTHFM3D_SAMPLES={folder} is no folder"
    return path


@pytest.fixture(scope="session")
def browser():
    """The one Chromium of all browser tests: Playwright refuses a second in the same thread."""
    sync_api = pytest.importorskip("playwright.sync_api")
    names = (os.environ.get("SYNTHFM3D_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium, or name it by SYNTHFM3D_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()
