"""Frames over time become slices that a model takes as they are: evenly apart, none between two others."""

from dataclasses import replace

import numpy as np

from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt
from synthfm3d.regions import SLICE_SPACING_RANGE
from synthfm3d.volume import Grid, Position, Volume


def as_slices(volume: Volume) -> Volume:
    """A sequence with its frames as far apart as slices of a region are; a scan in space as it is.

    What a file says about the third axis of a sequence is no distance, and may be anything.
    """
    if volume.third_axis == "space":
        return volume
    affine = volume.affine.copy()
    normal = np.cross(affine[:3, 1], affine[:3, 2])
    normal *= np.sign(normal @ affine[:3, 0]) or 1.0
    step = float(np.mean(SLICE_SPACING_RANGE)) * min(volume.spacing_mm[1:])
    affine[:3, 0] = normal / np.sqrt((normal**2).sum()) * step
    slices = replace(volume, affine=affine)
    return volume if slices.grid.same_as(volume.grid) else slices


def moved(prompt: Prompt, scan: Grid, slices: Grid) -> Prompt:
    """A prompt on the same voxels of another grid of the same shape."""

    def place(position_mm: Position) -> Position:
        r, a, s = (float(v) for v in slices.to_mm(scan.to_index(np.array(position_mm))))
        return r, a, s

    match prompt:
        case Point():
            return replace(prompt, position_mm=place(prompt.position_mm))
        case Box():
            return Box(corner_mm=place(prompt.corner_mm), opposite_mm=place(prompt.opposite_mm))
        case Mask():
            return Mask(volume=replace(prompt.volume, affine=slices.affine))
