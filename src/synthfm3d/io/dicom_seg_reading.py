"""Read a DICOM segmentation as a label map, on its own slices or on the grid of a scan.

Most segmentations store only slices with a segment. Each stored frame is put at the position in its header.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from synthfm3d.errors import InputError
from synthfm3d.io.checks import LPS_TO_RAS, check_size, smallest_integers
from synthfm3d.io.dicom_headers import header_of, is_segmentation, kind_of, silent_libraries, whole_file
from synthfm3d.io.dicom_numbers import ON_GRID
from synthfm3d.io.dicom_planes import ImagePlane, planes_of
from synthfm3d.io.dicom_series import files_at
from synthfm3d.volume import Array, Grid, Volume

_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"


def find_segmentation(path: Path) -> Path | None:
    """The path of the DICOM segmentation in a file or a folder; None if there is none.

    Raises
    ------
    InputError
        A folder contains several, or only contours (RT structure set).
    """
    found, contours, others = [], 0, 0
    for file in files_at(path):
        header = _header(path, file)
        if header is None:
            continue
        if is_segmentation(header):
            found.append(file)
        elif "RT Structure" in kind_of(header):
            contours += 1
        else:
            others += 1
    if len(found) > 1:
        raise InputError(f"holds {len(found)} DICOM segmentations", "name one of the files.", path=path)
    if contours and not found and not others:
        raise InputError(
            "is an RT structure set, which holds contours and no voxels",
            "convert it to NIfTI or to a DICOM segmentation first.",
            path=path,
        )
    return found[0] if found else None


def load_segmentation(path: Path, file: Path, scan: Grid | None = None) -> Volume:
    """Read a DICOM segmentation as a label map; the numbers of its segments are the labels.

    Parameters
    ----------
    path
        The path that the user gave, for messages.
    scan
        Grid of its scan; None: the smallest grid that contains its frames.

    Returns
    -------
    Volume of unsigned integers (z, y, x).

    Raises
    ------
    InputError
        It is damaged or empty, does not fit the grid of the scan, has fractions, or its segments overlap.
    """
    header = _header(path, file)
    assert header is not None
    with silent_libraries():
        try:
            planes = planes_of(file, header)
            segmentation = whole_file(file)
            segments = _segments(segmentation, len(planes))
            check_size(path, (len(planes), planes[0].rows, planes[0].columns), 2)
            stored = np.asarray(pixel_array(segmentation)).reshape(-1, planes[0].rows, planes[0].columns)
            stored = _whole_values(path, segmentation, stored)
        except InputError as error:
            raise error.about(path) from error
        except Exception as error:  # a damaged file can raise nearly anything
            raise InputError("is a damaged DICOM segmentation", "export it again.", path=path) from error
    if len(stored) != len(planes):
        raise InputError(
            "is a damaged DICOM segmentation (frames are missing)", "export it again.", path=path
        )
    _check_places(path, planes)
    grid = scan or _own_grid(path, planes)
    check_size(path, grid.shape, 2)
    labels = np.zeros(grid.shape, np.uint16)
    for plane, number, values in zip(planes, segments, stored, strict=True):
        _draw(path, labels, grid, plane, values if number is None else values * np.uint16(number))
    return Volume(voxels=smallest_integers(labels), affine=grid.affine)


def _header(path: Path, file: Path) -> Dataset | None:
    try:
        return header_of(file)
    except InputError as error:  # with the name of the folder, because that of a file may be the patient's
        raise error.about(path) from error


def _segments(segmentation: Dataset, count: int) -> list[int | None]:
    """The segment of each frame; None if the values of a frame are the segments."""
    if str(segmentation.SOPClassUID) == _LABEL_MAP:
        return [None] * count
    shared = segmentation.get("SharedFunctionalGroupsSequence") or [Dataset()]
    numbers: list[int | None] = []
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        named = group.get("SegmentIdentificationSequence") or shared[0].SegmentIdentificationSequence
        number = int(named[0].ReferencedSegmentNumber)
        if not 1 <= number <= 65535:
            raise ValueError("a segment has an impossible number")
        numbers.append(number)
    return numbers


def _whole_values(path: Path, segmentation: Dataset, stored: Array) -> Array:
    """The label, or 0 and 1, of each pixel, uint16; fractions raise InputError."""
    if str(segmentation.get("SegmentationType", "BINARY")) != "FRACTIONAL":
        return stored.astype(np.uint16)
    full = int(segmentation.get("MaximumFractionalValue") or 255)
    if not np.isin(stored, (0, full)).all():
        raise InputError(
            "is a fractional DICOM segmentation, whose values are probabilities or shares",
            "export it as a binary one.",
            path=path,
        )
    return np.asarray(stored == full, np.uint16)


def _check_places(path: Path, planes: Sequence[ImagePlane]) -> None:
    if any(f.problem or f.position is None or f.orientation is None or not f.spacing_mm for f in planes):
        raise InputError(
            "is a DICOM segmentation that does not say where its frames lie (of a slide, perhaps)",
            "export it as NIfTI.",
            path=path,
        )


def _affine(plane: ImagePlane, step: Array) -> Array:
    """The affine (4, 4) from (slice, row, column) of a plane to RAS mm."""
    assert plane.position is not None
    assert plane.orientation is not None
    assert plane.spacing_mm is not None
    across, down = plane.orientation
    rows, columns = plane.spacing_mm
    affine = np.eye(4)
    affine[:3] = np.column_stack([step, down * rows, across * columns, plane.position])
    return np.asarray(LPS_TO_RAS @ affine)


def _own_grid(path: Path, planes: Sequence[ImagePlane]) -> Grid:
    """The smallest grid along the planes' normal that contains all planes."""
    first = planes[0]
    assert first.orientation is not None
    normal = np.cross(*first.orientation)
    along = np.array([f.position @ normal for f in planes if f.position is not None])
    gaps = np.diff(np.unique(along))
    step = first.thickness_mm or 1.0
    apart = gaps[gaps > ON_GRID * step]
    if apart.size and apart.min() < step * (1 - ON_GRID):
        step = float(apart.min())
    lowest = planes[int(along.argmin())]
    count = round(float(np.ptp(along)) / step) + 1
    if count > 10 * len(planes) + 10_000:
        raise InputError(
            "is a DICOM segmentation whose frames lie too far apart", "export it again.", path=path
        )
    return Grid((count, first.rows, first.columns), _affine(lowest, normal * step))


def _draw(path: Path, labels: Array, grid: Grid, plane: ImagePlane, values: Array) -> None:
    """Write the labels of a plane into ``labels``; InputError unless its pixels are voxels of the grid."""
    rows, columns = np.nonzero(values)
    if not len(rows):
        return
    assert plane.orientation is not None
    affine = _affine(plane, np.cross(*plane.orientation))
    index = grid.to_index(np.stack([0 * rows, rows, columns], axis=-1) @ affine[:3, :3].T + affine[:3, 3])
    nearest = np.rint(index).astype(np.int64)
    inside = np.all((nearest >= 0) & (nearest < grid.shape), axis=1).all()
    if not inside or np.abs(index - nearest).max() > ON_GRID:
        raise InputError(
            "the DICOM segmentation does not lie on the voxels of the scan",
            "name that of this scan.",
            path=path,
        )
    z, y, x = nearest.T
    old, new = labels[z, y, x], values[rows, columns]
    taken = (old != 0) & (old != new)
    if taken.any():
        one, other = sorted((int(old[taken][0]), int(new[taken][0])))
        raise InputError(
            f"its segments {one} and {other} overlap, which a label map cannot hold",
            "export them apart.",
            path=path,
        )
    labels[z, y, x] = new
