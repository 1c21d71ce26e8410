"""Images without a geometry of their own: folders of PNG or JPEG slices, and NumPy arrays."""

import re
import warnings
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from synthfm3d.errors import InputError
from synthfm3d.io.bounded import LARGEST_DEFLATE_RATIO
from synthfm3d.io.values import SMALLEST_MM, check_size, luminance
from synthfm3d.volume import Array, Grid, Modality, Volume

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
MOST_SLICES = 10_000
_EXIF_ORIENTATION = 0x0112
Spacing = tuple[float, float, float]


def load_pictures(folder: Path, *, spacing_mm: Spacing | None, modality: Modality | None = None) -> Volume:
    """A folder of equally large pictures as axial slices, in the order of the numbers in their names.

    Raises InputError where a picture is damaged or of another size, or the spacing is not given.
    """
    paths = sorted(picture_files(folder), key=natural_order)
    if len(paths) > MOST_SLICES:
        raise InputError(f"{folder}: holds more than {MOST_SLICES:,} pictures: name the folder of one scan.")
    _check_names(folder, paths)
    grid_spacing = _needed(folder, spacing_mm)
    slices: list[Array] = []
    shape: tuple[int, ...] | None = None
    for path in paths:
        try:
            with Image.open(path) as picture:
                width, height = picture.size
                if shape is None:
                    shape = (height, width)
                    check_size(folder, (len(paths), *shape), 4)
                elif shape != (height, width):
                    raise InputError(
                        f"{folder}: {path.name} has {width} x {height} pixels, the first {shape[1]} x "
                        f"{shape[0]}: all slices of a scan have the same size."
                    )
                if getattr(picture, "n_frames", 1) > 1:
                    raise InputError(f"{folder}: {path.name} holds several pictures: save each as a file.")
                _warn_of_turn(path, picture)
                slices.append(_grey(path, picture))
                if slices[-1].dtype != slices[0].dtype:
                    raise InputError(
                        f"{folder}: {path.name} has values of {slices[-1].dtype}, the first of "
                        f"{slices[0].dtype}: all slices of a scan have the same bits."
                    )
        except InputError:
            raise
        except Exception as error:  # each of Pillow's decoders has its own way to fail
            raise InputError(f"{folder}: {path.name} is damaged: export the slices again.") from error
    return Volume(
        voxels=np.stack(slices),
        affine=Grid.from_spacing((1, 1, 1), grid_spacing).affine,
        modality=modality,
    )


def _check_names(folder: Path, paths: list[Path]) -> None:
    """Refuse slices that are there twice in two formats; warn where numbers in their names leave some out."""
    names = [path.stem.lower() for path in paths]
    for one, other in pairwise(sorted(range(len(paths)), key=names.__getitem__)):
        if names[one] == names[other]:
            raise InputError(
                f"{folder}: {paths[one].name} and {paths[other].name} are the same slice: remove one of them."
            )
    numbers = [int(found[-1]) if (found := re.findall(r"[0-9]+", name)) else None for name in names]
    steps = {b - a for a, b in pairwise(numbers) if a is not None and b is not None}
    if len(steps) > 1 and None not in numbers:
        warnings.warn(
            f"{folder}: the numbers in the names of its slices are not evenly apart: is a slice missing?",
            stacklevel=4,
        )


def picture_files(folder: Path) -> list[Path]:
    """The visible PNG and JPEG files of a folder."""
    return [
        p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith(".")
    ]


def load_array(path: Path, *, spacing_mm: Spacing | None, modality: Modality | None = None) -> Volume:
    """The array (z, y, x) of an ``.npy`` file, or the only 3-D one of an ``.npz``; pickles are refused."""
    spacing = _needed(path, spacing_mm)
    try:
        if zipfile.is_zipfile(path):
            array = _array_of_archive(path)
        else:
            with path.open("rb") as file:
                array = _array(path, file, path.stat().st_size)
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy's header parser raise a dozen types
        reason = str(error).split("\n")[0]
        raise InputError(f"{path}: is no sound NumPy file ({reason}): save it again.") from error
    return Volume(voxels=array, affine=Grid.from_spacing((1, 1, 1), spacing).affine, modality=modality)


def _array_of_archive(path: Path) -> Array:
    """The only array of three axes in an archive; nothing is unpacked to the disk."""
    with zipfile.ZipFile(path) as archive:
        names = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        if len(names) != 1:
            raise InputError(f"{path}: holds {len(names)} arrays, one is needed: save the scan alone.")
        with archive.open(names[0]) as file:
            array = _array(path, file, names[0].compress_size * LARGEST_DEFLATE_RATIO)
            file.read(1)  # to the end, where the checksum is compared
            return array


def _array(path: Path, file: IO[bytes], most_bytes: int) -> Array:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, voxel_type = read(file)
    if voxel_type.kind not in "iufb":
        raise InputError(f"{path}: holds {voxel_type}, not numbers: save the voxels as an array of numbers.")
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(f"{path}: has shape {shape}, three axes (z, y, x) are needed.")
    promised = check_size(path, shape, voxel_type.itemsize)
    content = file.read(promised) if promised <= most_bytes else b""
    if len(content) < promised:
        raise InputError(f"{path}: is truncated: its header promises {promised:,} bytes: save it again.")
    array = np.frombuffer(content, voxel_type).reshape(shape, order="F" if fortran else "C")
    native = np.uint8 if voxel_type.kind == "b" else voxel_type.newbyteorder("=")
    return np.ascontiguousarray(array, dtype=native)


def _needed(path: Path, spacing_mm: Spacing | None) -> Spacing:
    if spacing_mm is None:
        raise InputError(
            f"{path}: does not say how far its voxels are apart: give their spacing in millimetres "
            "(--spacing X,Y,Z)."
        )
    if min(spacing_mm) < SMALLEST_MM or not np.isfinite(spacing_mm).all():
        raise InputError(f"{path}: a spacing of {spacing_mm} mm is impossible: give three positive numbers.")
    warnings.warn(
        f"{path}: does not say how it lies in the patient: axial slices from feet to head, seen from the "
        "feet, are assumed; left and right may be swapped.",
        stacklevel=5,
    )
    return spacing_mm


def _warn_of_turn(path: Path, picture: Image.Image) -> None:
    if picture.getexif().get(_EXIF_ORIENTATION, 1) != 1:
        warnings.warn(
            f"{path.parent}: its pictures say that viewers shall turn them (EXIF); they are read as stored.",
            stacklevel=5,
        )


def _grey(path: Path, picture: Image.Image) -> Array:
    if picture.mode in ("1", "L", "I;16", "I;16B", "I", "F"):
        return np.array(picture.convert("L") if picture.mode == "1" else picture)
    colours = np.array(picture.convert("RGB"))[None]
    if (np.ptp(colours, axis=-1) == 0).all():
        return np.asarray(colours[0, ..., 0])  # grey values that a program saved three times
    return np.asarray(luminance(path, colours)[0])


def natural_order(path: Path) -> tuple[tuple[int, str], ...]:
    """Key that sorts ``slice10`` behind ``slice9``."""
    parts = re.split(r"(\d+)", path.name)
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)
