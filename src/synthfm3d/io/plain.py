"""Read images without geometry: folders of PNG or JPEG slices, and NumPy arrays."""

import re
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from synthfm3d.errors import InputError
from synthfm3d.io.bounded import LARGEST_DEFLATE_RATIO
from synthfm3d.io.checks import SMALLEST_MM, Doubts, check_size, colour_doubt, luminance, with_doubts
from synthfm3d.volume import Array, Grid, Modality, Volume

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
MOST_SLICES = 10_000
_EXIF_ORIENTATION = 0x0112
_UNKNOWN_ORIENTATION = (
    "does not say how it lies in the patient: axial slices from feet to head, seen from the feet, are "
    "assumed; left and right may be swapped."
)
_TURNED = "its pictures have a rotation for viewers (EXIF), which is ignored."
Spacing = tuple[float, float, float]


def load_pictures(folder: Path, *, spacing_mm: Spacing | None, modality: Modality | None = None) -> Volume:
    """A folder of pictures of the same size as axial slices, in the order of the numbers in their names.

    The doubts of the volume report what is assumed. Raises InputError if a picture is damaged or has another
    size, or if the spacing is not given.
    """
    paths = sorted(picture_files(folder), key=natural_order)
    if len(paths) > MOST_SLICES:
        raise InputError(
            f"holds more than {MOST_SLICES:,} pictures", "name the folder of one scan.", path=folder
        )
    doubts = [*_doubts_about_names(folder, paths), _UNKNOWN_ORIENTATION]
    affine = _affine(folder, spacing_mm)
    slices: list[Array] = []
    coloured: list[float] = []
    for path in paths:
        try:
            with Image.open(path) as picture:
                _check_size(folder, path, picture, slices, len(paths))
                if picture.getexif().get(_EXIF_ORIENTATION, 1) != 1:
                    doubts.append(_TURNED)
                grey, share = _grey(picture)
        except InputError:
            raise
        except Exception as error:  # Pillow's decoders raise many kinds of errors
            raise InputError(f"{path.name} is damaged", "export the slices again.", path=folder) from error
        if slices and grey.dtype != slices[0].dtype:
            raise InputError(
                f"{path.name} has values of {grey.dtype}, the first of {slices[0].dtype}: all "
                "slices of a scan have the same bits.",
                path=folder,
            )
        slices.append(grey)
        coloured += [] if share is None else [share]
    if coloured:
        doubts.append(colour_doubt(sum(coloured) / len(slices)))
    volume = Volume(voxels=np.stack(slices), affine=affine, modality=modality)
    return with_doubts(volume, *doubts)


def _check_size(folder: Path, path: Path, picture: Image.Image, before: list[Array], count: int) -> None:
    """Raise InputError if a picture differs in size from those before it, or all are too large together."""
    width, height = picture.size
    if not before:
        check_size(folder, (count, height, width), 4)
    elif before[0].shape != (height, width):
        rows, columns = before[0].shape
        raise InputError(
            f"{path.name} has {width} x {height} pixels, the first {columns} x {rows}: all slices "
            "of a scan have the same size.",
            path=folder,
        )
    if getattr(picture, "n_frames", 1) > 1:
        raise InputError(f"{path.name} holds several pictures", "save each as a file.", path=folder)


def _doubts_about_names(folder: Path, paths: list[Path]) -> Doubts:
    """Doubts about gaps in the numbers in the names of slices.

    Raises InputError if a slice exists twice, in two formats.
    """
    names = [path.stem.lower() for path in paths]
    for one, other in pairwise(sorted(range(len(paths)), key=names.__getitem__)):
        if names[one] == names[other]:
            raise InputError(
                f"{paths[one].name} and {paths[other].name} are the same slice",
                "remove one of them.",
                path=folder,
            )
    numbers = [int(found[-1]) if (found := re.findall(r"[0-9]+", name)) else None for name in names]
    steps = {b - a for a, b in pairwise(numbers) if a is not None and b is not None}
    if len(steps) > 1 and None not in numbers:
        return ("the numbers in the names of its slices are not evenly spaced: is a slice missing?",)
    return ()


def picture_files(folder: Path) -> list[Path]:
    """The visible PNG and JPEG files of a folder."""
    return [
        p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith(".")
    ]


def load_array(path: Path, *, spacing_mm: Spacing | None, modality: Modality | None = None) -> Volume:
    """The array (z, y, x) of an ``.npy`` file, or the only array of an ``.npz``; pickles are refused."""
    affine = _affine(path, spacing_mm)
    try:
        if zipfile.is_zipfile(path):
            array = _array_of_archive(path)
        else:
            with path.open("rb") as file:
                array = _array(path, file, path.stat().st_size)
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds of errors
        reason = str(error).split("\n")[0]
        raise InputError(f"is not a valid NumPy file ({reason})", "save it again.", path=path) from error
    return Volume(voxels=array, affine=affine, modality=modality, doubts=(_UNKNOWN_ORIENTATION,))


def _array_of_archive(path: Path) -> Array:
    """The only array in an archive; nothing is unpacked to the disk."""
    with zipfile.ZipFile(path) as archive:
        names = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        if len(names) != 1:
            raise InputError(f"holds {len(names)} arrays, one is needed", "save the scan alone.", path=path)
        with archive.open(names[0]) as file:
            array = _array(path, file, names[0].compress_size * LARGEST_DEFLATE_RATIO)
            file.read(1)  # read to the end, so that the checksum is verified
            return array


def _array(path: Path, file: IO[bytes], most_bytes: int) -> Array:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, voxel_type = read(file)
    if voxel_type.kind not in "iufb":
        raise InputError(
            f"holds {voxel_type}, not numbers", "save the voxels as an array of numbers.", path=path
        )
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(f"has shape {shape}, three axes (z, y, x) are needed.", path=path)
    promised = check_size(path, shape, voxel_type.itemsize)
    content = file.read(promised) if promised <= most_bytes else b""
    if len(content) < promised:
        raise InputError(f"is truncated: its header declares {promised:,} bytes", "save it again.", path=path)
    array = np.frombuffer(content, voxel_type).reshape(shape, order="F" if fortran else "C")
    native = np.uint8 if voxel_type.kind == "b" else voxel_type.newbyteorder("=")
    return np.ascontiguousarray(array, dtype=native)


def _affine(path: Path, spacing_mm: Spacing | None) -> Array:
    """The affine (4, 4) of axial slices; InputError without a usable spacing."""
    if spacing_mm is None:
        raise InputError(
            "has no voxel spacing",
            "give it in millimetres (--spacing X,Y,Z).",
            path=path,
        )
    if min(spacing_mm) < SMALLEST_MM or not np.isfinite(spacing_mm).all():
        raise InputError(
            f"a spacing of {spacing_mm} mm is impossible", "give three positive numbers.", path=path
        )
    return Grid.from_spacing((1, 1, 1), spacing_mm).affine


def _grey(picture: Image.Image) -> tuple[Array, float | None]:
    """Grey values (y, x) of a picture, and the coloured share; None if the picture is grey."""
    if picture.mode in ("1", "L", "I;16", "I;16B", "I", "F"):
        return np.array(picture.convert("L") if picture.mode == "1" else picture), None
    colours = np.array(picture.convert("RGB"))[None]
    if (np.ptp(colours, axis=-1) == 0).all():
        return np.asarray(colours[0, ..., 0]), None  # grey values, saved in all three channels
    grey, share = luminance(colours)
    return np.asarray(grey[0]), share


def natural_order(path: Path) -> tuple[tuple[int, str], ...]:
    """A sort key that puts ``slice10`` after ``slice9``."""
    parts = re.split(r"(\d+)", path.name)
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)
