"""Siemens mosaics: all slices of a volume as tiles of one picture, with their geometry in a private header.

The stored position is that of a picture of the size of the mosaic with the same centre as the first slice.
The tiles are ordered along the slice normal of the private header, which may be opposite to that of the
orientation.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_headers import silent_libraries
from synthfm3d.io.dicom_numbers import directions_of, finite, step_of, two_positive
from synthfm3d.volume import Array

_NUMBER_OF_TILES = 0x0A
"""Element of the private block of group 0019 with the number of tiles."""
_ALONG = 0.99
"""Smallest absolute cosine between the two slice normals of a header."""
_REFUSED = (
    "a DICOM image is a Siemens MOSAIC (all slices as tiles of one picture), and its header does not say {} "
    "(the private CSA header is missing or damaged): convert it with dcm2niix, or export it as single slices."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mosaic:
    """``count`` tiles of ``rows`` x ``columns`` pixels, ``across`` of them in a row of the picture.

    Parameters
    ----------
    position
        First pixel of the first tile (3,), LPS mm.
    orientation
        Unit vectors (2, 3) along a row and down a column, LPS.
    along
        Step (3,) from a slice to the next, LPS mm.
    """

    count: int
    across: int
    rows: int
    columns: int
    position: Array
    orientation: Array
    spacing_mm: tuple[float, float]
    along: Array

    @property
    def step_mm(self) -> float:
        return float(np.sqrt((self.along**2).sum()))

    def corner_of(self, number: int) -> tuple[int, int]:
        row, column = divmod(number, self.across)
        return row * self.rows, column * self.columns

    def position_of(self, number: int) -> Array:
        return np.asarray(self.position + number * self.along)


def is_mosaic(header: Dataset) -> bool:
    kinds = header.get("ImageType") or []
    return "MOSAIC" in [str(kind).upper() for kind in ([kinds] if isinstance(kinds, str) else kinds)]


def mosaic_of(file: Path, header: Dataset) -> Mosaic:
    """The geometry of the tiles; InputError if the header does not contain it."""
    private = _private_header(file)
    count = _tile_count(private)
    across = int(np.ceil(np.sqrt(count)))
    if header.Rows % across or header.Columns % across:
        raise InputError(_REFUSED.format("how many tiles fill it"))
    rows, columns = int(header.Rows) // across, int(header.Columns) // across
    step = step_of(private)
    orientation = directions_of(header.ImageOrientationPatient)
    spacing = two_positive(header.PixelSpacing)
    normal = _slice_normal(private)
    if step is None or normal is None:
        raise InputError(_REFUSED.format("which way its slices run, and how far apart they are"))
    straight = np.cross(*orientation)
    agreement = float(normal @ straight)
    if abs(agreement) < _ALONG:
        raise InputError(_REFUSED.format("which way its slices run"))
    tile = np.array([columns, rows])
    picture = np.array([int(header.Columns), int(header.Rows)])
    shift = (picture - tile) / 2 * np.array(spacing[::-1])
    return Mosaic(
        count=count,
        across=across,
        rows=rows,
        columns=columns,
        position=finite(header.ImagePositionPatient, 3) + shift @ orientation,
        orientation=orientation,
        spacing_mm=spacing,
        along=straight * np.copysign(abs(step), agreement),
    )


def _private_header(file: Path) -> Dataset:
    with silent_libraries():
        return pydicom.dcmread(file, stop_before_pixels=True, force=True)


def _tile_count(private: Dataset) -> int:
    try:
        count = int(private.private_block(0x0019, "SIEMENS MR HEADER")[_NUMBER_OF_TILES].value)
    except (KeyError, TypeError, ValueError):
        count = int(_csa(private, "NumberOfImagesInMosaic", 1)[0] if _csa(private) else 0)
    if not 1 <= count <= 10_000:
        raise InputError(_REFUSED.format("how many slices it holds"))
    return count


def _slice_normal(private: Dataset) -> Array | None:
    numbers = _csa(private, "SliceNormalVector", 3)
    if len(numbers) != 3:
        return None
    normal = finite(numbers, 3)
    length = float(np.sqrt((normal**2).sum()))
    return np.asarray(normal / length) if length > 0 else None


def _csa(private: Dataset, name: str = "NumberOfImagesInMosaic", count: int = 1) -> list[Any]:
    """The first values of an entry of Siemens' private image header; empty if there are none."""
    with silent_libraries():  # nibabel warns that its DICOM readers are experimental
        from nibabel.nicom.csareader import get_csa_header
    try:
        found = get_csa_header(private, "image")
        return list(found["tags"][name]["items"][:count]) if found else []
    except Exception:  # a damaged private header can raise nearly anything
        return []
