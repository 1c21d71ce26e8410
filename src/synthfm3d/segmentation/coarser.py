"""Coarser copies of a scan, from which wide views are cut: made once, they are much smaller to smooth.

A voxel of a copy is the mean of those that it covers. Its own blur, 0.29 of its width, is what
``regions.resample`` takes the blur of any source to be (0.3). So a view is as smooth as one that is cut from
the scan itself.
"""

from dataclasses import dataclass, field

import numpy as np

from synthfm3d.volume import Array, Grid, Volume

_Factors = tuple[int, int, int]
_COARSE_ENOUGH = 4.0
"""Voxels of the scan to one of the region, from which on an axis is halved."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarserCopies:
    """A scan, and what has been made of it so far."""

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
