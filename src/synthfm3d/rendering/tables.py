"""Tables: the arrays with which a scene enters the slice kernel.

Only sums, products, quotients and square roots are used, because every processor rounds them in the same way.
"""

import math
from dataclasses import dataclass

import numpy as np

from synthfm3d.rendering import columns as at
from synthfm3d.rendering.distances import BLUR_REACH
from synthfm3d.rendering.fields import SplineAxis, field_key, spline_axis
from synthfm3d.rendering.parts import part_rows
from synthfm3d.rendering.tiles import texture_tile
from synthfm3d.synthesis.scene import TEXTURES, Boundary, Scene
from synthfm3d.synthesis.structures import Structure
from synthfm3d.volume import Array

_FIELD_NAMES = (*(f"texture {n}" for n in range(TEXTURES)), "coarse", "fine", "warp y", "warp x", "bias")
_BIAS_SHARE = 0.25
"""Correlation length of the bias field as a share of the field of view."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Arrays of one scene.

    ``parts`` (sub-slice, part, column), ``structures`` (structure, column), ``layers`` (structure, layer,
    column), all float32; ``axes[field]`` are the (z, y, x) spline axes, ``first`` and ``weights`` the same
    stacked by axis, (field, z), (field, z, 4) and so on, of x its columns (field, 4, x); ``keys`` uint32
    per field; ``tiles`` float32 (field, edge, edge + width) are the tiles of the first fields.
    """

    parts: Array
    structures: Array
    layers: Array
    axes: tuple[tuple[SplineAxis, SplineAxis, SplineAxis], ...]
    first: tuple[Array, Array, Array]
    weights: tuple[Array, Array, Array]
    keys: Array
    tiles: Array


def tables_of(scene: Scene, slices: range | None = None) -> Tables:
    """Tables of a scene, with the parts of some slices or of all."""
    slices = range(scene.shape[0]) if slices is None else slices
    axes = tuple(_axes(scene, n) for n in range(at.FIELDS))
    keys = np.array([field_key(scene, name) for name in _FIELD_NAMES], np.uint32)
    _, height, width = scene.shape
    pixel = scene.spacing_mm[1]
    tiles = [
        texture_tile(height, width, scene.contrast.texture_mm[n] / pixel, int(keys[n]))
        for n in range(at.TILED)
    ]
    return Tables(
        parts=_parts(scene, slices),
        structures=_structures(scene),
        layers=_layers(scene),
        axes=axes,
        first=(
            np.stack([a[0].first for a in axes]),
            np.stack([a[1].first for a in axes]),
            np.stack([a[2].first for a in axes]),
        ),
        weights=(
            np.stack([a[0].weights for a in axes]),
            np.stack([a[1].weights for a in axes]),
            np.stack([a[2].columns for a in axes]),
        ),
        keys=keys,
        tiles=np.stack(tiles),
    )


def _widest(boundary: Boundary) -> float:
    """Largest reach of a boundary, where it fades, in standard deviations."""
    return BLUR_REACH * (1 + boundary.fade)


def _growth_mm(structure: Structure) -> float:
    """Distance beyond its parts at which a structure may still change a voxel.

    Fields stay below 3.5 standard deviations in practice. With 2.5, one row in a hundred is cut very
    slightly.
    """
    return 2.5 * sum(structure.roughness_mm) + 0.25 * structure.blend_mm


def _parts(scene: Scene, slices: range) -> Array:
    """Rows of all parts on the sub-slices of some slices, (sub-slice, part, column)."""
    anatomy, boundary = scene.anatomy, scene.boundary
    through = _widest(boundary) * (boundary.psf_mm[0] / boundary.sub_slices)
    # If a wall is oblique, a small growth is visible from far away.
    reaches = [through + _growth_mm(structure) for structure in anatomy.structures for _ in structure.parts]
    parts = [part for structure in anatomy.structures for part in structure.parts]
    rows = part_rows(parts, _heights(scene, slices), np.array(reaches))
    if scene.third_axis == "time":  # all parts are stacks, and distances are measured in the plane of a frame
        rows[:, :, [at.C0, at.V_Y, at.V_X, at.RATE]] = 0.0
    return rows


def _structures(scene: Scene) -> Array:
    anatomy, boundary = scene.anatomy, scene.boundary
    rows = np.zeros((len(anatomy.structures), at.STRUCTURE_COLUMNS), np.float32)
    first = 0
    for n, structure in enumerate(anatomy.structures):
        after = first + len(structure.parts)
        rows[n] = (
            first,
            after,
            *structure.roughness_mm,
            structure.blend_mm,
            structure.confined and anatomy.cavity_depth_mm > 0,
            # The warp is added later, because it is known for each row.
            _growth_mm(structure) + _widest(boundary) * boundary.psf_mm[1],
            len(structure.layers),
            structure.neighbourhood,
            structure.gap_mm,
        )
        first = after
    return rows


def _layers(scene: Scene) -> Array:
    structures = scene.anatomy.structures
    most = max(len(structure.layers) for structure in structures)
    rows = np.zeros((len(structures), most, at.TEXTURE + TEXTURES), np.float32)
    for n, structure in enumerate(structures):
        for m, (layer, tissue) in enumerate(zip(structure.layers, scene.contrast.tissues[n], strict=True)):
            thickness = at.NO_END_MM if layer.thickness_mm is None else layer.thickness_mm
            rows[n, m] = (
                layer.depth_mm,
                thickness,
                layer.label,
                tissue.mean,
                tissue.cluster,
                *tissue.texture,
            )
    return rows


def _heights(scene: Scene, slices: range) -> Array:
    """Z in mm of every sub-slice. A slice profile of standard deviation s is as wide as s sqrt(12)."""
    parts = scene.boundary.sub_slices
    centre = np.arange(slices.start, slices.stop) * scene.spacing_mm[0]
    offset = (np.arange(parts) - (parts - 1) / 2) / parts * (scene.boundary.psf_mm[0] * math.sqrt(12.0))
    heights: Array = (centre[:, None] + offset[None, :]).reshape(-1)
    return heights


def _axes(scene: Scene, field: int) -> tuple[SplineAxis, SplineAxis, SplineAxis]:
    z, y, x = (
        spline_axis(length, std / step)
        for length, step, std in zip(scene.shape, scene.spacing_mm, _field_std(scene, field), strict=True)
    )
    return z, y, x


_FRAMES_OF_TEXTURE = 12.0
_FRAMES_OF_WARP = 40.0
_ALWAYS = 1e4
"""In frames. Over time, textures and the warp change slowly; shape noise and receive field do not change."""


def _field_std(scene: Scene, field: int) -> tuple[float, float, float]:
    bias = _BIAS_SHARE * min(scene.shape[1] * scene.spacing_mm[1], scene.shape[2] * scene.spacing_mm[2])
    anatomy = scene.anatomy
    stds = (*scene.contrast.texture_mm, *anatomy.shape_noise_mm, anatomy.warp_mm, anatomy.warp_mm, bias)
    through = stds[field]
    if scene.third_axis == "time":
        slow = {at.WARP_Y: _FRAMES_OF_WARP, at.WARP_X: _FRAMES_OF_WARP}
        through = _FRAMES_OF_TEXTURE if field < TEXTURES else slow.get(field, _ALWAYS)
    return through, stds[field], stds[field]
