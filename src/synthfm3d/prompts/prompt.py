"""Points, boxes and masks: where the object is, said by a user or simulated from the truth.

A prompt on a scan is in RAS millimetres, so that it means the same place whatever the storage
order. ``on_grid`` places prompts on the voxel grid that a model sees; only that form, a
``GridPrompts``, ever reaches a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from synthfm3d.volume import Array, Grid, Volume

Position = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A click inside the object (``positive``) or outside it, at a position in RAS mm."""

    position_mm: Position
    positive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Two opposite corner voxels, both inside the box, given by their centres in RAS mm.

    Its faces are parallel to the axes of the scan. A box whose corners share a slice is a 2-D box
    on that slice; otherwise it bounds the object in 3-D.
    """

    corner_mm: Position
    opposite_mm: Position


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """The object's outline on one or more slices.

    ``volume`` is a mask (non-zero = object) on the scan's grid. A slice that contains foreground is
    taken as outlined whole: its other voxels are not the object.
    """

    volume: Volume


Prompt = Point | Box | Mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridPrompts:
    """Prompts of one object on the voxel grid that a model sees; all coordinates are (z, y, x).

    Parameters
    ----------
    positive, negative
        Click positions, (n, 3), in voxels.
    boxes
        Inclusive corner voxels, (n, 2, 3): lower corner, upper corner. Equal z = a box on a slice.
    mask
        int8 array of the grid's shape or None: 1 object, -1 not the object, 0 not said.
    """

    positive: Array = field(default_factory=lambda: np.zeros((0, 3)))
    negative: Array = field(default_factory=lambda: np.zeros((0, 3)))
    boxes: Array = field(default_factory=lambda: np.zeros((0, 2, 3)))
    mask: Array | None = None

    def __post_init__(self) -> None:
        outlined = self.mask is not None and (self.mask > 0).any()
        if not len(self.positive) and not len(self.boxes) and not outlined:
            raise ValueError("a positive point, a box or a mask is needed: nothing says where the object is.")


def box_on_grid(box: Box, grid: Grid) -> Array:
    """Lower and upper corner, (2, 3) in fractional voxels (z, y, x), of a box on a grid."""
    corners = grid.to_index(np.array([box.corner_mm, box.opposite_mm]))
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


def prompt_centre_mm(prompts: Sequence[Prompt]) -> Array:
    """Where to look first, (3,) RAS mm: mean of the positive prompts' own centres."""
    centres = []
    for prompt in prompts:
        if isinstance(prompt, Point) and prompt.positive:
            centres.append(np.array(prompt.position_mm))
        elif isinstance(prompt, Box):
            centres.append((np.array(prompt.corner_mm) + np.array(prompt.opposite_mm)) / 2)
        elif isinstance(prompt, Mask):
            inside = np.argwhere(prompt.volume.voxels > 0)
            if len(inside):
                centres.append(prompt.volume.grid.to_mm((inside.min(axis=0) + inside.max(axis=0)) / 2))
    if not centres:
        raise ValueError("a positive point, a box or a mask is needed: nothing says where the object is.")
    return np.asarray(np.mean(centres, axis=0))
