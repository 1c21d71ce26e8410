"""Read and write NRRD files (``.nrrd``, ``.nhdr``); teem.sourceforge.net/nrrd/format.html."""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.io.bounded import Packing
from synthfm3d.io.checks import LPS_TO_RAS, Doubts, stored_voxels
from synthfm3d.io.label_tables import Label, slicer_segments
from synthfm3d.io.research_formats import (
    HEADER_BYTES,
    UNKNOWN_ORIENTATION,
    Components,
    Layout,
    check_regular,
    fields_of,
    little_endian,
    load_voxels,
    lps_matrix,
    name_of,
    needed,
    unit_mm,
    words,
)
from synthfm3d.volume import Array, Modality, Volume

_SPACES: dict[str, Array] = {
    "left-posterior-superior": LPS_TO_RAS[:3, :3],
    "lps": LPS_TO_RAS[:3, :3],
    "right-anterior-superior": np.eye(3),
    "ras": np.eye(3),
    "left-anterior-superior": np.diag([-1.0, 1.0, 1.0]),
    "las": np.diag([-1.0, 1.0, 1.0]),
}
_NRRD_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_PACKINGS: dict[str, Packing] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}
_WORDS = re.compile(r"\([^()]*\)|[^\s()]+")
"""Vectors in brackets, which may contain spaces, and single words."""


def load_nrrd(path: Path, *, frame: int | None = None, modality: Modality | None = None) -> Volume:
    """The volume of an NRRD file, attached or detached, raw or gzip-compressed."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        ends = [(start.find(gap), len(gap)) for gap in (b"\n\n", b"\r\n\r\n") if gap in start]
        end, gap = min(ends, default=(len(start), 0))
        layout = _nrrd_layout(path, start[:end])
        file.seek(end + gap)
        return load_voxels(path, file, layout, frame, modality)


def write_nrrd(path: Path, volume: Volume, labels: Sequence[Label] = ()) -> None:
    """Write a volume as a gzip-compressed NRRD, atomically, on its own grid.

    Labels of a label map become segments with names and colours, as in 3D Slicer.
    """
    voxels = stored_voxels(volume)
    matrix = lps_matrix(volume)
    vectors = ("({})".format(",".join(repr(float(v)) for v in column)) for column in matrix.T)
    *directions, origin = vectors
    lines = [
        "NRRD0004",
        f"type: {name_of(voxels.dtype, _NRRD_TYPES)}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {words(voxels.shape[::-1])}",
        f"space directions: {' '.join(directions)}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {origin}",
        *(slicer_segments(labels, volume) if labels else ()),
    ]
    packed = gzip.compress(little_endian(voxels), compresslevel=4, mtime=0)
    write_atomically(path, "\n".join([*lines, "", ""]).encode() + packed)


def _nrrd_layout(path: Path, header: bytes) -> Layout:
    try:
        fields = _fields(header)
        sizes = tuple(int(n) for n in needed(fields, "sizes").split())
        kinds = [kind.lower() for kind in fields.get("kinds", "").split()] or ["domain"] * len(sizes)
        if int(needed(fields, "dimension")) != len(sizes) or len(kinds) != len(sizes):
            raise ValueError("its dimension and its sizes contradict each other")
        packing, from_end = _packing(fields)
        spatial, vectors = _nrrd_axes(fields, len(sizes), kinds)
        if len(spatial) != 3 or len(sizes) not in (3, 4):
            raise ValueError(f"{len(spatial)} of its {len(sizes)} axes are of space, three are needed")
        matrix, doubts = _nrrd_matrix(fields, vectors)
        check_regular(matrix)
        others = [kinds[n] for n in range(len(sizes)) if n not in spatial]
        return Layout(
            sizes=sizes,
            spatial=spatial,
            matrix=matrix,
            voxel_type=_voxel_type(fields),
            packing=packing,
            data_file=fields.get("data file", fields.get("datafile")),
            from_end=from_end,
            components=_components(others),
            doubts=doubts,
        )
    except ValueError as error:
        raise InputError(f"cannot be read as NRRD ({error})", "export it again.", path=path) from error


def _fields(header: bytes) -> dict[str, str]:
    """Fields of a header by lower-case name, without comments and key/value pairs (``:=``)."""
    lines = header.decode("latin-1").replace("\r\n", "\n").split("\n")[1:]
    parts = [line.partition(":") for line in lines if not line.startswith("#")]
    return fields_of(
        (name.strip().lower(), value.strip())
        for name, colon, value in parts
        if colon and not value.startswith("=")
    )


def _voxel_type(fields: dict[str, str]) -> np.dtype[np.generic]:
    type_name = " ".join(needed(fields, "type").lower().split())
    if type_name not in _NRRD_TYPES:
        raise ValueError(f"voxels of the type {type_name!r} are no numbers that are known here")
    orders = {"little": "<", "big": ">"}
    order = fields.get("endian", "little").lower()
    if order not in orders:
        raise ValueError(f"its endian {order!r} is neither little nor big")
    return np.dtype(_NRRD_TYPES[type_name]).newbyteorder("<" if order == "little" else ">")


def _packing(fields: dict[str, str]) -> tuple[Packing, bool]:
    """The compression of the voxels, and whether they are the last bytes of the file."""
    encoding = needed(fields, "encoding").lower()
    if encoding not in _PACKINGS:
        raise ValueError(
            f"its voxels are encoded as {encoding!r}; raw and gzip can be read, so save it with one of these"
        )
    skips = {
        "line": fields.get("line skip", fields.get("lineskip", "0")),
        "byte": fields.get("byte skip", fields.get("byteskip", "0")),
    }
    from_end = skips["byte"] == "-1"
    if skips["line"] != "0" or skips["byte"] not in ("0", "-1") or (from_end and encoding != "raw"):
        raise ValueError("its voxels do not begin where its header ends (byte skip, line skip)")
    return _PACKINGS[encoding], from_end


def _components(kinds: list[str]) -> Components | None:
    """The meaning of the axis that is not spatial; None if it counts frames."""
    if any("color" in kind for kind in kinds):
        return "colours"
    numbers = ("vector", "matrix", "complex", "quaternion", "point", "normal", "gradient")
    return "numbers" if any(word in kind for kind in kinds for word in numbers) else None


def _nrrd_axes(fields: dict[str, str], rank: int, kinds: list[str]) -> tuple[tuple[int, ...], list[Array]]:
    """The spatial axes, and the step along each of them as a vector (3,)."""
    if "space directions" in fields:
        axes = [_vector(word) for word in _WORDS.findall(fields["space directions"])]
        if len(axes) != rank:
            raise ValueError("it does not give a direction for each axis")
        if any(axis is not None and axis.size == 4 for axis in axes):
            return _axes_of_space_and_time(axes)
        directions = {n: axis for n, axis in enumerate(axes) if axis is not None}
        if any(axis.size != 3 for axis in directions.values()):
            raise ValueError("its directions are not vectors of three numbers")
        return tuple(directions), list(directions.values())
    spatial = tuple(n for n, kind in enumerate(kinds) if kind in ("domain", "space", "???"))
    spacings = [float(word) for word in fields.get("spacings", "").split()]
    if len(spacings) != rank:
        raise ValueError("it does not give a spacing for each axis")
    return spatial, list(np.diag([spacings[n] for n in spatial]))


def _axes_of_space_and_time(axes: list[Array | None]) -> tuple[tuple[int, ...], list[Array]]:
    """The same for directions with four numbers, as ITK writes them; one axis has only the fourth number."""
    along: dict[int, Array] = {}
    for n, axis in enumerate(axes):
        if axis is None or axis.size != 4 or (axis[3] and axis[:3].any()):
            raise ValueError("its directions mix space with the fourth axis")
        if not axis[3]:
            along[n] = axis[:3]
    return tuple(along), list(along.values())


def _nrrd_matrix(fields: dict[str, str], vectors: list[Array]) -> tuple[Array, Doubts]:
    """The affine (4, 4) from an index along the spatial axes to RAS mm, and doubts."""
    origin = _vector(fields.get("space origin", "(0,0,0)"))
    if origin is None or origin.size not in (3, 4):
        raise ValueError("its space origin is no vector of three numbers")
    space, orientation_doubts = _space(fields)
    unit, unit_doubts = _unit_mm(fields)
    matrix = np.eye(4)
    matrix[:3] = space @ np.column_stack([*vectors, origin[:3]])
    matrix[:3] *= unit
    return matrix, (*orientation_doubts, *unit_doubts)


def _unit_mm(fields: dict[str, str]) -> tuple[float, Doubts]:
    """The length unit of the spatial axes in millimetres; it must be the same for all axes."""
    named = fields.get("space units", fields.get("units", ""))
    units = {word.strip() for word in re.findall(r'"([^"]*)"', named)}
    return unit_mm(units - {"", "???", "none", "s", "ms", "sec"})


def _space(fields: dict[str, str]) -> tuple[Array, Doubts]:
    """The matrix (3, 3) from the space that a header names to RAS."""
    space = fields.get("space", "").lower().removesuffix("-time")
    space = {"rast": "ras", "last": "las", "lpst": "lps"}.get(space, space)
    if space in _SPACES and "space directions" in fields:
        return _SPACES[space], ()
    return LPS_TO_RAS[:3, :3], (UNKNOWN_ORIENTATION,)


def _vector(text: str) -> Array | None:
    """The numbers of ``(x, y, z)``, with or without spaces; None for ``none``."""
    if text.strip().lower() == "none":
        return None
    return np.array([float(word) for word in text.strip().strip("()").split(",")])
