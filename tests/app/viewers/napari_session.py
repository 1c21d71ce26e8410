"""What a person does in napari with the unmodified plugin of nnInteractive; runs in napari's own environment.

    python napari_session.py ADDRESS TOKEN SCAN.npz FOLDER

``SCAN.npz`` holds ``voxels`` (z, y, x), ``spacing``, a ``box`` (2, 3) on a slice and ``clicks`` (n, 3), of
which only the first is positive.
Written are the mask after each step, and a picture of the window.
"""

import sys
import time
from pathlib import Path

import napari
import numpy as np
from napari_nninteractive import nnInteractiveWidget
from qtpy.QtWidgets import QApplication

LABELS = "nnInteractive - Label Layer"
POINTS = "nnInteractive - Point Layer"
BOXES = "nnInteractive - BBox Layer"
PATIENCE = 300


def main(address: str, token: str, scan: str, folder: str) -> None:
    """Connect, click, correct, take back, begin anew, draw a box, click again."""
    given = np.load(scan)
    out = Path(folder)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 760)
    viewer.add_image(given["voxels"], name="scan", scale=given["spacing"], contrast_limits=(-160, 240))
    widget = nnInteractiveWidget(viewer)
    viewer.window.add_dock_widget(widget, name="nnInteractive")
    widget.server_url_edit.setText(address)
    widget.api_key_edit.setText(token)
    widget.on_init()
    wait(lambda: LABELS in viewer.layers and widget.session is not None)
    wait(lambda: widget.session.original_image_shape is not None and widget._upload_dialog is None)
    print("license:", widget.session.license)

    def keep(step: str) -> None:
        np.save(out / f"{step}.npy", np.asarray(viewer.layers[LABELS].data) > 0)

    def click(index: np.ndarray, *, positive: bool) -> None:
        select(widget, 0, positive=positive)
        viewer.dims.set_point(0, index[0] * given["spacing"][0])
        viewer.layers[POINTS].add(index.astype(float))
        QApplication.processEvents()

    first, *others = given["clicks"]
    click(first, positive=True)
    keep("click")
    for other in others:
        click(other, positive=False)
    keep("corrected")
    for _ in others:
        widget.on_undo()
    keep("undone")
    widget.on_reset_interactions()
    keep("reset")
    select(widget, 1, positive=True)
    low, high = given["box"]
    corners = [
        [low[0], y, x]
        for y, x in ((low[1], low[2]), (low[1], high[2]), (high[1], high[2]), (high[1], low[2]))
    ]
    viewer.layers[BOXES].add(np.array(corners, float), shape_type="rectangle")
    QApplication.processEvents()
    keep("box")
    widget.on_reset_interactions()
    click(first, positive=True)
    viewer.reset_view()
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.05)
    viewer.screenshot(str(out / "napari.png"), canvas_only=False, flash=False)
    widget._release_session()
    viewer.close()


def select(widget: nnInteractiveWidget, tool: int, *, positive: bool) -> None:
    """Choose a tool and its sign, as the buttons do."""
    widget.prompt_button._uncheck()
    widget.prompt_button._check(0 if positive else 1)
    widget.on_prompt_selected()
    widget.interaction_button._uncheck()
    widget.interaction_button._check(tool)
    widget.on_interaction_selected()
    QApplication.processEvents()


def wait(done) -> None:
    """Let napari work until something is so."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("napari has not come so far")
        QApplication.processEvents()
        time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
