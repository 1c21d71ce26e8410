"""Two trivial methods that never look at the image: the bar that every model must clear.

A Dice without them says little: an ellipsoid drawn from a good box, or a good slice copied to its
neighbours, already overlaps most organs by half. Both grow from one prompted slice through the
plane by the same length, the smaller in-plane half-width of the prompt, taken in millimetres: seen
through a square box, an object is guessed to be as deep as it is wide. (The prototype's "half the
smaller half-width" counted voxels of a grid whose slices were 1.5 to 2.5 pixels apart, which comes
to the same length.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthfm3d.evaluation.method import PromptKind
from synthfm3d.prompts.prompt import Box, Mask, Prompt, box_on_grid
from synthfm3d.volume import Array, Volume

SHRINKING_REACH = 1.2
"""Depth of the shrinking mask over the smaller in-plane half-width of the prompted slice."""


@dataclass(frozen=True, slots=True)
class EllipsoidFromBox:
    r"""The solid ellipsoid inscribed in a box, :math:`\sum_n (d_n / r_n)^2 \le 1` in millimetres.

    A box on a slice gives two semi-axes (half its width in mm, both border voxels included); the
    third, through the plane, equals the smaller of the two. A 3-D box gives all three.
    """

    name: str = "ellipsoid from box"
    accepts: frozenset[PromptKind] = frozenset({"box"})

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        """Ellipsoid on the grid of ``volume``; raises ValueError unless the prompt is one box."""
        if len(prompts) != 1 or not isinstance(prompts[0], Box):
            raise ValueError("the ellipsoid is defined for exactly one box.")
        spacing = np.array(volume.spacing_mm)
        corners = np.round(box_on_grid(prompts[0], volume.grid))
        semi_axes = _half_widths_mm(corners, spacing)
        flat = _flat_axis(corners, spacing)
        if flat is not None:
            semi_axes[flat] = np.delete(semi_axes, flat).min()
        distance = sum(
            np.square((index - centre) * step / radius)
            for index, centre, step, radius in zip(
                np.ogrid[tuple(slice(n) for n in volume.voxels.shape)],
                corners.mean(axis=0),
                spacing,
                semi_axes,
                strict=True,
            )
        )
        return volume.with_voxels((distance <= 1).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class ShrinkingMask:
    r"""The outlined slice copied to its neighbours, smaller and smaller.

    At a distance :math:`h` mm through the plane the mask keeps the pixels deeper than
    :math:`d_{max} (1 - \sqrt{1 - (h / H)^2})` below its border, where :math:`d` is the in-plane
    distance to the background in mm and :math:`H` = 1.2 × the smaller in-plane half-width of the
    outline. A disc of radius R becomes the ellipsoid with semi-axes R, R and 1.2 R.
    """

    name: str = "shrinking mask"
    accepts: frozenset[PromptKind] = frozenset({"mask"})

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        """Mask on the grid of ``volume``; raises ValueError unless the prompt is one mask on one slice."""
        if len(prompts) != 1 or not isinstance(prompts[0], Mask):
            raise ValueError("the shrinking mask is defined for exactly one mask.")
        if not prompts[0].volume.grid.same_as(volume.grid):
            raise ValueError("the mask prompt must lie on the grid of the scan.")
        outlined = prompts[0].volume.voxels > 0
        inside = np.argwhere(outlined)
        if not len(inside):
            raise ValueError("the mask prompt is empty: there is nothing to shrink.")
        spacing = np.array(volume.spacing_mm)
        corners = np.stack([inside.min(axis=0), inside.max(axis=0)]).astype(np.float64)
        axis = _flat_axis(corners, spacing)
        if axis is None:
            raise ValueError("the shrinking mask is defined for an outline on one slice only.")

        at = int(corners[0, axis])
        # One pixel of background around, so that the border of the scan is a border of the object.
        slice_mask = np.pad(np.take(outlined, at, axis=axis), 1)
        depth_mm = ndimage.distance_transform_edt(slice_mask, sampling=np.delete(spacing, axis))[1:-1, 1:-1]
        reach_mm = SHRINKING_REACH * np.delete(_half_widths_mm(corners, spacing), axis).min()
        height = (np.arange(volume.voxels.shape[axis]) - at) * spacing[axis] / reach_mm
        # Beyond the reach the threshold is the greatest depth itself, which no pixel exceeds.
        threshold_mm = depth_mm.max() * (1 - np.sqrt(np.maximum(0, 1 - height**2)))
        mask = depth_mm[None] > threshold_mm[:, None, None]
        return volume.with_voxels(np.moveaxis(mask, 0, axis).astype(np.uint8))


def _half_widths_mm(corners: Array, spacing_mm: Array) -> Array:
    """Half the extent of an inclusive box (2, 3) along each axis, both border voxels included."""
    return np.asarray((corners[1] - corners[0] + 1) * spacing_mm / 2)


def _flat_axis(corners: Array, spacing_mm: Array) -> int | None:
    """Axis across a box (2, 3) that is one voxel thick, None for a 3-D box.

    Of several such axes, the one with the largest spacing: slices are thicker than pixels.
    """
    flat = corners[0] == corners[1]
    return int(np.where(flat, spacing_mm, 0).argmax()) if flat.any() else None
