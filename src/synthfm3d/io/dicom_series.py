"""Group the DICOM images of a folder or a file into stacks.

Messages never contain text about the patient. They name a stack by its number, modality, matrix and count,
and never by a description, a name, an id or the name of a file inside the folder.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from synthfm3d.errors import ChoiceNeeded, InputError
from synthfm3d.io.checks import Doubts
from synthfm3d.io.dicom_headers import header_of, is_image, kind_of
from synthfm3d.io.dicom_numbers import FAR_EDGE
from synthfm3d.io.dicom_planes import ImagePlane, planes_of

MOST_FILES = 100_000
"""A folder with more files is not a series of slices; the search stops instead of running for hours."""
_LISTED = 30
"""Largest number of stacks that a message lists."""
_FEW = 4
"""Single images with another orientation are dropped if a stack has at least this many images."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageStack:
    """Image planes of one series with the same matrix, orientation and pixel spacing.

    ``doubts`` report the images that were left out.
    """

    series_uid: str
    series_number: int | None
    modality: str
    rows: int
    columns: int
    planes: tuple[ImagePlane, ...]
    doubts: Doubts = ()

    def described(self) -> str:
        number = "" if self.series_number is None else f", series number {self.series_number}"
        return f"{self.modality}, {len(self.planes)} images of {self.columns} x {self.rows}{number}"


def find_stacks(path: Path, *, one_series: bool = False) -> list[ImageStack]:
    """All stacks of images under a folder or in a file, in a fixed order.

    Localisers and single images with another orientation are left out, which the doubts of each stack report.

    With ``one_series`` all images belong to one series. Some programs for anonymisation give each slice a
    different series.

    Raises
    ------
    InputError
        There is no DICOM image, or a header is damaged. The message names the folder, but no file in it.
    """
    groups: dict[tuple[object, ...], list[ImagePlane]] = defaultdict(list)
    localisers = 0
    others: set[str] = set()
    for header, planes in _read_headers(path):
        if not is_image(header):
            others.add(kind_of(header))
        elif _is_localiser(header) and path.is_dir():
            localisers += 1
        for plane in planes:
            groups[_kind(plane, one_series)].append(plane)
    if not groups:
        raise _no_image(path, localisers, others)
    parts = [part for planes in groups.values() for part in _alike(planes)]
    stacks, doubts = _without_strays([_stack(planes) for planes in parts])
    if localisers:
        doubts = (f"{localisers} localiser images are left out.", *doubts)
    return sorted((replace(stack, doubts=doubts) for stack in stacks), key=_order)


def choose_stack(path: Path, stacks: Sequence[ImageStack], series: str | None) -> ImageStack:
    """The only stack, or the stack with a number in the list or a series instance UID."""
    if series is None:
        if len(stacks) == 1:
            return stacks[0]
        if _are_turned(stacks):
            raise InputError(
                f"its {len(stacks)} slices have different orientations (radial or curved), so they "
                "are no volume",
                "export a reconstruction of parallel slices.",
                path=path,
            )
        raise ChoiceNeeded(
            f"holds {_listed(stacks)}",
            "choose one with --series.",
            path=path,
            series=[stack.described() for stack in stacks],
        )
    if series.isdecimal() and 1 <= int(series) <= len(stacks):
        return stacks[int(series) - 1]
    found = [stack for stack in stacks if stack.series_uid == series]
    if len(found) != 1:
        raise InputError(f"there is no single series {series!r} here; there is {_listed(stacks)}.", path=path)
    return found[0]


def files_at(path: Path) -> Iterator[Path]:
    """The file itself, or the regular files below a folder, sorted.

    Links are not followed, and hidden files are left out. Raises InputError if there are too many.
    """
    if path.is_file():
        yield path
        return
    count = 0
    for where, folders, names in os.walk(path, followlinks=False):
        folders.sort()
        for name in sorted(names):
            file = Path(where) / name
            if name.startswith(".") or file.is_symlink() or not file.is_file():
                continue
            count += 1
            if count > MOST_FILES:
                raise InputError(
                    f"holds more than {MOST_FILES:,} files", "name the folder of one series.", path=path
                )
            yield file


def _read_headers(path: Path) -> Iterator[tuple[Dataset, list[ImagePlane]]]:
    """The headers of all DICOM files, each with its image planes if it is an image of a scan."""
    for file in files_at(path):
        try:
            header = header_of(file)
            if header is None:
                continue
            left_out = not is_image(header) or (_is_localiser(header) and path.is_dir())
            planes = [] if left_out else planes_of(file, header)
        except (
            InputError
        ) as error:  # with the name of the folder, because that of a file may be the patient's
            raise error.about(path) from error
        yield header, planes


def _is_localiser(header: Dataset) -> bool:
    return "LOCALIZER" in str(header.get("ImageType"))


def _no_image(path: Path, localisers: int, others: set[str]) -> InputError:
    if localisers:
        return InputError(
            "holds no DICOM image but localisers", "name the folder of a series of slices.", path=path
        )
    if any("Segmentation" in kind for kind in others):
        return InputError(
            "is a DICOM segmentation, not a scan",
            "name the scan, and give this as a mask (--mask-prompt, --correct, --labels).",
            path=path,
        )
    found = f" but {', '.join(sorted(others))}" if others else ""
    return InputError(
        f"holds no DICOM image with voxels{found}", "name the folder of a series of slices.", path=path
    )


def _listed(stacks: Sequence[ImageStack]) -> str:
    shown = enumerate(stacks[:_LISTED], start=1)
    entries = "; ".join(f"{n}: {stack.described()}" for n, stack in shown)
    more = "; …" if len(stacks) > _LISTED else ""
    return f"{len(stacks)} stacks of images ({entries}{more})"


def _are_turned(stacks: Sequence[ImageStack]) -> bool:
    """Whether every image of one series with one matrix has a different orientation."""
    alike = len({(stack.series_uid, stack.rows, stack.columns) for stack in stacks}) == 1
    return len(stacks) >= _FEW and alike and all(len(stack.planes) == 1 for stack in stacks)


def _order(stack: ImageStack) -> tuple[int, str, int]:
    return stack.series_number or 0, stack.series_uid, -len(stack.planes)


def _kind(plane: ImagePlane, one_series: bool) -> tuple[object, ...]:
    """The values that all planes of one stack share exactly."""
    header = plane.header
    # Planes without a position are those of one film. Slices of a series may be in several files.
    film = plane.path if plane.position is None and int(header.get("NumberOfFrames") or 1) > 1 else None
    series = "" if one_series else str(header.get("SeriesInstanceUID", ""))
    pixels = str(header.get("PhotometricInterpretation")), int(header.get("SamplesPerPixel") or 1)
    return series, plane.rows, plane.columns, plane.is_tile, pixels, film, plane.problem


def _alike(planes: Sequence[ImagePlane]) -> list[list[ImagePlane]]:
    """Groups of planes with equal orientation and spacing, within tolerance, divided by numbered stacks."""
    groups: list[list[ImagePlane]] = []
    for plane in planes:
        group = next((group for group in groups if _same_plane(group[0], plane)), None)
        if group is None:
            groups.append([plane])
        else:
            group.append(plane)
    return [part for group in groups for part in _numbered_stacks(group)]


def _same_plane(one: ImagePlane, other: ImagePlane) -> bool:
    """Whether two images of the same size would coincide if their first pixels did."""
    pixels = max(one.rows, one.columns)
    if (one.orientation is None) != (other.orientation is None):
        return False
    if (one.spacing_mm is None) != (other.spacing_mm is None):
        return False
    if one.orientation is not None and other.orientation is not None:
        turned = np.sqrt(((one.orientation - other.orientation) ** 2).sum(axis=1)).max()
        if turned * pixels > FAR_EDGE:
            return False
    if one.spacing_mm is not None and other.spacing_mm is not None:
        ratio = np.array(one.spacing_mm) / np.array(other.spacing_mm)
        if np.abs(ratio - 1).max() * pixels > FAR_EDGE:
            return False
    return True


def _numbered_stacks(planes: list[ImagePlane]) -> list[list[ImagePlane]]:
    """The numbered stacks of an enhanced object, if each has several slices."""
    numbers = [plane.stack_id for plane in planes]
    counts = Counter(numbers)
    if len(counts) == 1 or min(counts.values()) == 1:
        return [planes]
    return [
        [plane for plane, its in zip(planes, numbers, strict=True) if its == number]
        for number in sorted(counts)
    ]


def _stack(planes: Sequence[ImagePlane]) -> ImageStack:
    header = planes[0].header
    number = header.get("SeriesNumber")
    return ImageStack(
        series_uid=str(header.get("SeriesInstanceUID", "")),
        series_number=None if number is None or number == "" else int(number),
        modality=_code(header.get("Modality")),
        rows=planes[0].rows,
        columns=planes[0].columns,
        planes=tuple(planes),
    )


def _code(modality: object) -> str:
    """A modality, if it is written as in the standard; anything else is not shown."""
    text = str(modality or "")
    return text if text.isupper() and text.isalnum() and len(text) <= 6 else "unknown modality"


def _without_strays(stacks: Sequence[ImageStack]) -> tuple[list[ImageStack], Doubts]:
    """Drop single images of a series with another orientation than its many others (scouts, report pages)."""
    kept, doubts = [], []
    for stack in stacks:
        largest = max(len(other.planes) for other in stacks if other.series_uid == stack.series_uid)
        if len(stack.planes) == 1 and largest >= _FEW:
            doubts.append(
                f"one image has another orientation than the {largest} others of its series; it is left out."
            )
        else:
            kept.append(stack)
    return kept, tuple(doubts)
