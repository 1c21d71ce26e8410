"""``render``: the CPU renderer. Any range of slices can be rendered alone and has the same bits."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from synthfm3d.rendering.columns import BIAS, FIELDS, TILED
from synthfm3d.rendering.compositing import compose_slice, mean_signal, numbers_of, scratch_for
from synthfm3d.rendering.ct import ct_scanner
from synthfm3d.rendering.fields import fields_of_slice, lattice_of
from synthfm3d.rendering.mr import mr_scanner
from synthfm3d.rendering.scanner import Scanner
from synthfm3d.rendering.tables import Tables, tables_of
from synthfm3d.rendering.tiles import tile_places
from synthfm3d.rendering.ultrasound import ultrasound_scanner
from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition
from synthfm3d.volume import Array

_AT_ONCE = 8
"""Number of slices that share the nodes of their fields. A larger number needs more memory and saves no
time."""


def render(scene: Scene, slices: range | None = None, threads: int = 1) -> tuple[Array, Array]:
    """Image and label map of a scene, or of a contiguous range of its slices.

    Parameters
    ----------
    slices
        Which slices, ``range(first, after)``; all by default. A range has the same bits as the
        same slices of the whole volume.
    threads
        Number of threads; it does not change the result.

    Returns
    -------
    image
        int16 (z, y, x): Hounsfield units, thousandths of the MR signal, or grey values 0-255.
    labels
        uint8 (z, y, x); 0 is unlabelled.

    Raises ValueError for a range that is empty, strided, or not within the volume.
    """
    return Renderer(scene, slices).render(slices, threads)


class Renderer:
    """A scene that is prepared once, to render slices of it many times.

    Parameters
    ----------
    slices
        The slices that can be rendered; all by default.

    Raises ValueError as ``render`` does.
    """

    def __init__(self, scene: Scene, slices: range | None = None) -> None:
        self.scene = scene
        self._ready = slices_of(scene, slices)
        tables = tables_of(scene, self._ready)
        self._tables = tables
        self._parts = tables.parts.reshape(
            len(self._ready), scene.boundary.sub_slices, *tables.parts.shape[1:]
        )
        self._scanner = _scanner_of(scene)

    def render(self, slices: range | None = None, threads: int = 1) -> tuple[Array, Array]:
        """Image and label map of some slices, by default of all prepared ones; see ``render``."""
        slices = self._ready if slices is None else slices_of(self.scene, slices)
        if not self._ready.start <= slices.start <= slices.stop <= self._ready.stop:
            raise ValueError(f"slices must lie within those prepared, {self._ready}, got {slices}.")
        _, height, width = self.scene.shape
        image = np.empty((len(slices), height, width), np.int16)
        labels = np.empty((len(slices), height, width), np.uint8)

        def some(first: int) -> None:
            part = range(first, min(first + _AT_ONCE, slices.stop))
            at = slice(first - slices.start, part.stop - slices.start)
            rows = self._parts[first - self._ready.start : part.stop - self._ready.start]
            _render_slices(self.scene, self._tables, rows, self._scanner, part, image[at], labels[at])

        starts = range(slices.start, slices.stop, _AT_ONCE)
        # Kernels release the GIL. Python threads instead of Numba's, since Numba's default threading
        # layer must not be entered from two threads at once, which data loaders would do.
        if threads <= 1:
            for first in starts:
                some(first)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(some, starts))
        return image, labels


def slices_of(scene: Scene, slices: range | None) -> range:
    """The given slices, or all. Raises ValueError for an empty or strided range, or one outside."""
    depth = scene.shape[0]
    slices = range(depth) if slices is None else slices
    if slices.step != 1 or not 0 <= slices.start < slices.stop <= depth:
        raise ValueError(f"slices must be range(first, after) within 0 and {depth}, got {slices}.")
    return slices


def _render_slices(
    scene: Scene, tables: Tables, parts: Array, scanner: Scanner, slices: range, image: Array, labels: Array
) -> None:
    """Render consecutive slices, which share the nodes of their fields.

    ``parts`` (slice, sub-slice, part, column) are their rows.
    """
    lattices = tuple(lattice_of(tables.axes[n], tables.keys[n], slices) for n in range(TILED, FIELDS))
    (z_first, y_first, x_first), (z_weights, y_weights, x_columns) = tables.first, tables.weights
    nodes = z_first[:, slices.start : slices.stop].copy()
    tile_at = np.empty((len(slices), TILED, 4, 2), np.int64)
    tile_places(tables.keys, nodes, tables.tiles.shape[1], tile_at)
    planes = np.empty((FIELDS, max(axes[1].nodes for axes in tables.axes), scene.shape[2]), np.float32)
    bias = (planes[BIAS], y_first[BIAS], y_weights[BIAS])
    signals = np.empty((parts.shape[1], *scene.shape[1:]), np.float32)
    numbers = numbers_of(scene)
    node_row = np.empty(max(axes[2].nodes for axes in tables.axes), np.float32)
    scratch = scratch_for(scene.shape[2], len(tables.structures), planes.shape[1])
    scan = scanner(slices)
    for n, z in enumerate(slices):
        places = nodes[TILED:, n] - nodes[TILED:, 0]
        # A copy, because kernels would be compiled again for the memory layout of volumes with one slice.
        along_z = z_weights[:, z].copy()
        fields_of_slice(
            lattices, places, along_z[TILED:], x_first[TILED:], x_columns[TILED:], node_row, planes[TILED:]
        )
        for part in _middle_last(parts.shape[1]):
            compose_slice(
                parts[n, part], tables.structures, tables.layers, tables.tiles, tile_at[n],
                along_z[:TILED], planes, y_first, y_weights, numbers, scratch, signals[part], labels[n],
            )  # fmt: skip
        signal = signals[0] if len(signals) == 1 else mean_signal(signals)
        scan(z, signal, labels[n], bias, image[n])


def _middle_last(count: int) -> list[int]:
    """Indices of the sub-slices, the middle one last, because its labels are kept."""
    middle = count // 2
    return [n for n in range(count) if n != middle] + [middle]


def _scanner_of(scene: Scene) -> Scanner:
    """The scanner of a scene. Everything that its slices share is computed here, once."""
    match scene.acquisition:
        case CtAcquisition() as acquisition:
            return ct_scanner(scene, acquisition)
        case MrAcquisition() as acquisition:
            return mr_scanner(scene, acquisition)
        case UltrasoundAcquisition() as acquisition:
            return ultrasound_scanner(scene, acquisition)
