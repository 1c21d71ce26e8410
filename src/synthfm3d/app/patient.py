"""The patient in a CT scan, without the table: what the page's 3-D view shows of the scan."""

import numpy as np
from scipy import ndimage

from synthfm3d.intensity import assumed_modality
from synthfm3d.volume import Array, Volume

SAMPLE_MM = 4.0
"""Distance between the samples of the mask."""
_AIR_HU = -300
_THIN = 2
"""Samples: a body of 2 * 2 + 1 samples, 20 mm, or less is thin. A table is; a patient is not."""
_SMALL = 0.05
"""Bodies with a smaller share of the largest one are left out; arms are larger."""


def patient_mask(scan: Volume) -> Array | None:
    """Coarse bool mask of the patient, with a margin; None for other modalities, which show no table.

    Everything denser than air counts that is left when thin things are removed.

    Returns
    -------
    Bool along S, A, R (the first index is the lowest, most posterior, leftmost place); the mask covers the
    scan in steps of about 4 mm. None, too, if nothing is found.
    """
    if assumed_modality(scan) != "ct" or scan.third_axis == "time":
        return None
    turned = scan.axial()
    voxels = turned.voxels[:, ::-1, ::-1]  # the axial form runs to the patient's back and left
    places = [_samples(n, mm) for n, mm in zip(turned.grid.shape, turned.spacing_mm, strict=True)]
    thick = ndimage.binary_opening(voxels[np.ix_(*places)] > _AIR_HU, iterations=_THIN)
    bodies, count = ndimage.label(thick)
    if count == 0:
        return None
    sizes = np.bincount(bodies.ravel())
    sizes[0] = 0
    large = (sizes > _SMALL * sizes.max())[bodies]
    return ndimage.binary_fill_holes(ndimage.binary_dilation(large, iterations=_THIN))


def _samples(voxels: int, spacing_mm: float) -> Array:
    """Indices of voxels in steps of about ``SAMPLE_MM``, each in the middle of its step."""
    count = max(1, min(voxels, round(voxels * spacing_mm / SAMPLE_MM)))
    return ((np.arange(count) + 0.5) * voxels / count).astype(int)
