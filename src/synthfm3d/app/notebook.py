"""A scan and its label map in a notebook, drawn by the same viewer as the page of ``synthfm3d serve``."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from synthfm3d.app.answers import COLOURS
from synthfm3d.intensity import windows_of
from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.volume import Volume

if TYPE_CHECKING:
    import ipyniivue


def show(
    volume: Volume, label_map: Volume | None = None, *, opacity: float = 0.5, height: int = 420
) -> "ipyniivue.NiiVue":
    """A widget with three planes and a 3-D view; left is the patient's right.

    Needs ``pip install 'synthfm3d[notebook]'``. Nothing is fetched from elsewhere.

    Parameters
    ----------
    volume
        The scan; frames of a sequence are shown as slices of a stack.
    label_map
        Integers on the scan's grid: a mask or several objects; each value has a colour of its own.
    opacity
        Of the label map, from 0 to 1.
    height
        Of the widget, in pixels.

    Raises
    ------
    ValueError
        The label map lies on another grid.
    ModuleNotFoundError
        The extra ``[notebook]`` is not installed.
    """
    try:
        import ipyniivue
    except ModuleNotFoundError as error:
        way_out = "ipyniivue is not installed: run  pip install 'synthfm3d[notebook]'"
        raise ModuleNotFoundError(way_out, name=error.name) from None

    if label_map is not None and not label_map.grid.same_as(volume.grid):
        raise ValueError("the label map does not lie on the voxels of the scan.")
    low, high = windows_of(volume).bounds[0]
    widget = ipyniivue.NiiVue(height=height)
    widget.opts.is_radiological_convention = True
    shown = [ipyniivue.Volume(name="scan.nii", data=_stack(volume), cal_min=low, cal_max=high)]
    if label_map is not None:
        labels = label_map.with_voxels(label_map.voxels.astype(np.uint8))
        coloured = ipyniivue.Volume(name="labels.nii", data=_stack(labels), opacity=opacity)
        coloured.set_colormap_label(label_colours(labels))
        shown.append(coloured)
    widget.load_volumes(shown)
    return widget


def label_colours(labels: Volume) -> dict[str, list[int]]:
    """Colour table of NiiVue for label values 0 (clear) to the largest."""
    values = list(range(int(labels.voxels.max()) + 1))
    colours = [(0, 0, 0)] + [_rgb(COLOURS[(value - 1) % len(COLOURS)]) for value in values[1:]]
    red, green, blue = (list(channel) for channel in zip(*colours, strict=True))
    return {"R": red, "G": green, "B": blue, "A": [0] + [255] * (len(values) - 1), "I": values}


def _stack(volume: Volume) -> bytes:
    return nifti_bytes(replace(volume, third_axis="space"), 0)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
