"""Regions of interest: a small grid around a prompt, and resampling to it and back.

A model sees a fixed number of voxels. Training and inference share this code, so both use the same
interpolation, the same anti-aliasing and the same values outside the scan.
"""

import numpy as np
from scipy import ndimage

from synthfm3d.volume import Array, Grid

SLICE_SPACING_RANGE = (2.0, 4.0)
"""Slice spacing of a region over its pixel spacing: as the scan's own, kept within this range."""
FIELD_OF_VIEW_PER_EXTENT = 2.25
"""Width of a region over the object's larger extent in the plane of the prompted slice, where known."""
OUTLINE_SCALE = (1.8, 3.0)
"""Range of the same ratio in training for boxes and masks, from which the extent is known."""
CLICK_SCALE = (0.75, 6.0)
"""Range for clicks, from which the extent is not known: the object may be larger than the view."""
LEAST_FIELD_OF_VIEW_PER_EXTENT = 1.5
"""Width of the narrowest view that is tried, over the extent of the prompts."""


def region_grid(scan: Grid, centre_mm: Array, field_of_view_mm: float, shape: tuple[int, int, int]) -> Grid:
    """Grid of ``shape`` (z, y, x) around a position, with its axes along those of the scan.

    Parameters
    ----------
    scan
        Grid of the scan; its first axis counts slices.
    centre_mm
        (3,) RAS mm. The middle voxel ``shape // 2`` of the region lies on the scan's slice nearest
        to it, so that a prompted slice is met exactly and not interpolated.
    field_of_view_mm
        Width of the region in the plane; its pixels are square.
    shape
        (z, y, x) of the region.
    """
    spacing = np.array(scan.spacing_mm)
    pixel = field_of_view_mm / max(shape[1], shape[2])
    slice_step = float(np.clip(spacing[0] / pixel, *SLICE_SPACING_RANGE)) * pixel
    directions = scan.affine[:3, :3] / spacing
    centre = scan.to_index(np.asarray(centre_mm))
    centre[0] = np.clip(np.round(centre[0]), 0, scan.shape[0] - 1)
    affine = np.eye(4)
    affine[:3, :3] = directions * np.array([slice_step, pixel, pixel])
    affine[:3, 3] = scan.to_mm(centre) - affine[:3, :3] @ (np.array(shape) // 2)
    return Grid(shape, affine)


def resample(voxels: Array, source: Grid, target: Grid, *, outside: float) -> Array:
    """Values of ``voxels`` (on ``source``) at the voxels of ``target``, trilinear, float32.

    Where the target is coarser, the source is smoothed first (Gaussian, sigma 0.4 target voxels
    less the source's own 0.3), so that thin structures dim instead of flickering. Voxels of the
    target beyond the source get ``outside``.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in target.shape])).reshape(3, -1)
    reach = to_source[:3, :3] @ corners + to_source[:3, 3:]
    step = np.abs(to_source[:3, :3]).max(axis=1)
    margin = np.ceil(2 * step + 2)
    low = np.clip(np.floor(reach.min(axis=1) - margin), 0, np.array(source.shape) - 1).astype(int)
    high = np.clip(np.ceil(reach.max(axis=1) + margin), 0, np.array(source.shape) - 1).astype(int) + 1
    part = voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].astype(np.float32)
    sigma = np.maximum(0.0, 0.4 * step - 0.3) * (step > 1)
    if sigma.max() > 0:
        part = ndimage.gaussian_filter(part, sigma, mode="nearest")
    matrix = to_source[:3, :3]
    offset = to_source[:3, 3] - low
    parallel = np.allclose(matrix, np.diag(np.diag(matrix)), atol=1e-9)
    # A 1-D matrix takes SciPy's separable path, several times faster. "nearest" keeps the outermost
    # half voxel of the scan from fading into the fill; what lies beyond is filled below.
    result = ndimage.affine_transform(
        part,
        np.diag(matrix) if parallel else matrix,
        offset=offset,
        output_shape=target.shape,
        order=1,
        mode="nearest",
    )
    beyond = _beyond(to_source, source.shape, target.shape)
    if beyond is not None:
        result[beyond] = outside
    return np.asarray(result, np.float32)


def _beyond(to_source: Array, source_shape: tuple[int, ...], shape: tuple[int, ...]) -> Array | None:
    """Which voxels of a target grid lie in no voxel of the source; None if all do."""
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    beyond = np.zeros(shape, bool)
    for row, length in zip(to_source[:3], source_shape, strict=True):
        coordinate = row[0] * axes[0] + row[1] * axes[1] + row[2] * axes[2] + row[3]
        beyond |= (coordinate < -0.5 - 1e-6) | (coordinate > length - 0.5 + 1e-6)
    return beyond if beyond.any() else None
