"""Two trivial methods that do not use the image. A model that scores no higher gains nothing from the image.

An ellipsoid drawn from a good box, or a good slice copied to its neighbours, already overlaps most organs by
half. Both methods extend the prompted slice through the plane by the same length, the smaller in-plane
half-width of the prompt in millimetres: they assume that an object is as deep as it is wide. The axis across
the slices is chosen as for models (``segmentation.slices``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthfm3d.evaluation.methods.method import Restarting
from synthfm3d.prompts.prompt import Box, Mask, Prompt, PromptKind, box_voxels
from synthfm3d.segmentation.slices import working_form
from synthfm3d.volume import Array, Volume, foreground_corners, on_grid_of

SHRINKING_REACH = 1.2
"""Depth of the shrinking mask over the smaller in-plane half-width of the prompted slice."""


@dataclass(frozen=True)
class EllipsoidFromBox(Restarting):
    r"""The solid ellipsoid inscribed in a box, :math:`\sum_n (d_n / r_n)^2 \le 1` in millimetres.

    A box on a slice gives two semi-axes (half its width in mm, both border voxels included); the
    third, through the plane, equals the smaller of the two. A 3-D box gives all three.
    """

    name: str = "ellipsoid from box"
    accepts: frozenset[PromptKind] = frozenset({"box"})

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        """Ellipsoid on the grid of ``scan``; raises ValueError unless the prompt is one box."""
        if len(prompts) != 1 or not isinstance(prompts[0], Box):
            raise ValueError("the ellipsoid is defined for exactly one box.")
        working = working_form(scan, prompts)
        spacing = np.array(working.spacing_mm)
        corners = box_voxels(prompts[0], working.grid)
        semi_axes = _half_widths_mm(corners, spacing)
        if corners[0, 0] == corners[1, 0]:
            semi_axes[0] = semi_axes[1:].min()
        distance = sum(
            np.square((index - centre) * step / radius)
            for index, centre, step, radius in zip(
                np.ogrid[tuple(slice(n) for n in working.voxels.shape)],
                corners.mean(axis=0),
                spacing,
                semi_axes,
                strict=True,
            )
        )
        return on_grid_of(working.with_voxels((distance <= 1).astype(np.uint8)), scan.grid)


@dataclass(frozen=True)
class ShrinkingMask(Restarting):
    r"""The outlined slice copied to its neighbours, smaller and smaller.

    At a distance :math:`h` mm through the plane the mask keeps the pixels deeper than
    :math:`d_{max} (1 - \sqrt{1 - (h / H)^2})` below its border, where :math:`d` is the in-plane
    distance to the background in mm and :math:`H` = 1.2 × the smaller in-plane half-width of the
    outline. A disc of radius R becomes the ellipsoid with semi-axes R, R and 1.2 R.
    """

    name: str = "shrinking mask"
    accepts: frozenset[PromptKind] = frozenset({"mask"})

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        """Mask on the grid of ``scan``; raises ValueError unless the prompt is one mask on one slice."""
        if len(prompts) != 1 or not isinstance(prompts[0], Mask):
            raise ValueError("the shrinking mask is defined for exactly one mask.")
        working = working_form(scan, prompts)
        outlined = on_grid_of(prompts[0].volume, working.grid).voxels > 0
        corners = foreground_corners(outlined)
        at = int(corners[0, 0])
        if at != corners[1, 0]:
            raise ValueError("the shrinking mask is defined for an outline on one slice only.")

        spacing = np.array(working.spacing_mm)
        # One pixel of background around, so that the border of the scan is a border of the object.
        slice_mask = np.pad(outlined[at], 1)
        depth_mm = ndimage.distance_transform_edt(slice_mask, sampling=spacing[1:])[1:-1, 1:-1]
        reach_mm = SHRINKING_REACH * _half_widths_mm(corners, spacing)[1:].min()
        height = (np.arange(working.voxels.shape[0]) - at) * spacing[0] / reach_mm
        # Beyond the reach the threshold is the greatest depth itself, which no pixel exceeds.
        threshold_mm = depth_mm.max() * (1 - np.sqrt(np.maximum(0, 1 - height**2)))
        mask = depth_mm[None] > threshold_mm[:, None, None]
        return on_grid_of(working.with_voxels(mask.astype(np.uint8)), scan.grid)


def _half_widths_mm(corners: Array, spacing_mm: Array) -> Array:
    """Half the extent of an inclusive box (2, 3) along each axis, with both border voxels."""
    return np.asarray((corners[1] - corners[0] + 1) * spacing_mm / 2)
