"""One look: a model sees one region of a scan, with the prompts that reach it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.special import expit

from synthfm3d.intensity import Windows, model_channels
from synthfm3d.model.interface import PromptableModel
from synthfm3d.prompts.prompt import GridPrompts, Prompt
from synthfm3d.regions import region_grid, resample
from synthfm3d.segmentation.coarser import CoarserCopies
from synthfm3d.segmentation.placement import place
from synthfm3d.segmentation.slices import foreground_corners
from synthfm3d.segmentation.watching import stop_if_cancelled
from synthfm3d.volume import Array, Grid, Volume

CERTAINLY_NOT = -20.0
"""Log-odds of voxels that are not the object: what no look has seen, or what no prompt touches."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the model said about a region.

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
    inside: tuple[slice, slice, slice]
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
        prompts: Sequence[Prompt],
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
        placed = place(prompts, grid, region)
        channels = model_channels(voxels, self.windows)
        features = self.model.prepare(channels, region.spacing_mm)
        inside = _part_inside(region, grid)
        # What a model says beyond the scan is dropped, and the edge continued instead: otherwise the
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

    def on_scan(self, look: Look) -> tuple[tuple[slice, slice, slice], Array]:
        """A part of the scan, and the look's logits there (float32, on the scan's voxels).

        The part has all slices that the look covers, and of them what is around the mask.
        """
        grid = self.scan.grid
        slices = _part_inside(grid, look.region)[0]
        mask = look.mask
        if not mask.any():
            return (slices, slice(0, 0), slice(0, 0)), np.zeros((slices.stop - slices.start, 0, 0))
        part = (slices, *_part_inside(grid, _grid_around(mask, look.region))[1:])
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_mm(np.array([p.start for p in part]))
        shape = (part[0].stop - part[0].start, part[1].stop - part[1].start, part[2].stop - part[2].start)
        return part, resample(look.logits, look.region, Grid(shape, affine), outside=CERTAINLY_NOT)


def _grid_around(mask: Array, grid: Grid) -> Grid:
    """The part of a grid that holds the mask with one voxel on every side."""
    low, high = foreground_corners(mask)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(low - 1)
    z, y, x = (int(n) for n in high - low + 3)
    return Grid((z, y, x), affine)


def _part_inside(grid: Grid, other: Grid) -> tuple[slice, slice, slice]:
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
    part = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
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
