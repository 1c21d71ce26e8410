"""Strokes and lassos on voxels: the voxels that a line passes or encloses, and clicks that stand for them."""

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from synthfm3d.prompts.prompt import Point
from synthfm3d.volume import Array

MOST_CLICKS = 8
"""Clicks that stand for a scribble, where a model takes clicks one by one."""
MOST_STEPS = 200_000
"""Of half a voxel, along a line."""


def clicks_along(places: Array, *, positive: bool = True, most: int = MOST_CLICKS) -> list[Point]:
    """Clicks spread over the places (n, 3), RAS mm, that a stroke went through, at most ``most`` of them."""
    positions = ((float(r), float(a), float(s)) for r, a, s in places[spread(places, most)])
    return [Point(position_mm=position, positive=positive) for position in positions]


def spread(places: Array, most: int = MOST_CLICKS) -> list[int]:
    """Indices of places (n, 3) in mm, at most ``most``, that are spread over all of them.

    The first lies nearest to their middle; each of the others is the place farthest from all before it.
    """
    nearest = np.square(places - places.mean(axis=0)).sum(axis=1)
    chosen = [int(nearest.argmin())]
    distance = np.square(places - places[chosen[0]]).sum(axis=1)
    while len(chosen) < most and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(places - places[chosen[-1]]).sum(axis=1))
    return chosen


def voxels_of_line(corners: Array) -> Array:
    """Voxels (n, 3) that a line through fractional voxels (m, 3) passes, in its order, each once.

    Steps along the line are at most half a voxel. Raises ValueError for a line of more than 200,000 steps.
    """
    if 2 * np.abs(np.diff(corners, axis=0)).max(axis=1, initial=0).sum() > MOST_STEPS:
        raise ValueError("the line is too long: draw it in parts.")
    legs = [corners[:1]]
    for start, end in pairwise(corners):
        steps = max(1, int(np.ceil(2 * np.abs(end - start).max())))
        legs.append(start + (end - start) * np.linspace(0, 1, steps + 1)[1:, None])
    voxels = np.rint(np.concatenate(legs)).astype(int)
    _, first = np.unique(voxels, axis=0, return_index=True)
    return np.asarray(voxels[np.sort(first)])


def filled(corners: Array, shape: tuple[int, int]) -> Array:
    """Boolean mask of ``shape`` (y, x) of a closed line and what it encloses.

    Corners (m, 2) are rounded to pixels; the pixels on the line belong to it. Where the line crosses itself,
    what it encloses an even number of times is left out.
    """
    image = Image.new("1", (shape[1], shape[0]))
    points = [(x, y) for y, x in np.rint(corners).astype(int).tolist()]
    ImageDraw.Draw(image).polygon(points, fill=1, outline=1)
    return np.array(image, bool)
