"""Anatomy of a run of slices, as ``rendering.compositing`` has it: distances, mixed by partial volume."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.compositing import FADE_FROM, FAR
from synthfm3d.rendering.cuda.boxes import Box, around, overlap
from synthfm3d.rendering.cuda.distances import MEASURES
from synthfm3d.rendering.cuda.fields import field_of, field_planes, tiled_field
from synthfm3d.rendering.cuda.painting import paint_layer
from synthfm3d.rendering.cuda.spans import Spans, extent_of, spans_of
from synthfm3d.rendering.tables import (
    BLEND_MM,
    COARSE,
    COARSE_MM,
    CONFINED,
    DEPTH_MM,
    FINE,
    FINE_MM,
    FIRST_PART,
    GAP_MM,
    KIND,
    LAST_PART,
    LAYERS,
    NEIGHBOURHOOD,
    NO_END_MM,
    TILED,
    WARP_X,
    WARP_Y,
    Tables,
)
from synthfm3d.synthesis.scene import TEXTURES, Scene
from synthfm3d.volume import Array

_f32 = np.float32
_OUTSIDE_SPAN = 2 * float(FAR)
"""Distance of a part where it is not measured: farther than nothing, with which it must not melt."""


@dataclass(frozen=True, slots=True, eq=False)
class _Structure:
    """A structure measured in a box of voxels: distance and sharpness (z, y, x)."""

    number: int
    box: Box
    distance: Tensor
    sharpness: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A run of slices that is being composed.

    ``kinds`` (part,) and ``parts`` (z, part, column) are rows of the tables for its slices; the rest is
    (z, y, x): ``textures``, shape noise ``coarse`` and ``fine``, where a voxel comes from in mm, distance to
    the ``body``'s surface, and what is being made.
    """

    scene: Scene
    tables: Tables
    kinds: Array
    parts: Tensor
    textures: tuple[Tensor, ...]
    coarse: Tensor
    fine: Tensor
    y_mm: Tensor
    x_mm: Tensor
    spans: Spans
    body: Tensor
    signal: Tensor
    labels: Tensor


def compose(
    scene: Scene, tables: Tables, parts: Array, slices: range, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Signal float32 and labels uint8, both (z, y, x), of a run of slices; ``parts`` are their rows."""
    run = _prepared(scene, tables, parts, slices, device)
    structures = tables.structures
    present = [n for n in range(len(structures)) if _boxes_of(run, n)]
    # Structures without a neighbourhood are each alone.
    for _, group in groupby(present, lambda n: structures[n, NEIGHBOURHOOD] or -n):
        measured = [_measure(run, n) for n in group]
        for structure, distance in zip(measured, _shared_space(run, measured), strict=True):
            _paint(run, structure, distance)
    return run.signal, run.labels


def _prepared(scene: Scene, tables: Tables, parts: Array, slices: range, device: torch.device) -> _Run:
    _, height, width = scene.shape
    shape = (len(slices), height, width)
    textures = []
    for n in range(TILED):
        tile = torch.as_tensor(tables.tiles[n], device=device)
        textures.append(tiled_field(tile, tables.keys[n], tables.axes[n][0], slices, height))
    planes = {
        n: field_planes(tables.axes[n], tables.keys[n], slices, device) for n in range(TILED, TEXTURES + 4)
    }
    fields = {n: field_of(plane, tables.axes[n][1]) for n, plane in planes.items()}
    warp = float(_f32(scene.anatomy.warp_amplitude_mm))
    y_step, x_step = _f32(scene.spacing_mm[1]), _f32(scene.spacing_mm[2])
    row_mm = torch.as_tensor(np.arange(height, dtype=_f32) * y_step, device=device)
    column_mm = torch.as_tensor(np.arange(width, dtype=_f32) * x_step, device=device)
    rows = torch.as_tensor(parts, device=device)
    low_y, high_y = (warp * d for d in extent_of(planes[WARP_Y], tables.axes[WARP_Y][1]))
    low_x, high_x = (warp * d for d in extent_of(planes[WARP_X], tables.axes[WARP_X][1]))
    return _Run(
        scene=scene,
        tables=tables,
        kinds=parts[:, :, KIND].max(axis=0),
        parts=rows,
        textures=(*textures, *(fields[n] for n in range(TILED, TEXTURES))),
        coarse=fields[COARSE],
        fine=fields[FINE],
        y_mm=fields[WARP_Y].mul_(warp).add_(row_mm[:, None]),
        x_mm=fields[WARP_X].mul_(warp).add_(column_mm),
        spans=spans_of(
            tables, rows, (row_mm + low_y, row_mm + high_y), (low_x, high_x),
            torch.as_tensor(x_step, device=device), width,
        ),
        body=torch.full(shape, float(FAR), device=device),
        signal=torch.full(shape, float(_f32(scene.contrast.outside.mean)), device=device),
        labels=torch.zeros(shape, dtype=torch.uint8, device=device),
    )  # fmt: skip


def _parts_of(run: _Run, number: int) -> range:
    structure = run.tables.structures[number]
    return range(int(structure[FIRST_PART]), int(structure[LAST_PART]))


def _boxes_of(run: _Run, number: int) -> dict[int, Box]:
    """Boxes of those parts of a structure that these slices show."""
    boxes = {p: run.spans.boxes[p] for p in _parts_of(run, number)}
    return {p: box for p, box in boxes.items() if box}


def _measure(run: _Run, number: int) -> _Structure:
    """The union of a structure's parts, roughened, ended at the body cavity and faded."""
    boxes = _boxes_of(run, number)
    box = around(boxes.values())
    structure = run.tables.structures[number]
    distance = torch.full(box.shape, float(FAR), device=run.signal.device)
    sharpness = torch.ones_like(distance)
    for part, part_box in boxes.items():
        inner = part_box.within(box)
        _unite(run, part, part_box, float(structure[BLEND_MM]), distance[inner], sharpness[inner])
    coarse = run.coarse[box]
    distance += float(structure[COARSE_MM]) * coarse + float(structure[FINE_MM]) * run.fine[box]
    if number == 0:
        run.body[box] = distance
    elif structure[CONFINED] > 0:
        cavity = float(_f32(run.scene.anatomy.cavity_depth_mm))
        torch.minimum(distance, run.body[box] - cavity, out=distance)
    fade = float(_f32(run.scene.boundary.fade))
    if fade > 0:
        sharpness /= 1 + fade * (coarse - float(FADE_FROM)).clamp_(0, 1)
    return _Structure(number=number, box=box, distance=distance, sharpness=sharpness)


def _unite(run: _Run, part: int, box: Box, blend: float, distance: Tensor, sharpness: Tensor) -> None:
    """Unite the distance field of a box with a part, in place, over ``blend`` mm."""
    spread_z, spread_plane = (_f32(mm) for mm in run.scene.boundary.psf_mm)
    columns = run.parts[box.z, part, :, None, None].unbind(1)
    d, s = MEASURES[float(run.kinds[part])](
        columns, run.y_mm[box], run.x_mm[box], float(spread_z * spread_z), float(spread_plane * spread_plane)
    )
    d = torch.where(run.spans.inside(part, box), d, _OUTSIDE_SPAN)
    torch.where(d > distance, s, sharpness, out=sharpness)
    if blend > 0:
        per_blend = float(_f32(1) / _f32(blend))
        near = (blend - (distance - d).abs_()).clamp_min_(0).mul_(per_blend)
        torch.maximum(distance, d, out=distance)
        distance += near.square_().mul_(blend).mul_(0.25)
    else:
        torch.maximum(distance, d, out=distance)


def _shared_space(run: _Run, group: list[_Structure]) -> list[Tensor]:
    """Distances of a neighbourhood, cut where another structure is deeper: min(d, (d - other - gap) / 2).

    Without a gap a structure is cut by those painted before it alone, as in the CPU's kernel.
    """
    if len(group) == 1:
        return [group[0].distance]
    gaps = run.tables.structures[:, GAP_MM]
    cut = [structure.distance.clone() for structure in group]
    for k, mine in enumerate(group):
        for m, theirs in enumerate(group):
            gap = float(max(gaps[mine.number], gaps[theirs.number]))
            both = overlap(mine.box, theirs.box)
            if m == k or both is None or (m > k and gap == 0):
                continue
            inner, other = both.within(mine.box), both.within(theirs.box)
            left = (mine.distance[inner] - theirs.distance[other]).sub_(gap).mul_(0.5)
            torch.minimum(cut[k][inner], left, out=cut[k][inner])
    return cut


def _paint(run: _Run, structure: _Structure, distance: Tensor) -> None:
    """Mix the layers of one structure into the slices, outermost first."""
    layers = run.tables.layers[structure.number]
    count = int(run.tables.structures[structure.number, LAYERS])
    textures = tuple(texture[structure.box] for texture in run.textures)
    for m in range(count):
        paint_layer(
            run.scene.boundary, layers[m], float(layers[m + 1, DEPTH_MM]) if m + 1 < count else NO_END_MM,
            m == 0, distance, structure.sharpness, textures, run.signal[structure.box],
            run.labels[structure.box],
        )  # fmt: skip
