"""Points, boxes, masks, scribbles and lassos: where the object is, from a user or simulated from the truth.

A prompt on a scan is in RAS millimetres, so that it means the same place in every storage order.
``segmentation.placement`` places prompts on the voxels of the scan. A model gets them as ``GridPrompts``, on
the voxels of the region that it sees.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.volume import Array, Grid, Position, Volume

MOST_POSITIONS = 20_000
"""Positions of one stroke or lasso: more than any screen has along it."""
PromptKind = Literal["point", "box", "mask"]
PROMPT_KINDS: tuple[PromptKind, ...] = ("point", "box", "mask")


@dataclass(frozen=True, slots=True)
class Point:
    """A click inside the object (``positive``) or outside it, at a position in RAS mm."""

    position_mm: Position
    positive: bool = field(default=True, kw_only=True)


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

    Parameters
    ----------
    volume
        A mask (non-zero = object) on the scan's grid. A slice that contains foreground is taken as outlined
        whole: its other voxels are not the object.
    exact
        Whether an outlined slice is kept as it was drawn. False: the outline is loose, as that of a
        ``Lasso``, and the model decides where the object ends.
    """

    volume: Volume
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribble:
    """A stroke inside the object (``positive``) or outside it, in any plane.

    Parameters
    ----------
    positions_mm
        What the stroke passes through, in RAS mm; one position at least, 20,000 at most.
    joined
        Whether the positions are corners of a line, one after the other. False: each stands for itself, as
        the voxels under a brush do (``Scribble.of_voxels``).

    Raises
    ------
    InputError
        There are no positions, or too many.
    """

    positions_mm: tuple[Position, ...]
    positive: bool = True
    joined: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions_mm", _positions("a scribble", self.positions_mm, least=1))

    @classmethod
    def of_voxels(cls, drawn: Volume, *, positive: bool = True) -> "Scribble":
        """A scribble through the non-zero voxels of a volume; InputError if there are none.

        Of more than 20,000 voxels some are left out, evenly.
        """
        voxels = np.argwhere(drawn.voxels)
        if not len(voxels):
            raise InputError("the scribble is empty: it holds no voxel other than zero.")
        voxels = voxels[:: -(-len(voxels) // MOST_POSITIONS)]
        positions = (tuple(position) for position in drawn.grid.to_mm(voxels).tolist())
        return cls(positions_mm=tuple(positions), positive=positive, joined=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasso:
    """A closed line drawn loosely around the object on one slice of the scan.

    The model decides where the object ends. For an exact outline see ``Mask``.

    Parameters
    ----------
    positions_mm
        Corners of the line in RAS mm, three at least, 20,000 at most; the last is joined to the first. They
        lie in one slice across one of the scan's axes.

    Raises
    ------
    InputError
        There are fewer than three positions, or too many.
    """

    positions_mm: tuple[Position, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions_mm", _positions("a lasso", self.positions_mm, least=3))


Prompt = Point | Box | Mask | Scribble | Lasso


def _positions(what: str, positions_mm: Iterable[Iterable[float]], least: int) -> tuple[Position, ...]:
    positions = []
    for position in positions_mm:
        r, a, s = (float(mm) for mm in position)
        positions.append((r, a, s))
    if not least <= len(positions) <= MOST_POSITIONS:
        raise InputError(f"{what} takes {least} to {MOST_POSITIONS} positions, got {len(positions)}.")
    return tuple(positions)


def is_positive(prompt: Prompt) -> bool:
    """Whether a prompt says where the object is; all but negative clicks and scribbles do."""
    return not isinstance(prompt, Point | Scribble) or prompt.positive


def tells_size(prompt: Prompt) -> bool:
    """Whether a prompt tells how large the object is on a slice; clicks and scribbles do not."""
    return not isinstance(prompt, Point | Scribble)


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
        int8 array of the grid's shape or None: 1 object, -1 not the object, 0 unknown.
    """

    positive: Array = field(default_factory=lambda: np.zeros((0, 3)))
    negative: Array = field(default_factory=lambda: np.zeros((0, 3)))
    boxes: Array = field(default_factory=lambda: np.zeros((0, 2, 3)))
    mask: Array | None = None

    def __post_init__(self) -> None:
        outlined = self.mask is not None and (self.mask > 0).any()
        if not len(self.positive) and not len(self.boxes) and not outlined:
            raise ValueError("a positive point, a box or a mask is needed: nothing says where the object is.")


def box_voxels(box: Box, grid: Grid) -> Array:
    """Lower and upper corner voxel of a box that lies in a grid: integers (2, 3), (z, y, x), both inclusive.

    Corners are rounded to voxels here and nowhere else, so that everybody agrees on which boxes are
    flat: those whose corners share an index.
    """
    # Six digits first: the way through mm costs the last ones, and both corners of a flat box that was
    # drawn between two slices must go to the same of them.
    corners = np.rint(grid.to_index(np.array([box.corner_mm, box.opposite_mm])).round(6)).astype(int)
    corners = np.clip(corners, 0, np.array(grid.shape) - 1)
    return np.stack([corners.min(axis=0), corners.max(axis=0)])
