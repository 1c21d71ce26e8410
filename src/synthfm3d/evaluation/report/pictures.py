"""Pictures of scored masks: prediction filled, truth outlined, prompt marked; and the choice of pictures."""

from collections.abc import Callable, Sequence

import numpy as np

from synthfm3d.evaluation.scoring.evaluate import ScoredMask
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.pictures import (
    MARK_COLOUR,
    PALETTE,
    Cross,
    Layer,
    Mark,
    Rectangle,
    frames_in_time,
    three_planes,
)
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt
from synthfm3d.volume import Array, Volume, foreground_corners

REFERENCE_COLOUR = PALETTE[1]
PREDICTION_COLOUR = PALETTE[4]
PROMPT_COLOUR = MARK_COLOUR
NEGATIVE_COLOUR = (255, 64, 64)
_FIELD_OVER_EXTENT = 2.0
"""Side of the shown field as a multiple of the structure's extent."""
_SMALLEST_FIELD_MM = 60.0
"""A smaller field would not show the surroundings of a small structure."""
_FRAMES = 3
MOST_PICTURES_OF_ALL = 60
"""More scored masks than this are shown by the best and worst of each source, prompt and method."""


def scored_mask_picture(scored: ScoredMask, window: tuple[float, float], *, height_px: int = 200) -> Array:
    """Three planes through the innermost point of the prompt slice, zoomed to the true structure.

    Every method and prompt of a structure is shown on the same planes at the same scale. Of a sequence, some
    frames and the motion of the middle column are shown, without clicks and boxes, which are on one frame.
    """
    layers = (
        []
        if scored.prediction is None
        else [Layer(labels=scored.prediction, colour=PREDICTION_COLOUR, outline_px=1)]
    )
    layers.append(Layer(labels=scored.reference, colour=REFERENCE_COLOUR, fill=0, outline_px=2))
    layers += [outline_layer(prompt) for prompt in scored.prompts if isinstance(prompt, Mask)]
    if scored.image.third_axis == "time":
        count = min(_FRAMES, len(scored.image.voxels))
        return frames_in_time(scored.image, window, layers=layers, count=count, height_px=height_px)
    return three_planes(
        scored.image,
        scored.centre_mm,
        window,
        layers=layers,
        marks=prompt_marks(scored.prompts),
        field_of_view_mm=max(_SMALLEST_FIELD_MM, _FIELD_OVER_EXTENT * _largest_extent_mm(scored.reference)),
        height_px=height_px,
    )


def prompt_marks(prompts: Sequence[Prompt]) -> list[Mark]:
    """Clicks as crosses and boxes as rectangles; mask prompts are drawn with ``outline_layer``."""
    marks: list[Mark] = []
    for prompt in prompts:
        if isinstance(prompt, Point):
            colour = PROMPT_COLOUR if prompt.positive else NEGATIVE_COLOUR
            marks.append(Cross(position_mm=prompt.position_mm, colour=colour))
        elif isinstance(prompt, Box):
            marks.append(
                Rectangle(corner_mm=prompt.corner_mm, opposite_mm=prompt.opposite_mm, colour=PROMPT_COLOUR)
            )
    return marks


def outline_layer(prompt: Mask) -> Layer:
    """A mask prompt as a thin outline."""
    inside = prompt.volume.with_voxels((prompt.volume.voxels > 0).astype(np.uint8))
    return Layer(labels=inside, colour=PROMPT_COLOUR, fill=0, outline_px=1)


def _largest_extent_mm(mask: Volume) -> float:
    low, high = foreground_corners(mask.voxels)
    return float(((high - low + 1) * np.array(mask.spacing_mm)).max())


def chosen_pictures(
    scores: Sequence[Score], pictures_of: Callable[[str], Sequence[bytes | None]]
) -> dict[int, bytes]:
    """PNG files by the index of the score; ``pictures_of`` gives one or None for each score of a case."""
    wanted = set(_chosen(scores))
    numbers: dict[str, list[int]] = {}
    for n, score in enumerate(scores):
        numbers.setdefault(score.case, []).append(n)
    found = {}
    for case, mine in numbers.items():
        if wanted.intersection(mine):
            for n, png in zip(mine, pictures_of(case), strict=True):
                if n in wanted and png is not None:
                    found[n] = png
    return dict(sorted(found.items()))


def _chosen(scores: Sequence[Score]) -> list[int]:
    shown = [n for n, score in enumerate(scores) if score.draw == 0]
    if len(shown) <= MOST_PICTURES_OF_ALL:
        return shown
    groups: dict[tuple[str, str, str], list[int]] = {}
    for n in shown:
        groups.setdefault((scores[n].label_source, scores[n].prompt, scores[n].method), []).append(n)
    chosen: list[int] = []
    for members in groups.values():
        ranked = sorted(members, key=lambda n: scores[n].dice)
        chosen += dict.fromkeys((ranked[-1], ranked[0]))
    return chosen
