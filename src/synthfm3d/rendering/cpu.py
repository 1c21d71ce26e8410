"""``render``: the CPU renderer. One pass per slice; any range of slices alone, with the same bits."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from synthfm3d.rendering.compositing import compose_slice
from synthfm3d.rendering.fields import field_slice, lattice_of
from synthfm3d.rendering.scanners import Scanner, scanner_of
from synthfm3d.rendering.tables import BIAS, FIELDS, TILED, Tables, tables_of
from synthfm3d.rendering.tiles import tile_places
from synthfm3d.synthesis.scene import Scene
from synthfm3d.volume import Array

_f32 = np.float32
_AT_ONCE = 8
"""Slices that share the nodes of their fields; more would need more memory for no less work."""


def render(scene: Scene, slices: range | None = None, threads: int = 1) -> tuple[Array, Array]:
    """Image and label map of a scene, or of a contiguous range of its slices.

    Parameters
    ----------
    slices
        Which slices, ``range(first, after)``; all by default. A range has the same bits as the
        same slices of the whole volume.
    threads
        Runs of slices rendered at a time; has no influence on the result.

    Returns
    -------
    image
        int16 (z, y, x): Hounsfield units, thousandths of the MR signal, or grey values 0-255.
    labels
        uint8 (z, y, x); 0 is unlabelled.

    Raises ValueError for a range that is empty, strided, or not within the volume.
    """
    depth, height, width = scene.shape
    slices = range(depth) if slices is None else slices
    if slices.step != 1 or not 0 <= slices.start < slices.stop <= depth:
        raise ValueError(f"slices must be range(first, after) within 0 and {depth}, got {slices}.")
    image = np.empty((len(slices), height, width), np.int16)
    labels = np.empty((len(slices), height, width), np.uint8)
    tables = tables_of(scene, slices)
    scanner = scanner_of(scene)

    def some(first: int) -> None:
        part = range(first, min(first + _AT_ONCE, slices.stop))
        at = slice(first - slices.start, part.stop - slices.start)
        _render_slices(scene, tables, tables.parts[at], scanner, part, image[at], labels[at])

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


def _render_slices(
    scene: Scene, tables: Tables, parts: Array, scanner: Scanner, slices: range, image: Array, labels: Array
) -> None:
    """Some slices in a row, which share the nodes of their fields; ``parts`` are their rows."""
    # Bias is the last field and only MR has it.
    used = FIELDS if scene.modality == "mr" else BIAS
    lattices = {n: lattice_of(tables.axes[n], tables.keys[n], slices) for n in range(TILED, used)}
    y_first = np.stack([axes[1].first for axes in tables.axes])
    y_weights = np.stack([axes[1].weights for axes in tables.axes])
    planes = np.empty((used, max(axes[1].nodes for axes in tables.axes), scene.shape[2]), np.float32)
    bias = (planes[used - 1], y_first[BIAS], y_weights[BIAS])
    signal = np.empty(scene.shape[1:], np.float32)
    scan = scanner(slices)
    for z in slices:
        for n, lattice in lattices.items():
            along_z, _, along_x = tables.axes[n]
            start = along_z.first[z] - along_z.first[slices.start]
            field_slice(
                lattice[start : start + 4], along_z.weights[z], along_x.first, along_x.columns, planes[n]
            )
        at = z - slices.start
        _compose(scene, tables, parts[at], z, planes, y_first, y_weights, signal, labels[at])
        scan(z, signal, labels[at], bias, image[at])


def _compose(
    scene: Scene, tables: Tables, parts: Array, z: int, planes: Array, y_first: Array, y_weights: Array,
    signal: Array, labels: Array,
) -> None:  # fmt: skip
    boundary = scene.boundary
    places = np.empty((TILED, 4, 2), np.int64)
    for n in range(TILED):
        tile_places(tables.keys[n], tables.axes[n][0].first[z], tables.tiles.shape[1], places[n])
    tile_weights = np.stack([tables.axes[n][0].weights[z] for n in range(TILED)])
    compose_slice(
        parts, tables.structures, tables.layers, tables.tiles, places, tile_weights, planes,
        y_first, y_weights, _f32(scene.spacing_mm[1]), _f32(scene.spacing_mm[2]),
        _f32(boundary.psf_mm[0]), _f32(boundary.psf_mm[1]),
        _f32(scene.anatomy.warp_amplitude_mm), _f32(scene.anatomy.cavity_depth_mm),
        _f32(boundary.texture_shield_mm), _f32(boundary.fade), _f32(boundary.rim), _f32(boundary.rim_mm),
        _f32(scene.contrast.outside.mean), signal, labels,
    )  # fmt: skip
