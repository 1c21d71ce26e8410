"""Layers of napari become scans, and scans become layers. Nothing here imports napari.

napari has its own world coordinates, in which an axial scan in millimetres has its axes along (z, y, x). Here
they are taken as (Superior, Posterior, Left), which is how napari shows an axial slice when the patient's
right is on the left. So a layer with nothing but a ``scale`` is an axial scan, and a layer with an affine
lies in the world as the affine says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from synthfm3d.app.viewers.scan import scan_of_array
from synthfm3d.errors import InputError
from synthfm3d.intensity import windows_of
from synthfm3d.io.read import format_of, read
from synthfm3d.volume import Array, Grid, Modality, Volume

WORLD_TO_RAS = np.array([[0.0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
"""(4, 4): RAS mm of a place (z, y, x, 1) in napari's world."""
MODALITY_KEY = "synthfm3d.modality"
"""Key of the modality in the metadata of a layer that ``reader_of`` has read."""

LayerData = tuple[Array, dict[str, Any], str]


class ImageLayer(Protocol):
    """The part of ``napari.layers.Image`` that is used."""

    name: str
    ndim: int
    rgb: bool
    multiscale: bool
    metadata: Mapping[str, Any]

    @property
    def data(self) -> Any: ...

    def data_to_world(self, position: Sequence[float]) -> Sequence[float]: ...


def scan_of_layer(layer: ImageLayer, step: Sequence[int] = (), modality: Modality | None = None) -> Volume:
    """The scan of an image layer, at its place in the world.

    Parameters
    ----------
    layer
        Of two axes (one slice), three (z, y, x), or more; of more, the first ones are fixed.
    step
        Present position of the viewer along all axes (``viewer.dims.current_step``): where the first axes
        of a layer of more than three axes are fixed.
    modality
        Modality of the scan; by default that of the file, else it is detected from the values.

    Raises
    ------
    InputError
        The layer has colours or a single value, or its transform gives no volume.
    """
    if layer.rgb:
        raise InputError(f"{layer.name}: is a colour image: convert it to grey values first.")
    data = layer.data[0] if layer.multiscale else layer.data
    fixed = tuple(step[: max(0, layer.ndim - 3)])
    voxels = np.atleast_3d(np.asarray(data[fixed])) if layer.ndim > 2 else np.asarray(data)[None]
    try:
        grid = Grid((voxels.shape[0], voxels.shape[1], voxels.shape[2]), _ras_affine(layer))
    except ValueError as error:
        raise InputError(f"{layer.name}: {error}") from None
    known = modality or layer.metadata.get(MODALITY_KEY)
    return replace(scan_of_array(voxels, grid), modality=known)


def _ras_affine(layer: ImageLayer) -> Array:
    """(4, 4): RAS mm of an index (z, y, x, 1); an image of one slice is 1 mm thick."""
    steps = np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
    places = np.array([layer.data_to_world(tuple(step)) for step in steps], float)
    origin, columns = places[0], (places[1:] - places[0]).T
    world = np.eye(4)
    used = min(3, layer.ndim)
    world[3 - used : 3, 3 - used : 3] = columns[-used:, -used:]
    world[3 - used : 3, 3] = origin[-used:]
    return WORLD_TO_RAS @ world


def world_affine(grid: Grid) -> Array:
    """(4, 4): affine for a layer of napari whose data coordinates are voxels (z, y, x) of the grid."""
    return np.asarray(np.linalg.inv(WORLD_TO_RAS) @ grid.affine)


def reader_of(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader of napari for a path; None where it is no scan that this package reads."""
    if not isinstance(path, str):
        return None
    try:
        format_of(Path(path))
    except InputError:
        return None
    return read_layers


def read_layers(path: str) -> list[LayerData]:
    """A scan as the data, the settings and the type of an image layer, with its affine.

    Raises
    ------
    InputError
        The file is not a valid scan.
    """
    scan = read(path)
    settings = {
        "name": Path(path).name.partition(".")[0],
        "affine": world_affine(scan.grid),
        "contrast_limits": windows_of(scan).bounds[0],
        "metadata": {MODALITY_KEY: scan.modality},
    }
    return [(scan.voxels, settings, "image")]
