"""Choose one image for each position: drop copies, and select one of several different images."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from synthfm3d.errors import ChoiceNeeded, InputError
from synthfm3d.io.checks import Doubts
from synthfm3d.io.dicom_moments import Moments, moments_of, sorted_films, sorted_moments
from synthfm3d.io.dicom_pixels import PixelSource
from synthfm3d.io.dicom_planes import ImagePlane
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
"""Keywords that may order the images of a film, in order of preference."""


def one_of_each(
    path: Path,
    planes: Sequence[ImagePlane],
    along: Array,
    same_mm: float,
    frame: int | None,
    pixels: PixelSource,
) -> tuple[list[ImagePlane], Doubts]:
    """One image plane for each position, lowest first; and a doubt if exact copies are left out.

    Parameters
    ----------
    along
        Positions of the planes along the normal, in mm, ascending.
    same_mm
        Planes that are closer than this to their neighbour are at the same position.
    frame
        Index of one of several images at every position, from 0.

    Raises
    ------
    InputError
        There are several images and none was chosen, or no keyword distinguishes them.
    """
    starts = [0, *(np.flatnonzero(np.diff(along) > same_mm) + 1), len(planes)]
    positions = [list(planes[a:b]) for a, b in pairwise(starts)]
    positions, dropped = _without_copies(path, positions, pixels, alike_only=True)
    if _are_single(positions):
        return _singles(path, positions, frame), _copies_doubt(dropped)
    moments = sorted_moments(path, positions)
    if moments is None:
        # Copies that were stored at another time differ only in irrelevant keywords.
        positions, more = _without_copies(path, positions, pixels, alike_only=False)
        if _are_single(positions):
            return _singles(path, positions, frame), _copies_doubt(dropped + more)
        moments = sorted_moments(path, positions)
    if moments is None:
        double = next(n for n, images in enumerate(positions) if len(images) > 1)
        raise InputError(
            f"slice {double} has {len(positions[double])} different images at the same place, and "
            "nothing numbers them: two series are mixed; export one of them.",
            path=path,
        )
    everywhere = len({len(images) for images in positions}) == 1
    what = f"images of {'every place' if everywhere else 'some places'}"
    return _chosen(path, moments, frame, what), _copies_doubt(dropped)


def one_film(path: Path, planes: Sequence[ImagePlane], frame: int | None) -> list[ImagePlane]:
    """The planes of one film in the order of time; of several films, the chosen one."""
    films = sorted_films(path, planes)
    if films is not None:
        planes = _chosen(path, films, frame, "films of the same place")
    elif frame not in (None, 0):
        raise InputError(
            f"there is no frame {frame}: its images are one sequence in time, which is read whole.", path=path
        )
    moments = moments_of(path, planes)
    for keyword in _ORDERS:
        times = [_number(moment.get(keyword)) for moment in moments]
        if None not in times and len(set(times)) == len(times):
            order = sorted(range(len(planes)), key=lambda n: times[n] or 0.0)
            return [planes[n] for n in order]
    instances = [_number(moment.get("InstanceNumber")) or 0.0 for moment in moments]
    order = sorted(range(len(planes)), key=lambda n: (instances[n], planes[n].number))
    return [planes[n] for n in order]


def _chosen(path: Path, moments: Moments, frame: int | None, what: str) -> list[ImagePlane]:
    count = len(moments.groups)
    if frame is None or not 0 <= frame < count:
        raise ChoiceNeeded(
            f"holds {count} {what}, which differ in {moments.described()}",
            f"choose one with --frame 0 to --frame {count - 1}.",
            path=path,
            frames=count,
        )
    return list(moments.groups[frame])


def _singles(path: Path, positions: Sequence[list[ImagePlane]], frame: int | None) -> list[ImagePlane]:
    if frame not in (None, 0):
        raise InputError(f"there is no frame {frame}: the series has one image of each place.", path=path)
    return [images[0] for images in positions]


def _copies_doubt(dropped: int) -> Doubts:
    return (f"{dropped} slices are duplicates; they are left out.",) if dropped else ()


def _are_single(positions: Sequence[list[ImagePlane]]) -> bool:
    return all(len(images) == 1 for images in positions)


def _without_copies(
    path: Path, positions: Sequence[list[ImagePlane]], pixels: PixelSource, *, alike_only: bool
) -> tuple[list[list[ImagePlane]], int]:
    """The positions without exact copies, and the number of copies.

    With ``alike_only`` only planes with equal headers are compared, so that few pixels must be read.
    """
    kept, dropped = [], 0
    for images in positions:
        if len(images) == 1:
            kept.append(images)
            continue
        headers = [tuple(sorted(m.items())) if alike_only else () for m in moments_of(path, images)]
        seen: dict[tuple[object, ...], ImagePlane] = {}
        for plane, key in zip(images, headers, strict=True):
            alone = headers.count(key) == 1
            seen.setdefault((key,) if alone else (key, pixels.digest(path, plane)), plane)
        kept.append(list(seen.values()))
        dropped += len(images) - len(seen)
    return kept, dropped


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
