"""A correction changes a mask where it lies, and nowhere else, whatever the model answers."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage

from synthfm3d.prompts.prompt import Box, Mask, Prompt, box_voxels
from synthfm3d.volume import Array, Grid, foreground_corners

_Part = tuple[slice, slice, slice]


def take_back(logits: Array, before: Array, corrections: Sequence[Prompt], grid: Grid) -> None:
    """Undo, in place, every change of a mask that no correction asks for.

    Voxels that change together and share faces are one change. A change is kept if a positive click lies in
    voxels that join the mask, or a negative click in voxels that leave it, or if it reaches into a correcting
    box or onto a slice that a correcting mask outlines. All other voxels that were or are in the mask get
    their former log-odds, so that neither the mask changes there nor what it wins from other objects.

    Parameters
    ----------
    logits, before
        Log-odds (z, y, x) after and before the corrections, positive inside the mask.
    corrections
        A click speaks of its voxel and of the eight around it on its slice.
    grid
        Grid of the log-odds; its first axis counts slices.
    """
    inside, was = logits > 0, before > 0
    asked = inside != was
    if asked.any():
        low, high = foreground_corners(asked)
        around = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
        asked[around] = _asked_for(asked[around], inside[around], low, corrections, grid)
    np.copyto(logits, before, where=(inside | was) & ~asked)


def says_nothing_new(inside: Array, corrections: Sequence[Prompt], grid: Grid) -> bool:
    """Whether a mask (z, y, x) agrees with every correction already: no change could be asked for."""
    said = _spoken_of(corrections, grid)
    return all(joins is not None and bool((inside[place] == joins).all()) for place, joins in said)


def _asked_for(
    changed: Array, inside: Array, first: Array, corrections: Sequence[Prompt], grid: Grid
) -> Array:
    """The changes of a part of the grid, which begins at the voxel ``first``, that corrections ask for."""
    changes, count = ndimage.label(changed)
    kept = np.zeros(count + 1, bool)
    for place, joins in _spoken_of(corrections, grid):
        part = tuple(
            slice(max(p.start - n, 0), max(p.stop - n, 0)) for p, n in zip(place, first.tolist(), strict=True)
        )
        there = changes[part]
        kept[np.unique(there if joins is None else there[inside[part] == joins])] = True
    kept[0] = False
    return kept[changes]


def _spoken_of(corrections: Sequence[Prompt], grid: Grid) -> Iterator[tuple[_Part, bool | None]]:
    """Parts of the grid that corrections speak of, and whether they join the mask; None: they do either."""
    _, height, width = grid.shape
    for prompt in corrections:
        if isinstance(prompt, Mask):
            for n in np.flatnonzero(prompt.volume.voxels.any(axis=(1, 2))).tolist():
                yield (slice(n, n + 1), slice(0, height), slice(0, width)), None
        elif isinstance(prompt, Box):
            (z0, y0, x0), (z1, y1, x1) = box_voxels(prompt, grid).tolist()
            yield (slice(z0, z1 + 1), slice(y0, y1 + 1), slice(x0, x1 + 1)), None
        else:
            voxel = np.rint(grid.to_index(np.array(prompt.position_mm))).astype(int)
            z, y, x = np.clip(voxel, 0, np.array(grid.shape) - 1).tolist()
            yield (slice(z, z + 1), slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)), prompt.positive
