"""Prompts in millimetres become prompts on the voxels of a region, the only form a model meets."""

from collections.abc import Sequence

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, GridPrompts, Mask, Point, Prompt, box_voxels
from synthfm3d.regions import resample
from synthfm3d.volume import Array, Grid, on_grid_of


def checked_prompts(prompts: Sequence[Prompt], scan: Grid, *, correcting: bool = False) -> list[Prompt]:
    """The prompts, with masks in the axis order of the scan.

    Prompts that correct an earlier mask may be negative clicks alone.

    Raises
    ------
    InputError
        Nothing says where the object is; a point or box lies outside the scan; a mask is empty or
        on another grid.
    """
    if not correcting and all(isinstance(prompt, Point) and not prompt.positive for prompt in prompts):
        raise InputError("nothing says where the object is: give a positive point, a box or a mask.")
    checked = list(prompts)
    for number, prompt in enumerate(prompts):
        if isinstance(prompt, Mask):
            checked[number] = _checked_mask(prompt, scan)
        elif isinstance(prompt, Point):
            _check_inside("point", prompt.position_mm, scan)
        else:
            _check_inside("box corner", prompt.corner_mm, scan)
            _check_inside("box corner", prompt.opposite_mm, scan)
    return checked


def _checked_mask(prompt: Mask, scan: Grid) -> Mask:
    if not prompt.volume.voxels.any():
        raise InputError("the mask prompt is empty: draw the object on at least one slice.")
    try:
        return Mask(volume=on_grid_of(prompt.volume, scan))
    except ValueError as error:
        raise InputError(f"the mask prompt must lie on the voxels of the scan: {error}") from error


def _check_inside(what: str, position_mm: tuple[float, float, float], scan: Grid) -> None:
    index = scan.to_index(np.array(position_mm))
    if np.isfinite(index).all() and bool(scan.contains(index)):
        return
    corners = scan.to_mm(np.array(np.meshgrid(*[(0, n - 1) for n in scan.shape])).reshape(3, -1).T)
    extent = ", ".join(
        f"{low:.0f} to {high:.0f}" for low, high in zip(corners.min(axis=0), corners.max(axis=0), strict=True)
    )
    raise InputError(
        f"the {what} at ({_numbers(position_mm)}) mm, voxel (z, y, x) = ({_numbers(index)}), lies outside "
        f"the scan, which spans ({extent}) mm and {scan.shape} voxels: check order and unit of the numbers."
    )


def _numbers(values: Sequence[float] | Array) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def place(prompts: Sequence[Prompt], scan: Grid, region: Grid) -> GridPrompts:
    """Prompts on the voxels of a region whose axes run along those of the scan.

    Points become fractional voxels, and those beyond the region are left out. Boxes become the
    voxels whose centres they cover, clipped to the region; a box on a slice stays on one. A mask that
    the region reaches always leaves a voxel. Of several masks that outline the same slice the first
    counts.

    Raises ValueError where no positive prompt reaches the region.
    """
    masks = [_mask_on_region(p, scan, region) for p in prompts if isinstance(p, Mask)]
    boxes = [_box_on_region(p, scan, region) for p in prompts if isinstance(p, Box)]
    reached = [corners for corners in boxes if corners is not None]
    return GridPrompts(
        positive=_points_on_region([p for p in prompts if isinstance(p, Point) and p.positive], region),
        negative=_points_on_region([p for p in prompts if isinstance(p, Point) and not p.positive], region),
        boxes=np.stack(reached) if reached else np.zeros((0, 2, 3)),
        mask=_merged(masks),
    )


def _points_on_region(points: list[Point], region: Grid) -> Array:
    index = region.to_index(np.array([p.position_mm for p in points]).reshape(-1, 3))
    return np.asarray(index[region.contains(index)])


def _box_on_region(box: Box, scan: Grid, region: Grid) -> Array | None:
    """Inclusive corner voxels (2, 3), None if no part of the box is in the region."""
    voxels = box_voxels(box, scan)
    on_slice = voxels[0, 0] == voxels[1, 0]
    # A corner voxel belongs to the box as a whole, hence half a voxel on either side.
    faces = np.sort(region.to_index(scan.to_mm(voxels + np.array([[-0.5], [0.5]]))), axis=0)
    last = np.array(region.shape) - 1
    if (faces[1] < -0.5).any() or (faces[0] > last + 0.5).any():
        return None
    low, high = np.ceil(faces[0] - 1e-6), np.floor(faces[1] + 1e-6)
    thin = high < low  # between two voxel centres: the nearest one stands for it
    if on_slice:
        thin[0] = True
    middle = np.round(faces.mean(axis=0))
    if on_slice and not 0 <= middle[0] <= last[0]:
        return None
    return np.clip(np.where(thin, middle, [low, high]), 0, last)


def _mask_on_region(mask: Mask, scan: Grid, region: Grid) -> Array:
    """int8 (z, y, x) of the region: 1 object, -1 not the object, 0 on slices that are not outlined."""
    placed = np.zeros(region.shape, np.int8)
    for index, scan_slice in _outlined_slices(mask.volume.voxels, scan, region).items():
        placed[index] = np.where(_outline_on_region(mask, scan_slice, scan, region), 1, -1)
    return placed


def _outlined_slices(voxels: Array, scan: Grid, region: Grid) -> dict[int, int]:
    """Slices of the region that a mask outlines, each with the slice of the scan that it is taken from.

    Each outlined slice of the scan sets one slice of a finer region, the nearest, as in training; a
    slice of a coarser region is set by the scan's nearest slice. Should all outlined slices fall
    between those of the region, the nearest of them sets one.
    """
    outlined = np.flatnonzero(voxels.any(axis=(1, 2)))
    # Axes of region and scan are parallel, so each coordinate depends on one index only.
    to_scan = np.linalg.inv(scan.affine) @ region.affine
    z = to_scan[0, 0] * np.arange(region.shape[0]) + to_scan[0, 3]
    half_a_slice = abs(to_scan[0, 0]) / 2 + 1e-6
    nearest = np.rint(z).astype(int)
    met = np.isin(nearest, outlined) & (np.abs(z - nearest) <= half_a_slice)
    if met.any():
        return {int(n): int(nearest[n]) for n in np.flatnonzero(met)}
    distance = np.abs(z[:, None] - outlined)
    index, other = np.unravel_index(int(distance.argmin()), distance.shape)
    return {int(index): int(outlined[other])} if distance[index, other] <= half_a_slice else {}


def _outline_on_region(mask: Mask, scan_slice: int, scan: Grid, region: Grid) -> Array:
    """Boolean (y, x): a slice of a mask on the pixels of the region, made as training makes its targets.

    What is too small for these pixels keeps the ones that are nearest to it.
    """
    outline = mask.volume.voxels[scan_slice] > 0
    to_scan = np.linalg.inv(scan.affine) @ region.affine
    to_scan[0, 3] = 0.0  # the region's first slice, moved onto the outlined one
    on_slice = Grid((1, *region.shape[1:]), to_scan)
    pixels = resample(outline[None], Grid((1, *scan.shape[1:]), np.eye(4)), on_slice, outside=0.0)[0] > 0.5
    if not pixels.any():
        drawn = np.insert(np.argwhere(outline), 0, 0, axis=1).astype(float)
        nearest = on_slice.to_index(drawn)
        y, x = np.rint(nearest[on_slice.contains(nearest)]).astype(int).T[1:]
        pixels[y, x] = True
    return np.asarray(pixels)


def _merged(masks: list[Array]) -> Array | None:
    if not masks:
        return None
    merged = masks[0].copy()
    for mask in masks[1:]:
        unsaid = ~merged.any(axis=(1, 2))
        merged[unsaid] = mask[unsaid]
    return merged
