"""Sort the slices of a stack along their normal, and find every irregularity.

Other readers silently average over missing, duplicate, tilted or uneven slices. Here each irregularity is
repaired, with a doubt, or refused. Positions and directions are fitted to all slices, because headers round
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.checks import LPS_TO_RAS, Doubts
from synthfm3d.io.dicom_headers import kind_of
from synthfm3d.io.dicom_numbers import EVEN, MOST_EVEN, SAME_PLACE, STRAIGHT, TILT_DEGREES, finite
from synthfm3d.io.dicom_pixels import PixelSource
from synthfm3d.io.dicom_planes import ImagePlane
from synthfm3d.io.dicom_positions import one_film, one_of_each
from synthfm3d.io.dicom_series import ImageStack
from synthfm3d.io.dicom_steps import FILMS
from synthfm3d.volume import Array, ThirdAxis


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderedSlices:
    """Image planes in the order of the volume's first axis, with their grid.

    Parameters
    ----------
    affine
        Affine (4, 4) from (z, y, x) to RAS mm; that of the even grid if ``at`` is given.
    at
        Positions of evenly spaced slices among the planes, as fractional indices; None: the planes are even.
    doubts
        What was repaired or assumed.
    """

    planes: tuple[ImagePlane, ...]
    affine: Array
    third_axis: ThirdAxis
    at: Array | None = None
    doubts: Doubts = ()


def order_slices(
    path: Path, stack: ImageStack, *, frame: int | None, allow_gaps: bool, pixels: PixelSource
) -> OrderedSlices:
    """Sort the planes of a stack into a volume.

    Parameters
    ----------
    frame
        Index of one of several images at the same positions, from 0.
    allow_gaps
        Interpolate missing and uneven slices instead of refusing them.
    pixels
        Source of the stored values, which are compared to find exact copies.

    Raises
    ------
    InputError
        The slices do not form a volume; the message says what is wrong with which slices.
    """
    planes = list(stack.planes)
    first = planes[0]
    if first.problem:
        raise InputError(first.problem, path=path)
    unknown = tuple(f"{doubt}." for doubt in sorted({f.doubt for f in planes if f.doubt}))
    doubts = (*_doubts_about_parts(path, planes), *unknown)
    ordered = _ordered(path, stack, planes, frame, allow_gaps, pixels)
    return replace(ordered, doubts=(*doubts, *ordered.doubts))


def _ordered(
    path: Path,
    stack: ImageStack,
    planes: list[ImagePlane],
    frame: int | None,
    allow_gaps: bool,
    pixels: PixelSource,
) -> OrderedSlices:
    """As ``order_slices``, for planes that can be read."""
    first = planes[0]
    if any(f.position is None or f.orientation is None for f in planes):
        if len({f.path for f in planes}) == 1 and stack.modality in FILMS:
            return _film(one_film(path, planes, frame))
        raise InputError(
            f"is a DICOM {kind_of(first.header)} that does not say where its slices lie (no position "
            "or orientation)",
            "export the original series.",
            path=path,
        )
    if first.spacing_mm is None:
        raise InputError("its slices have no pixel spacing", "export the original series.", path=path)
    orientation = _mean_orientation(planes)
    normal = np.cross(*orientation)
    planes.sort(key=lambda f: (float(_position(f) @ normal), f.number))
    along = np.array([_position(f) @ normal for f in planes])
    same_mm = SAME_PLACE * min(first.spacing_mm)
    if len(planes) > 1 and np.ptp(along) < same_mm:
        return _repeated_place(path, stack, planes, frame)
    planes, doubts = one_of_each(path, planes, along, same_mm, frame, pixels)
    ordered = _stacked(path, planes, orientation, allow_gaps)
    return replace(ordered, doubts=(*doubts, *ordered.doubts))


def _doubts_about_parts(path: Path, planes: Sequence[ImagePlane]) -> Doubts:
    """Doubts about an object that is spread over several files of which only one is read.

    Raises InputError if some of its files are missing in a folder.
    """
    doubts = []
    files = {plane.path: plane.header for plane in planes if plane.header.get("ConcatenationUID")}
    for uid in sorted({str(header.ConcatenationUID) for header in files.values()}):
        parts = [header for header in files.values() if str(header.ConcatenationUID) == uid]
        total = max(int(header.get("InConcatenationTotalNumber") or 0) for header in parts)
        if len(parts) >= total:
            continue
        if path.is_dir():
            raise InputError(
                f"{len(parts)} of the {total} files of an object are here, the others are missing",
                "export the series again, or name one of the files to read its slices alone.",
                path=path,
            )
        doubts.append(f"is one of {total} files of an object; the slices of the others are not read.")
    return tuple(doubts)


def _repeated_place(
    path: Path, stack: ImageStack, planes: list[ImagePlane], frame: int | None
) -> OrderedSlices:
    if stack.modality == "CT":
        raise InputError(
            f"all {len(planes)} slices lie at the same place", "export the original series.", path=path
        )
    film = _film(one_film(path, planes, frame))
    doubt = f"all {len(film.planes)} images lie at the same place; they are read as a sequence in time."
    return replace(film, doubts=(doubt, *film.doubts))


def _film(planes: Sequence[ImagePlane]) -> OrderedSlices:
    """Planes over time. An unknown pixel spacing is assumed to be 1 mm, with a doubt."""
    first = planes[0]
    doubts = ("has no pixel spacing; 1 mm is assumed.",) if first.spacing_mm is None else ()
    rows, columns = first.spacing_mm or _aspect(first)
    across, down = first.orientation if first.orientation is not None else np.eye(3)[:2]
    origin = first.position if first.position is not None else np.zeros(3)
    affine = np.eye(4)
    affine[:3] = np.column_stack([np.cross(across, down), down * rows, across * columns, origin])
    return OrderedSlices(planes=tuple(planes), affine=LPS_TO_RAS @ affine, third_axis="time", doubts=doubts)


def _aspect(plane: ImagePlane) -> tuple[float, float]:
    """Height and width of a pixel of unknown size; the width is 1."""
    ratio = plane.header.get("PixelAspectRatio")
    if not ratio:
        return 1.0, 1.0
    try:
        height, width = finite(ratio, 2)
    except (TypeError, ValueError):
        return 1.0, 1.0
    return (float(height / width), 1.0) if min(height, width) > 0 else (1.0, 1.0)


def _mean_orientation(planes: Sequence[ImagePlane]) -> Array:
    """Unit vectors (2, 3) at right angles, fitted to those of all planes."""
    mean = np.mean([_orientation(f) for f in planes], axis=0)
    if np.allclose(mean, _orientation(planes[0]), rtol=0, atol=1e-12):
        return _orientation(planes[0])
    u, _, vt = np.linalg.svd(mean, full_matrices=False)
    return np.asarray(u @ vt)


def _stacked(path: Path, planes: list[ImagePlane], orientation: Array, allow_gaps: bool) -> OrderedSlices:
    positions = np.array([_position(f) for f in planes])
    normal = np.cross(*orientation)
    along = positions @ normal
    at, doubts = None, Doubts()
    if len(planes) == 1:
        thickness = planes[0].thickness_mm or 1.0
        doubts = (f"is a single slice; its thickness is taken as {thickness:g} mm.",)
        origin, step = positions[0], normal * thickness
    else:
        index = _even_index(along)
        if index is None or index[-1] != len(planes) - 1:
            index, at, interpolated = _even_slices(path, along, index, allow_gaps)
            doubts = (interpolated,)
        origin, step, tilted = _line(path, positions, index, normal, planes[0])
        doubts = (*doubts, *tilted)
    across, down = orientation
    spacings = np.array([f.spacing_mm or (1.0, 1.0) for f in planes])
    rows, columns = spacings[0] + (spacings - spacings[0]).mean(axis=0)  # exact if all are the same
    affine = np.eye(4)
    affine[:3] = np.column_stack([step, down * rows, across * columns, origin])
    return OrderedSlices(
        planes=tuple(planes), affine=LPS_TO_RAS @ affine, third_axis="space", at=at, doubts=doubts
    )


def _even_index(along: Array) -> Array | None:
    """The index of each slice on an evenly spaced grid, 0 for the first; None if they fit no such grid."""
    step = float(np.median(np.diff(along)))
    index = np.concatenate([[0.0], np.cumsum(np.rint(np.diff(along) / step))])
    for _ in range(2):  # rounding errors of steps add up over a gap, those of a fit to all slices do not
        start, step = _fit(index, along)
        if step <= 0:
            return None
        index = np.rint((along - start) / step)
        index -= index[0]
    start, step = _fit(index, along)
    astray = np.abs(along - start - step * index).max()
    return index if astray <= EVEN * step and (np.diff(index) > 0).all() else None


def _fit(index: Array, values: Array) -> tuple[float, float]:
    """Start and slope of the least-squares line."""
    centred = index - index.mean()
    slope = float(centred @ values / max(float(centred @ centred), 1e-300))
    return float(values.mean() - slope * index.mean()), slope


def _even_slices(path: Path, along: Array, index: Array | None, allow_gaps: bool) -> tuple[Array, Array, str]:
    """The index of each slice on an even grid, the positions of the even slices among them, and a doubt.

    Gaps and uneven slices are refused, unless ``allow_gaps`` permits interpolation.
    """
    steps = np.diff(along)
    usual = float(np.median(steps))
    first = int(steps.argmax() if index is not None else np.abs(steps - usual).argmax())
    found = f"slices {first} and {first + 1} are {_mm(steps[first])} apart, most others {_mm(usual)}"
    if not allow_gaps:
        why = "a slice is missing" if index is not None else "the slices are not evenly spaced"
        raise InputError(
            f"{found}: {why}; export the series again, or interpolate with --allow-gaps.", path=path
        )
    if index is None:
        finest = float(np.quantile(steps, 0.1))
        count = round((along[-1] - along[0]) / finest) + 1
        index = (along - along[0]) / (along[-1] - along[0]) * (count - 1)
    count = int(index[-1]) + 1
    if count > MOST_EVEN * len(along):
        raise InputError(f"{found}: too many slices are missing; export the series again.", path=path)
    at = np.interp(np.arange(count), index, np.arange(len(along)))
    return index, at, f"{found}; {count} even slices are interpolated."


def _line(
    path: Path, positions: Array, index: Array, normal: Array, plane: ImagePlane
) -> tuple[Array, Array, Doubts]:
    """Origin and step (3,), LPS mm, of the straight line through all slices; and doubts.

    With a tilted gantry, the line is not along the normal.
    """
    pixel_mm = min(plane.spacing_mm or (1.0, 1.0))
    fitted = [_fit(index, positions[:, n]) for n in range(3)]
    origin, step = np.array([f[0] for f in fitted]), np.array([f[1] for f in fitted])
    beside = positions - origin - np.outer(index, step)
    beside -= np.outer(beside @ normal, normal)
    astray = float(np.sqrt((beside**2).sum(axis=1)).max())
    if astray > STRAIGHT * pixel_mm:
        raise InputError(
            f"its slices are not on one line, some are {_mm(astray)} away from it: "
            "two series are mixed; export one of them.",
            path=path,
        )
    straight = float(step @ normal) * normal
    sideways = float(np.sqrt(((step - straight) ** 2).sum()))
    if sideways * index[-1] <= STRAIGHT * pixel_mm:
        return positions.mean(axis=0) - straight * index.mean(), straight, ()
    tilt = float(np.degrees(np.arctan2(sideways, float(step @ normal))))
    if tilt <= TILT_DEGREES:
        return origin, step, ()
    doubt = (
        f"the gantry was tilted by {tilt:.1f} degrees; every voxel keeps its true place, on axes that are "
        "not at right angles."
    )
    return origin, step, (doubt,)


def _mm(length: float) -> str:
    return f"{length:.2f} mm" if length >= 0.1 else f"{length:.2g} mm"


def _position(plane: ImagePlane) -> Array:
    assert plane.position is not None
    return plane.position


def _orientation(plane: ImagePlane) -> Array:
    assert plane.orientation is not None
    return plane.orientation
