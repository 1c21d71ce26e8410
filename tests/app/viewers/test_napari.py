"""The unmodified plugin of nnInteractive in a real napari: see ``napari_screen``.

With ``SYNTHFM3D_NAPARI_PICTURE`` the picture for the guide is kept.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from napari_screen import LABEL, NEEDS_NAPARI, drawn_volume, run_in_napari
from viewer_phantom import TOKEN, listening

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import ServeSettings
from synthfm3d.app.viewers.scan import grid_of_spacing, scan_of_array
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Point
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box
from synthfm3d.segmentation.session import Session

pytestmark = NEEDS_NAPARI


@pytest.fixture(scope="module")
def drawn():
    image, labels = drawn_volume()
    return image, labels == LABEL


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
    with listening(create_app(segmenter, ServeSettings(token=TOKEN))) as address:
        run_in_napari(
            script, f"{address}/nninteractive", TOKEN, scan_file, folder, settings=folder / "settings"
        )
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
