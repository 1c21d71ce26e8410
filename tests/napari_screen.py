"""What tests in a real napari share: its environment, a screen that exists in memory only, and an organ.

``make test-viewers`` makes the environment and names its Python in ``SYNTHFM3D_NAPARI``.
"""

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import replace

import pytest

from synthfm3d.generate import generate
from synthfm3d.synthesis.presets import PRESETS

PYTHON = os.environ.get("SYNTHFM3D_NAPARI")
SEED, INDEX, LABEL = 7, 1, 3
NEEDS_NAPARI = [
    pytest.mark.slow,
    pytest.mark.viewers,
    pytest.mark.skipif(
        not PYTHON or not shutil.which("Xvfb"), reason="needs napari and Xvfb: make test-viewers"
    ),
]


@contextmanager
def screen():
    """The name of a screen in memory."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        try:
            yield f":{number}"
        finally:
            server.terminate()


def drawn_volume():
    """A synthetic CT, and its label map; the organ ``LABEL`` is easy to see."""
    volume = generate(SEED, INDEX, replace(PRESETS["ct"], shape=(40, 128, 128), anisotropy=(1.5, 2.0)))
    return volume.image, volume.labels.voxels


def run_in_napari(script, *arguments, settings, pythonpath=""):
    """Run a script with napari's own Python on a screen in memory; it fails where the script does."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if pythonpath:
        environment["PYTHONPATH"] = pythonpath
    environment |= {"QT_QPA_PLATFORM": "xcb", "XDG_CONFIG_HOME": str(settings)}
    with screen() as display:
        done = subprocess.run(
            [PYTHON, script, *arguments],
            env={
                **environment,
                "QT_QPA_PLATFORM": "xcb",
                "XDG_CONFIG_HOME": str(settings),
                "DISPLAY": display,
            },
            capture_output=True,
            text=True,
            timeout=900,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
