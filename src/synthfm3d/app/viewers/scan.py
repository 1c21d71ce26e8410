"""An array from a viewer becomes a scan: checked, and mended as our readers do it."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.checks import repaired, smallest_integers
from synthfm3d.volume import Array, Grid, Volume

_NAME = Path("the image")


def scan_of_array(voxels: Array, grid: Grid) -> Volume:
    """A scan of which models can make something; its modality is told by its values.

    Voxels that are not finite become the minimum, with a doubt that counts them.

    Parameters
    ----------
    voxels
        (z, y, x), numbers or booleans of any width.

    Raises
    ------
    InputError
        All voxels are the same, or none is finite.
    """
    match voxels.dtype.kind:
        case "b":
            voxels = voxels.astype(np.uint8)
        case "i" | "u" if voxels.dtype.itemsize == 8:
            voxels = smallest_integers(voxels)
    scan = repaired(_NAME, Volume(voxels=voxels, affine=grid.affine))
    if scan.voxels.min() == scan.voxels.max():
        raise InputError(f"{_NAME}: all its voxels have the same value: there is nothing to see in it.")
    return scan


def grid_of_spacing(shape: tuple[int, int, int], spacing: Sequence[float] | None) -> Grid:
    """The axial grid of an image of which only the spacing is known, in the order of its axes.

    Two numbers are those of an image of one slice. What is missing or impossible is 1 mm.
    """
    known = list(spacing or ())
    if len(known) == 2:
        known = [1.0, *known]
    if len(known) != 3:
        known = [1.0, 1.0, 1.0]
    z, y, x = (float(mm) if math.isfinite(mm) and 1e-4 <= mm <= 1e4 else 1.0 for mm in known)
    return Grid.from_spacing(shape, (z, y, x))
