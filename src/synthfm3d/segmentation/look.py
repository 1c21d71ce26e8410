"""One look: a model sees one region of a scan, of a chosen width, with the prompts that reach it.

An object should fill nearly half of the view. A box or a mask tells its size; a click does not: see
``click_search``.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.special import expit

from synthfm3d.intensity import Windows, model_channels
from synthfm3d.model.interface import PromptableModel
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.regions import (
    FIELD_OF_VIEW_PER_EXTENT,
    LEAST_FIELD_OF_VIEW_PER_EXTENT,
    SLICE_SPACING_RANGE,
    region_grid,
    resample,
)
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.segmentation.watching import stop_if_cancelled
from synthfm3d.volume import Array, Grid, Part, Volume, foreground_corners, part_between

CERTAINLY_NOT = -20.0
"""Log-odds of voxels that are not the object: what no look has seen, or what no prompt touches."""
FINEST_PIXEL = 1 / 4
"""Pixel of a region over that of the scan, at least: finer ones only blur."""
REACH = 1 / 4
"""A region reaches the scan's neighbouring slice within this part of its depth, so that an object can
be followed from slice to slice, however far apart they are."""
_COARSE_ENOUGH = 4.0
"""Voxels of the scan to one of the region, from which on an axis is halved."""
_Factors = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Focus:
    """A place to look at: RAS mm (3,), on a slice of the scan, and the field of view in mm."""

    centre_mm: Array
    field_of_view_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the model answered on a region.

    Parameters
    ----------
    region
        Grid of the region; its axes run along those of the scan.
    logits
        Log-odds (z, y, x) on the region. Components that no positive prompt touches are taken out,
        unless that would leave nothing. Beyond the scan, the values at its edge go on.
    inside
        The part of the region that lies in the scan.
    hits_prompts
        Whether a positive prompt lies in the mask.
    image
        Grey values (y, x) of the slice that the region is centred on, in the scan's own units.
    """

    region: Grid
    logits: Array
    inside: Part
    hits_prompts: bool
    image: Array | None = None

    @property
    def mask(self) -> Array:
        """Boolean (z, y, x) on the region; nothing beyond the scan."""
        mask = np.zeros(self.logits.shape, bool)
        mask[self.inside] = self.logits[self.inside] > 0
        return mask

    @property
    def middle_mask(self) -> Array:
        """Boolean (y, x): the mask on the slice that the region is centred on."""
        return np.asarray(self.mask[self.region.shape[0] // 2])

    @property
    def certainty(self) -> float:
        """Mean probability of the mask's pixels on the middle slice; 0 without any."""
        index = self.region.shape[0] // 2
        found = self.logits[index][self.mask[index]]
        return float(expit(found).mean()) if found.size else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CoarserCopies:
    """Coarser copies of a scan, from which wide views are cut: made once, they are much smaller to smooth.

    A voxel of a copy is the mean of those that it covers. Its own blur, 0.29 of its width, is what
    ``regions.resample`` takes the blur of any source to be (0.3). So a view is as smooth as one that is cut
    from the scan itself.
    """

    scan: Volume
    _made: dict[_Factors, tuple[Array, Grid]] = field(default_factory=dict)

    def source_for(self, region: Grid) -> tuple[Array, Grid]:
        """Voxels and grid from which a region is best cut; their axes run along those of the scan."""
        steps = np.array(region.spacing_mm) / np.array(self.scan.spacing_mm)
        z, y, x = (2 if step >= _COARSE_ENOUGH else 1 for step in steps)
        if (z, y, x) == (1, 1, 1):
            return self.scan.voxels, self.scan.grid
        if (z, y, x) not in self._made:
            self._made[z, y, x] = _halved(self.scan, (z, y, x))
        return self._made[z, y, x]


@dataclass(frozen=True, slots=True, eq=False)
class ModelOnScan:
    """A model and the one scan that it looks at, in working form (``slices.working_form``)."""

    model: PromptableModel
    scan: Volume
    windows: Windows
    _copies: CoarserCopies = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_copies", CoarserCopies(self.scan))

    def region(self, centre_mm: Array, field_of_view_mm: float) -> Grid:
        """The region of this width around a position (3,), RAS mm, in the shape that the model takes."""
        return region_grid(self.scan.grid, centre_mm, field_of_view_mm, self.model.grid_shape)

    def look(
        self,
        prompts: PlacedPrompts,
        centre_mm: Array,
        field_of_view_mm: float,
        previous: Array | None = None,
    ) -> Look:
        """Segment the region of this width around a position (3,), RAS mm.

        ``previous`` are the logits (z, y, x) on the scan that the prompts correct.
        """
        stop_if_cancelled()
        grid = self.scan.grid
        region = self.region(centre_mm, field_of_view_mm)
        voxels = resample(*self._copies.source_for(region), region, outside=self.windows.outside)
        placed = prompts.on(region)
        channels = model_channels(voxels, self.windows)
        features = self.model.prepare(channels, region.spacing_mm)
        inside = _part_inside(region, grid)
        # What a model answers beyond the scan is dropped, and the edge continued instead: otherwise the
        # way back would mix the two, and masks would stop short of the scan's edge.
        beyond = [(p.start, n - p.stop) for p, n in zip(inside, region.shape, strict=True)]
        before = None if previous is None else resample(previous, grid, region, outside=CERTAINLY_NOT)
        logits = np.pad(self.model.logits(features, placed, before)[inside], beyond, mode="edge")
        connected = connected_to_prompts(logits > 0, placed)
        hits = bool(connected.any())
        if hits:
            logits[(logits > 0) & ~connected] = CERTAINLY_NOT
        return Look(region, logits, inside, hits, voxels[region.shape[0] // 2])

    def middle_on_scan(self, look: Look) -> Volume:
        """The look's mask on the slice of the scan that it is centred on: uint8 (1, y, x)."""
        part, logits = self.on_scan(look)
        middle = look.region.to_mm((np.array(look.region.shape) - 1) / 2)
        depth = round(float(self.scan.grid.to_index(middle)[0]))
        index = min(max(depth, part[0].start), part[0].stop - 1)
        mask = np.zeros((1, *self.scan.grid.shape[1:]), np.uint8)
        mask[0][part[1:]] = logits[index - part[0].start] > 0
        affine = self.scan.affine.copy()
        affine[:3, 3] = self.scan.grid.to_mm(np.array([index, 0, 0]))
        return Volume(voxels=mask, affine=affine)

    def on_scan(self, look: Look) -> tuple[Part, Array]:
        """A part of the scan, and the look's logits there (float32, on the scan's voxels).

        The part has all slices that the look covers, and of them what is around the mask.
        """
        grid = self.scan.grid
        slices = _part_inside(grid, look.region)[0]
        mask = look.mask
        rows = columns = slice(0, 0)
        if mask.any():
            around = look.region.part(part_between(foreground_corners(mask))).padded(1)
            _, rows, columns = _part_inside(grid, around)
        part = (slices, rows, columns)
        if rows.start == rows.stop or columns.start == columns.stop:
            # No mask, or one so small that it lies between the voxels of the scan.
            return part, np.zeros(self.scan.voxels[part].shape, np.float32)
        return part, resample(look.logits, look.region, grid.part(part), outside=CERTAINLY_NOT)


def touches_border(slice_mask: Array) -> bool:
    """Whether a mask (y, x) reaches an edge of its region."""
    return bool(slice_mask[[0, -1]].any() or slice_mask[:, [0, -1]].any())


def field_of_view_for(extent_mm: float, limits: tuple[float, float]) -> float:
    """Field of view for an object of known extent."""
    return float(np.clip(FIELD_OF_VIEW_PER_EXTENT * extent_mm, *limits))


def field_of_view_limits(scan: Grid, shape: tuple[int, int, int], extent_mm: float) -> tuple[float, float]:
    """Smallest and largest useful field of view, in mm.

    Parameters
    ----------
    scan
        Grid of the scan, slices first.
    shape
        (z, y, x) of the model's region.
    extent_mm
        In-plane extent of the prompts, which must fit in any case.
    """
    slice_mm, *plane_mm = scan.spacing_mm
    by_pixel = FINEST_PIXEL * min(plane_mm)
    by_depth = slice_mm / (REACH * shape[0] * SLICE_SPACING_RANGE[1])
    smallest = max(shape[1:]) * max(by_pixel, by_depth)
    whole = max(n * step for n, step in zip(scan.shape[1:], plane_mm, strict=True))
    needed = LEAST_FIELD_OF_VIEW_PER_EXTENT * extent_mm
    return max(smallest, needed), max(smallest, needed, whole)


def centre_and_extent(slice_mask: Array, grid: Grid, index: int) -> tuple[Array, float]:
    """Middle, (3,) RAS mm, and larger in-plane extent, mm, of a non-empty mask (y, x) on one slice."""
    low, high = foreground_corners(slice_mask[np.newaxis])
    middle = np.array([index, *((low + high) / 2)[1:]])
    extent = ((high - low + 1) * np.array(grid.spacing_mm))[1:].max()
    return grid.to_mm(middle), float(extent)


def _part_inside(grid: Grid, other: Grid) -> Part:
    """The voxels of ``grid`` whose centres lie in some voxel of ``other``; their axes are parallel."""
    to_other = np.linalg.inv(other.affine) @ grid.affine
    part = []
    for axis in range(3):
        position = to_other[axis, axis] * np.arange(grid.shape[axis]) + to_other[axis, 3]
        inside = np.flatnonzero((position >= -0.5 - 1e-6) & (position <= other.shape[axis] - 0.5 + 1e-6))
        part.append(slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0))
    return part[0], part[1], part[2]


def connected_to_prompts(mask: Array, prompts: GridPrompts) -> Array:
    """The components of a mask (z, y, x) that a positive click, a box or a mask prompt touches.

    Voxels that share a corner are connected. May be empty.
    """
    if not mask.any():
        return mask
    low, high = foreground_corners(mask)
    part = part_between(np.stack([low, high]))
    components, count = ndimage.label(mask[part], structure=np.ones((3, 3, 3), int))
    kept = np.zeros(count + 1, bool)
    for point in np.rint(prompts.positive).astype(int):
        if mask[tuple(point)]:
            kept[components[tuple(point - low)]] = True
    for lower, upper in np.rint(prompts.boxes).astype(int):
        first, last = np.maximum(lower - low, 0), np.maximum(upper - low + 1, 0)
        kept[np.unique(components[tuple(slice(a, b) for a, b in zip(first, last, strict=True))])] = True
    if prompts.mask is not None:
        kept[np.unique(components[prompts.mask[part] > 0])] = True
    kept[0] = False
    result = np.zeros(mask.shape, bool)
    result[part] = kept[components]
    return result


def _halved(scan: Volume, factors: _Factors) -> tuple[Array, Grid]:
    """Means of neighbours along the axes whose factor is 2; an odd last one stands for itself."""
    voxels: Array = scan.voxels
    for axis, factor in enumerate(factors):
        if factor == 2:
            even = np.take(voxels, np.arange(0, voxels.shape[axis], 2), axis)
            next_ones = np.minimum(np.arange(1, voxels.shape[axis] + 1, 2), voxels.shape[axis] - 1)
            voxels = (even.astype(np.float32) + np.take(voxels, next_ones, axis)) * np.float32(0.5)
    affine = scan.affine.copy()
    affine[:3, :3] *= np.array(factors)
    affine[:3, 3] = scan.grid.to_mm((np.array(factors) - 1) / 2)
    z, y, x = voxels.shape
    return voxels, Grid((z, y, x), affine)
