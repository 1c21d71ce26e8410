"""Read and write MetaImage files (``.mha``, ``.mhd``) of ITK; itk.org/Wiki/ITK/MetaIO/Documentation."""

import zlib
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.io.checks import LPS_TO_RAS, Doubts, off_right_angles, stored_voxels
from synthfm3d.io.research_formats import (
    HEADER_BYTES,
    UNKNOWN_ORIENTATION,
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

_META_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_NO_SHEAR = 1e-4
"""Largest cosine between two axes that rounding may cause."""


def load_metaimage(path: Path, *, frame: int | None = None, modality: Modality | None = None) -> Volume:
    """The volume of a MetaImage, attached (``.mha``) or detached (``.mhd``), raw or compressed."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        end = start.find(b"\n", start.find(b"ElementDataFile")) + 1 or len(start)
        layout = _meta_layout(path, start[:end])
        file.seek(end)
        return load_voxels(path, file, layout, frame, modality)


def write_metaimage(path: Path, volume: Volume) -> None:
    """Write a volume as a compressed ``.mha``, atomically, on its own grid.

    Raises InputError for a sheared grid, because readers of MetaImage refuse directions that are not at right
    angles.
    """
    voxels = stored_voxels(volume)
    matrix = lps_matrix(volume)
    spacing = np.sqrt((matrix[:, :3] ** 2).sum(axis=0))
    directions = matrix[:, :3] / spacing
    check_metaimage_grid(path, volume)
    packed = zlib.compress(little_endian(voxels), 4)
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        f"TransformMatrix = {words(directions.T.ravel())}",
        f"Offset = {words(matrix[:, 3])}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {words(spacing)}",
        f"DimSize = {words(voxels.shape[::-1])}",
        f"ElementType = {name_of(voxels.dtype, _META_TYPES)}",
        "ElementDataFile = LOCAL",
    ]
    write_atomically(path, "\n".join([*lines, ""]).encode() + packed)


def check_metaimage_grid(path: Path, volume: Volume) -> None:
    """Raise InputError for a sheared grid."""
    if off_right_angles(lps_matrix(volume)) > _NO_SHEAR:
        raise InputError(
            "MetaImage cannot hold voxel axes that are not at right angles", "write .nrrd.", path=path
        )


def _meta_layout(path: Path, header: bytes) -> Layout:
    parts = [line.partition("=") for line in header.decode("latin-1").splitlines()]
    try:
        fields = fields_of((name.strip(), value.strip()) for name, equals, value in parts if equals)
        sizes = tuple(int(n) for n in needed(fields, "DimSize").split())
        rank, channels = int(needed(fields, "NDims")), int(fields.get("ElementNumberOfChannels", "1"))
        if rank != len(sizes) or rank not in (3, 4) or (rank == 4 and channels > 1) or channels < 1:
            raise ValueError(f"it has {rank} axes and {channels} channels, three and one are needed")
        _check_plain(fields)
        matrix, doubts = _meta_matrix(fields, rank)
        check_regular(matrix)
        packed = _is_true(fields, "CompressedData", False)
        from_end = fields.get("HeaderSize", "0") == "-1"
        if from_end and packed:
            raise ValueError("it is compressed, and its HeaderSize is -1")
        data_file = needed(fields, "ElementDataFile")
        several = channels > 1
        return Layout(
            sizes=(channels, *sizes) if several else sizes,
            spatial=(1, 2, 3) if several else (0, 1, 2),
            matrix=matrix,
            voxel_type=_meta_type(fields),
            packing="zlib" if packed else "raw",
            data_file=None if data_file.upper() == "LOCAL" else data_file,
            from_end=from_end,
            components="numbers" if several else None,
            doubts=doubts,
        )
    except ValueError as error:
        raise InputError(f"cannot be read as MetaImage ({error})", "export it again.", path=path) from error


def _meta_type(fields: dict[str, str]) -> np.dtype[np.generic]:
    type_name = needed(fields, "ElementType").upper().removesuffix("_ARRAY")
    if type_name not in _META_TYPES:
        raise ValueError(f"voxels of the type {type_name!r} are no numbers that are known here")
    names = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
    is_big = any(_is_true(fields, name, False) for name in names)
    return np.dtype(_META_TYPES[type_name]).newbyteorder(">" if is_big else "<")


def _is_true(fields: dict[str, str], name: str, default: bool) -> bool:
    """A boolean of a header; ValueError for a word that is not one in ITK."""
    if name not in fields:
        return default
    if fields[name].lower() not in _BOOLEANS:
        raise ValueError(f"{name} is {fields[name]!r}, which is neither True nor False")
    return _BOOLEANS[fields[name].lower()]


def _check_plain(fields: dict[str, str]) -> None:
    """Raise ValueError for voxels that are stored as text, do not follow the header, or are scaled."""
    if not _is_true(fields, "BinaryData", True):
        raise ValueError("its voxels are text (BinaryData = False); save them as binary data")
    if fields.get("HeaderSize", "0") not in ("0", "-1"):
        raise ValueError("its voxels do not begin where its header ends (HeaderSize)")
    slope = float(fields.get("ElementToIntensityFunctionSlope", "1"))
    if (slope, float(fields.get("ElementToIntensityFunctionOffset", "0"))) != (1.0, 0.0):
        raise ValueError("it scales its values")


def _meta_matrix(fields: dict[str, str], rank: int) -> tuple[Array, Doubts]:
    """The affine (4, 4) from a stored index to RAS mm, and doubts."""

    def numbers(names: tuple[str, ...], count: int, default: Array | None) -> Array:
        text = next((fields[name] for name in names if name in fields), None)
        if text is None:
            if default is None:
                raise ValueError(f"it has no {names[0]}")
            return default
        found = np.array([float(word) for word in text.split()])
        if found.size != count:
            raise ValueError(f"{names[0]} should hold {count} numbers")
        return found

    turn = numbers(("TransformMatrix", "Rotation", "Orientation"), rank * rank, np.eye(rank).ravel())
    origin = numbers(("Offset", "Position", "Origin"), rank, np.zeros(rank))
    spacing = numbers(("ElementSpacing", "ElementSize"), rank, None)
    if (spacing < 0).any():
        raise ValueError("its ElementSpacing is negative")
    has_directions = {"TransformMatrix", "Rotation", "Orientation"} & set(fields)
    matrix = np.eye(4)
    turn = turn.reshape(rank, rank)
    if turn[3:, :3].any() or turn[:3, 3:].any():
        raise ValueError("its directions mix space with the fourth axis")
    # Row n of the stored matrix is the direction of axis n.
    matrix[:3] = np.column_stack([turn[:3, :3].T * spacing[:3], origin[:3]])
    unit, unit_doubts = unit_mm({fields.get("DistanceUnits", "?")} - {"?", ""})
    matrix[:3] *= unit
    doubts = unit_doubts if has_directions else (UNKNOWN_ORIENTATION, *unit_doubts)
    return np.asarray(LPS_TO_RAS @ matrix), doubts
