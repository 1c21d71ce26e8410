"""``Surroundings``: the fields of a run of slices, in which all its structures are measured and painted."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.columns import COARSE, FINE, TILED, WARP_X, WARP_Y
from synthfm3d.rendering.cuda.fields import field_of, field_planes, interpolate, tiled_field
from synthfm3d.rendering.fields import SplineAxis
from synthfm3d.rendering.tables import Tables
from synthfm3d.synthesis.scene import TEXTURES, Scene

_f32 = np.float32
Extent = tuple[Tensor, Tensor]
"""Least and largest value in each row, (z, y)."""


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Fields of a run of slices, (z, y, x).

    Parameters
    ----------
    textures, coarse, fine
        Textures from fine to coarse, and the shape noise.
    y_mm, x_mm
        Where a voxel comes from, before the warp displaced it.
    y_extent
        Bounds of ``y_mm`` in each row.
    x_extent
        Bounds of what the warp adds to x in each row.
    x_step
        Distance of neighbours along x, on the device: torch multiplies by the reciprocal of a divisor on
        the host.
    """

    textures: tuple[Tensor, ...]
    coarse: Tensor
    fine: Tensor
    y_mm: Tensor
    x_mm: Tensor
    y_extent: Extent
    x_extent: Extent
    x_step: Tensor


def surroundings_of(scene: Scene, tables: Tables, slices: range, device: torch.device) -> Surroundings:
    """The surroundings of a run of slices."""
    _, height, width = scene.shape
    tiled = []
    for n in range(TILED):
        tile = torch.as_tensor(tables.tiles[n], device=device)
        tiled.append(tiled_field(tile, tables.keys[n], tables.axes[n][0], slices, height))
    planes = {
        n: field_planes(tables.axes[n], tables.keys[n], slices, device) for n in range(TILED, TEXTURES + 4)
    }
    fields = {n: field_of(plane, tables.axes[n][1]) for n, plane in planes.items()}
    warp = float(_f32(scene.anatomy.warp_amplitude_mm))
    y_step, x_step = (_f32(mm) for mm in scene.spacing_mm[1:])
    row_mm = torch.as_tensor(np.arange(height, dtype=_f32) * y_step, device=device)
    column_mm = torch.as_tensor(np.arange(width, dtype=_f32) * x_step, device=device)
    low_y, high_y = (warp * bound for bound in _bounds(planes[WARP_Y], tables.axes[WARP_Y][1]))
    low_x, high_x = (warp * bound for bound in _bounds(planes[WARP_X], tables.axes[WARP_X][1]))
    return Surroundings(
        textures=(*tiled, *(fields[n] for n in range(TILED, TEXTURES))),
        coarse=fields[COARSE],
        fine=fields[FINE],
        y_mm=fields[WARP_Y].mul_(warp).add_(row_mm[:, None]),
        x_mm=fields[WARP_X].mul_(warp).add_(column_mm),
        y_extent=(row_mm + low_y, row_mm + high_y),
        x_extent=(low_x, high_x),
        x_step=torch.as_tensor(x_step, device=device),
    )


def _bounds(planes: Tensor, along_y: SplineAxis) -> Extent:
    """What a field cannot exceed in a row: its weights are positive."""
    low, high = (
        interpolate(extreme, along_y.first, along_y.weights, dim=1)
        for extreme in (planes.amin(dim=2), planes.amax(dim=2))
    )
    return low, high
