"""The log-odds of one object on a scan while it is being found, and all ways in which they change."""

from typing import Self

import numpy as np
from scipy import ndimage

from synthfm3d.segmentation.look import CERTAINLY_NOT
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.volume import Array, Grid, Part, foreground_corners, part_between

_CERTAINLY = -CERTAINLY_NOT


class Canvas:
    """Log-odds (z, y, x) on the slices of a scan, positive inside the object.

    The only array of a segmentation that is changed in place: the engines change it by these methods alone.

    Parameters
    ----------
    logits
        Becomes the canvas's own; give a copy of what is still needed.
    """

    def __init__(self, logits: Array) -> None:
        self.logits = logits

    @classmethod
    def blank(cls, grid: Grid) -> Self:
        """A canvas on which nothing is the object."""
        return cls(np.full(grid.shape, CERTAINLY_NOT, np.float16))

    @classmethod
    def like(cls, logits: Array) -> Self:
        """A canvas on which nothing is the object, of the shape and type of log-odds."""
        return cls(np.full_like(logits, CERTAINLY_NOT))

    @property
    def mask(self) -> Array:
        """The object, boolean (z, y, x)."""
        return np.asarray(self.logits > 0)

    def section(self, index: int) -> Array:
        """The object on one slice, boolean (y, x)."""
        return np.asarray(self.logits[index] > 0)

    def shows(self, index: int) -> bool:
        """Whether a slice shows the object."""
        return bool(self.section(index).any())

    def outline(self, slices: slice) -> Array:
        """The object on some slices, and nothing on the others: boolean (z, y, x)."""
        outlined = np.zeros(self.logits.shape, bool)
        outlined[slices] = self.logits[slices] > 0
        return outlined

    def nearest_slice(self, wanted: float, but: set[int]) -> int | None:
        """The slice nearest to ``wanted`` that shows the object, without some slices; None if none does."""
        shown = np.flatnonzero((self.logits > 0).any(axis=(1, 2))).tolist()
        return min((z for z in shown if z not in but), key=lambda z: abs(z - wanted), default=None)

    def paste(self, part: Part, found: Array) -> None:
        """Take the log-odds of a look on a part of the scan."""
        self.logits[part] = found

    def paste_slice(self, index: int, found: Array) -> None:
        """Take the log-odds (y, x) of a slice."""
        self.logits[index] = found

    def paste_beyond(self, part: Part, found: Array, index: int, direction: int) -> None:
        """As ``paste``, for the slices of a look beyond one of them; the look knows all of these slices."""
        z, y, x = part
        beyond = slice(index + 1, z.stop) if direction > 0 else slice(z.start, index)
        self.forget(beyond)
        self.logits[beyond, y, x] = found[beyond.start - z.start : beyond.stop - z.start]

    def join(self, part: Part, found: Array) -> None:
        """The object is also what a look found on a part of the scan."""
        self.logits[part] = np.maximum(self.logits[part], found)

    def remove(self, part: Part, found: Array) -> None:
        """The object is not what a look found on a part of the scan."""
        self.logits[part] = np.minimum(self.logits[part], -found)

    def restore(self, before: Array, where: Array) -> None:
        """Take former log-odds (z, y, x) where a mask (z, y, x) is."""
        np.copyto(self.logits, before, where=where)

    def forget(self, part: slice | Part | list[int] | Array) -> None:
        """Nothing is the object on some slices, in a part of the scan, or where a mask (z, y, x) is."""
        self.logits[part] = CERTAINLY_NOT

    def forget_region(self, region: Grid, grid: Grid) -> None:
        """Nothing is the object in a region of the scan of a grid, whose axes are parallel."""
        ends = grid.to_index(region.to_mm(np.array([[-0.5] * 3, np.array(region.shape) - 0.5])))
        low = np.clip(np.ceil(ends.min(axis=0)), 0, grid.shape).astype(int)
        high = np.clip(np.floor(ends.max(axis=0)) + 1, 0, grid.shape).astype(int)
        self.forget((slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])))

    def keep_depth(self, first: int, last: int) -> None:
        """The object ends on these slices."""
        self.forget(slice(0, first))
        self.forget(slice(last + 1, None))

    def keep_outlines(self, outlines: dict[int, Array]) -> None:
        """Outlined slices, masks (y, x) by index, are what the user drew."""
        for index, outline in outlines.items():
            self.logits[index] = np.where(outline, _CERTAINLY, CERTAINLY_NOT)

    def take_back(self, before: Array, corrections: PlacedPrompts) -> None:
        """Undo every change of the mask that no correction asks for.

        Positive clicks alone never take a voxel out of the mask, and negative clicks alone never add one.
        Voxels that change together and share faces are one change. A change is kept if a positive click lies
        in voxels that join the mask, or a negative click in voxels that leave it, or if it reaches into a
        correcting box or onto a slice that a correcting mask outlines. All other voxels that were or are in
        the mask get their former log-odds, so that neither the mask changes there nor what it wins from other
        objects.

        Parameters
        ----------
        before
            Log-odds (z, y, x) before the corrections.
        corrections
            A click corrects its voxel and the eight around it on its slice.
        """
        inside, was = self.mask, before > 0
        asked = inside != was
        says = {joins for _, joins in corrections.corrected_voxels()}
        if says == {True}:
            asked &= inside
        elif says == {False}:
            asked &= was
        if asked.any():
            corners = foreground_corners(asked)
            around = part_between(corners)
            asked[around] = _asked_for(asked[around], inside[around], corners[0], corrections)
        np.copyto(self.logits, before, where=(inside | was) & ~asked)


def says_nothing_new(mask: Array, corrections: PlacedPrompts) -> bool:
    """Whether a mask (z, y, x) agrees with every correction already: no change could be asked for."""
    return all(
        joins is not None and bool((mask[part] == joins).all())
        for part, joins in corrections.corrected_voxels()
    )


def _asked_for(changed: Array, inside: Array, first: Array, corrections: PlacedPrompts) -> Array:
    """The changes of a part of the scan, which begins at the voxel ``first``, that corrections ask for."""
    changes, count = ndimage.label(changed)
    kept = np.zeros(count + 1, bool)
    for corrected, joins in corrections.corrected_voxels():
        part = tuple(
            slice(max(p.start - n, 0), max(p.stop - n, 0))
            for p, n in zip(corrected, first.tolist(), strict=True)
        )
        touched = changes[part]
        kept[np.unique(touched if joins is None else touched[inside[part] == joins])] = True
    kept[0] = False
    return kept[changes]
