"""Boxes of voxels: where something has to be computed and where it surely changes nothing."""

from collections.abc import Iterable
from typing import NamedTuple


class Box(NamedTuple):
    """Slices along (z, y, x); a tensor can be indexed by it."""

    z: slice
    y: slice
    x: slice

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = (axis.stop - axis.start for axis in self)
        return z, y, x

    def within(self, outer: "Box") -> "Box":
        """The same box as ``outer``'s own voxels are counted."""
        return Box(
            *(
                slice(mine.start - theirs.start, mine.stop - theirs.start)
                for mine, theirs in zip(self, outer, strict=True)
            )
        )


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds some boxes."""
    axes = zip(*boxes, strict=True)
    return Box(*(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in axes))


def overlap(one: Box, other: Box) -> Box | None:
    """What two boxes have in common."""
    both = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)]
    return Box(*both) if all(axis.start < axis.stop for axis in both) else None
