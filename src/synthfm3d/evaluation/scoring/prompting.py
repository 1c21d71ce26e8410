"""Simulate prompts from the true mask; methods know the truth only through them."""

from dataclasses import dataclass

import numpy as np

from synthfm3d.evaluation.protocol import (
    BOX_JITTER,
    NEGATIVE_CLICKS,
    NEGATIVE_MARGIN,
    PromptName,
)
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt
from synthfm3d.prompts.simulation import (
    SliceRule,
    innermost_point,
    points_inside,
    points_outside,
    ruled_slice,
    tight_box,
    uniformly_jittered,
    without_stray_components,
)
from synthfm3d.segmentation.slices import working_form
from synthfm3d.volume import Array, Grid, Position, ThirdAxis, Volume, foreground_corners, on_grid_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptSlice:
    """The slice on which prompts are simulated: its index and outline (y, x) in the working form."""

    native: Grid
    working: Grid
    third_axis: ThirdAxis
    index: int
    outline: Array

    @property
    def innermost_mm(self) -> Position:
        """The pixel farthest from the border of the outline, in RAS mm."""
        return self.position_mm(np.array(innermost_point(self.outline)))

    def position_mm(self, pixel: Array) -> Position:
        """RAS mm of a pixel (y, x) of the slice."""
        r, a, s = self.working.to_mm(np.array([self.index, *pixel]))
        return float(r), float(a), float(s)


def prompt_slice(reference: Volume, rule: SliceRule = "largest", key_frame: int | None = None) -> PromptSlice:
    """The slice of a true mask that is prompted, without stray components; ValueError if it is empty.

    ``key_frame`` is used instead of the rule if the structure is visible on it.
    """
    working = working_form(reference)
    low, high = foreground_corners(working.voxels)  # cleaning only this part is faster
    part = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    cleaned = without_stray_components(working.voxels[part])
    index = ruled_slice(cleaned, rule)
    if key_frame is not None and low[0] <= key_frame <= high[0] and cleaned[key_frame - low[0]].any():
        index = key_frame - int(low[0])
    outline = np.zeros(working.voxels.shape[1:], bool)
    outline[part[1:]] = cleaned[index]
    return PromptSlice(
        native=reference.grid,
        working=working.grid,
        third_axis=reference.third_axis,
        index=int(low[0]) + index,
        outline=outline,
    )


def simulated_prompts(
    name: PromptName, prompted: PromptSlice, draw: np.random.Generator
) -> tuple[Prompt, ...]:
    """The prompts of a name, as ``Protocol.words`` describes them."""
    outline = prompted.outline
    match name:
        case "point":
            return (Point(position_mm=prompted.innermost_mm),)
        case "3-points" | "5-points":
            return _clicks(prompted, points_inside(outline, int(name[0]), draw), positive=True)
        case "point-negative":
            outside = points_outside(outline, NEGATIVE_CLICKS, NEGATIVE_MARGIN)
            return (Point(position_mm=prompted.innermost_mm), *_clicks(prompted, outside, positive=False))
        case "box":
            return (_box(prompted, tight_box(outline)),)
        case "jittered-box":
            return (_box(prompted, uniformly_jittered(tight_box(outline), BOX_JITTER, outline.shape, draw)),)
        case "mask":
            return (_mask(prompted),)


def _clicks(prompted: PromptSlice, pixels: Array, *, positive: bool) -> tuple[Point, ...]:
    return tuple(Point(position_mm=prompted.position_mm(pixel), positive=positive) for pixel in pixels)


def _box(prompted: PromptSlice, corners: Array) -> Box:
    corner, opposite = corners
    return Box(corner_mm=prompted.position_mm(corner), opposite_mm=prompted.position_mm(opposite))


def _mask(prompted: PromptSlice) -> Mask:
    voxels = np.zeros(prompted.working.shape, np.uint8)
    voxels[prompted.index] = prompted.outline
    outlined = Volume(voxels=voxels, affine=prompted.working.affine, third_axis=prompted.third_axis)
    return Mask(volume=on_grid_of(outlined, prompted.native))
