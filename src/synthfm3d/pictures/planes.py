"""Three orthogonal planes of a volume, in the convention of radiology; and frames of a sequence in time.

The patient's right is on the left of the picture, anterior or superior is at the top, and sagittal planes
look to the left. Voxels keep their physical proportions. Grey values are interpolated for display. Masks are
not, so outlines follow the voxels that were scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from synthfm3d.pictures.overlay import (
    FILL,
    MARK_COLOUR,
    OUTLINE_PX,
    Colour,
    grey,
    in_colour,
    overlay,
    with_cross,
    with_rectangle,
)
from synthfm3d.pictures.sheet import BACKGROUND, INK, font
from synthfm3d.volume import Array, Grid, Volume

_GAP = 4
"""Pixels between planes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A mask or label map drawn over an image.

    Parameters
    ----------
    labels
        Label map (0 = nothing) on the grid of the image it lies over.
    colour
        One colour for all labels; None: a colour for each label (``label_colour``).
    fill
        Opacity of the inside, 0 (outline only) to 1.
    outline_px
        Thickness of the outline in picture pixels, drawn inside the region; 0 for none.
    """

    labels: Volume
    colour: Colour | None = None
    fill: float = FILL
    outline_px: int = OUTLINE_PX

    def check_on(self, image: Volume) -> None:
        """Raise ValueError unless the layer lies on the grid of ``image``."""
        if not self.labels.grid.same_as(image.grid):
            raise ValueError("a layer must lie on the grid of the image that it is drawn over.")

    def over(self, picture: Array, part: Array) -> Array:
        """Draw a part of the labels, (row, column) like the picture, with the colours of the layer."""
        return overlay(picture, part, colour=self.colour, fill=self.fill, outline_px=self.outline_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cross:
    """A click, drawn as a cross on the planes that pass through its voxel; position in RAS mm."""

    position_mm: tuple[float, float, float]
    colour: Colour = MARK_COLOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A box, drawn as a rectangle around its corner voxels on the planes that cut it; corners in RAS mm."""

    corner_mm: tuple[float, float, float]
    opposite_mm: tuple[float, float, float]
    colour: Colour = MARK_COLOUR


Mark = Cross | Rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plane:
    """The orientation of one plane of an axial volume (z to Superior, y to Posterior, x to Left)."""

    axis: int
    """Array axis across the plane."""
    row: int
    column: int
    """Array axes that run down and to the right in the picture."""
    upwards: bool
    """Whether the row axis runs up instead of down."""
    letters: tuple[str, str, str, str]
    """Top, bottom, left, right."""


_AXIAL = _Plane(axis=0, row=1, column=2, upwards=False, letters=("A", "P", "R", "L"))
_CORONAL = _Plane(axis=1, row=0, column=2, upwards=True, letters=("S", "I", "R", "L"))
_SAGITTAL = _Plane(axis=2, row=0, column=1, upwards=True, letters=("S", "I", "A", "P"))


def three_planes(
    image: Volume,
    centre_mm: tuple[float, float, float],
    window: tuple[float, float],
    *,
    layers: Sequence[Layer] = (),
    marks: Sequence[Mark] = (),
    field_of_view_mm: float | None = None,
    height_px: int = 240,
) -> Array:
    """Axial, coronal and sagittal planes through a point, side by side at the same physical scale.

    Parameters
    ----------
    image
        Scan in any storage order; its third axis must be space.
    centre_mm
        Point in RAS mm. The planes pass through the nearest voxel of the scan.
    window
        Values (low, high) shown as black and white.
    layers
        Label maps on the grid of the image, drawn in this order.
    marks
        Crosses and rectangles, drawn over the layers.
    field_of_view_mm
        Side of the shown part around the point; None: the whole scan.
    height_px
        Height of the picture.

    Returns
    -------
    uint8 (``height_px``, width, 3).
    """
    if image.third_axis == "time":
        raise ValueError("a cine sequence has no three planes: its third axis is time.")
    for layer in layers:
        layer.check_on(image)
    scan = image.axial()
    labels = [layer.labels.axial().voxels for layer in layers]
    shape, spacing = np.array(scan.voxels.shape), np.array(scan.spacing_mm)
    centre = np.clip(np.round(scan.grid.to_index(np.array(centre_mm))), 0, shape - 1)
    low, high = _window_of_view(centre, shape, spacing, field_of_view_mm)
    extent_mm = (high - low) * spacing
    scale = height_px / float(max(extent_mm[0], extent_mm[1]))

    panes = []
    for plane in (_AXIAL, _CORONAL, _SAGITTAL):
        view = _View(plane=plane, low=low, high=high, scale=scale * spacing)
        at = int(centre[plane.axis])
        pane = view.cut(grey(np.take(scan.voxels, at, axis=plane.axis), window), smooth=True)
        for layer, voxels in zip(layers, labels, strict=True):
            part = view.cut(np.take(voxels, at, axis=plane.axis), smooth=False)
            pane = layer.over(pane, part)
        pane = in_colour(pane)
        for mark in marks:
            pane = _with_mark(pane, mark, scan.grid, view, at)
        panes.append(_with_letters(_padded(pane, height_px), plane.letters))
    return side_by_side(panes)


def _window_of_view(
    centre: Array, shape: Array, spacing: Array, field_mm: float | None
) -> tuple[Array, Array]:
    """Bounds of the shown part in fractional voxel edges (0 ... shape), shifted to stay in the scan."""
    if field_mm is None:
        return np.zeros(3), shape.astype(float)
    size = np.minimum(shape, np.maximum(field_mm / spacing, 1.0))
    low = np.clip(centre + 0.5 - size / 2, 0, shape - size)
    return low, low + size


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The mapping from a plane's voxels to the pixels of its picture."""

    plane: _Plane
    low: Array
    high: Array
    """(3,) bounds of the shown part, in voxel edges (voxel i covers i ... i + 1)."""
    scale: Array
    """(3,) picture pixels per voxel."""

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        extent = np.maximum(1, np.round((self.high - self.low) * self.scale)).astype(int)
        return int(extent[self.plane.column]), int(extent[self.plane.row])

    def cut(self, pixels: Array, *, smooth: bool) -> Array:
        """The shown part of a slice (row axis, column axis) at picture resolution, the right way up."""
        row, column = self.plane.row, self.plane.column
        left, upper = float(self.low[column]), float(self.low[row])
        right, lower = float(self.high[column]), float(self.high[row])
        source = Image.fromarray(pixels if smooth else pixels.astype(np.int32))
        method = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
        result = np.asarray(source.resize(self.size(), method, box=(left, upper, right, lower)))
        return result[::-1] if self.plane.upwards else result

    def position(self, edges: Array) -> tuple[float, float]:
        """(x, y) pixel of a place given in voxel edges (z, y, x)."""
        width, height = self.size()
        row, column = self.plane.row, self.plane.column
        x = (edges[column] - self.low[column]) / (self.high[column] - self.low[column]) * width
        y = (edges[row] - self.low[row]) / (self.high[row] - self.low[row]) * height
        return float(x), float(height - y if self.plane.upwards else y)


def _with_mark(pane: Array, mark: Mark, scan: Grid, view: _View, at: int) -> Array:
    """The pane with a mark drawn on it, if it touches this plane (voxel ``at`` across it)."""
    across = view.plane.axis
    if isinstance(mark, Cross):
        index = scan.to_index(np.array(mark.position_mm))
        if round(index[across]) != at:
            return pane
        return with_cross(pane, view.position(index + 0.5), mark.colour)
    corners = np.round(scan.to_index(np.array([mark.corner_mm, mark.opposite_mm])))
    lower, upper = corners.min(axis=0), corners.max(axis=0)
    if not lower[across] <= at <= upper[across]:
        return pane
    return with_rectangle(pane, view.position(lower), view.position(upper + 1), mark.colour)


def _with_letters(pane: Array, letters: tuple[str, str, str, str]) -> Array:
    """The pane with orientation letters at its top, bottom, left and right edge."""
    image = Image.fromarray(pane)
    draw = ImageDraw.Draw(image)
    width, height = image.size
    positions = (
        (width / 2, 3, "mt"),
        (width / 2, height - 4, "mb"),
        (4, height / 2, "lm"),
        (width - 4, height / 2, "rm"),
    )
    for letter, (x, y, anchor) in zip(letters, positions, strict=True):
        draw.text((x, y), letter, INK, font(12), anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(image)


def _padded(pane: Array, height: int) -> Array:
    above = (height - pane.shape[0]) // 2
    return np.pad(pane, ((above, height - pane.shape[0] - above), (0, 0), (0, 0)))


def side_by_side(panes: Sequence[Array]) -> Array:
    """Pictures, uint8 (row, column, 3) of the same height, in a row with gaps between them."""
    gap = np.full((panes[0].shape[0], _GAP, 3), BACKGROUND, np.uint8)
    parts = [part for pane in panes for part in (gap, pane)]
    return np.concatenate(parts[1:], axis=1)


def frames_in_time(
    image: Volume,
    window: tuple[float, float],
    *,
    layers: Sequence[Layer] = (),
    count: int = 3,
    height_px: int = 240,
) -> Array:
    """The middle frames of ``count`` equal parts of a sequence, and the middle column over time.

    The last pane is like an M-mode: it shows the middle column of every frame, with time to the right. A
    frame is as wide as a pixel is high. In the other panes, pixels keep their proportions.

    Returns
    -------
    uint8 (``height_px``, width, 3).
    """
    for layer in layers:
        layer.check_on(image)
    depth, height, width = image.voxels.shape
    _, pixel_y, pixel_x = image.spacing_mm
    scale = height_px / height
    frame_size = (max(1, round(width * pixel_x / pixel_y * scale)), height_px)
    pieces = [(np.s_[int((n + 0.5) * depth / count)], frame_size) for n in range(count)]
    column = np.s_[:, :, width // 2]
    panes = [_pane(image, piece, size, window, layers, False) for piece, size in pieces]
    panes.append(_pane(image, column, (max(1, round(depth * scale)), height_px), window, layers, True))
    return side_by_side(panes)


def _pane(
    image: Volume,
    piece: int | tuple[slice | int, ...],
    size: tuple[int, int],
    window: tuple[float, float],
    layers: Sequence[Layer],
    transposed: bool,
) -> Array:
    """One cut through a sequence at the resolution of the picture; only grey values are interpolated."""

    def cut(voxels: Array, method: Image.Resampling) -> Array:
        plane = voxels[piece].T if transposed else voxels[piece]
        return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, method))

    picture = cut(grey(image.voxels, window), Image.Resampling.BICUBIC)
    for layer in layers:
        part = cut(layer.labels.voxels.astype(np.int32), Image.Resampling.NEAREST)
        picture = layer.over(picture, part)
    return in_colour(picture)
