"""NRRD files (``.nrrd``, ``.nhdr``); the format: teem.sourceforge.net/nrrd/format.html."""

import gzip
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.io.affines import LPS_TO_RAS
from synthfm3d.io.bounded import Packing
from synthfm3d.io.research_formats import (
    HEADER_BYTES,
    Layout,
    check_regular,
    little_endian,
    load_voxels,
    lps_matrix,
    name_of,
    warn_of_unknown_orientation,
    words,
)
from synthfm3d.io.values import stored_voxels
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


def load_nrrd(path: Path, *, frame: int | None = None, modality: Modality | None = None) -> Volume:
    """The volume of an NRRD file, attached or detached, raw or gzip-compressed."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        ends = [(start.find(gap), len(gap)) for gap in (b"\n\n", b"\r\n\r\n") if gap in start]
        end, gap = min(ends, default=(len(start), 0))
        layout = _nrrd_layout(path, start[:end])
        file.seek(end + gap)
        return load_voxels(path, file, layout, frame, modality)


def write_nrrd(path: Path, volume: Volume) -> None:
    """Write a volume as a gzip-compressed NRRD, whole or not at all, on its own grid."""
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
    ]
    packed = gzip.compress(little_endian(voxels), compresslevel=4, mtime=0)
    write_atomically(path, "\n".join([*lines, "", ""]).encode() + packed)


def _nrrd_layout(path: Path, header: bytes) -> Layout:
    lines = header.decode("latin-1").replace("\r\n", "\n").split("\n")[1:]
    pairs = (line.partition(": ") for line in lines if not line.startswith("#") and ":=" not in line)
    fields = {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
    try:
        sizes = tuple(int(n) for n in fields["sizes"].split())
        voxel_type = np.dtype(_NRRD_TYPES[fields["type"].lower()])
        if fields.get("endian", "little") == "big":
            voxel_type = voxel_type.newbyteorder(">")
        packings: dict[str, Packing] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}
        packing = packings[fields["encoding"].lower()]
        if any(fields.get(name, "0") not in ("0", "-1") for name in ("byte skip", "line skip", "byteskip")):
            raise ValueError("it skips bytes")
        kinds = fields.get("kinds", "").split() or ["domain"] * len(sizes)
        if int(fields["dimension"]) != len(sizes) or len(kinds) != len(sizes):
            raise ValueError("its dimension and its sizes contradict each other")
        spatial, vectors = _nrrd_axes(fields, len(sizes), kinds)
        origin = np.array(_vector(fields.get("space origin", "(0,0,0)")))
        if len(spatial) != 3 or len(sizes) not in (3, 4):
            raise ValueError(f"{len(spatial)} of its {len(sizes)} axes are of space, three are needed")
        matrix = np.eye(4)
        matrix[:3] = _space(path, fields) @ np.column_stack([*vectors, origin])
        check_regular(matrix)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as NRRD ({error}): export it again.") from error
    others = [kinds[n].lower() for n in range(len(sizes)) if n not in spatial]
    return Layout(
        sizes=sizes,
        spatial=spatial,
        matrix=matrix,
        voxel_type=voxel_type,
        packing=packing,
        data_file=fields.get("data file", fields.get("datafile")),
        colour=any("color" in kind or kind == "vector" for kind in others),
    )


def _nrrd_axes(fields: dict[str, str], rank: int, kinds: list[str]) -> tuple[tuple[int, ...], list[Array]]:
    """The axes of space, and the step along each of them."""
    if "space directions" in fields:
        axes = fields["space directions"].replace(", ", ",").split()
        if len(axes) != rank:
            raise ValueError("it does not give a direction for each axis")
        spatial = tuple(n for n, word in enumerate(axes) if word.lower() != "none")
        return spatial, [np.array(_vector(axes[n])) for n in spatial]
    spatial = tuple(n for n, kind in enumerate(kinds) if kind.lower() in ("domain", "space", "???"))
    spacings = [float(word) for word in fields.get("spacings", "").split()]
    if len(spacings) != rank:
        raise ValueError("it does not give a spacing for each axis")
    return spatial, list(np.diag([spacings[n] for n in spatial]))


def _space(path: Path, fields: dict[str, str]) -> Array:
    space = fields.get("space", "").lower().removesuffix("-time")
    if space in _SPACES and "space directions" in fields:
        return _SPACES[space]
    warn_of_unknown_orientation(path)
    return LPS_TO_RAS[:3, :3]


def _vector(text: str) -> tuple[float, float, float]:
    x, y, z = (float(word) for word in text.strip("()").split(","))
    return x, y, z
