"""Targets as annotators draw them: closed, in one piece, and visible.

A label of a synthetic volume differs from the outline that a person would draw. An organ's label
has holes where vessels and lesions lie. A vessel that leaves the volume and comes back is two pieces. Some
boundaries are invisible. An annotator closes the contour, outlines one piece, and does not outline what
cannot be seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthfm3d.generate import LabelledVolume
from synthfm3d.loading.shares import check_shares
from synthfm3d.metrics.contrast import boundary_contrast
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.structures import MOST_LABELS
from synthfm3d.volume import Array

_IN_PLANE = np.array([[[False, True, False], [True, True, True], [False, True, False]]])
_SLIT_REACH = 2
"""Pixels by which a section is widened, and narrowed again, to close clefts."""
_MARGIN = 6
"""Pixels around a target that its visibility is measured in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """Rules by which structures become targets.

    Parameters
    ----------
    whole_structure
        Share of targets that are all labels of their structure, wall and content together.
    least_voxels
        Smallest target.
    least_contrast
        Smallest contrast-to-noise ratio that some part of the boundary must certainly have.
    least_median_contrast
        Smallest median contrast-to-noise ratio of the parts of the boundary.
    most_invisible
        Largest share of the boundary with a contrast-to-noise ratio below 0.3.
    wall
        A single label whose closed contour holds so large a share of other voxels, on its largest slice, is a
        wall around something.
    walls_open
        Share of walls that are targets as they are, rings in each slice; the others are closed.
    """

    whole_structure: float = 0.75
    least_voxels: int = 500
    least_contrast: float = 1.0
    least_median_contrast: float = 1.0
    most_invisible: float = 0.35
    wall: float = 0.15
    walls_open: float = 0.6

    def __post_init__(self) -> None:
        check_shares(self, "whole_structure", "most_invisible", "wall", "walls_open")
        if self.least_voxels < 1 or min(self.least_contrast, self.least_median_contrast) < 0:
            raise ValueError(f"least_voxels must be 1 or more, and contrasts 0 or more, got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """A structure to be segmented.

    Parameters
    ----------
    mask
        Bool (z, y, x) on the volume.
    box
        The part of the volume that holds it.
    hollow
        Whether it is a wall around something that does not belong to it.
    """

    mask: Array
    box: tuple[slice, slice, slice]
    hollow: bool


def drawable_targets(
    volume: LabelledVolume, settings: TargetSettings, draw: np.random.Generator
) -> Iterator[Target]:
    """Targets of a volume in random order, in which larger ones tend to come first.

    A target is one label, or all labels of a structure. A user who clicks on a wall may mean the wall or the
    organ; the prompt must show which.
    """
    labels = volume.labels.voxels
    sizes = np.bincount(labels.reshape(-1), minlength=MOST_LABELS + 1)
    boxes = ndimage.find_objects(labels)
    candidates = np.flatnonzero(sizes[1:] >= settings.least_voxels) + 1
    # A volume has more vessels than organs; weights by diameter show both.
    for value in _weighted_order(candidates, np.cbrt(sizes[candidates]), draw):
        whole = draw.random() < settings.whole_structure
        family = structure_labels(volume.scene, int(value)) if whole else [int(value)]
        box = _joint_box([boxes[v - 1] for v in family if sizes[v]])
        wall_open = bool(draw.random() < settings.walls_open)
        part = largest_piece(np.isin(labels[box], family))
        closed = filled_slices(part)
        hollow = not whole and wall_open and _is_wall(part, closed, settings.wall)
        if not hollow:
            closed = filled_slices(without_slits(closed))
        part = part if hollow else closed
        if part.sum() >= settings.least_voxels and _visible(volume.image.voxels, part, box, settings):
            mask = np.zeros(labels.shape, bool)
            mask[box] = part
            yield Target(mask=mask, box=box, hollow=hollow)


def filled_slices(mask: Array) -> Array:
    """The mask (z, y, x) with the holes of each slice closed, as contours close them."""
    filled = mask.copy()
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        filled[z] = ndimage.binary_fill_holes(mask[z])
    return filled


def without_slits(mask: Array) -> Array:
    """The mask (z, y, x) with clefts up to four pixels wide closed in each slice, as around vessels."""
    reach = 2 * _SLIT_REACH
    padded = np.pad(mask, ((0, 0), (reach, reach), (reach, reach)))
    closed = ndimage.binary_closing(padded, _IN_PLANE, iterations=_SLIT_REACH)
    return np.asarray(closed[:, reach:-reach, reach:-reach])


def largest_piece(mask: Array) -> Array:
    """The largest component of a non-empty mask (z, y, x); voxels that share a face hang together."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.reshape(-1))
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())


def structure_labels(scene: Scene, value: int) -> list[int]:
    """All labels of the structure that carries a label."""
    for structure in scene.anatomy.structures:
        values = {layer.label for layer in structure.layers if layer.label}
        if value in values:
            return sorted(values)
    raise ValueError(f"label {value} belongs to no structure of the scene.")


def _is_wall(part: Array, closed: Array, least_hole: float) -> bool:
    largest = int(closed.sum(axis=(1, 2)).argmax())
    return bool(closed[largest].sum() - part[largest].sum() > least_hole * closed[largest].sum())


def _visible(image: Array, part: Array, box: tuple[slice, ...], settings: TargetSettings) -> bool:
    """Whether an annotator could follow the boundary of a mask that fills a box of the image."""
    wide = tuple(
        slice(max(0, b.start - _MARGIN), min(n, b.stop + _MARGIN))
        for b, n in zip(box, image.shape, strict=True)
    )
    around = [(b.start - w.start, w.stop - b.stop) for b, w in zip(box, wide, strict=True)]
    seen = boundary_contrast(image[wide], np.pad(part, around).view(np.uint8), 1)
    return (
        seen is not None
        and seen.certain >= settings.least_contrast
        and seen.median >= settings.least_median_contrast
        and seen.invisible_share <= settings.most_invisible
    )


def _joint_box(boxes: list[tuple[slice, ...]]) -> tuple[slice, slice, slice]:
    z, y, x = (slice(min(b[n].start for b in boxes), max(b[n].stop for b in boxes)) for n in range(3))
    return z, y, x


def _weighted_order(values: Array, weights: Array, draw: np.random.Generator) -> Array:
    """A random order in which values of greater weight tend to come first (Efraimidis and Spirakis, 2006)."""
    return np.asarray(values[np.argsort(draw.exponential(size=len(values)) / weights)])
