"""How much a correcting click may change.

Users click in the middle of an error. So the distance from a click to the border of the mask, its depth, is
a measure of the size of the error. If a model changes far more than this, it answers with another object; if
it changes far less, it has ignored the click.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.volume import Array, Grid

REACH = 4.0
"""Where too much changes, only the changes within this many depths of the click are kept."""
MOST_CHANGE = 30.0
"""Largest change that a correction may make, in balls whose radius is the depth. A long error, such as a leak
along a vessel, is several balls; a whole organ is many more."""
LEAST_CHANGE = 0.1
"""Least change, in the same balls, below which the model has ignored the click."""


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """The places of correcting clicks, and how deep they lie in what is wrong.

    Parameters
    ----------
    grid
        Grid of the scan.
    clicks
        Voxels (n, 3) of the clicks that correct something.
    positive
        Booleans (n,): whether a click says that something is missing.
    depths_mm
        Distances (n,) to the border of the mask: to its nearest voxel for a positive click outside it, to
        the nearest voxel outside it for a negative click inside.
    opposite
        For each click, the voxels (m, 3) of earlier clicks that say the opposite.
    has_strokes
        Whether some of the clicks stand for a stroke, which shows by itself what is wrong.
    """

    grid: Grid
    clicks: Array
    positive: Array
    depths_mm: Array
    opposite: tuple[Array, ...]
    has_strokes: bool = False

    @classmethod
    def of(cls, mask: Array, earlier: PlacedPrompts, corrections: PlacedPrompts) -> Self | None:
        """The reach of the clicks and strokes among corrections of a mask (z, y, x).

        None if none of them lies in what is wrong, or if the mask is empty or the whole scan.
        """
        if not mask.any() or mask.all():
            return None
        found = [
            (np.rint(place).astype(int), prompt.positive) for prompt in corrections for place in prompt.clicks
        ]
        wrong = [(place, positive) for place, positive in found if _at(mask, place) != positive]
        if not wrong:
            return None
        grid = corrections.grid
        return cls(
            grid=grid,
            clicks=np.array([place for place, _ in wrong]),
            positive=np.array([positive for _, positive in wrong]),
            depths_mm=np.array([_depth_mm(mask, place, grid.spacing_mm) for place, _ in wrong]),
            opposite=tuple(_clicks_that_say(earlier, not positive) for _, positive in wrong),
            has_strokes=any(len(prompt.clicks) > 1 for prompt in corrections),
        )

    @property
    def ball_voxels(self) -> float:
        """Voxels in balls around the clicks that just reach the border of the mask."""
        volume_mm3 = 4 / 3 * np.pi * float((self.depths_mm**3).sum())
        return volume_mm3 / float(np.prod(self.grid.spacing_mm))

    def is_deep(self, mask: Array, share: float) -> bool:
        """Whether a click lies deeper than a share of the diameter of the mask's largest section."""
        pixel_mm2 = self.grid.spacing_mm[1] * self.grid.spacing_mm[2]
        area_mm2 = float(mask.sum(axis=(1, 2)).max()) * pixel_mm2
        return bool(self.depths_mm.max() > share * 2 * np.sqrt(area_mm2 / np.pi))

    def changed_too_much(self, before: Array, after: Array) -> bool:
        """Whether more of a mask (z, y, x) changed than the clicks ask for."""
        return self._asked_for(before, after) > MOST_CHANGE * self.ball_voxels

    def changed_too_little(self, before: Array, after: Array) -> bool:
        """Whether less of a mask (z, y, x) changed than the clicks ask for; never for strokes."""
        return not self.has_strokes and self._asked_for(before, after) < LEAST_CHANGE * self.ball_voxels

    def contradicts_earlier(self, before: Array, after: Array) -> bool:
        """Whether an earlier click agreed with the mask (z, y, x) before and does not agree with it after."""
        return any(
            _at(before, place) != positive and _at(after, place) == positive
            for positive, places in zip(self.positive, self.opposite, strict=True)
            for place in np.rint(places).astype(int)
        )

    def near(self) -> Array:
        """Boolean (z, y, x): the voxels that the corrections may change.

        They lie within ``REACH`` depths of a click, and not nearer to an earlier click that says the
        opposite.
        """
        near = np.zeros(self.grid.shape, bool)
        spacing = np.array(self.grid.spacing_mm)
        for place, depth, opposite in zip(self.clicks, self.depths_mm, self.opposite, strict=True):
            radius = REACH * depth
            low, part = _box_around(place, radius, self.grid)
            squared = _squared_mm(near[part].shape, low, place, spacing)
            allowed = squared <= radius**2
            for other in opposite:
                allowed &= squared <= _squared_mm(near[part].shape, low, other, spacing)
            near[part] |= allowed
        return near

    def _asked_for(self, before: Array, after: Array) -> int:
        """Number of voxels that changed in a way that a click asks for."""
        joined = int(np.count_nonzero(after & ~before)) if self.positive.any() else 0
        left = int(np.count_nonzero(before & ~after)) if not self.positive.all() else 0
        return joined + left


def _clicks_that_say(prompts: PlacedPrompts, positive: bool) -> Array:
    """Voxels (m, 3) of the positive or of the negative clicks."""
    places = [prompt.clicks for prompt in prompts if prompt.positive == positive and not prompt.tells_size]
    return np.concatenate([np.zeros((0, 3)), *places])


def _at(mask: Array, place: Array) -> bool:
    z, y, x = np.clip(np.rint(place).astype(int), 0, np.array(mask.shape) - 1)
    return bool(mask[z, y, x])


def _depth_mm(mask: Array, place: Array, spacing_mm: tuple[float, float, float]) -> float:
    """Distance in mm from a voxel (3,) to the nearest voxel of a mask (z, y, x) that has the other value."""
    spacing = np.array(spacing_mm)
    wanted = not _at(mask, place)
    radius = 4 * float(spacing.max())
    while True:
        half = np.ceil(radius / spacing).astype(int)
        low = np.maximum(place - half, 0)
        part = mask[tuple(slice(a, b) for a, b in zip(low, place + half + 1, strict=True))]
        others = np.argwhere(part == wanted)
        if len(others):
            nearest = float(np.sqrt((((others + low - place) * spacing) ** 2).sum(axis=1).min()))
            if nearest <= radius or part.size == mask.size:
                return nearest
        radius *= 2


def _box_around(place: Array, radius_mm: float, grid: Grid) -> tuple[Array, tuple[slice, slice, slice]]:
    """First voxel and slices of the part of a scan that holds a ball."""
    half = np.ceil(radius_mm / np.array(grid.spacing_mm)).astype(int)
    low = np.maximum(place - half, 0)
    high = np.minimum(place + half + 1, grid.shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return low, (z, y, x)


def _squared_mm(shape: tuple[int, ...], low: Array, place: Array, spacing: Array) -> Array:
    """Squared distances in mm (z, y, x) of the voxels of a part, which begins at ``low``, from a voxel."""
    z, y, x = (
        ((np.arange(n) + first - at) * mm) ** 2
        for n, first, at, mm in zip(shape, low, place, spacing, strict=True)
    )
    return np.asarray(z[:, None, None] + y[None, :, None] + x[None, None, :])
