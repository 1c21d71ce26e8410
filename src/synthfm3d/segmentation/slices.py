"""From the scan as it was stored to the form that models work on, and back.

The working form has its slices along the first axis. No voxel is resampled: axes are permuted and
flipped only, so the way back is exact.
"""

from collections.abc import Sequence

import numpy as np

from synthfm3d.prompts.prompt import Box, Mask, Prompt, box_voxels
from synthfm3d.volume import Grid, Volume, foreground_corners, on_grid_of

CLEARLY_LARGER = 1.3
"""The largest spacing names the slicing axis if it exceeds the next one by this factor. Scans whose
spacings are closer than that are as good as isotropic, and are read as axial slices."""


def working_form(scan: Volume, prompts: Sequence[Prompt] = ()) -> Volume:
    """The scan with (z, y, x) closest to (Superior, Posterior, Left), then the slicing axis first.

    The slicing axis is the one along which a box or mask prompt is flat, since it was drawn on a
    slice across this axis; else the axis along which the scan was acquired, by its spacing; else z.
    Frames of a sequence are its slices, and stay as they are.
    """
    if scan.third_axis == "time":
        return scan
    axial = scan.axial()
    axis = slicing_axis(axial.grid, prompts)
    others = [n for n in range(3) if n != axis]
    return axial.reordered((axis, others[0], others[1]), (False, False, False))


def slicing_axis(grid: Grid, prompts: Sequence[Prompt] = ()) -> int:
    """Axis of a grid across which its slices lie, see ``working_form``; the first prompt decides."""
    acquired = _acquisition_axis(grid)
    for prompt in prompts:
        flat = _flat_axes(prompt, grid)
        if flat and acquired not in flat:
            return flat[0]
        if flat:
            return acquired
    return acquired


def _acquisition_axis(grid: Grid) -> int:
    spacing = np.array(grid.spacing_mm)
    largest = int(spacing.argmax())
    return largest if spacing[largest] > CLEARLY_LARGER * np.sort(spacing)[1] else 0


def _flat_axes(prompt: Prompt, grid: Grid) -> list[int]:
    """Axes of ``grid`` along which a box or mask is one voxel thick; none for a point."""
    if isinstance(prompt, Box):
        low, high = box_voxels(prompt, grid)
    elif isinstance(prompt, Mask):
        low, high = foreground_corners(on_grid_of(prompt.volume, grid).voxels)
    else:
        return []
    return [axis for axis in range(3) if low[axis] == high[axis]]
