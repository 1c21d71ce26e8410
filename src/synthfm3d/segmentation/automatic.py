"""Finds a structure without a prompt, from what labelled scans showed of it.

Labelled scans give a guide for each structure: its place relative to the body, its size and its grey values.
In a new scan, some likely places are prompted with boxes of the usual size. The answer that is most like the
labelled structures is chosen, and its own box becomes the prompt of the result.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import ndimage

from synthfm3d.errors import InputError
from synthfm3d.files import json_text, write_atomically
from synthfm3d.intensity import model_channels, windows_of
from synthfm3d.prompts.prompt import Box
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Array, Volume, foreground_corners

GUIDES_FILE = "structures.json"
"""Beside the weights of a model that was adapted."""
PLACES = 6
"""Likely places that are prompted."""
UNLIKE = 20.5
"""Sum of five squared standard deviations that one of a thousand exceeds by chance (chi-squared)."""
_APART = 0.35
"""Least distance between two places, as a share of the usual size."""
_BODY_LEVEL = 0.1
"""Voxels darker than this share of the window are outside the body."""
_BODY_SHARE = 0.01
"""Share of bright voxels that may lie outside the box of the body on each side, such as a table or noise."""
_LEAST_SPREAD = {"place": 0.04, "log_volume": 0.25, "grey": 0.05}
"""Smallest standard deviations that are used: a few scans do not show how much patients differ."""
_FEW = 1.0
"""Standard deviations are multiplied by 1 + this / (number of scans)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureGuide:
    """Place, size and grey value of a structure in labelled scans.

    Parameters
    ----------
    scans
        Number of scans that it was learnt from.
    place, place_spread
        Mean and standard deviation of its middle along (z, y, x) of the axial scan, as shares of the body's
        box.
    extent_mm
        Mean edges (z, y, x) of its box.
    log_volume, log_volume_spread
        Of the volume in ml.
    grey, grey_spread
        Of the mean grey value inside, as a share of the window.
    """

    scans: int
    place: tuple[float, float, float]
    place_spread: tuple[float, float, float]
    extent_mm: tuple[float, float, float]
    log_volume: float
    log_volume_spread: float
    grey: float
    grey_spread: float

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """A guide from the JSON of ``asdict``; raises InputError for anything else."""
        try:
            fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in stored.items()}
            return cls(**fields)
        except TypeError as error:
            raise InputError(f"the guide of a structure cannot be read ({error}).") from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """Place, size and grey value of a mask on an axial scan."""

    place: Array
    extent_mm: Array
    log_volume: float
    grey: float


def learn_guide(examples: Sequence[tuple[Volume, Array]]) -> StructureGuide:
    """The guide of a structure from scans and its masks on their voxels; ValueError for an empty mask."""
    seen = []
    for scan, mask in examples:
        axial, inside = scan.axial(), scan.with_voxels(mask).axial().voxels > 0
        seen.append(_seen(axial, inside, _greys(axial), body_box(axial)))
    places = np.stack([one.place for one in seen])
    widened = 1 + _FEW / len(seen)

    def spread(values: Array, name: str) -> Array:
        return np.asarray(np.maximum(values.std(axis=0), _LEAST_SPREAD[name]) * widened)

    volumes, greys = np.array([s.log_volume for s in seen]), np.array([s.grey for s in seen])
    extent = np.mean([s.extent_mm for s in seen], axis=0)
    return StructureGuide(
        scans=len(seen),
        place=_three(places.mean(axis=0)),
        place_spread=_three(spread(places, "place")),
        extent_mm=_three(extent),
        log_volume=float(volumes.mean()),
        log_volume_spread=float(spread(volumes, "log_volume")),
        grey=float(greys.mean()),
        grey_spread=float(spread(greys, "grey")),
    )


def write_guides(path: Path, guides: Mapping[str, StructureGuide]) -> None:
    """Guides by structure as JSON, whole or not at all."""
    write_atomically(path, json_text({name: asdict(guide) for name, guide in guides.items()}).encode())


def read_guides(path: Path) -> dict[str, StructureGuide]:
    """Guides by structure; InputError where there are none, or the file is damaged."""
    if not path.is_file():
        raise InputError(
            f"{path.parent}: knows no structure that it can find without a prompt: adapt it to scans that "
            "are labelled on all slices (synthfm3d adapt), or give a prompt."
        )
    try:
        stored = json.loads(path.read_text("utf-8"))
        return {name: StructureGuide.read(guide) for name, guide in stored.items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read ({error}): adapt the model again.") from error


def find_structure(segmenter: Segmenter, scan: Volume, guide: StructureGuide) -> tuple[Box, float]:
    """A box around the structure in a scan, and how much its answer differs from the labelled structures.

    The box is used like one that a user draws. The second value is a sum of five squared deviations, in
    standard deviations. ``UNLIKE`` or more is rare among patients.

    Raises
    ------
    InputError
        The scan is a sequence in time.
    """
    if scan.third_axis == "time":
        raise InputError("a structure is found without a prompt in 3-D scans only: give a prompt.")
    axial = scan.axial()
    greys, body = _greys(axial), body_box(axial)
    answers: list[tuple[float, Box]] = []
    for place in likely_places(axial, greys, body, guide):
        box = _box_at(axial, place, guide)
        mask = segmenter.segment_with_details(axial, [box]).mask
        unlike = _unlikeness(axial, mask, greys, body, guide)
        answers.append((unlike, _box_of(mask) if np.isfinite(unlike) else box))
    unlike, box = min(answers, key=lambda answer: answer[0])
    return box, unlike


def body_box(scan: Volume) -> Array:
    """First and last voxel (2, 3), (z, y, x), of the body; of the whole scan if all is dark."""
    low, high = windows_of(scan).bounds[0]
    inside = scan.voxels > low + _BODY_LEVEL * (high - low)
    if not inside.any():
        return np.array([[0, 0, 0], np.array(scan.voxels.shape) - 1])
    ends = []
    for others in ((1, 2), (0, 2), (0, 1)):
        along = np.cumsum(inside.sum(axis=others)) / inside.sum()
        ends.append((np.searchsorted(along, _BODY_SHARE), np.searchsorted(along, 1 - _BODY_SHARE)))
    return np.array(ends).T


def likely_places(scan: Volume, greys: Array, body: Array, guide: StructureGuide) -> list[Array]:
    """Some voxels (3,), (z, y, x), where the structure may have its middle, the likeliest first.

    They lie apart from each other by a part of the structure's size.
    """
    spacing, extent = np.array(scan.spacing_mm), np.array(guide.extent_mm)
    size = np.maximum(1, np.rint(extent / spacing / 2)).astype(int)
    around = ndimage.uniform_filter(greys, size, mode="nearest")
    places = np.stack(np.meshgrid(*(np.arange(n) for n in greys.shape), indexing="ij"), axis=-1)
    relative = (places - body[0]) / np.maximum(1, body[1] - body[0])
    unlike = np.square((relative - np.array(guide.place)) / np.array(guide.place_spread)).sum(axis=-1)
    unlike = unlike + np.square((around - guide.grey) / guide.grey_spread)
    chosen: list[Array] = []
    for _ in range(PLACES):
        if not np.isfinite(unlike).any():
            break
        place = np.array(np.unravel_index(int(np.argmin(unlike)), unlike.shape))
        chosen.append(place)
        distance = np.square((places - place) * spacing / np.maximum(extent, spacing)).sum(axis=-1)
        unlike = np.where(distance < _APART**2, np.inf, unlike)
    return chosen


def _unlikeness(scan: Volume, mask: Volume, greys: Array, body: Array, guide: StructureGuide) -> float:
    """Squared deviations of an answer from the labelled ones; infinite for an empty one."""
    inside = mask.voxels > 0
    if not inside.any():
        return float("inf")
    one = _seen(scan, inside, greys, body)
    place = np.square((one.place - np.array(guide.place)) / np.array(guide.place_spread)).sum()
    volume = ((one.log_volume - guide.log_volume) / guide.log_volume_spread) ** 2
    grey = ((one.grey - guide.grey) / guide.grey_spread) ** 2
    return float(place + volume + grey)


def _seen(scan: Volume, inside: Array, greys: Array, body: Array) -> _Seen:
    low, high = foreground_corners(inside)
    middle = np.argwhere(inside).mean(axis=0)
    return _Seen(
        place=(middle - body[0]) / np.maximum(1, body[1] - body[0]),
        extent_mm=(high - low + 1) * np.array(scan.spacing_mm),
        log_volume=float(np.log(inside.sum() * scan.grid.voxel_ml)),
        grey=float(greys[inside].mean()),
    )


def _greys(scan: Volume) -> Array:
    """The first channel that models see, (z, y, x) in [0, 1]."""
    return np.asarray(model_channels(scan.voxels, windows_of(scan))[0])


def _box_at(scan: Volume, place: Array, guide: StructureGuide) -> Box:
    """A flat box of the usual size around a voxel (3,)."""
    half = np.array(guide.extent_mm) / np.array(scan.spacing_mm) / 2
    last = np.array(scan.voxels.shape) - 1
    low, high = np.clip(np.rint(place - half), 0, last), np.clip(np.rint(place + half), 0, last)
    low[0] = high[0] = place[0]
    return _box(scan, low, high)


def _box_of(mask: Volume) -> Box:
    """The box of a mask on its largest slice."""
    z = int((mask.voxels > 0).sum(axis=(1, 2)).argmax())
    low, high = foreground_corners(mask.voxels[z : z + 1])
    low[0] = high[0] = z
    return _box(mask, low, high)


def _box(scan: Volume, low: Array, high: Array) -> Box:
    corner, opposite = (_three(scan.grid.to_mm(np.asarray(end, float))) for end in (low, high))
    return Box(corner_mm=corner, opposite_mm=opposite)


def _three(values: Array) -> tuple[float, float, float]:
    z, y, x = (float(v) for v in values)
    return z, y, x
