"""Numbers in DICOM headers: their tolerances, and checks.

Numbers that are missing, not finite or impossible raise ValueError. Tolerances are fractions of a voxel, not
millimetres, because optical coherence tomography has pixels of a few micrometres, and SPECT of some
millimetres.
"""

from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from synthfm3d.io.checks import SMALLEST_MM
from synthfm3d.volume import Array

SAME_PLACE = 0.02
"""Planes closer than this fraction of a pixel along the slice normal show the same slice."""
EVEN = 0.1
"""Largest distance of a slice from its position on the even grid, as a fraction of the slice distance."""
STRAIGHT = 0.2
"""Largest distance of a slice from the line fitted through all slices, as a fraction of a pixel."""
FAR_EDGE = 0.5
"""Directions and spacings are equal if the far edge of the image moves by less than this fraction of a
pixel."""
ON_GRID = 0.1
"""Largest distance between the voxels of a mask and a scan on one grid, as a fraction of a voxel."""
MOST_EVEN = 20
"""Largest number of interpolated slices for each slice; more come from a wrong header."""
TILT_DEGREES = 0.5
"""Smallest angle of a tilted gantry."""
CROOKED = 1e-2
"""Largest difference of the length of a direction from 1, and of the cosine between two from 0."""
LARGEST_MM = 1e6
"""A kilometre; a larger position or step comes from a damaged header."""


def finite(values: Any, count: int) -> Array:
    """``count`` numbers as float64."""
    numbers = np.array([float(str(value)) for value in values])
    if numbers.shape != (count,) or not np.isfinite(numbers).all() or np.abs(numbers).max() > LARGEST_MM:
        raise ValueError("numbers are missing or impossible")
    return numbers


def directions_of(values: Any) -> Array:
    """The unit vectors (2, 3) of an orientation with six numbers."""
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


def step_of(header: Dataset) -> float | None:
    """``SpacingBetweenSlices`` in mm, which may be negative; None if it is missing or zero."""
    value = header.get("SpacingBetweenSlices")
    if value is None or value == "":
        return None
    (step,) = finite([value], 1)
    return float(step) if abs(step) >= SMALLEST_MM else None


def thickness_of(header: Dataset) -> float | None:
    """Distance to the next slice, or else the slice thickness, in mm; None if the header has neither."""
    step = step_of(header)
    if step is not None:
        return abs(step)
    value = header.get("SliceThickness")
    if value is None or value == "":
        return None
    (thickness,) = finite([value], 1)
    return float(thickness) if thickness >= SMALLEST_MM else None
