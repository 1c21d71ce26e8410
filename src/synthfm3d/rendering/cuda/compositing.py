"""Anatomy of a run of slices, as ``rendering.compositing`` has it: distances, mixed by partial volume."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.columns import (
    BLEND_MM,
    COARSE_MM,
    CONFINED,
    DEPTH_MM,
    FINE_MM,
    FIRST_PART,
    GAP_MM,
    KIND,
    LAST_PART,
    LAYERS,
    NEIGHBOURHOOD,
    NO_END_MM,
)
from synthfm3d.rendering.compositing import FADE_FROM, FAR
from synthfm3d.rendering.cuda.boxes import Box, hull, overlap
from synthfm3d.rendering.cuda.distances import MEASURES
from synthfm3d.rendering.cuda.painting import paint_layer
from synthfm3d.rendering.cuda.spans import Spans, spans_of
from synthfm3d.rendering.cuda.surroundings import Surroundings, surroundings_of
from synthfm3d.rendering.tables import Tables
from synthfm3d.synthesis.scene import Scene
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

    ``kinds`` (part,) and ``parts`` (z, part, column) are rows of the tables for its slices; ``body``
    (z, y, x) is the distance to the body's surface, ``signal`` and ``labels`` are what is being made.
    """

    scene: Scene
    tables: Tables
    around: Surroundings
    kinds: Array
    parts: Tensor
    spans: Spans
    body: Tensor
    signal: Tensor
    labels: Tensor


def compose(
    scene: Scene, tables: Tables, parts: Array, slices: range, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Signal float32 and labels uint8, both (z, y, x), of a run of slices.

    ``parts`` (z, sub-slice, part, column) are their rows. The signal is the mean of the sub-slices, labels
    are those of the middle one.
    """
    around = surroundings_of(scene, tables, slices, device)
    count = parts.shape[1]
    signal, labels = _composed(scene, tables, around, parts[:, 0])
    for n in range(1, count):
        other, other_labels = _composed(scene, tables, around, parts[:, n])
        signal += other
        labels = other_labels if n == count // 2 else labels
    return (signal.mul_(float(_f32(1) / _f32(count))) if count > 1 else signal), labels


def _composed(scene: Scene, tables: Tables, around: Surroundings, parts: Array) -> tuple[Tensor, Tensor]:
    """Signal and labels of one sub-slice of each slice."""
    device, shape = around.x_mm.device, around.x_mm.shape
    rows = torch.as_tensor(np.ascontiguousarray(parts), device=device)
    run = _Run(
        scene=scene,
        tables=tables,
        around=around,
        kinds=parts[:, :, KIND].max(axis=0),
        parts=rows,
        spans=spans_of(tables, rows, around),
        body=torch.full(shape, float(FAR), device=device),
        signal=torch.full(shape, float(_f32(scene.contrast.outside.mean)), device=device),
        labels=torch.zeros(shape, dtype=torch.uint8, device=device),
    )
    structures = tables.structures
    present = [n for n in range(len(structures)) if _boxes_of(run, n)]
    # Structures without a neighbourhood are each alone.
    for _, group in groupby(present, lambda n: structures[n, NEIGHBOURHOOD] or -n):
        measured = [_measure(run, n) for n in group]
        for structure, distance in zip(measured, _shared_space(run, measured), strict=True):
            _paint(run, structure, distance)
    return run.signal, run.labels


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
    box = hull(boxes.values())
    structure = run.tables.structures[number]
    distance = torch.full(box.shape, float(FAR), device=run.signal.device)
    sharpness = torch.ones_like(distance)
    for part, part_box in boxes.items():
        inner = part_box.within(box)
        _unite(run, part, part_box, float(structure[BLEND_MM]), distance[inner], sharpness[inner])
    coarse = run.around.coarse[box]
    distance += float(structure[COARSE_MM]) * coarse + float(structure[FINE_MM]) * run.around.fine[box]
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
    boundary = run.scene.boundary
    spread_z = _f32(boundary.psf_mm[0] / boundary.sub_slices)
    spread_plane = _f32(boundary.psf_mm[1])
    columns = run.parts[box.z, part, :, None, None].unbind(1)
    d, s = MEASURES[float(run.kinds[part])](
        columns, run.around.y_mm[box], run.around.x_mm[box],
        float(spread_z * spread_z), float(spread_plane * spread_plane),
    )  # fmt: skip
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
    textures = tuple(texture[structure.box] for texture in run.around.textures)
    for m in range(count):
        paint_layer(
            run.scene.boundary, layers[m], float(layers[m + 1, DEPTH_MM]) if m + 1 < count else NO_END_MM,
            m == 0, distance, structure.sharpness, textures, run.signal[structure.box],
            run.labels[structure.box],
        )  # fmt: skip
