"""Prompts in millimetres are checked and placed on the voxels of a scan, once, before anything else."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Prompt, Scribble, box_voxels, is_positive
from synthfm3d.prompts.scribble import filled, voxels_of_line
from synthfm3d.segmentation.placed_prompts import PlacedPrompts
from synthfm3d.segmentation.prompt_kinds import (
    PlacedBox,
    PlacedMask,
    PlacedPoint,
    PlacedPrompt,
    PlacedScribble,
)
from synthfm3d.volume import Array, Grid, Position, on_grid_of


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
            return PlacedMask(on_grid_of(prompt.volume, grid).voxels, prompt.exact)
        case Scribble():
            return PlacedScribble(_stroke_voxels(prompt, grid), grid.spacing_mm, prompt.positive)
        case Lasso():
            return PlacedMask(_enclosed(prompt, grid), exact=False)


def _stroke_voxels(scribble: Scribble, grid: Grid) -> Array:
    """Voxels (n, 3) that a scribble passes on a grid that it lies in."""
    places = grid.to_index(np.array(scribble.positions_mm))
    try:
        voxels = voxels_of_line(places) if scribble.joined else np.unique(np.rint(places).astype(int), axis=0)
    except ValueError as error:
        raise InputError(f"the scribble cannot be used: {error}") from error
    return np.clip(voxels, 0, np.array(grid.shape) - 1)


def _enclosed(lasso: Lasso, grid: Grid) -> Array:
    """Boolean (z, y, x): the voxels of a slice that a lasso encloses on a grid that it lies in."""
    places = grid.to_index(np.array(lasso.positions_mm))
    axis = _plane_axis(places)
    if axis is None:
        raise InputError(
            "the lasso does not lie in one slice of the scan: draw it across one of the scan's axes."
        )
    voxels = np.zeros(grid.shape, bool)
    index = int(np.clip(np.rint(places[:, axis].mean()), 0, grid.shape[axis] - 1))
    section = np.moveaxis(voxels, axis, 0)[index]
    section[:] = filled(np.delete(places, axis, axis=1), (section.shape[0], section.shape[1]))
    return voxels


def _plane_axis(places: Array) -> int | None:
    """The axis across which fractional voxels (n, 3) lie in one slice; None if there is none."""
    thickness = np.ptp(places, axis=0)
    axis = int(thickness.argmin())
    return axis if thickness[axis] < 1 - 1e-6 else None


def checked_prompts(prompts: Sequence[Prompt], scan: Grid, *, correcting: bool = False) -> list[Prompt]:
    """The prompts, with masks in the axis order of the scan.

    Prompts that correct an earlier mask may be negative clicks alone.

    Raises
    ------
    InputError
        Nothing says where the object is; a prompt lies outside the scan; a mask is empty or on another
        grid; a lasso does not lie in a slice.
    """
    if not correcting and not any(is_positive(prompt) for prompt in prompts):
        raise InputError("nothing says where the object is: give a positive point, a box or a mask.")
    checked = list(prompts)
    for number, prompt in enumerate(prompts):
        match prompt:
            case Mask():
                checked[number] = _checked_mask(prompt, scan)
            case Point():
                _check_inside("point", [prompt.position_mm], scan)
            case Box():
                _check_inside("box corner", [prompt.corner_mm, prompt.opposite_mm], scan)
            case Scribble():
                _check_inside("position of the scribble", prompt.positions_mm, scan)
                _stroke_voxels(prompt, scan)
            case Lasso():
                _check_inside("corner of the lasso", prompt.positions_mm, scan)
                _enclosed(prompt, scan)
    return checked


def _checked_mask(prompt: Mask, scan: Grid) -> Mask:
    if not prompt.volume.voxels.any():
        raise InputError("the mask prompt is empty: draw the object on at least one slice.")
    try:
        return replace(prompt, volume=on_grid_of(prompt.volume, scan))
    except ValueError as error:
        raise InputError(f"the mask prompt must lie on the voxels of the scan: {error}") from error


def _check_inside(what: str, positions_mm: Sequence[Position], scan: Grid) -> None:
    indices = scan.to_index(np.array(positions_mm))
    inside = np.isfinite(indices).all(axis=1) & scan.contains(indices)
    if inside.all():
        return
    first = int(inside.argmin())
    position_mm, index = positions_mm[first], indices[first]
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
