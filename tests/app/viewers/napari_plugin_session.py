"""What a person does in napari with our plugin; runs in napari's environment, without a server.

    python napari_plugin_session.py SCAN PROMPTS.npz FOLDER

``PROMPTS.npz`` holds ``clicks`` (n, 3), of which only the first is positive, and a ``box`` (2, 3) on a slice.
Written are the masks after each step, the files that the plugin saves, and a picture of the window.
"""

import sys
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

PATIENCE = 300


def main(scan: str, prompts: str, folder: str) -> None:
    """Open, click, correct, take back, make again, change the size, draw a box, save."""
    given, out = np.load(prompts), Path(folder)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 760)
    viewer.open(scan, plugin="synthfm3d")
    _, panel = viewer.window.add_plugin_dock_widget("synthfm3d", "Segment")
    press(panel, panel.start_button)
    np.save(out / "affine.npy", np.asarray(viewer.layers["SynthFM-3D masks"].affine))

    def keep(step: str) -> None:
        np.save(out / f"{step}.npy", np.asarray(viewer.layers["SynthFM-3D masks"].data))

    def click(index: np.ndarray, sign: int) -> None:
        panel.sign.setCurrentIndex(sign)
        panel.point_button.click()
        layer = viewer.layers["SynthFM-3D points"]
        viewer.dims.set_point(0, layer.data_to_world(index)[0])
        layer.add(index.astype(float))
        settle(panel)

    first, *others = given["clicks"]
    click(first, 0)
    keep("click")
    sizes(panel, keep)
    for other in others:
        click(other, 1)
    keep("corrected")
    for _ in others:
        press(panel, panel.undo_button)
    keep("undone")
    for _ in others:
        press(panel, panel.redo_button)
    keep("redone")
    points = viewer.layers["SynthFM-3D points"]
    points.selected_data = set(range(1, 1 + len(others)))
    points.remove_selected()
    settle(panel)
    keep("removed")
    panel.name.setText("first organ")
    panel.name.textEdited.emit("first organ")
    press(panel, panel.next_button)
    low, high = given["box"]
    corners = [(low[1], low[2]), (low[1], high[2]), (high[1], high[2]), (high[1], low[2])]
    panel.box_button.click()
    boxes = viewer.layers["SynthFM-3D boxes"]
    boxes.add(np.array([[low[0], y, x] for y, x in corners], float), shape_type="rectangle")
    settle(panel)
    keep("box")
    picture(viewer, out / "plugin.png")
    panel.save(out / "saved")
    settle(panel)
    viewer.close()


def sizes(panel, keep) -> None:
    """Take the smallest answer, and come back."""
    smaller = 0
    while panel.smaller_button.isEnabled():
        press(panel, panel.smaller_button)
        smaller += 1
    keep("smallest")
    for _ in range(smaller):
        press(panel, panel.larger_button)
    keep("chosen_again")


def picture(viewer, path: Path) -> None:
    """A picture of the whole window, after it was drawn."""
    viewer.reset_view()
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.05)
    viewer.screenshot(str(path), canvas_only=False, flash=False)


def press(panel, button) -> None:
    """Press a button that can be pressed, and wait for what it does."""
    if not button.isEnabled():
        raise RuntimeError(f"{button.text()} cannot be pressed: {panel.status.text()}")
    button.click()
    settle(panel)


def settle(panel) -> None:
    """Let napari work until all tasks of the panel are done."""
    end = time.monotonic() + PATIENCE
    QApplication.processEvents()
    while panel.is_busy or panel.tasks:
        if time.monotonic() > end:
            raise TimeoutError("the panel has not come so far")
        QApplication.processEvents()
        time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
