"""Which pixels of a row may belong to a part: the blocks that the CPU's kernel measures, no wider.

A part's distance is taken to end there, so spans are a part of the picture, not a mere short cut: where
parts melt into each other over many millimetres a wider span would show.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.columns import FIRST_PART, KIND, LAST_PART, REACH_MM, X_HIGH, X_LOW, Y_HIGH, Y_LOW
from synthfm3d.rendering.cuda.boxes import Box
from synthfm3d.rendering.cuda.surroundings import Surroundings
from synthfm3d.rendering.painting import BLOCK
from synthfm3d.rendering.tables import Tables
from synthfm3d.volume import Array


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Columns ``first`` up to ``after`` of a row, int32 (part, z, y); and boxes of parts, None if absent.

    ``column`` int32 (x,) numbers the columns.
    """

    first: Tensor
    after: Tensor
    column: Tensor
    boxes: tuple[Box | None, ...]

    def inside(self, part: int, box: Box) -> Tensor:
        """Which voxels of a box lie in a part's spans: bool (z, y, x)."""
        x = self.column[box.x]
        first, after = (span[part, box.z, box.y, None] for span in (self.first, self.after))
        return (x >= first) & (x < after)


def spans_of(tables: Tables, parts: Tensor, around: Surroundings) -> Spans:
    """Spans of all parts in a run of slices; ``parts`` are their rows (z, part, column)."""
    y_extent, x_extent = around.y_extent, around.x_extent
    width = around.x_mm.shape[2]
    counts = (tables.structures[:, LAST_PART] - tables.structures[:, FIRST_PART]).astype(int)
    reach = torch.as_tensor(np.repeat(tables.structures[:, REACH_MM], counts), device=parts.device)
    columns = parts.permute(2, 1, 0)[..., None]
    reach = reach[:, None, None]
    there = columns[KIND] > 0
    there = there & (columns[Y_HIGH] + reach >= y_extent[0]) & (columns[Y_LOW] - reach <= y_extent[1])
    # Clamped before they are cut to integers: far outside they would not fit.
    low = ((columns[X_LOW] - reach - x_extent[1]) / around.x_step).clamp(0, width).int()
    high = ((columns[X_HIGH] + reach - x_extent[0]) / around.x_step).clamp(-2, width).int()
    first = low // BLOCK * BLOCK
    after = ((high + 1 + BLOCK) // BLOCK * BLOCK).clamp_max(width)
    there &= after > first
    first = torch.where(there, first, width)
    after = torch.where(there, after, 0)
    column = torch.arange(width, device=parts.device, dtype=torch.int32)
    return Spans(first=first, after=after, column=column, boxes=_boxes(first, after, there))


def _boxes(first: Tensor, after: Tensor, there: Tensor) -> tuple[Box | None, ...]:
    """The one copy from the device that a run of slices waits for."""
    by_z, by_y = there.any(dim=2), there.any(dim=1)
    ends = torch.stack([first.amin(dim=(1, 2)), after.amax(dim=(1, 2))], dim=1)
    found = torch.cat([by_z.int(), by_y.int(), ends], dim=1).cpu().numpy()
    depth, height = by_z.shape[1], by_y.shape[1]
    boxes: list[Box | None] = []
    for row in found:
        z, y = np.flatnonzero(row[:depth]), np.flatnonzero(row[depth : depth + height])
        x = slice(int(row[-2]), int(row[-1]))
        boxes.append(Box(_hull(z), _hull(y), x) if z.size else None)
    return tuple(boxes)


def _hull(places: Array) -> slice:
    return slice(int(places[0]), int(places[-1]) + 1)
