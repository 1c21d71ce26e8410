"""Our plugin, as installed, in a real napari without a server: see ``napari_screen``.

With ``SYNTHFM3D_NAPARI_PLUGIN_PICTURE`` the picture for the guide is kept.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from napari_screen import LABEL, NEEDS_NAPARI, PYTHON, drawn_volume, run_in_napari

import synthfm3d as sf
from synthfm3d.app.napari.workbench import Workbench
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box

pytestmark = NEEDS_NAPARI
SOURCES = str(Path(sf.__file__).parents[1])


@pytest.fixture(scope="module")
def installed():
    """The environment of napari holds this package with torch, or the tests are skipped."""
    program = (
        "import napari, torch; from importlib.metadata import entry_points;"
        "entry_points(group='napari.manifest')['synthfm3d']"
    )
    done = subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, cwd="/")
    if done.returncode:
        pytest.skip("synthfm3d[model] is not installed in napari's environment: make test-viewers")


@pytest.fixture(scope="module")
def drawn():
    return drawn_volume()


@pytest.fixture(scope="module")
def folder(installed, drawn, tmp_path_factory):
    """What napari showed after each step, and what the plugin saved."""
    image, labels = drawn
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "saved").mkdir()
    sf.write(image, folder / "scan.nii.gz")
    clicks, box = prompts_for(labels)
    np.savez(folder / "prompts.npz", clicks=clicks, box=box)
    script = Path(__file__).with_name("napari_plugin_session.py")
    run_in_napari(
        script,
        folder / "scan.nii.gz",
        folder / "prompts.npz",
        folder,
        settings=folder / "settings",
        pythonpath=SOURCES,
    )
    return folder


def prompts_for(labels):
    """A click in the middle of an organ, two on its edge, and a box around another organ of this slice."""
    truth = labels == LABEL
    z = largest_slice(truth)
    middle = innermost_point(truth[z])
    places = np.argwhere(truth[z])
    edge = places[np.square(places - middle).sum(axis=1).argsort()[-2:]]
    clicks = np.array([[z, *middle], *([z, *place] for place in edge)])
    sizes = np.bincount(labels[z].ravel())
    sizes[[0, LABEL]] = 0
    low, high = tight_box(labels[z] == sizes.argmax())
    return clicks, np.array([[z, *low], [z, *high]])


@pytest.fixture(scope="module")
def expected(drawn, segmenter, folder):
    """What the library makes of the same prompts of the same file."""
    clicks, box = prompts_for(drawn[1])
    bench = Workbench(session=sf.Session(segmenter, sf.read(folder / "scan.nii.gz")))
    bench.click(clicks[0], positive=True)
    found = {"click": bench.session.label_map().voxels}
    bench.resize(-bench.sizes[0])
    found["smallest"] = bench.session.label_map().voxels
    bench.session.restart()
    bench.click(clicks[0], positive=True)
    for place in clicks[1:]:
        bench.click(place, positive=False)
    found["corrected"] = bench.session.label_map().voxels
    bench.session.restart()
    bench.click(clicks[0], positive=True)
    bench.next_object()
    bench.draw_box(box)
    found["box"] = bench.session.label_map().voxels
    return found


@pytest.mark.parametrize(
    ("step", "same_as"),
    [
        ("click", "click"),
        ("smallest", "smallest"),
        ("chosen_again", "click"),
        ("corrected", "corrected"),
        ("undone", "click"),
        ("redone", "corrected"),
        ("removed", "click"),
        ("box", "box"),
    ],
)
def test_napari_shows_the_masks_that_the_library_makes_of_the_same_prompts(folder, expected, step, same_as):
    shown = np.load(folder / f"{step}.npy")
    assert shown.any()
    assert np.array_equal(shown, expected[same_as])


def test_the_correction_changes_the_mask_and_the_box_adds_an_object(folder):
    shown = {step: np.load(folder / f"{step}.npy") for step in ("click", "corrected", "box")}
    assert not np.array_equal(shown["corrected"], shown["click"])
    assert np.array_equal(shown["box"] == 1, shown["click"] == 1)
    assert (shown["box"] == 2).any()


def test_each_object_is_saved_on_the_scans_own_grid_under_its_name(folder, expected):
    scan = sf.read(folder / "scan.nii.gz")
    saved = {path.name: sf.read(path) for path in (folder / "saved").glob("*.nii.gz")}
    assert set(saved) == {"scan_first_organ.nii.gz", "scan_object_2.nii.gz", "scan_labels.nii.gz"}
    assert all(mask.grid.same_as(scan.grid) for mask in saved.values())
    assert np.array_equal(saved["scan_labels.nii.gz"].voxels, expected["box"])


def test_the_manifest_is_valid(installed):
    done = subprocess.run(
        [PYTHON, "-m", "npe2", "validate", "synthfm3d"], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_picture_shows_an_organ_that_one_click_found(folder, drawn):
    assert dice(np.load(folder / "click.npy") > 0, drawn[1] == LABEL) > 0.8
    picture = folder / "plugin.png"
    assert picture.stat().st_size > 20_000
    if kept := os.environ.get("SYNTHFM3D_NAPARI_PLUGIN_PICTURE"):
        shutil.copy(picture, kept)
