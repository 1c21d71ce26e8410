"""Which DICOM images belong together: a folder or a file becomes stacks to choose from.

Nothing here puts a patient's words into a message: a stack is named by its number, modality, matrix
and count, never by a description, a name, an id or the name of a file inside the folder.
"""

import os
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_frames import Frame, frames_of, header_of, is_image

MOST_FILES = 100_000
"""A folder with more files is no series of slices: the walk stops instead of going on for hours."""
_FEW = 4
"""Single images that lie otherwise are dropped beside a stack of at least this many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Frames of one series that share matrix, orientation and pixel spacing."""

    series_uid: str
    series_number: int | None
    modality: str
    rows: int
    columns: int
    frames: tuple[Frame, ...]

    def described(self) -> str:
        number = "" if self.series_number is None else f", series number {self.series_number}"
        return f"{self.modality}, {len(self.frames)} images of {self.columns} x {self.rows}{number}"


def find_stacks(path: Path, *, one_series: bool = False) -> list[Stack]:
    """All stacks of images under a folder or in a file, in a fixed order.

    With ``one_series`` all images belong to one series, whatever they say: some programs that take names
    away give each slice a series of its own.

    Raises
    ------
    InputError
        There is no DICOM image.

    Warns
    -----
    UserWarning
        Localisers and single images that lie otherwise were left out.
    """
    groups: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    localisers = others = 0
    for file in [path] if path.is_file() else _files(path):
        header = header_of(file)
        if header is None or not is_image(header):
            others += header is not None
            continue
        if "LOCALIZER" in str(header.get("ImageType")) and path.is_dir():
            localisers += 1
            continue
        for frame in frames_of(file, header):
            groups[_kind(frame, one_series)].append(frame)
    if not groups:
        what = "no DICOM image but localisers" if localisers else "no DICOM image with voxels"
        raise InputError(f"{path}: holds {what}: name the folder of a series of slices.")
    if localisers:
        warnings.warn(f"{path}: {localisers} localiser images are left out.", stacklevel=3)
    stacks = [_stack(frames) for frames in groups.values()]
    return sorted(_without_strays(path, stacks), key=_order)


def choose_stack(path: Path, stacks: Sequence[Stack], series: str | None) -> Stack:
    """The only stack, or the one of a number in the list or of a series instance UID."""
    if series is None:
        if len(stacks) == 1:
            return stacks[0]
        raise InputError(f"{path}: holds {_listed(stacks)}: choose one with --series.")
    if series.isdecimal() and 1 <= int(series) <= len(stacks):
        return stacks[int(series) - 1]
    found = [stack for stack in stacks if stack.series_uid == series]
    if len(found) != 1:
        raise InputError(f"{path}: there is no single series {series!r} here; there is {_listed(stacks)}.")
    return found[0]


def _listed(stacks: Sequence[Stack]) -> str:
    entries = "; ".join(f"{n}: {stack.described()}" for n, stack in enumerate(stacks, start=1))
    return f"{len(stacks)} stacks of images ({entries})"


def _order(stack: Stack) -> tuple[int, str, int]:
    return stack.series_number or 0, stack.series_uid, -len(stack.frames)


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, sorted; links are not followed, hidden files are left out."""
    count = 0
    for where, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            file = Path(where) / name
            if name.startswith(".") or file.is_symlink() or not file.is_file():
                continue
            count += 1
            if count > MOST_FILES:
                raise InputError(
                    f"{folder}: holds more than {MOST_FILES:,} files: name the folder of one series."
                )
            yield file


def _kind(frame: Frame, one_series: bool) -> tuple[object, ...]:
    """What the frames of one stack share. Rounded: scanners write the last digits as they like."""
    turned = None if frame.orientation is None else tuple(frame.orientation.ravel().round(2) + 0.0)
    spacing = None if frame.spacing_mm is None else tuple(np.round(frame.spacing_mm, 3))
    header = frame.header
    several = frame.path if int(header.get("NumberOfFrames") or 1) > 1 else None
    series = "" if one_series else str(header.get("SeriesInstanceUID", ""))
    return series, header.Rows, header.Columns, turned, spacing, several


def _stack(frames: Sequence[Frame]) -> Stack:
    header = frames[0].header
    number = header.get("SeriesNumber")
    return Stack(
        series_uid=str(header.get("SeriesInstanceUID", "")),
        series_number=None if number is None else int(number),
        modality=str(header.get("Modality", "unknown modality")),
        rows=int(header.Rows),
        columns=int(header.Columns),
        frames=tuple(frames),
    )


def _without_strays(path: Path, stacks: Sequence[Stack]) -> list[Stack]:
    """Drop single images of a series that lie otherwise than its many others (a scout, a report page)."""
    kept = []
    for stack in stacks:
        largest = max(len(other.frames) for other in stacks if other.series_uid == stack.series_uid)
        if len(stack.frames) == 1 and largest >= _FEW:
            warnings.warn(
                f"{path}: one image lies otherwise than the {largest} others of its series; it is left out.",
                stacklevel=4,
            )
        else:
            kept.append(stack)
    return kept
