"""Code that NRRD and MetaImage share: a text header, followed by raw or compressed voxels.

In both formats, voxels are indexed (i, j, k) with the first axis fastest, and have positions in LPS
millimetres (or RAS, if an NRRD header says so). They are read without SimpleITK, which trusts headers,
follows data files to any folder and refuses sheared grids. Tests compare the results with it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from synthfm3d.errors import ChoiceNeeded, InputError
from synthfm3d.io.bounded import Packing, beside, read_promised
from synthfm3d.io.checks import LPS_TO_RAS, Doubts, check_size, colour_doubt, is_regular, luminance
from synthfm3d.volume import Array, Modality, Volume

HEADER_BYTES = 1 << 16
"""Headers of valid files are shorter."""
Components = Literal["colours", "numbers"]
UNKNOWN_ORIENTATION = (
    "it does not say how it lies in the patient: its orientation is unknown, left and right may be swapped."
)
"""The doubt about headers without directions."""
_UNITS_MM = {
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-6),
    **dict.fromkeys(("um", "µm", "micron", "micrometer", "micrometre"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 10.0),
    **dict.fromkeys(("m", "meter", "metre"), 1000.0),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """The layout of the voxels, from a header.

    Parameters
    ----------
    sizes
        Length of each stored axis, fastest first.
    spatial
        The three spatial axes among them, fastest first.
    matrix
        Affine (4, 4) from the index along ``spatial`` to RAS mm.
    from_end
        Whether the voxels are the last bytes of the file.
    components
        The meaning of the fourth axis; None: it counts frames.
    doubts
        Doubts about the header.
    """

    sizes: tuple[int, ...]
    spatial: tuple[int, ...]
    matrix: Array
    voxel_type: np.dtype[np.generic]
    packing: Packing
    data_file: str | None
    from_end: bool = False
    components: Components | None = None
    doubts: Doubts = ()


def load_voxels(
    path: Path, file: BinaryIO, layout: Layout, frame: int | None, modality: Modality | None
) -> Volume:
    """Read the volume that a header describes.

    Parameters
    ----------
    file
        The file of the header, at its first voxel. It is read unless the layout names a data file.
    frame
        Index of the volume of a 4-D file, from 0.

    Raises
    ------
    InputError
        There are fewer voxels than in the header, the frame does not exist, or it is required.
    """
    if min(layout.sizes) < 1:
        raise InputError(f"its header is damaged (sizes {layout.sizes})", "export it again.", path=path)
    promised = check_size(path, layout.sizes, layout.voxel_type.itemsize)
    if layout.data_file is None:
        content = _promised(path, file, promised, layout)
    else:
        data = beside(path, layout.data_file)
        with data.open("rb") as voxels:
            content = _promised(data, voxels, promised, layout)
    array = np.frombuffer(content, layout.voxel_type).reshape(layout.sizes[::-1])
    rank = len(layout.sizes)
    # Stored axis n is array axis rank - 1 - n. The axis that is not spatial becomes the first.
    array = np.moveaxis(array, [rank - 1 - n for n in layout.spatial[::-1]], [rank - 3, rank - 2, rank - 1])
    kept, doubts = _one_frame(path, array, frame, layout, modality)
    native = np.float32 if kept.dtype.kind == "f" else kept.dtype.newbyteorder("=")
    return Volume(
        voxels=np.ascontiguousarray(kept, dtype=native),
        affine=layout.matrix[:, [2, 1, 0, 3]],
        modality=modality,
        doubts=(*layout.doubts, *doubts),
    )


def _one_frame(
    path: Path, array: Array, frame: int | None, layout: Layout, modality: Modality | None
) -> tuple[Array, Doubts]:
    """The array (z, y, x) of one frame of an array (z, y, x) or (frame, z, y, x)."""
    if array.ndim == 3:
        if frame not in (None, 0):
            raise InputError(f"there is no frame {frame}: the file has only frame 0.", path=path)
        return array, ()
    frames = array.shape[0]
    if layout.components and frames in (3, 4) and array.dtype in (np.uint8, np.uint16):
        if modality != "us":
            raise InputError(
                "is a colour image",
                "convert it to grey values, or say that it is ultrasound (--modality us).",
                path=path,
            )
        grey, share = luminance(np.moveaxis(array[:3], 0, -1))
        return grey, (colour_doubt(share),)
    if layout.components and frames > 1 and frame is None:
        raise ChoiceNeeded(
            f"holds {frames} numbers in each voxel (a vector field?), a scan has one",
            f"choose one from 0 to {frames - 1} (--frame).",
            path=path,
            frames=frames,
        )
    if frames > 1 and frame is None:
        raise ChoiceNeeded(
            f"is 4-D with {frames} frames",
            f"choose one from 0 to {frames - 1} (--frame), or save one as a file of its own.",
            path=path,
            frames=frames,
        )
    if not 0 <= (frame or 0) < frames:
        raise InputError(f"there is no frame {frame}: the file has 0 to {frames - 1}.", path=path)
    return np.asarray(array[frame or 0]), ()


def _promised(path: Path, file: BinaryIO, promised: int, layout: Layout) -> bytearray:
    """Read the bytes of the voxels from the current position of a file, or from its end."""
    if layout.from_end:
        file.seek(max(0, path.stat().st_size - promised))
    return read_promised(path, file, promised, layout.packing)


def fields_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Fields of a header by name; ValueError for two that contradict each other."""
    fields: dict[str, str] = {}
    for name, value in pairs:
        if fields.setdefault(name, value) != value:
            raise ValueError(f"it gives {name!r} twice, as {fields[name]!r} and {value!r}")
    return fields


def needed(fields: Mapping[str, str], name: str) -> str:
    """A field of a header; ValueError if it is missing."""
    if name not in fields:
        raise ValueError(f"it has no {name!r}")
    return fields[name]


def unit_mm(units: Collection[str]) -> tuple[float, Doubts]:
    """The length in millimetres of a header's unit, with a doubt if it is not the millimetre.

    Without a unit the millimetre is assumed. Raises ValueError for an unknown unit, and for several units.
    """
    if not units:
        return 1.0, ()
    if len(units) > 1:
        raise ValueError(f"it has several units of length: {', '.join(sorted(units))}")
    (unit,) = units
    known = unit.lower().removesuffix("s") if len(unit) > 2 else unit.lower()
    if known not in _UNITS_MM:
        raise ValueError(f"its unit of length {unit!r} is none of {', '.join(_UNITS_MM)}")
    if _UNITS_MM[known] == 1:
        return 1.0, ()
    return _UNITS_MM[known], (f"its unit is {unit}; it is converted to millimetres.",)


def check_regular(matrix: Array) -> None:
    """Raise ValueError for a matrix that is not finite or is singular."""
    if not np.isfinite(matrix).all():
        raise ValueError("its geometry holds numbers that are not finite")
    if not is_regular(matrix):
        raise ValueError("two of its axes coincide, or one has no length")


def lps_matrix(volume: Volume) -> Array:
    """The matrix (3, 4) from a stored index (i, j, k) to LPS mm."""
    return np.asarray((LPS_TO_RAS @ volume.affine)[:3, [2, 1, 0, 3]])


def little_endian(voxels: Array) -> bytes:
    """Voxels (z, y, x) as stored bytes, x fastest."""
    return voxels.astype(voxels.dtype.newbyteorder("<"), copy=False).tobytes()


def name_of(voxel_type: np.dtype[np.generic], names: dict[str, str]) -> str:
    """The name of a voxel type in a format; ``names`` maps its names to NumPy's codes, such as ``i2``."""
    code = f"{voxel_type.kind}{voxel_type.itemsize}"
    return next(name for name, known in names.items() if known == code)


def words(numbers: tuple[int, ...] | Array) -> str:
    """Numbers as text for a header, with all their digits."""
    return " ".join(repr(n.item() if isinstance(n, np.generic) else n) for n in numbers)
