"""Numbers of DICOM headers: how far they may be off, and which are refused.

Numbers that are missing, not finite or impossible raise ValueError. Lengths of tolerances are parts of a
voxel, not millimetres: an optical coherence tomogram has pixels of a few micrometres, a SPECT scan of some
millimetres.
"""

from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from synthfm3d.io.checks import SMALLEST_MM
from synthfm3d.volume import Array

SAME_PLACE = 0.02
"""Frames closer than this part of a pixel along the slice normal show the same slice."""
EVEN = 0.1
"""A slice may lie this part of the slice distance away from its place on the even grid."""
STRAIGHT = 0.2
"""A slice may lie this part of a pixel beside the straight line that is fitted through all slices."""
FAR_EDGE = 0.5
"""Directions and spacings are the same if the far edge of the image moves by less than this part of a
pixel."""
ON_GRID = 0.1
"""A mask lies on the voxels of a scan if no voxel is farther away than this part of one."""
MOST_EVEN = 20
"""Interpolation may make so many slices of one: more of them are an error of the header."""
TILT_DEGREES = 0.5
"""A gantry counts as tilted from here on."""
CROOKED = 1e-2
"""How far the length of a direction may be from 1, and the cosine between two from 0."""
LARGEST_MM = 1e6
"""A kilometre: a position or step beyond it is damage."""


def finite(values: Any, count: int) -> Array:
    """``count`` numbers as float64."""
    numbers = np.array([float(str(value)) for value in values])
    if numbers.shape != (count,) or not np.isfinite(numbers).all() or np.abs(numbers).max() > LARGEST_MM:
        raise ValueError("numbers are missing or impossible")
    return numbers


def directions_of(values: Any) -> Array:
    """(2, 3) unit vectors at right angles, of the six numbers of an orientation."""
    directions = finite(values, 6).reshape(2, 3)
    lengths = np.sqrt((directions**2).sum(axis=1))
    if np.abs(lengths - 1).max() > CROOKED or abs(directions[0] @ directions[1]) > CROOKED:
        raise ValueError("directions are not at right angles")
    return np.asarray(directions / lengths[:, None])


def two_positive(values: Any) -> tuple[float, float]:
    """Spacing between rows and between columns, in mm."""
    between_rows, between_columns = finite(values, 2)
    if min(between_rows, between_columns) < SMALLEST_MM:
        raise ValueError("spacing is not positive")
    return float(between_rows), float(between_columns)


def step_of(place: Dataset) -> float | None:
    """``SpacingBetweenSlices`` in mm, which may be negative; None where it is missing or zero."""
    value = place.get("SpacingBetweenSlices")
    if value is None or value == "":
        return None
    (step,) = finite([value], 1)
    return float(step) if abs(step) >= SMALLEST_MM else None


def thickness_of(place: Dataset) -> float | None:
    """Distance to the next slice or else its thickness, in mm; None where the header gives neither."""
    step = step_of(place)
    if step is not None:
        return abs(step)
    value = place.get("SliceThickness")
    if value is None or value == "":
        return None
    (thickness,) = finite([value], 1)
    return float(thickness) if thickness >= SMALLEST_MM else None
