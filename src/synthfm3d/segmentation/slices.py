"""From the scan as it was stored to the form that models work on, and back.

The working form has its slices along the first axis. No voxel is resampled: axes are permuted and flipped
only, so the way back is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from synthfm3d.prompts.prompt import Prompt
from synthfm3d.regions import SLICE_SPACING_RANGE
from synthfm3d.segmentation.placement import PlacedPrompts, place
from synthfm3d.volume import Array, Grid, Volume, on_grid_of

CLEARLY_LARGER = 1.3
"""The largest spacing names the slicing axis if it exceeds the next one by this factor. Scans whose
spacings are closer than that are as good as isotropic, and are read as axial slices."""


@dataclass(frozen=True, slots=True, eq=False)
class Orientation:
    """A scan as it was stored, and the same voxels as slices.

    Parameters
    ----------
    stored
        The scan in the axis order of its file.
    slices
        Its working form. Frames of a sequence lie as far apart here as slices do (``as_slices``).
    """

    stored: Volume
    slices: Volume

    @classmethod
    def of(cls, scan: Volume, prompts: Sequence[Prompt]) -> tuple[Self, PlacedPrompts]:
        """The orientation of a scan that suits some prompts, and these prompts on its slices."""
        if scan.third_axis == "time":
            slices = as_slices(scan)
            return cls(scan, slices), replace(place(prompts, scan.grid), grid=slices.grid)
        axial = scan.axial()
        placed = place(prompts, axial.grid)
        order = _slices_first(axial.grid, placed)
        slices = axial.reordered(order, (False, False, False))
        return cls(scan, slices), placed.transposed(order, slices.grid)

    def to_slices(self, volume: Volume) -> Array:
        """Voxels on the grid of the stored scan, as voxels of its slices."""
        if self.stored.third_axis == "time":
            return volume.voxels
        return on_grid_of(volume, self.slices.grid).voxels

    def to_stored(self, voxels: Array) -> Volume:
        """Voxels of the slices, as a volume on the grid of the stored scan."""
        if self.stored.third_axis == "time":
            return self.stored.with_voxels(voxels)
        turned = on_grid_of(self.slices.with_voxels(voxels), self.stored.grid)
        return self.stored.with_voxels(turned.voxels)


def working_form(scan: Volume, prompts: Sequence[Prompt] = ()) -> Volume:
    """The scan with (z, y, x) closest to (Superior, Posterior, Left), then the slicing axis first.

    The slicing axis is the one along which a box or mask prompt is flat, since it was drawn on a
    slice across this axis; else the axis along which the scan was acquired, by its spacing; else z.
    Frames of a sequence are its slices, and stay as they are.
    """
    if scan.third_axis == "time":
        return scan
    axial = scan.axial()
    return axial.reordered(_slices_first(axial.grid, place(prompts, axial.grid)), (False, False, False))


def as_slices(volume: Volume) -> Volume:
    """A sequence with its frames as far apart as slices of a region are; a scan in space as it is.

    What a file says about the third axis of a sequence is no distance, and may be anything.
    """
    if volume.third_axis == "space":
        return volume
    affine = volume.affine.copy()
    normal = np.cross(affine[:3, 1], affine[:3, 2])
    normal *= np.sign(normal @ affine[:3, 0]) or 1.0
    step = float(np.mean(SLICE_SPACING_RANGE)) * min(volume.spacing_mm[1:])
    affine[:3, 0] = normal / np.sqrt((normal**2).sum()) * step
    slices = replace(volume, affine=affine)
    return volume if slices.grid.same_as(volume.grid) else slices


def slicing_axis(grid: Grid, prompts: Sequence[Prompt] = ()) -> int:
    """Axis of a grid across which its slices lie, see ``working_form``; the first prompt decides."""
    return _slicing_axis(grid, place(prompts, grid))


def _slicing_axis(grid: Grid, prompts: PlacedPrompts) -> int:
    acquired = _acquisition_axis(grid)
    for prompt in prompts:
        flat = prompt.flat_axes
        if flat and acquired not in flat:
            return flat[0]
        if flat:
            return acquired
    return acquired


def _slices_first(grid: Grid, prompts: PlacedPrompts) -> tuple[int, int, int]:
    """The order of axes that puts the slicing axis first and keeps the order of the others."""
    axis = _slicing_axis(grid, prompts)
    one, other = (n for n in range(3) if n != axis)
    return axis, one, other


def _acquisition_axis(grid: Grid) -> int:
    spacing = np.array(grid.spacing_mm)
    largest = int(spacing.argmax())
    return largest if spacing[largest] > CLEARLY_LARGER * np.sort(spacing)[1] else 0
