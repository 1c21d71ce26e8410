"""A scribble is a stroke inside (or outside) the object, not its outline: it becomes clicks along it."""

import numpy as np

from synthfm3d.prompts.prompt import Point
from synthfm3d.volume import Array, Volume

MOST_CLICKS = 8
"""Training shows a model up to a handful of clicks; more say nothing new."""


def clicks_of(scribble: Volume, *, positive: bool = True, most: int = MOST_CLICKS) -> list[Point]:
    """Clicks spread over the non-zero voxels of a scribble, at most ``most`` of them.

    Raises ValueError for an empty scribble.
    """
    drawn = np.argwhere(scribble.voxels)
    if not len(drawn):
        raise ValueError("the scribble is empty: it holds no voxel other than zero.")
    return clicks_along(scribble.grid.to_mm(drawn), positive=positive, most=most)


def clicks_along(places: Array, *, positive: bool = True, most: int = MOST_CLICKS) -> list[Point]:
    """Clicks spread over the places (n, 3), RAS mm, that a stroke went through, at most ``most`` of them.

    The first lies nearest to the stroke's middle; each of the others is the place farthest, in mm, from
    all before it.
    """
    nearest = np.square(places - places.mean(axis=0)).sum(axis=1)
    chosen = [int(nearest.argmin())]
    distance = np.square(places - places[chosen[0]]).sum(axis=1)
    while len(chosen) < most and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(places - places[chosen[-1]]).sum(axis=1))
    positions = ((float(r), float(a), float(s)) for r, a, s in places[chosen])
    return [Point(position_mm=position, positive=positive) for position in positions]
