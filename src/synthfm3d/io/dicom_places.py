"""One image for each place: copies are dropped, and of several images the one that was asked for is taken."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from synthfm3d.errors import ChoiceNeeded, InputError
from synthfm3d.io.checks import Doubts
from synthfm3d.io.dicom_frames import Frame
from synthfm3d.io.dicom_moments import Moments, moments_of, sorted_films, sorted_moments
from synthfm3d.io.dicom_pixels import PixelSource
from synthfm3d.volume import Array

_ORDERS = (
    "TemporalPositionTimeOffset",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "NominalCardiacTriggerDelayTime",
    "ActualCardiacTriggerDelayTime",
    "FrameReferenceTime",
    "InstanceNumber",
)
"""What may number the moments of a film, first ones first."""


def one_of_each(
    path: Path, frames: Sequence[Frame], along: Array, same_mm: float, frame: int | None, pixels: PixelSource
) -> tuple[list[Frame], Doubts]:
    """One frame for each place, lowest first; with a doubt where exact copies are left out.

    Parameters
    ----------
    along
        Where the frames lie along the normal, in mm, ascending.
    same_mm
        Frames that are closer to their neighbour show the same place.
    frame
        Which of several images of every place, from 0.

    Raises
    ------
    InputError
        There are several images and none was chosen, or nothing tells them apart.
    """
    starts = [0, *(np.flatnonzero(np.diff(along) > same_mm) + 1), len(frames)]
    places = [list(frames[a:b]) for a, b in pairwise(starts)]
    places, dropped = _without_copies(path, places, pixels, alike_only=True)
    if _are_single(places):
        return _singles(path, places, frame), _copies_doubt(dropped)
    moments = sorted_moments(path, places)
    if moments is None:
        # Copies that were stored at another time differ in nothing that matters.
        places, more = _without_copies(path, places, pixels, alike_only=False)
        if _are_single(places):
            return _singles(path, places, frame), _copies_doubt(dropped + more)
        moments = sorted_moments(path, places)
    if moments is None:
        double = next(n for n, place in enumerate(places) if len(place) > 1)
        raise InputError(
            f"slice {double} has {len(places[double])} different images at the same place, and "
            "nothing numbers them: two series are mixed; export one of them.",
            path=path,
        )
    everywhere = len({len(place) for place in places}) == 1
    what = f"images of {'every place' if everywhere else 'some places'}"
    return _chosen(path, moments, frame, what), _copies_doubt(dropped)


def one_film(path: Path, frames: Sequence[Frame], frame: int | None) -> list[Frame]:
    """The frames of one film in the order of time; of several films the one that was asked for."""
    films = sorted_films(path, frames)
    if films is not None:
        frames = _chosen(path, films, frame, "films of the same place")
    elif frame not in (None, 0):
        raise InputError(
            f"there is no frame {frame}: its images are one sequence in time, which is read whole.", path=path
        )
    moments = moments_of(path, frames)
    for keyword in _ORDERS:
        times = [_number(moment.get(keyword)) for moment in moments]
        if None not in times and len(set(times)) == len(times):
            order = sorted(range(len(frames)), key=lambda n: times[n] or 0.0)
            return [frames[n] for n in order]
    instances = [_number(moment.get("InstanceNumber")) or 0.0 for moment in moments]
    order = sorted(range(len(frames)), key=lambda n: (instances[n], frames[n].number))
    return [frames[n] for n in order]


def _chosen(path: Path, moments: Moments, frame: int | None, what: str) -> list[Frame]:
    count = len(moments.groups)
    if frame is None or not 0 <= frame < count:
        raise ChoiceNeeded(
            f"holds {count} {what}, which differ in {moments.described()}",
            f"choose one with --frame 0 to --frame {count - 1}.",
            path=path,
            frames=count,
        )
    return list(moments.groups[frame])


def _singles(path: Path, places: Sequence[list[Frame]], frame: int | None) -> list[Frame]:
    if frame not in (None, 0):
        raise InputError(f"there is no frame {frame}: the series has one image of each place.", path=path)
    return [place[0] for place in places]


def _copies_doubt(dropped: int) -> Doubts:
    return (f"{dropped} slices are there twice; the copies are left out.",) if dropped else ()


def _are_single(places: Sequence[list[Frame]]) -> bool:
    return all(len(place) == 1 for place in places)


def _without_copies(
    path: Path, places: Sequence[list[Frame]], pixels: PixelSource, *, alike_only: bool
) -> tuple[list[list[Frame]], int]:
    """Places without exact copies, and how many there were.

    With ``alike_only`` only frames whose headers say the same are compared, so that pixels are read where
    they have to be.
    """
    kept, dropped = [], 0
    for place in places:
        if len(place) == 1:
            kept.append(place)
            continue
        headers = [tuple(sorted(m.items())) if alike_only else () for m in moments_of(path, place)]
        seen: dict[tuple[object, ...], Frame] = {}
        for frame, key in zip(place, headers, strict=True):
            alone = headers.count(key) == 1
            seen.setdefault((key,) if alone else (key, pixels.digest(path, frame)), frame)
        kept.append(list(seen.values()))
        dropped += len(place) - len(seen)
    return kept, dropped


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
