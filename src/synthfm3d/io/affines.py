"""Affines of other formats: from their millimetres to ours, and whether they can be used at all."""

import numpy as np

from synthfm3d.io.values import SMALLEST_MM
from synthfm3d.volume import Array

LPS_TO_RAS: Array = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM, NRRD and MetaImage count millimetres towards Left and Posterior, NIfTI and we towards Right and
Anterior."""
_FLAT = 1e-4
"""Volume of the box between three unit axes; smaller: two of them are as good as one."""


def is_regular(affine: Array) -> bool:
    """Whether an affine (4, 4), or its upper rows (3, 4), is finite and does not flatten space."""
    if not np.isfinite(affine).all():
        return False
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return bool(lengths.min() >= SMALLEST_MM and abs(np.linalg.det(affine[:3, :3] / lengths)) >= _FLAT)


def off_right_angles(affine: Array) -> float:
    """Largest cosine between two voxel axes of an affine: 0 where they are at right angles."""
    directions = affine[:3, :3] / np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return float(np.abs(directions.T @ directions - np.eye(3)).max())
