"""One slice as a picture: grey values with coloured regions, crosses and rectangles."""

import numpy as np
from PIL import Image, ImageDraw

from synthfm3d.volume import Array

Colour = tuple[int, int, int]

PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (0, 158, 115),  # bluish green
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermillion
    (204, 121, 167),  # reddish purple
    (0, 114, 178),  # blue
)
"""Colours that colour-blind people can tell apart: Okabe & Ito, Color Universal Design (2008)."""

MARK_COLOUR: Colour = (255, 230, 0)
FILL = 0.35
"""Default opacity of a region; the tissue below it stays visible."""
OUTLINE_PX = 2
"""Default thickness of the outline in pixels."""


def label_colour(value: int) -> Colour:
    """Colour of a label value: the palette, then its lighter hues, then its darker hues, then repeated."""
    turn, index = divmod(value - 1, len(PALETTE))
    tint = ((0, 0.0), (255, 0.45), (0, 0.4))[turn % 3]
    red, green, blue = (round(c + (tint[0] - c) * tint[1]) for c in PALETTE[index])
    return red, green, blue


def grey(voxels: Array, window: tuple[float, float]) -> Array:
    """Values mapped linearly from ``window`` (low, high) to 0 ... 255 and clipped; uint8, same shape."""
    low, high = window
    if not high > low:
        raise ValueError(f"the window's upper bound must exceed its lower one, got {window}.")
    shade = np.clip((voxels.astype(np.float32) - low) / (high - low), 0, 1)
    return np.asarray(shade * 255 + 0.5, np.uint8)


def in_colour(picture: Array) -> Array:
    """A picture uint8 (row, column) or (row, column, 3) as (row, column, 3)."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def overlay(
    picture: Array,
    labels: Array,
    *,
    colour: Colour | None = None,
    fill: float = FILL,
    outline_px: int = OUTLINE_PX,
) -> Array:
    """A picture with the regions of a label map drawn over it, translucent and with a sharp outline.

    Parameters
    ----------
    picture
        uint8 (row, column) or (row, column, 3).
    labels
        Integers (row, column); pixels with label 0 are not changed.
    colour, fill, outline_px
        As in ``Layer``.

    Returns
    -------
    New uint8 array (row, column, 3).
    """
    base = in_colour(picture)
    values, index = np.unique(labels, return_inverse=True)
    colours = np.array([colour or label_colour(int(v)) for v in values], np.float32)
    paint = colours[index.reshape(labels.shape)]
    opacity = np.where(labels != 0, np.float32(fill), np.float32(0))
    opacity[_outline(labels, outline_px)] = 1
    return (base + (paint - base) * opacity[..., None] + 0.5).astype(np.uint8)


def _outline(labels: Array, thickness: int) -> Array:
    """Pixels of regions within ``thickness`` steps (4 neighbours) of another region; bool."""
    core = labels
    for _ in range(thickness):
        around = np.pad(core, 1, mode="edge")
        neighbours = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
        core = np.where(np.all([neighbour == core for neighbour in neighbours], axis=0), core, 0)
    return np.asarray((labels != 0) & (core == 0))


def with_cross(
    picture: Array, position: tuple[float, float], colour: Colour = MARK_COLOUR, arm: int = 7
) -> Array:
    """A copy of the picture with a cross with a black outline at (x, y) pixels."""
    x, y = (int(p) for p in position)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for reach, width, ink in ((arm + 1, 4, (0, 0, 0)), (arm, 2, colour)):
        draw.rectangle((x - reach, y - width // 2, x + reach - 1, y + width // 2 - 1), fill=ink)
        draw.rectangle((x - width // 2, y - reach, x + width // 2 - 1, y + reach - 1), fill=ink)
    return np.asarray(image)


def with_rectangle(
    picture: Array, corner: tuple[float, float], opposite: tuple[float, float], colour: Colour = MARK_COLOUR
) -> Array:
    """A copy of the picture with a rectangle with a black outline between two corners (x, y) in pixels."""
    (left, right), (top, bottom) = (
        sorted(round(p) for p in pair) for pair in zip(corner, opposite, strict=True)
    )
    right, bottom = max(right - 1, left), max(bottom - 1, top)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=(0, 0, 0), width=1)
    draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), outline=(0, 0, 0), width=1)
    draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), outline=colour, width=1)
    return np.asarray(image)
