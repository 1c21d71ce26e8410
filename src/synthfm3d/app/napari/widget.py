"""The panel in napari: events of layers and buttons become calls of a ``Workbench``.

This is the only module that needs napari and Qt; napari loads it when the panel is opened.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Points, Shapes
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from napari.viewer import Viewer
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from synthfm3d.app.napari.layers import scan_of_layer, world_affine
from synthfm3d.app.napari.workbench import Workbench, rows_added_and_removed
from synthfm3d.errors import InputError
from synthfm3d.volume import MODALITIES, Array, Volume

MASKS, CLICKS, BOXES = "SynthFM-3D masks", "SynthFM-3D points", "SynthFM-3D boxes"
INSIDE, OUTSIDE = "lime", "red"
_DONE = ("added", "removed", "changed")
"""Actions of a layer's event after which the change is complete."""


class SegmentWidget(QWidget):
    """Segments objects of an image layer with points and boxes.

    Slow tasks run in a thread, one after the other, so napari does not freeze and no prompt is lost.

    Parameters
    ----------
    viewer
        Given by napari.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.bench: Workbench | None = None
        self.tasks: list[Callable[[], None]] = []
        self.is_busy = False
        self._shown_clicks: Array = np.zeros((0, 3))
        self._shown_boxes: Array = np.zeros((0, 2, 3))
        self._build()
        viewer.layers.events.inserted.connect(self._list_images)
        viewer.layers.events.removed.connect(self._list_images)
        self._list_images()
        self._show_state()

    def _build(self) -> None:
        form = QFormLayout(self)
        self.image, self.modality, self.model = QComboBox(), QComboBox(), QLineEdit("default")
        self.modality.addItems(["detect", *(name.upper() for name in MODALITIES)])
        self.model.setToolTip("default, a checkpoint file, a run folder, or a SAM 2 model")
        form.addRow("Image", self.image)
        form.addRow("Modality", self.modality)
        form.addRow("Model", self.model)
        self.start_button = self._button("Start", self.start, "Load the image and the model")
        form.addRow(self.start_button)
        self.object, self.name, self.sign = QSpinBox(), QLineEdit(), QComboBox()
        self.object.setRange(1, 65535)
        self.object.valueChanged.connect(self._change_object)
        self.name.textEdited.connect(self._rename)
        self.name.setPlaceholderText("Used in the file name")
        self.sign.addItems(["inside the object", "outside the object"])
        self.sign.currentIndexChanged.connect(self._show_sign)
        form.addRow("Object", self.object)
        form.addRow("Name", self.name)
        form.addRow("Points are", self.sign)
        form.addRow(self._button_grid())
        self.status = QLabel()
        self.status.setWordWrap(True)
        form.addRow(self.status)

    def _button_grid(self) -> QGridLayout:
        self.point_button = self._button("Point", self.choose_points, "Click in the image (P)")
        self.box_button = self._button("Box", self.choose_boxes, "Draw a rectangle on a slice")
        self.undo_button = self._button("Undo", self.undo, "Undo the last step (Ctrl+Z)")
        self.redo_button = self._button("Redo", self.redo, "Redo the last step (Ctrl+Shift+Z)")
        self.smaller_button = self._button("Smaller", lambda: self.resize_object(-1), "Take a smaller answer")
        self.larger_button = self._button("Larger", lambda: self.resize_object(1), "Take a larger answer")
        self.next_button = self._button(
            "Next object", self.next_object, "Keep this mask, start another object"
        )
        self.discard_button = self._button("Remove object", self.discard_object, "Remove this object")
        self.save_button = self._button("Save masks…", self.ask_and_save, "One file for each object")
        pairs = [
            (self.point_button, self.box_button),
            (self.undo_button, self.redo_button),
            (self.smaller_button, self.larger_button),
            (self.next_button, self.discard_button),
        ]
        grid = QGridLayout()
        for row, (left, right) in enumerate(pairs):
            grid.addWidget(left, row, 0)
            grid.addWidget(right, row, 1)
        grid.addWidget(self.save_button, len(pairs), 0, 1, 2)
        return grid

    def _button(self, text: str, action: Callable[[], None], hint: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(hint)
        button.clicked.connect(lambda _checked=False: action())
        return button

    # Actions of the user

    def start(self) -> None:
        """Load the chosen image layer and the model; prompts of the image before are dropped."""
        name, chosen = self.image.currentText(), self.modality.currentIndex()
        if name not in self.viewer.layers:
            show_info("Open a scan first.")
            return
        layer, step = self.viewer.layers[name], self.viewer.dims.current_step
        model = self.model.text().strip() or "default"
        modality = MODALITIES[chosen - 1] if chosen else None
        self.bench = None

        def task() -> None:
            from synthfm3d.segmentation.predictor import Segmenter
            from synthfm3d.segmentation.session import Session

            scan = scan_of_layer(layer, step, modality)
            self.bench = Workbench(session=Session(Segmenter.from_pretrained(model), scan))

        self._do(task)

    def choose_points(self) -> None:
        """Make the layer of points the active one; the next click in the image adds a point."""
        self._activate(CLICKS, "add")

    def choose_boxes(self) -> None:
        """Make the layer of boxes the active one; a rectangle that is drawn on a slice is a box."""
        self._activate(BOXES, "add_rectangle")

    def undo(self) -> None:
        """Undo the last step."""
        self._with_bench(lambda bench: bench.session.undo())

    def redo(self) -> None:
        """Redo the step that was undone."""
        self._with_bench(lambda bench: bench.session.redo())

    def resize_object(self, steps: int) -> None:
        """Take the next smaller (-1) or larger (1) answer."""
        self._with_bench(lambda bench: bench.resize(steps))

    def next_object(self) -> None:
        """Begin another object; its first point is inside it."""
        self.sign.setCurrentIndex(0)
        self._with_bench(Workbench.next_object)

    def discard_object(self) -> None:
        """Remove the current object; undo brings it back."""
        self._with_bench(Workbench.discard_object)

    def ask_and_save(self) -> None:
        """Ask for a folder, and write the masks into it."""
        folder = QFileDialog.getExistingDirectory(self, "Save masks")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> None:
        """Write a file for each object, and the label map of all, into a folder."""
        stem = self.image.currentText()
        self._with_bench(lambda bench: show_info(f"{len(bench.save(folder, stem))} files saved in {folder}"))

    # One task after the other

    def _with_bench(self, action: Callable[[Workbench], object]) -> None:
        def task() -> None:
            if self.bench is not None:
                action(self.bench)

        self._do(task)

    def _do(self, task: Callable[[], None]) -> None:
        self.tasks.append(task)
        if not self.is_busy:
            self._next_task()

    def _next_task(self) -> None:
        self.is_busy = bool(self.tasks)
        if not self.is_busy:
            self._show_state()
            return
        self.status.setText("Working…")
        task = self.tasks.pop(0)
        create_worker(
            _error_of,
            task,
            _connect={"returned": self._tell, "finished": self._next_task},
        )

    def _tell(self, error: str | None) -> None:
        if error is not None:
            show_error(error)

    # Changes in layers

    def _clicks_changed(self, event: Any) -> None:
        if self.bench is None or event.action not in _DONE:
            return
        now = np.array(event.source.data, float).reshape(-1, 3)
        added, removed = rows_added_and_removed(self._shown_clicks, now)
        self._shown_clicks = now
        positive = self.sign.currentIndex() == 0
        for row in reversed(removed):
            self._with_bench(partial(Workbench.remove_click, number=row))
        for row in added:
            self._with_bench(partial(Workbench.click, place=now[row], positive=positive))

    def _boxes_changed(self, event: Any) -> None:
        if self.bench is None or event.action not in _DONE:
            return
        corners = [np.array(shape, float) for shape in event.source.data]
        now = np.array([[one.min(axis=0), one.max(axis=0)] for one in corners]).reshape(-1, 2, 3)
        added, removed = rows_added_and_removed(self._shown_boxes, now)
        self._shown_boxes = now
        for row in reversed(removed):
            self._with_bench(partial(Workbench.remove_box, number=row))
        for row in added:
            self._with_bench(partial(Workbench.draw_box, corners=now[row]))

    def _change_object(self, label: int) -> None:
        if self.bench is not None and label != self.bench.label:
            self._with_bench(lambda bench: setattr(bench, "label", label))

    def _rename(self, name: str) -> None:
        if self.bench is not None:
            self.bench.names[self.bench.label] = name

    # What is shown

    def _show_state(self) -> None:
        """Update layers and buttons from the workbench."""
        bench = self.bench
        session = None if bench is None else bench.session
        smaller, larger = (0, 0) if bench is None else bench.sizes
        enabled = {
            self.point_button: bench is not None,
            self.box_button: bench is not None,
            self.next_button: bench is not None,
            self.undo_button: session is not None and session.can_undo,
            self.redo_button: session is not None and session.can_redo,
            self.smaller_button: smaller > 0,
            self.larger_button: larger > 0,
            self.discard_button: session is not None and bool(session.prompts),
            self.save_button: session is not None and bool(session.prompts),
        }
        for button, is_enabled in enabled.items():
            button.setEnabled(is_enabled)
        if bench is None:
            self.status.setText("Choose an image and press Start.")
            return
        self._show_layers(bench)
        self.object.setValue(bench.label)
        if not self.name.hasFocus():
            self.name.setText(bench.names.get(bench.label, ""))
        self.status.setText(_status_text(bench))

    def _show_layers(self, bench: Workbench) -> None:
        scan = bench.session.scan
        masks = self._layer(MASKS, scan)
        masks.data = bench.session.label_map().voxels
        places, positive = bench.clicks
        points = self._layer(CLICKS, scan)
        points.selected_data = set()  # a change of the colour to come would change that of selected points
        with points.events.data.blocker():
            points.data = places
            points.face_color = np.where(positive, INSIDE, OUTSIDE) if len(places) else INSIDE
        self._shown_clicks = np.array(points.data, float).reshape(-1, 3)
        boxes = self._layer(BOXES, scan)
        self._shown_boxes = bench.boxes.astype(float)
        with boxes.events.data.blocker():
            boxes.data = []
            if len(self._shown_boxes):
                boxes.add([_rectangle(*corners) for corners in self._shown_boxes], shape_type="rectangle")
        self._show_sign()

    def _layer(self, name: str, scan: Volume) -> Any:
        """A layer of this plugin on the voxels of the scan; new if it is missing or has other voxels."""
        affine = world_affine(scan.grid)
        if name in self.viewer.layers:
            layer = self.viewer.layers[name]
            same_shape = name != MASKS or layer.data.shape == scan.voxels.shape
            if same_shape and np.allclose(np.asarray(layer.affine)[-4:, -4:], affine):
                return layer
            self.viewer.layers.remove(layer)
        if name == MASKS:
            made: Any = Labels(np.zeros(scan.voxels.shape, np.uint8), name=name, affine=affine)
        elif name == CLICKS:
            made = Points(np.zeros((0, 3)), name=name, affine=affine, size=3, ndim=3)
            made.events.data.connect(self._clicks_changed)
        else:
            made = Shapes(None, name=name, affine=affine, ndim=3, face_color="transparent", edge_color=INSIDE)
            made.events.data.connect(self._boxes_changed)
        made.bind_key("Control-Z", lambda _layer: self.undo(), overwrite=True)
        made.bind_key("Control-Shift-Z", lambda _layer: self.redo(), overwrite=True)
        self.viewer.add_layer(made)
        return made

    def _activate(self, name: str, mode: str) -> None:
        if self.bench is None:
            return
        layer = self._layer(name, self.bench.session.scan)
        self.viewer.layers.selection.active = layer
        layer.mode = mode

    def _show_sign(self) -> None:
        if CLICKS in self.viewer.layers:
            colour = INSIDE if self.sign.currentIndex() == 0 else OUTSIDE
            self.viewer.layers[CLICKS].current_face_color = colour

    def _list_images(self) -> None:
        chosen = self.image.currentText()
        names = [layer.name for layer in self.viewer.layers if isinstance(layer, Image)]
        self.image.clear()
        self.image.addItems(names)
        if chosen in names:
            self.image.setCurrentText(chosen)


def _error_of(task: Callable[[], None]) -> str | None:
    """The message for the user if the input of a task is wrong; None if the task succeeded."""
    try:
        task()
    except (InputError, OSError) as error:
        return str(error)
    return None


def _rectangle(low: Array, high: Array) -> Array:
    """Corners (4, 3) of a rectangle of napari from two opposite corners; in depth it lies in the middle."""
    z = (low[0] + high[0]) / 2
    return np.array([[z, low[1], low[2]], [z, low[1], high[2]], [z, high[1], high[2]], [z, high[1], low[2]]])


def _status_text(bench: Workbench) -> str:
    found = bench.session.segmentations.get(bench.label)
    if found is None:
        return f"Object {bench.label}: click inside it, or draw a box around it."
    voxels = int(np.count_nonzero(found.mask.voxels))
    size = f"Object {bench.label}: {voxels * bench.session.scan.grid.voxel_ml:.1f} ml"
    return " ".join([f"{size}.", *found.warnings])
