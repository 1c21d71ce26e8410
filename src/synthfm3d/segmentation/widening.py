"""Clicks that show an object to be larger than the view in which it was found."""

from collections.abc import Sequence

import numpy as np

from synthfm3d.prompts.prompt import Prompt
from synthfm3d.regions import LEAST_FIELD_OF_VIEW_PER_EXTENT, OUTLINE_SCALE
from synthfm3d.segmentation.correction import is_positive, middle_voxel
from synthfm3d.segmentation.look import ModelOnScan
from synthfm3d.segmentation.zoom import field_of_view_limits, fitting, measured
from synthfm3d.volume import Array


def outgrown(
    model: ModelOnScan, prompts: Sequence[Prompt], corrections: Sequence[Prompt], field_of_view_mm: float
) -> bool:
    """Whether positive prompts lie too far apart for the view in which the object was found.

    Then the scale was wrong, and so is the mask: the object should be looked for anew.
    """
    section = _marked(model, prompts, corrections, field_of_view_mm)
    if not section.any():
        return False
    _, extent_mm = measured(section, model.scan.grid, 0)
    return extent_mm * LEAST_FIELD_OF_VIEW_PER_EXTENT > field_of_view_mm


def widened(
    model: ModelOnScan,
    logits: Array,
    prompts: Sequence[Prompt],
    corrections: Sequence[Prompt],
    field_of_view_mm: float,
) -> float:
    """Field of view for corrections, mm: wider than before where training never saw an object fill it so.

    The object is at least what the mask (log-odds (z, y, x) on the scan) and the positive prompts are
    together on a corrected slice.
    """
    grid = model.scan.grid
    section = _marked(model, prompts, corrections, field_of_view_mm)
    section |= logits[round(float(middle_voxel(corrections[-1], grid)[0]))] > 0
    if not section.any():
        return field_of_view_mm
    _, extent_mm = measured(section, grid, 0)
    if OUTLINE_SCALE[0] * extent_mm <= field_of_view_mm:
        return field_of_view_mm
    limits = field_of_view_limits(grid, model.model.grid_shape, extent_mm)
    return max(field_of_view_mm, fitting(extent_mm, limits))


def _marked(
    model: ModelOnScan, prompts: Sequence[Prompt], corrections: Sequence[Prompt], field_of_view_mm: float
) -> Array:
    """Boolean (y, x): the middles of the positive prompts that a view around a correction would show."""
    grid = model.scan.grid
    corrected = np.array([middle_voxel(prompt, grid)[0] for prompt in corrections])
    region = model.region(grid.to_mm(np.array([corrected[-1], 0, 0])), field_of_view_mm)
    half = region.shape[0] * region.spacing_mm[0] / grid.spacing_mm[0] / 2
    section = np.zeros(grid.shape[1:], bool)
    for prompt in prompts:
        middle = middle_voxel(prompt, grid)
        if is_positive(prompt) and (np.abs(middle[0] - corrected) <= half).any():
            y, x = np.clip(np.rint(middle[1:]).astype(int), 0, np.array(section.shape) - 1)
            section[y, x] = True
    return section
