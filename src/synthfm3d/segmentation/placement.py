"""Prompts in millimetres are checked and placed on the voxels of a scan, once, before anything else."""

from collections.abc import Sequence

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt, box_voxels, is_positive
from synthfm3d.segmentation.placed_prompts import PlacedPrompts
from synthfm3d.segmentation.prompt_kinds import PlacedBox, PlacedMask, PlacedPoint, PlacedPrompt
from synthfm3d.volume import Array, Grid, on_grid_of


def place(prompts: Sequence[Prompt], grid: Grid) -> PlacedPrompts:
    """Prompts on the voxels of a grid, which covers the same lattice as the grid of the mask prompts."""
    return PlacedPrompts(grid, tuple(_placed(prompt, grid) for prompt in prompts))


def _placed(prompt: Prompt, grid: Grid) -> PlacedPrompt:
    match prompt:
        case Point():
            return PlacedPoint(grid.to_index(np.array(prompt.position_mm)), prompt.positive)
        case Box():
            return PlacedBox(box_voxels(prompt, grid))
        case Mask():
            return PlacedMask(on_grid_of(prompt.volume, grid).voxels)


def checked_prompts(prompts: Sequence[Prompt], scan: Grid, *, correcting: bool = False) -> list[Prompt]:
    """The prompts, with masks in the axis order of the scan.

    Prompts that correct an earlier mask may be negative clicks alone.

    Raises
    ------
    InputError
        Nothing says where the object is; a point or box lies outside the scan; a mask is empty or
        on another grid.
    """
    if not correcting and not any(is_positive(prompt) for prompt in prompts):
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
