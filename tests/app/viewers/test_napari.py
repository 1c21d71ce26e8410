"""The unmodified plugin in a real napari, on a screen that exists in memory only.

napari and its plugin want another environment than ours: ``make test-viewers`` makes one and names its Python
in ``SYNTHFM3D_NAPARI``. With ``SYNTHFM3D_NAPARI_PICTURE`` the picture for the guide is kept.
"""

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from viewer_phantom import TOKEN, listening

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import ServeSettings
from synthfm3d.app.viewers.scan import grid_of_spacing, scan_of_array
from synthfm3d.generate import generate
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box
from synthfm3d.segmentation.session import Session
from synthfm3d.synthesis.presets import PRESETS

PYTHON = os.environ.get("SYNTHFM3D_NAPARI")
SEED, INDEX, LABEL = 7, 1, 3
pytestmark = [
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


@pytest.fixture(scope="module")
def drawn():
    """A synthetic CT, and the mask of one of its organs."""
    volume = generate(SEED, INDEX, replace(PRESETS["ct"], shape=(40, 128, 128), anisotropy=(1.5, 2.0)))
    return volume.image, volume.labels.voxels == LABEL


@pytest.fixture(scope="module")
def steps(drawn, segmenter, tmp_path_factory):
    """What napari showed after each step, and what the session of the same prompts has."""
    image, truth = drawn
    folder = tmp_path_factory.mktemp("napari")
    z = largest_slice(truth)
    middle = np.array([z, *innermost_point(truth[z])])
    (top, left), (bottom, right) = tight_box(truth[z])
    clicks = np.array([middle, [z, top, left], [z + 2, bottom, right]])
    box = np.array([[z, top, left], [z, bottom, right]])
    scan_file = folder / "scan.npz"
    np.savez(scan_file, voxels=image.voxels, spacing=image.spacing_mm, clicks=clicks, box=box)
    script = Path(__file__).with_name("napari_session.py")
    settings = {"XDG_CONFIG_HOME": str(folder / "settings"), "QT_QPA_PLATFORM": "xcb"}
    with listening(create_app(segmenter, ServeSettings(token=TOKEN))) as address, screen() as display:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [PYTHON, script, f"{address}/nninteractive", TOKEN, scan_file, folder],
            env={**environment, **settings, "DISPLAY": display},
            capture_output=True,
            text=True,
            timeout=900,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    scan = scan_of_array(image.voxels, grid_of_spacing(image.grid.shape, image.spacing_mm))
    return (
        {path.stem: np.load(path) for path in folder.glob("*.npy")},
        expected(scan, segmenter, clicks, box),
        folder,
    )


def expected(scan, segmenter, clicks, box):
    places = [tuple(map(float, place)) for place in scan.grid.to_mm(clicks)]
    session = Session(segmenter, scan)
    session.add(Point(position_mm=places[0]))
    found = {"click": session.label_map().voxels > 0}
    for place in places[1:]:
        session.add(Point(position_mm=place, positive=False))
    found["corrected"] = session.label_map().voxels > 0
    session.restart()
    low, high = scan.grid.to_mm(np.array([box[0], box[1] - [0, 1, 1]]))  # napari's ends are exclusive
    session.add(Box(corner_mm=tuple(low), opposite_mm=tuple(high)))
    return {**found, "undone": found["click"], "box": session.label_map().voxels > 0}


@pytest.mark.parametrize("step", ["click", "corrected", "undone", "box"])
def test_napari_shows_the_masks_of_the_same_prompts(steps, step):
    shown, wanted, _ = steps
    assert wanted[step].any()
    assert np.array_equal(shown[step], wanted[step])


def test_a_reset_empties_the_layer(steps):
    assert not steps[0]["reset"].any()


def test_the_picture_shows_an_organ_that_one_click_found(steps, drawn):
    shown, _, folder = steps
    assert dice(shown["click"], drawn[1]) > 0.8
    picture = folder / "napari.png"
    assert picture.stat().st_size > 20_000
    if kept := os.environ.get("SYNTHFM3D_NAPARI_PICTURE"):
        shutil.copy(picture, kept)
