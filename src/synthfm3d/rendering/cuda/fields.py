"""Smooth random fields of a run of slices: nodes and tiles, interpolated as in ``rendering.fields``."""

import torch
from torch import Tensor

from synthfm3d.rendering.cuda.hashing import hashed_normal, mix, shifted, signed
from synthfm3d.rendering.fields import SplineAxis
from synthfm3d.rendering.tiles import PLACES
from synthfm3d.volume import Array

Axes = tuple[SplineAxis, SplineAxis, SplineAxis]


def field_planes(axes: Axes, key: int, slices: range, device: torch.device) -> Tensor:
    """A field interpolated along z and x but still on its nodes along y: (z, node row, x)."""
    along_z, along_y, along_x = axes
    first, last = int(along_z.first[slices.start]), int(along_z.first[slices.stop - 1])
    shape = (last - first + 4, along_y.nodes, along_x.nodes)
    plane = along_y.nodes * along_x.nodes
    counter = torch.arange(first * plane, (last + 4) * plane, device=device)
    lattice = hashed_normal(counter.to(torch.int32), key).view(shape)
    at = slice(slices.start, slices.stop)
    between = interpolate(lattice, along_z.first[at] - first, along_z.weights[at], dim=0)
    return interpolate(between, along_x.first, along_x.weights, dim=2)


def field_of(planes: Tensor, along_y: SplineAxis) -> Tensor:
    """A field (z, y, x): the interpolation along y that ``field_planes`` left."""
    return interpolate(planes, along_y.first, along_y.weights, dim=1)


def interpolate(nodes: Tensor, first: Array, weights: Array, dim: int) -> Tensor:
    """Four nodes from ``first`` (n,) on along one axis, weighted by ``weights`` (n, 4), summed in order."""
    start = torch.as_tensor(first, device=nodes.device).long()
    shape = [1] * nodes.ndim
    shape[dim] = -1
    columns = torch.as_tensor(weights, device=nodes.device).T.contiguous()
    total = nodes.index_select(dim, start).mul_(columns[0].view(shape))
    for k in range(1, 4):
        total += nodes.index_select(dim, start + k).mul_(columns[k].view(shape))
    return total


def tiled_field(tile: Tensor, key: int, along_z: SplineAxis, slices: range, height: int) -> Tensor:
    """A field (z, y, x) as the sum of four copies of its ``tile`` (edge, edge + x) in each slice."""
    device = tile.device
    edge = tile.shape[0]
    at = slice(slices.start, slices.stop)
    node = torch.as_tensor(along_z.first[at], device=device)
    weights = torch.as_tensor(along_z.weights[at], device=device)

    def moved(k: int) -> Tensor:
        word = mix((node + k) ^ signed(key ^ PLACES))
        copy = moved_tile(tile, shifted(word, 16) & (edge - 1), word & (edge - 1), height)
        return copy.mul_(weights[:, k, None, None])

    return moved(0).add_(moved(1)).add_(moved(2)).add_(moved(3))


def moved_tile(tile: Tensor, y_place: Tensor, x_place: Tensor, height: int) -> Tensor:
    """A periodic tile (edge, edge + x) seen from a place in each slice: (z, y, x)."""
    edge = tile.shape[0]
    rows = (y_place[:, None] + torch.arange(height, device=tile.device)) % edge
    columns = x_place[:, None] + torch.arange(tile.shape[1] - edge, device=tile.device)
    return tile[rows[:, :, None], columns[:, None, :]]
