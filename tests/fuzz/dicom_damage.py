"""Sound DICOM objects of every layout, and damage to their elements for ``readers.py``.

Elements, also within sequences, are dropped, emptied, doubled, given another type, or values out of range.
"""

import io
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

sys.path.insert(0, str(Path(__file__).parents[1]))
from dicom_objects import (
    AXIAL,
    ENHANCED_US_VOLUME,
    NUCLEAR,
    US_FRAMES,
    a_mosaic,
    a_slice,
    an_enhanced,
    frames_in_one,
    item,
    saved,
)

from synthfm3d.io.read import read
from synthfm3d.io.write import Origin, write

_TYPES = ("US", "SS", "UL", "SL", "FD", "FL", "DS", "IS", "LO", "CS", "UI", "AT", "OB", "SQ", "UN")
_NUMBERS = (0, -1, 1, 2, 7, 255, 32768, 65535, -32768, 2**31 - 1, 2**32 - 1, 10**12)
_REALS = (0.0, -1.0, 1e-30, -1e-9, 1e9, 1e300, -1e300, float("nan"), float("inf"), 1e-4, 0.5)
_TEXTS = (
    "",
    "abc",
    "X" * 70,
    "1\\2",
    "nan",
    "1e999",
    "-0",
    "MONOCHROME1",
    "PALETTE COLOR",
    "MOSAIC",
    "LOCALIZER",
)
_PIXELS = BaseTag(0x7FE00010)


def sound_dicom(place: Callable[[str], Path], voxels: np.ndarray) -> None:
    """Folders of sound scans that hold ``voxels`` int16 (z, y, x), all of them positive.

    ``place`` makes a folder of a name.
    """
    values = voxels.astype(np.uint16)
    steps = [2.0 * n for n in range(len(values))]
    slices = [a_slice(plane, z, number=n) for n, (plane, z) in enumerate(zip(values, steps, strict=True))]
    saved(place("dicom-mr"), *slices)
    twice = [
        a_slice(values[n] + k, steps[n], number=n + 100 * k, EchoTime=2.5 + k, PixelPaddingValue=0)
        for k in range(2)
        for n in range(len(values))
    ]
    saved(place("dicom-echoes"), *twice)
    saved(place("dicom-enhanced"), an_enhanced(values, steps))
    contents = [{"TemporalPositionIndex": n % 2 + 1} for n in range(2 * len(values))]
    times = np.repeat(values, 2, axis=0)
    saved(
        place("dicom-times"),
        an_enhanced(times, [steps[n // 2] for n in range(len(times))], contents=contents),
    )
    detector = item(ImagePositionPatient=[0, 0, 9], ImageOrientationPatient=AXIAL)
    spect = frames_in_one(
        values,
        NUCLEAR,
        "NM",
        PixelSpacing=[4, 4],
        SpacingBetweenSlices=-4,
        SliceVector=[n + 1 for n in range(len(values))],
        DetectorInformationSequence=[detector],
    )
    spect.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    saved(place("dicom-spect"), spect)
    saved(place("dicom-mosaic"), a_mosaic(values, (0, 0, -1)))
    saved(place("dicom-palette"), _palette(voxels.astype(np.uint8)))
    saved(place("dicom-us-volume"), _us_volume(voxels.astype(np.uint8)))
    _segmentation(place("dicom-mr-source"), place("dicom-seg"), slices)


def _palette(indices: np.ndarray) -> Dataset:
    film = frames_in_one(indices, US_FRAMES, "US", PixelSpacing=[0.2, 0.3])
    film.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        setattr(film, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        table = (np.arange(1, 257) * 255).astype("<u2")
        setattr(film, f"{colour}PaletteColorLookupTableData", table.tobytes())
    return film


def _us_volume(values: np.ndarray) -> Dataset:
    found = frames_in_one(values, ENHANCED_US_VOLUME, "US")
    turned = item(ImageOrientationVolume=[1.0, 0, 0, 0, 1, 0])
    measures = item(PixelSpacing=[0.4, 0.3], SliceThickness=0.9)
    found.SharedFunctionalGroupsSequence = [
        item(PixelMeasuresSequence=[measures], PlaneOrientationVolumeSequence=[turned])
    ]
    found.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionVolumeSequence=[item(ImagePositionVolume=[0.0, 0, 0.6 * n])])
        for n in range(len(values))
    ]
    return found


def _segmentation(source: Path, folder: Path, slices: list[Dataset]) -> None:
    scan = read(saved(source, *slices))
    mask = scan.with_voxels((scan.voxels > 50).astype(np.uint8))
    write(mask, folder / "seg.dcm", Origin(path=source))


def damaged_elements(content: bytes, draw: np.random.Generator) -> bytes:
    """A DICOM file with one to three damaged elements; unchanged where it cannot be written."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    for _ in range(int(draw.integers(1, 4))):
        places = list(_elements(dataset))
        holder, element = places[int(draw.integers(len(places)))]
        try:
            _damage(holder, element, draw)
        except (ValueError, TypeError, OverflowError, AttributeError):
            continue  # pydicom refuses to hold it
    stored = io.BytesIO()
    try:
        dataset.save_as(stored, enforce_file_format=bool(draw.random() < 0.5))
        changed = stored.getvalue()
    except Exception:  # pydicom refuses to write it
        changed = content
    return _garbled(changed, draw) if changed == content or draw.random() < 0.3 else changed


def _elements(dataset: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """All elements with the dataset that holds them, those within sequences, too; not the pixels."""
    for element in dataset:
        if element.tag == _PIXELS:
            continue
        yield dataset, element
        if element.VR == "SQ":
            for inner in element.value:
                yield from _elements(inner)


def _damage(holder: Dataset, element: DataElement, draw: np.random.Generator) -> None:
    match int(draw.integers(6)):
        case 0:
            del holder[element.tag]
        case 1:
            holder[element.tag] = DataElement(element.tag, element.VR, [] if element.VR == "SQ" else None)
        case 2:
            holder[element.tag] = DataElement(element.tag, element.VR, _doubled(element.value))
        case 3:
            kind = _TYPES[int(draw.integers(len(_TYPES)))]
            holder[element.tag] = DataElement(element.tag, kind, _of_type(kind, draw))
        case _:
            holder[element.tag] = DataElement(element.tag, element.VR, _of_type(element.VR, draw))


def _doubled(value: Any) -> Any:
    if isinstance(value, Sequence):
        return Sequence([*value, *value])
    if isinstance(value, bytes):
        return value + value
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return [value, value]
    return [*value, *value]


def _of_type(kind: str, draw: np.random.Generator) -> Any:
    def one(choices: tuple[Any, ...]) -> Any:
        return choices[int(draw.integers(len(choices)))]

    match kind:
        case "SQ":
            return Sequence([Dataset() for _ in range(int(draw.integers(3)))])
        case "US" | "SS" | "UL" | "SL" | "IS":
            return one(_NUMBERS)
        case "FD" | "FL":
            return one(_REALS)
        case "DS":
            return one(tuple(f"{real:g}" for real in _REALS if np.isfinite(real)))
        case "AT":
            return one((0x00181063, 0x7FE00010, 0))
        case "OB" | "UN" | "OW":
            return draw.bytes(2 * int(draw.integers(6)))
        case _:
            return one(_TEXTS)


def _garbled(content: bytes, draw: np.random.Generator) -> bytes:
    """The bytes of one value replaced by words, in the type that it has and of the same length."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    places = [element for element in dataset if element.tag != _PIXELS and element.VR != "SQ"]
    element = places[int(draw.integers(len(places)))]
    head = struct.pack("<HH", element.tag.group, element.tag.elem) + element.VR.encode()
    start = content.find(head)
    if start < 0 or start + 8 > len(content):
        return content
    length = struct.unpack_from("<H", content, start + 6)[0]
    words = (
        b"nan",
        b"-1",
        b"1e400",
        b"abc",
        b"9" * 16,
        b"0\\0",
        b"\xff" * 16,
        b"\0" * 16,
        b"1\\2\\3\\4\\5\\6",
    )
    word = words[int(draw.integers(len(words)))][:length].ljust(length)
    return content[: start + 8] + word + content[start + 8 + length :]
