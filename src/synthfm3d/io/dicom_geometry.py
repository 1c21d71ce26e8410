"""Where the slices of a stack really lie: sorted along their normal, every irregularity found.

The usual readers average over what is missing, doubled, tilted or uneven and say nothing; here each
is repaired with a warning or refused.
"""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.affines import LPS_TO_RAS
from synthfm3d.io.dicom_frames import Frame
from synthfm3d.io.dicom_series import Stack
from synthfm3d.volume import Array, ThirdAxis

UNEVEN = 0.02
"""Distances between slices may differ by this part, or by ``ROUNDED_MM``."""
ROUNDED_MM = 0.02
"""What rounding in headers does to a place: many write it with two digits."""
ASTRAY_PIXELS = 0.1
"""Slices may lie so far beside the line through the first and the last: nobody sees it."""
GAP = 1.5
"""A distance this many times the usual one means that a slice is missing."""
TILT_DEGREES = 0.5
"""A gantry counts as tilted from here on."""
_SAME_PLACE_MM = 1e-2
"""Frames closer than this show the same slice: no scanner makes slices so thin."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """Frames in the order of the volume's first axis, with their grid.

    Parameters
    ----------
    affine
        (4, 4) from (z, y, x) to RAS mm; of the even grid where ``at`` is given.
    at
        Where the even slices lie among the frames, as fractional frame numbers; None: they are the frames.
    """

    frames: tuple[Frame, ...]
    affine: Array
    third_axis: ThirdAxis
    at: Array | None = None


def place(
    path: Path, stack: Stack, *, frame: int | None, allow_gaps: bool, pixels_of: Callable[[Frame], bytes]
) -> Placed:
    """The stack as a volume.

    Parameters
    ----------
    frame
        Which of several images of the same places, from 0.
    allow_gaps
        Interpolate missing and uneven slices instead of refusing them.
    pixels_of
        The stored bytes of a frame, for telling exact duplicates from other images.

    Raises
    ------
    InputError
        The slices make no volume; the message says what is wrong with which of them.
    """
    frames = list(stack.frames)
    if any(f.position is None or f.orientation is None for f in frames):
        if _is_sequence(stack):
            return _sequence(path, frames)
        raise InputError(
            f"{path}: its slices do not say where they lie (no position or orientation): export the "
            "original series, not a secondary capture."
        )
    if frames[0].spacing_mm is None:
        raise InputError(f"{path}: its slices have no pixel spacing: export the original series.")
    normal = np.cross(*_orientation(frames[0]))
    frames.sort(key=lambda f: (float(_position(f) @ normal), f.number))
    along = np.array([_position(f) @ normal for f in frames])
    if len(frames) > 1 and np.ptp(along) < _SAME_PLACE_MM:
        return _repeated_place(path, stack, frames)
    frames = _one_of_each(path, frames, along, frame, pixels_of)
    return _checked_stack(path, frames, normal, allow_gaps)


def _is_sequence(stack: Stack) -> bool:
    """Whether frames without a place make sense as moments: one file of ultrasound or the like."""
    return len({f.path for f in stack.frames}) == 1 and stack.modality in ("US", "IVUS", "XA", "RF", "ES")


def _repeated_place(path: Path, stack: Stack, frames: list[Frame]) -> Placed:
    if stack.modality == "CT":
        raise InputError(
            f"{path}: all {len(frames)} slices lie at the same place: export the original series."
        )
    warnings.warn(
        f"{path}: all {len(frames)} images lie at the same place; they are read as a sequence in time.",
        stacklevel=4,
    )
    return _sequence(path, frames)


def _sequence(path: Path, frames: Sequence[Frame]) -> Placed:
    """Frames over time; what is not known of their geometry is one millimetre, with a warning."""
    first = frames[0]
    if first.spacing_mm is None:
        warnings.warn(f"{path}: has no pixel spacing; 1 mm is assumed.", stacklevel=5)
    rows, columns = first.spacing_mm or (1.0, 1.0)
    across, down = first.orientation if first.orientation is not None else np.eye(3)[:2]
    origin = first.position if first.position is not None else np.zeros(3)
    affine = np.eye(4)
    affine[:3] = np.column_stack([np.cross(across, down), down * rows, across * columns, origin])
    ordered = sorted(frames, key=lambda f: (_number(f.moment.get("TriggerTime")), _instance(f), f.number))
    return Placed(frames=tuple(ordered), affine=LPS_TO_RAS @ affine, third_axis="time")


def _one_of_each(
    path: Path,
    frames: list[Frame],
    along: Array,
    frame: int | None,
    pixels_of: Callable[[Frame], bytes],
) -> list[Frame]:
    """One frame for each place, lowest first: exact copies are dropped, moments are chosen from."""
    starts = [0, *(np.flatnonzero(np.diff(along) > _SAME_PLACE_MM) + 1), len(frames)]
    places = [frames[a:b] for a, b in pairwise(starts)]
    counts = {len(place) for place in places}
    if counts == {1}:
        if frame not in (None, 0):
            raise InputError(f"{path}: there is no frame {frame}: the series has one image of each place.")
        return frames
    distinct = [_without_copies(place, pixels_of) for place in places]
    if all(len(place) == 1 for place in distinct):
        dropped = len(frames) - len(distinct)
        warnings.warn(f"{path}: {dropped} slices are there twice; the copies are left out.", stacklevel=5)
        return [place[0] for place in distinct]
    return _one_moment(path, places, frame)


def _without_copies(place: list[Frame], pixels_of: Callable[[Frame], bytes]) -> list[Frame]:
    if len(place) == 1:
        return place
    seen = {hashlib.sha256(pixels_of(frame)).digest(): frame for frame in reversed(place)}
    return list(seen.values())


def _one_moment(path: Path, places: list[list[Frame]], frame: int | None) -> list[Frame]:
    """The frames of one moment of several that were taken at every place."""
    (count, *others) = {len(place) for place in places}
    if not others:
        for keyword in places[0][0].moment:
            sorted_places = [
                sorted(place, key=lambda f: (_number(f.moment.get(keyword)), f.moment.get(keyword, "")))
                for place in places
            ]
            if all(len({f.moment.get(keyword) for f in place}) == count for place in sorted_places):
                if frame is None or not 0 <= frame < count:
                    raise InputError(
                        f"{path}: holds {count} images of every place, which differ in {keyword}: "
                        f"choose one with --frame 0 to --frame {count - 1}."
                    )
                return [place[frame] for place in sorted_places]
    double = next(n for n, place in enumerate(places) if len(place) > 1)
    raise InputError(
        f"{path}: slice {double} has {len(places[double])} different images at the same place: "
        "two series are mixed; export one of them."
    )


def _checked_stack(path: Path, frames: list[Frame], normal: Array, allow_gaps: bool) -> Placed:
    positions = np.array([_position(f) for f in frames])
    along = positions @ normal
    steps = np.diff(along)
    thickness = _number(str(frames[0].header.get("SliceThickness", "")))
    usual = float(np.median(steps)) if len(steps) else thickness if 0 < thickness < 1e3 else 1.0
    if not len(steps):
        warnings.warn(f"{path}: is a single slice; its thickness is taken as {usual:g} mm.", stacklevel=5)
    uneven = np.flatnonzero(np.abs(steps - usual) > max(UNEVEN * usual, ROUNDED_MM))
    at = None
    if len(uneven):
        at = _even_slices(path, along, steps, usual, int(uneven[0]), allow_gaps)
        usual = float((along[-1] - along[0]) / (len(at) - 1))
    across, down = _orientation(frames[0])
    rows, columns = frames[0].spacing_mm or (1.0, 1.0)
    step = _step(path, positions, along, normal, usual, min(rows, columns))
    affine = np.eye(4)
    affine[:3] = np.column_stack([step, down * rows, across * columns, positions[0]])
    return Placed(frames=tuple(frames), affine=LPS_TO_RAS @ affine, third_axis="space", at=at)


def _even_slices(path: Path, along: Array, steps: Array, usual: float, first: int, allow_gaps: bool) -> Array:
    """Fractional frame numbers of even slices between the first and the last; a gap is refused."""
    missing = steps.max() > GAP * usual
    if missing:
        first = int(steps.argmax())
    found = f"slices {first} and {first + 1} are {steps[first]:.2f} mm apart, most others {usual:.2f} mm"
    if not allow_gaps:
        why = "a slice is missing" if missing else "the slices are not evenly spaced"
        raise InputError(
            f"{path}: {found}: {why}; export the series again, or interpolate with --allow-gaps."
        )
    finest = float(np.quantile(steps, 0.1))
    count = round((along[-1] - along[0]) / finest) + 1
    warnings.warn(f"{path}: {found}; {count} even slices are interpolated.", stacklevel=6)
    return np.interp(np.linspace(along[0], along[-1], count), along, np.arange(len(along)))


def _step(path: Path, positions: Array, along: Array, normal: Array, usual: float, pixel_mm: float) -> Array:
    """(3,) from a slice to the next, LPS mm; with a tilted gantry it is not along the normal."""
    if len(positions) == 1:
        return np.asarray(normal * usual)
    direction = (positions[-1] - positions[0]) / (along[-1] - along[0])
    straight = positions[0] + np.outer(along - along[0], direction)
    astray = float(np.sqrt(((positions - straight) ** 2).sum(axis=1)).max())
    if astray > ASTRAY_PIXELS * pixel_mm + ROUNDED_MM:
        raise InputError(
            f"{path}: its slices do not lie one behind the other, some are {astray:.1f} mm astray: "
            "two series are mixed; export one of them."
        )
    tilt = float(np.degrees(np.arccos(np.clip(1 / np.sqrt((direction**2).sum()), -1, 1))))
    if tilt > TILT_DEGREES:
        warnings.warn(
            f"{path}: the gantry was tilted by {tilt:.1f} degrees; every voxel keeps its true place, on "
            "axes that are not at right angles.",
            stacklevel=6,
        )
        return np.asarray(direction * usual)
    return np.asarray(normal * usual)


def _position(frame: Frame) -> Array:
    assert frame.position is not None
    return frame.position


def _orientation(frame: Frame) -> Array:
    assert frame.orientation is not None
    return frame.orientation


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("inf")


def _instance(frame: Frame) -> float:
    return _number(str(frame.header.get("InstanceNumber", "")))
