"""The visibility of a boundary: contrast-to-noise ratios of its patches.

One number for a whole boundary would hide the parts where it is invisible, through which segmentations leak.
So the boundary is divided into patches, and each patch is measured.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthfm3d.volume import Array

INVISIBLE = 0.3
"""Contrast-to-noise ratio below which a boundary cannot be seen."""
_BAND_PIXELS = 4
"""Width of the bands on both sides of a boundary."""
_BLURRED_PIXELS = 1
"""Pixels next to a boundary that mix both sides; they are left out if enough others remain."""
_CERTAIN = 3.0
"""Standard errors of a difference that noise alone does not reach in any patch of a boundary."""
_LEAST_VOXELS = 24
"""Smallest number of voxels on each side of a patch."""
_SLABS, _SECTORS = 5, 8
_IN_PLANE = np.ones((1, 3, 3), bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryContrast:
    """Contrast-to-noise ratios of the patches of a boundary.

    Parameters
    ----------
    largest, median
        Largest and median ratio of the patches.
    certain
        Largest ratio after three standard errors are subtracted from the difference of each patch. It is near
        0 if patches differ only by noise, for any number of patches.
    invisible_share
        Share of the boundary's voxels in patches below ``INVISIBLE``.
    """

    largest: float
    median: float
    certain: float
    invisible_share: float


def boundary_contrast(
    image: Array, labels: Array, label: int, valid: Array | None = None
) -> BoundaryContrast | None:
    r"""Contrast-to-noise ratios along the boundary of one label; None if no part of it can be measured.

    A patch is one of 8 sectors around the target's centre in a slice, in one of 5 slabs of its
    slices. From the voxels within 4 pixels of the boundary, in the plane, its ratio is

    .. math:: \sqrt{\max(0, (m_i - m_o)^2 - s^2 (1/n_i + 1/n_o))} / s

    with the means m and numbers n of voxels inside and outside, and the pooled standard deviation s within
    tissues (the target and each other label, about its mean in the patch). The subtracted term is the
    expected square of the difference without any contrast, if the noise of voxels is independent.

    Parameters
    ----------
    image, labels
        (z, y, x) of the same shape.
    valid
        Bool, broadcast to the same shape: voxels that may be used. None: all voxels.
    """
    found = ndimage.find_objects((labels == label).view(np.uint8))
    if not found:
        raise ValueError(f"no voxel has the label {label}.")
    wide = _widened(found[0], labels.shape)
    usable = None if valid is None else np.broadcast_to(valid, labels.shape)[wide]
    bands = _voxels_of_bands(image[wide], labels[wide], label, usable)
    if bands is None:
        return None
    measured = _measured_patches(*bands)
    if measured is None:
        return None
    ratios, certain, lengths = measured
    return BoundaryContrast(
        largest=float(ratios.max()),
        median=float(np.median(ratios)),
        certain=float(certain.max()),
        invisible_share=float(lengths[ratios < INVISIBLE].sum() / lengths.sum()),
    )


@dataclass(frozen=True, slots=True)
class _Voxels:
    """Voxels of the bands, (n,) each: value, patch, tissue (0 is the target), whether outside the blur."""

    value: Array
    patch: Array
    tissue: Array
    sharp: Array

    def ratios(self, errors: float) -> Array:
        """Contrast-to-noise ratio of each patch, less some standard errors; NaN for too few voxels."""
        sharp = self._ratios(self.sharp, errors)
        all_voxels = self._ratios(np.ones(len(self.value), bool), errors)
        return np.where(np.isfinite(sharp), sharp, all_voxels)

    def _ratios(self, used: Array, errors: float) -> Array:
        value, patch, tissue = self.value[used], self.patch[used], self.tissue[used]
        count = _SLABS * _SECTORS
        tissues = int(tissue.max(initial=0)) + 1
        cell = patch * tissues + tissue
        numbers, sums, squares = (
            np.bincount(cell, weights=weights, minlength=count * tissues).reshape(count, tissues)
            for weights in (np.ones(len(value)), value, value**2)
        )
        inner, outer = numbers[:, 0], numbers[:, 1:].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            scatter = (squares - np.where(numbers > 0, sums**2 / numbers, 0)).sum(axis=1)
            freedom = numbers.sum(axis=1) - np.count_nonzero(numbers, axis=1)
            variance = np.maximum(scatter / freedom, 1e-12)
            difference = sums[:, 0] / inner - sums[:, 1:].sum(axis=1) / outer
            by_chance = errors * errors * variance * (1 / inner + 1 / outer)
            ratio = np.sqrt(np.maximum(0, difference**2 - by_chance) / variance)
        return np.where((inner >= _LEAST_VOXELS) & (outer >= _LEAST_VOXELS), ratio, np.nan)


def _measured_patches(voxels: _Voxels, lengths: Array) -> tuple[Array, Array, Array] | None:
    """Ratio, certain ratio and length of boundary of each patch that can be measured, (patch,) each.

    If none can, all voxels together count as one patch; None if that cannot be measured either.
    """
    ratios, certain = voxels.ratios(1.0), voxels.ratios(_CERTAIN)
    measured = np.isfinite(ratios) & (lengths > 0)
    if not measured.any():
        alone = _Voxels(voxels.value, np.zeros_like(voxels.patch), voxels.tissue, voxels.sharp)
        ratios, certain, lengths = alone.ratios(1.0)[:1], alone.ratios(_CERTAIN)[:1], np.ones(1)
        measured = np.isfinite(ratios)
    if not measured.any():
        return None
    return ratios[measured], certain[measured], lengths[measured]


def _voxels_of_bands(
    image: Array, labels: Array, label: int, valid: Array | None
) -> tuple[_Voxels, Array] | None:
    """Voxels of the bands on both sides of a boundary, and the length of each patch in boundary voxels.

    None if the label has no boundary in the part that is given, (z, y, x).
    """
    usable = np.ones(labels.shape, bool) if valid is None else valid
    inside = labels == label
    # Steps to the boundary, 1 next to it. The edge of the volume and unusable voxels are no boundary.
    depth = _steps(inside | ~usable) * (inside & usable)
    distance = _steps(~inside | ~usable) * (~inside & usable)
    if not depth.any() or not distance.any():
        return None
    patch = _patches(inside)
    band = (depth > 0) | (distance > 0)
    # The target is tissue 0, and each other label is one more tissue.
    _, tissue = np.unique(np.where(inside, -1, labels.astype(np.int64))[band], return_inverse=True)
    voxels = _Voxels(
        value=image.astype(np.float64)[band],
        patch=patch[band],
        tissue=tissue,
        sharp=np.maximum(depth, distance)[band] > _BLURRED_PIXELS,
    )
    return voxels, np.bincount(patch[depth == 1], minlength=_SLABS * _SECTORS).astype(float)


def _widened(box: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """A box of slices, enlarged by the bands in the plane."""
    reach = _BAND_PIXELS + 1
    rows, columns = (
        slice(max(0, s.start - reach), min(n, s.stop + reach))
        for s, n in zip(box[1:], shape[1:], strict=True)
    )
    return box[0], rows, columns


def _steps(region: Array) -> Array:
    """Steps (8 neighbours, in the plane) from each voxel of a region to its boundary; 0 beyond the band."""
    steps = np.zeros(region.shape, np.int8)
    for step in range(1, _BAND_PIXELS + 1):
        eroded = ndimage.binary_erosion(region, _IN_PLANE, border_value=1)
        steps[region & ~eroded] = step
        region = eroded
    return steps


def _patches(inside: Array) -> Array:
    """Number of the patch of each voxel, from its slab of slices and its sector around the centre."""
    depth, height, width = inside.shape
    y, x = np.arange(height)[:, None], np.arange(width)
    areas = np.maximum(inside.sum(axis=(1, 2)), 1)
    centre_y = (inside.sum(axis=2) * np.arange(height)).sum(axis=1) / areas
    centre_x = (inside.sum(axis=1) * np.arange(width)).sum(axis=1) / areas
    angle = np.arctan2(y - centre_y[:, None, None], x - centre_x[:, None, None])
    sector = np.floor((angle / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    slab = np.arange(depth) * _SLABS // depth
    return np.asarray(slab[:, None, None] * _SECTORS + sector)
