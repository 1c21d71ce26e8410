"""Distinguish images at the same position, by echo, time, b-value, kind of image and others.

A series may have several images at every position. ``moments_of`` collects the values of the headers, and
``sorted_moments`` finds the keywords that order the images at each position.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count as counting
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_headers import CLASSIC_MOMENTS
from synthfm3d.io.dicom_planes import DAMAGED, ImagePlane

_KINDS = (
    "ImageType",
    "ComplexImageComponent",
    "DataType",
    "EchoTime",
    "EchoNumbers",
    "DiffusionBValue",
    "DiffusionDirectionality",
    "DiffusionGradientOrientation",
    "InversionTime",
    "FlipAngle",
    "EnergyWindow",
    "Detector",
    "KVP",
    "ConvolutionKernel",
    "TemporalPositionIdentifier",
    "Phase",
    "RRInterval",
    "TimeSlot",
    "TimeSlice",
    "NominalPercentageOfCardiacPhase",
    "NominalCardiacTriggerDelayTime",
    "NominalRespiratoryTriggerDelayTime",
)
"""Keywords with the same few values at every position, the most specific first."""
_NEVER_MOMENTS = ("ImageType", "ComplexImageComponent", "DataType", "EnergyWindow", "Detector")
"""Keywords that never differ between the images of one film."""
_SELDOM_MOMENTS = ("EchoTime", "DiffusionBValue", "InversionTime")
"""Keywords that distinguish several films at one position, unless every image has a different value."""
_TIMES = (
    "TemporalPositionTimeOffset",
    "TriggerTime",
    "ActualCardiacTriggerDelayTime",
    "FrameReferenceTime",
    "AcquisitionNumber",
    "FrameAcquisitionNumber",
    "FrameReferenceDateTime",
    "FrameAcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
    "InstanceNumber",
)
"""Keywords with different values at every position, of which only the order matters."""
_SAME = {
    "EffectiveEchoTime": "EchoTime",
    "FrameType": "ImageType",
    "InversionTimes": "InversionTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
}
"""Other keywords for the same values in enhanced objects."""
_ELSEWHERE = re.compile(
    "ImagePosition|ImageOrientation|SliceLocation|InStackPosition|StackID|DimensionIndexValues|TablePosition"
    "|Rescale|Window|PixelValue|Comments|Label|UID|PixelSpacing|SliceThickness|SpacingBetween"
)
"""Keywords of position or display, which do not distinguish images at one position."""
_PLAIN = re.compile(r"[\w .,+#*\\/-]{1,40}")
"""Values that may be shown in a message."""
_LISTED = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Several images at every position, in a fixed order.

    Parameters
    ----------
    keywords
        Keywords that distinguish them.
    groups
        The image planes of each of them.
    values
        The values of each under the keywords; None if every position has different values.
    """

    keywords: tuple[str, ...]
    groups: tuple[tuple[ImagePlane, ...], ...]
    values: tuple[tuple[str, ...] | None, ...]

    def described(self) -> str:
        """The keywords, and the values of each number."""
        named = " and ".join(self.keywords)
        entries = [
            f"{n}: {', '.join(value or '-' for value in values)}"
            for n, values in enumerate(self.values[:_LISTED])
            if values is not None and all(not v or _PLAIN.fullmatch(v) for v in values)
        ]
        more = "; …" if len(self.values) > _LISTED else ""
        return f"{named} ({'; '.join(entries)}{more})" if entries else named


def moments_of(path: Path, planes: Sequence[ImagePlane]) -> list[dict[str, str]]:
    """The values of headers except positions and pixels, by keyword, for each image plane.

    Raises InputError, with ``path`` as its file, if headers are damaged.
    """
    try:
        return _values_of_each(planes)
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError) as error:
        raise InputError(DAMAGED, path=path) from error


def _values_of_each(planes: Sequence[ImagePlane]) -> list[dict[str, str]]:
    by_file: dict[int, dict[str, str]] = {}
    found = []
    for plane in planes:
        values = {name: str(value) for name, value in plane.vectors.items()}
        for keyword, value in () if plane.group is None else (*_leaves(plane.group), *_dimensions(plane)):
            values.setdefault(_SAME.get(keyword, keyword), value)
        if id(plane.header) not in by_file:
            by_file[id(plane.header)] = _values_of_all(plane.header)
        found.append({**by_file[id(plane.header)], **values})
    return found


def sorted_moments(path: Path, positions: Sequence[Sequence[ImagePlane]]) -> Moments | None:
    """Sort the images at every position into groups; None if no keyword distinguishes them."""
    moments = [moments_of(path, images) for images in positions]
    keywords = dict.fromkeys(keyword for images in moments for moment in images for keyword in moment)
    others = (name for name in keywords if name not in _TIMES)
    names = [name for name in dict.fromkeys([*_KINDS, *others, *_TIMES]) if name in keywords]
    chosen = _telling(moments, names)
    tuples = [[tuple(m.get(name, "") for name in chosen) for m in images] for images in moments]
    if chosen and all(len(set(images)) == len(images) for images in tuples):
        found = _by_value(positions, tuples, chosen)
        if found is not None:
            return found
    if len({len(images) for images in positions}) > 1:
        return None
    for time in [name for name in _TIMES if name in keywords]:
        found = _by_order(positions, moments, chosen, time)
        if found is not None:
            return found
    return None


def sorted_films(path: Path, planes: Sequence[ImagePlane]) -> Moments | None:
    """Several films at one position, such as magnitude and phase; None if there is one film."""
    moments = moments_of(path, planes)
    chosen = []
    for name in (*_NEVER_MOMENTS, *_SELDOM_MOMENTS):
        counts = Counter(moment.get(name, "") for moment in moments)
        long_enough = name in _NEVER_MOMENTS or min(counts.values()) > 1
        if len(counts) > 1 and long_enough and len(set(counts.values())) == 1:
            chosen.append(name)
    tuples = [tuple(moment.get(name, "") for name in chosen) for moment in moments]
    return _by_value([planes], [tuples], tuple(chosen)) if chosen else None


def _values_of_all(header: Dataset) -> dict[str, str]:
    """The values that are valid for all frames of a file."""
    values = {}
    shared = header.get("SharedFunctionalGroupsSequence")
    for keyword, value in _leaves(shared[0]) if shared else ():
        values[_SAME.get(keyword, keyword)] = value
    for keyword in (*CLASSIC_MOMENTS, "InstanceNumber"):
        value = header.get(keyword)
        if value is not None and value != "":
            values.setdefault(keyword, _text(value))
    return values


def _telling(moments: Sequence[Sequence[dict[str, str]]], names: Sequence[str]) -> tuple[str, ...]:
    """One keyword that distinguishes all images at a position, else as few keywords as possible."""
    most = max(len(images) for images in moments)
    # The other keywords have different values at every position.
    few = [n for n in names if len({moment.get(n, "") for images in moments for moment in images}) <= most]
    for name in few:
        if all(len({m.get(name, "") for m in images}) == len(images) for images in moments):
            return (name,)
    chosen: tuple[str, ...] = ()
    apart = 1
    for name in few:
        tried = (*chosen, name)
        now = max(len({tuple(m.get(n, "") for n in tried) for m in images}) for images in moments)
        if now > apart:
            chosen, apart = tried, now
    return chosen


def _by_value(
    positions: Sequence[Sequence[ImagePlane]], tuples: list[list[tuple[str, ...]]], chosen: tuple[str, ...]
) -> Moments | None:
    """One group for each combination of values; None if there are more of them than images at a position."""
    values = sorted({value for images in tuples for value in images}, key=_sortable)
    if len(values) > max(len(images) for images in positions):
        return None
    groups = {value: list[ImagePlane]() for value in values}
    for images, keys in zip(positions, tuples, strict=True):
        for plane, value in zip(images, keys, strict=True):
            groups[value].append(plane)
    return Moments(
        keywords=chosen,
        groups=tuple(tuple(group) for group in groups.values()),
        values=tuple(_differing(values)),
    )


def _by_order(
    positions: Sequence[Sequence[ImagePlane]],
    moments: Sequence[Sequence[dict[str, str]]],
    chosen: tuple[str, ...],
    time: str,
) -> Moments | None:
    """The n-th image at every position, by values and time; None if two are equal or the values differ."""
    names = (*chosen, time)
    rows, kinds = [], set()
    for images, headers in zip(positions, moments, strict=True):
        keys = [tuple(m.get(name, "") for name in names) for m in headers]
        if len(set(keys)) < len(keys):
            return None
        order = sorted(range(len(keys)), key=lambda n: _sortable(keys[n]))
        rows.append([images[n] for n in order])
        kinds.add(tuple(keys[n][:-1] for n in order))
    if len(kinds) > 1:
        return None
    groups = tuple(tuple(row[n] for row in rows) for n in range(len(rows[0])))
    return Moments(keywords=names, groups=groups, values=(None,) * len(groups))


def _differing(values: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Values for a message; of lists like image types, only the entries that differ."""
    columns = []
    for column in zip(*values, strict=True):
        parts = [value.split("\\") for value in column]
        same_length = len({len(part) for part in parts}) == 1
        differ = [n for n in range(len(parts[0])) if same_length and len({part[n] for part in parts}) > 1]
        columns.append(["\\".join(part[n] for n in differ) if differ else "\\".join(part) for part in parts])
    yield from zip(*columns, strict=True)


def _leaves(item: Dataset) -> Iterator[tuple[str, str]]:
    """Keyword and value of every element of a functional group, at any depth."""
    for element in item:
        if element.VR == "SQ":
            for inner in element.value[:1]:
                yield from _leaves(inner)
        elif element.keyword and not _ELSEWHERE.search(element.keyword):
            yield element.keyword, _text(element.value)


def _dimensions(plane: ImagePlane) -> Iterator[tuple[str, str]]:
    """The indices of a frame along the dimensions of its object, except those of position."""
    declared = plane.header.get("DimensionIndexSequence") or []
    contents = plane.group.get("FrameContentSequence") if plane.group is not None else None
    indices = contents[0].get("DimensionIndexValues") if contents else None
    if indices is None:
        return
    values = [indices] if isinstance(indices, int) else list(indices)
    for number, dimension, value in zip(counting(1), declared, values, strict=False):
        pointer = dimension.get("DimensionIndexPointer")
        keyword = "" if pointer is None else pydicom.datadict.keyword_for_tag(BaseTag(pointer))
        if not keyword:
            yield f"dimension {number}", _text(value)
        elif not _ELSEWHERE.search(keyword):
            yield keyword, _text(value)


def _text(value: object) -> str:
    """A value as text; a list as the standard writes it."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value)
    return "\\".join(str(one) for one in value)


def _sortable(values: Sequence[str]) -> tuple[tuple[int, float, str], ...]:
    """A sort key that puts numbers, by size, before words."""
    keys = []
    for value in values:
        try:
            keys.append((0, float(value), ""))
        except ValueError:
            keys.append((1, 0.0, value))
    return tuple(keys)
