"""The kinds of prompts on the voxels of a scan: one class for each.

The segmentation asks prompts what it wants to know of them, and never of which kind they are. A new kind of
prompt is one more class here, and one more case in ``placement.place``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from synthfm3d.prompts.scribble import spread
from synthfm3d.regions import resample
from synthfm3d.volume import Array, Grid, Part, foreground_corners, part_between


@dataclass(slots=True, eq=False)
class OnRegion:
    """What prompts become on a region, collected prompt by prompt; see ``GridPrompts``."""

    positive: list[Array] = field(default_factory=list)
    negative: list[Array] = field(default_factory=list)
    boxes: list[Array] = field(default_factory=list)
    masks: list[Array] = field(default_factory=list)
    whole_strokes: bool = True
    """Whether every voxel of a stroke is a click, or a few that are spread along it."""


class PlacedPrompt(ABC):
    """One prompt on the voxels of a scan; coordinates are (z, y, x)."""

    positive: bool = True
    tells_size: bool = True
    """Whether the prompt tells how large the object is on a slice; clicks and strokes do not."""

    @property
    @abstractmethod
    def corners(self) -> Array:
        """Lower and upper corner voxel (2, 3) of what the prompt covers, both inclusive, as floats."""

    @property
    def middle(self) -> Array:
        """The middle of what the prompt covers, (3,), on a slice."""
        middle = self.corners.mean(axis=0)
        middle[0] = np.floor(middle[0])
        return np.asarray(middle)

    @property
    @abstractmethod
    def slices(self) -> Sequence[float]:
        """The slices that the object may be looked for on."""

    @property
    def flat_axes(self) -> list[int]:
        """Axes along which the prompt is one voxel thick, so that it was drawn on a slice across them."""
        low, high = self.corners
        return [axis for axis in range(3) if low[axis] == high[axis]]

    @property
    def clicks(self) -> Array:
        """Places (n, 3) that are in the object, or not in it; none where the prompt tells the size."""
        return np.zeros((0, 3))

    @property
    def marks(self) -> Array:
        """Places (n, 3) that a view of the object should show."""
        return self.middle[np.newaxis]

    @property
    def depth(self) -> tuple[int, int] | None:
        """First and last slice on which the object can be; None if the prompt does not say."""
        return None

    @property
    def outlines(self) -> Iterator[tuple[int, Array]]:
        """Slices that are kept as the prompt outlines them, each with its mask (y, x)."""
        return iter(())

    @abstractmethod
    def transposed(self, order: tuple[int, int, int]) -> "PlacedPrompt":
        """The same prompt on a scan whose axes are permuted: ``order[n]`` becomes axis ``n``."""

    @abstractmethod
    def add_to(self, collected: OnRegion, scan: Grid, region: Grid) -> None:
        """Add what the prompt is on a region whose axes run along those of the scan."""

    @abstractmethod
    def corrected_voxels(self, scan: Grid) -> Iterator[tuple[Part, bool | None]]:
        """Parts of the scan that the prompt corrects, and whether they join the mask; None: either."""

    @abstractmethod
    def is_missed_by(self, mask: Array) -> bool:
        """Whether a mask (z, y, x) of the scan holds no voxel of a positive prompt."""

    def agrees_with(self, mask: Array) -> bool:
        """Whether a mask (z, y, x) of the scan is all that the prompt asks for."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPoint(PlacedPrompt):
    """A click at a fractional voxel (3,)."""

    index: Array
    positive: bool = True
    tells_size = False

    @property
    def corners(self) -> Array:
        return np.tile(self.index, (2, 1))

    @property
    def middle(self) -> Array:
        return self.index

    @property
    def slices(self) -> Sequence[float]:
        return [float(self.index[0])]

    @property
    def flat_axes(self) -> list[int]:
        return []

    @property
    def clicks(self) -> Array:
        return self.index[np.newaxis]

    def transposed(self, order: tuple[int, int, int]) -> "PlacedPoint":
        return replace(self, index=self.index[list(order)])

    def add_to(self, collected: OnRegion, scan: Grid, region: Grid) -> None:
        (collected.positive if self.positive else collected.negative).append(self.clicks)

    def corrected_voxels(self, scan: Grid) -> Iterator[tuple[Part, bool | None]]:
        """The voxel of the click and the eight around it on its slice."""
        yield _around(self._voxel(scan.shape)), self.positive

    def is_missed_by(self, mask: Array) -> bool:
        return not mask[self._voxel(mask.shape)]

    def agrees_with(self, mask: Array) -> bool:
        return bool(mask[self._voxel(mask.shape)]) == self.positive

    def _voxel(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        voxel = np.clip(np.rint(self.index).astype(int), 0, np.array(shape) - 1)
        return tuple(int(n) for n in voxel)


@dataclass(frozen=True, eq=False)
class PlacedScribble(PlacedPrompt):
    """A stroke by the voxels (n, 3) that it passes, integers, each once.

    As a click, it does not tell the size of the object, nor does the plane in which it was drawn name the
    slices of the scan.

    Parameters
    ----------
    spacing_mm
        Of the scan along (z, y, x).
    """

    voxels: Array
    spacing_mm: tuple[float, float, float]
    positive: bool = True
    tells_size = False

    @cached_property
    def clicks(self) -> Array:
        """A few voxels that are spread along the stroke, the one in its middle first."""
        return self.voxels[spread(self.voxels * np.array(self.spacing_mm))].astype(float)

    @property
    def corners(self) -> Array:
        return np.stack([self.voxels.min(axis=0), self.voxels.max(axis=0)]).astype(float)

    @property
    def middle(self) -> Array:
        return np.asarray(self.clicks[0])

    @property
    def marks(self) -> Array:
        return self.voxels.astype(float)

    @property
    def slices(self) -> Sequence[float]:
        return [float(index) for index in np.unique(self.voxels[:, 0])]

    @property
    def flat_axes(self) -> list[int]:
        return []

    def transposed(self, order: tuple[int, int, int]) -> "PlacedScribble":
        z, y, x = (self.spacing_mm[n] for n in order)
        return replace(self, voxels=self.voxels[:, list(order)], spacing_mm=(z, y, x))

    def add_to(self, collected: OnRegion, scan: Grid, region: Grid) -> None:
        places = self.clicks
        if collected.whole_strokes:
            # As in training: each pixel of the region that the stroke passes is clicked once.
            pixels = np.unique(np.rint(region.to_index(scan.to_mm(self.voxels))), axis=0)
            places = scan.to_index(region.to_mm(pixels))
        (collected.positive if self.positive else collected.negative).append(places)

    def corrected_voxels(self, scan: Grid) -> Iterator[tuple[Part, bool | None]]:
        """Each voxel of the stroke and the eight around it on its slice."""
        for voxel in self.voxels.tolist():
            yield _around(voxel), self.positive

    def is_missed_by(self, mask: Array) -> bool:
        return not mask[tuple(self.voxels.T)].any()

    def agrees_with(self, mask: Array) -> bool:
        return bool((mask[tuple(self.voxels.T)] == self.positive).all())


@dataclass(frozen=True, slots=True, eq=False)
class PlacedBox(PlacedPrompt):
    """A box by its lower and upper corner voxel, integers (2, 3), both inclusive."""

    voxels: Array

    @property
    def corners(self) -> Array:
        return self.voxels.astype(float)

    @property
    def slices(self) -> Sequence[float]:
        return [float(self.voxels[:, 0].mean())]

    @property
    def depth(self) -> tuple[int, int] | None:
        """A box that is thick along all axes bounds the object; one on a slice does not."""
        low, high = self.voxels
        return (int(low[0]), int(high[0])) if (low < high).all() else None

    def transposed(self, order: tuple[int, int, int]) -> "PlacedBox":
        return PlacedBox(self.voxels[:, list(order)])

    def add_to(self, collected: OnRegion, scan: Grid, region: Grid) -> None:
        corners = _box_on_region(self.voxels, scan, region)
        if corners is not None:
            collected.boxes.append(corners)

    def corrected_voxels(self, scan: Grid) -> Iterator[tuple[Part, bool | None]]:
        yield part_between(self.voxels), None

    def is_missed_by(self, mask: Array) -> bool:
        return not mask[part_between(self.voxels)].any()


@dataclass(frozen=True, eq=False)
class PlacedMask(PlacedPrompt):
    """Outlined slices: non-zero voxels (z, y, x) of the scan; a slice without any is not outlined.

    Parameters
    ----------
    exact
        Whether outlined slices are kept as they were drawn.
    """

    voxels: Array
    exact: bool = True

    @cached_property
    def _corner_voxels(self) -> Array:
        return foreground_corners(self.voxels)

    @cached_property
    def _outlined(self) -> Array:
        """Indices of the outlined slices."""
        return np.flatnonzero(self.voxels.any(axis=(1, 2)))

    @property
    def corners(self) -> Array:
        return self._corner_voxels.astype(float)

    @property
    def slices(self) -> Sequence[float]:
        return [float(index) for index in self._outlined]

    @property
    def outlines(self) -> Iterator[tuple[int, Array]]:
        if self.exact:
            for index in self._outlined.tolist():
                yield index, self.voxels[index] != 0

    def transposed(self, order: tuple[int, int, int]) -> "PlacedMask":
        return PlacedMask(self.voxels.transpose(order), self.exact)

    def add_to(self, collected: OnRegion, scan: Grid, region: Grid) -> None:
        placed = np.zeros(region.shape, np.int8)
        for index, scan_slice in _outlined_slices(self._outlined, scan, region).items():
            outline = _outline_on_region(self.voxels[scan_slice] > 0, scan, region)
            placed[index] = np.where(outline, 1, -1)
        collected.masks.append(placed)

    def corrected_voxels(self, scan: Grid) -> Iterator[tuple[Part, bool | None]]:
        _, height, width = scan.shape
        for index in self._outlined.tolist():
            yield (slice(index, index + 1), slice(0, height), slice(0, width)), None

    def is_missed_by(self, mask: Array) -> bool:
        return not mask[self.voxels > 0].any()


def _around(voxel: Sequence[int]) -> Part:
    """A voxel and the eight around it on its slice."""
    z, y, x = voxel
    return slice(z, z + 1), slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)


# ---------------------------------------------------------------- on a region


def _box_on_region(voxels: Array, scan: Grid, region: Grid) -> Array | None:
    """Inclusive corner voxels (2, 3), None if no part of the box is in the region."""
    on_slice = voxels[0, 0] == voxels[1, 0]
    # A corner voxel belongs to the box as a whole, hence half a voxel on either side.
    faces = np.sort(region.to_index(scan.to_mm(voxels + np.array([[-0.5], [0.5]]))), axis=0)
    last = np.array(region.shape) - 1
    if (faces[1] < -0.5).any() or (faces[0] > last + 0.5).any():
        return None
    low, high = np.ceil(faces[0] - 1e-6), np.floor(faces[1] + 1e-6)
    thin = high < low  # between two voxel centres: the nearest one stands for it
    if on_slice:
        thin[0] = True
    middle = np.round(faces.mean(axis=0))
    if on_slice and not 0 <= middle[0] <= last[0]:
        return None
    return np.clip(np.where(thin, middle, [low, high]), 0, last)


def _outlined_slices(outlined: Array, scan: Grid, region: Grid) -> dict[int, int]:
    """Slices of the region that a mask outlines, each with the slice of the scan that it is taken from.

    Each outlined slice of the scan sets one slice of a finer region, the nearest, as in training; a
    slice of a coarser region is set by the scan's nearest slice. Should all outlined slices fall
    between those of the region, the nearest of them sets one.
    """
    # Axes of region and scan are parallel, so each coordinate depends on one index only.
    to_scan = np.linalg.inv(scan.affine) @ region.affine
    z = to_scan[0, 0] * np.arange(region.shape[0]) + to_scan[0, 3]
    half_a_slice = abs(to_scan[0, 0]) / 2 + 1e-6
    nearest = np.rint(z).astype(int)
    met = np.isin(nearest, outlined) & (np.abs(z - nearest) <= half_a_slice)
    if met.any():
        return {int(n): int(nearest[n]) for n in np.flatnonzero(met)}
    distance = np.abs(z[:, None] - outlined)
    index, other = np.unravel_index(int(distance.argmin()), distance.shape)
    return {int(index): int(outlined[other])} if distance[index, other] <= half_a_slice else {}


def _outline_on_region(outline: Array, scan: Grid, region: Grid) -> Array:
    """Boolean (y, x): an outlined slice on the pixels of the region, made as training makes its targets.

    What is too small for these pixels keeps the ones that are nearest to it.
    """
    to_scan = np.linalg.inv(scan.affine) @ region.affine
    to_scan[0, 3] = 0.0  # the region's first slice, moved onto the outlined one
    on_slice = Grid((1, *region.shape[1:]), to_scan)
    pixels = resample(outline[None], Grid((1, *scan.shape[1:]), np.eye(4)), on_slice, outside=0.0)[0] > 0.5
    if not pixels.any():
        drawn = np.insert(np.argwhere(outline), 0, 0, axis=1).astype(float)
        nearest = on_slice.to_index(drawn)
        y, x = np.rint(nearest[on_slice.contains(nearest)]).astype(int).T[1:]
        pixels[y, x] = True
    return np.asarray(pixels)
