"""Multi-frame objects with one position and a step from frame to frame, instead of a position for each.

These are nuclear medicine, and multi-frame objects without functional groups (3-D ultrasound, secondary
captures, converted volumes).
"""

from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset

from synthfm3d.errors import InputError
from synthfm3d.io.dicom_headers import kind_of
from synthfm3d.io.dicom_numbers import directions_of, finite, step_of, thickness_of
from synthfm3d.volume import Array

NUCLEAR = "1.2.840.10008.5.1.4.1.1.20"
"""Nuclear Medicine Image Storage."""
FILMS = ("US", "IVUS", "XA", "RF", "ES", "XC", "GM")
"""Modalities whose frames are a film, unless the header says otherwise."""
_TIMES = (0x00181063, 0x00181065)
"""Frame Time and Frame Time Vector, as a Frame Increment Pointer names them."""
_RECONSTRUCTED = ("RECON TOMO", "RECON GATED TOMO")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """The positions of the frames of one object.

    Parameters
    ----------
    position
        Position (3,) of the first slice, LPS mm; None: unknown.
    orientation
        Unit vectors (2, 3) along a row and down a column, LPS; None: unknown.
    offsets_mm
        Distance of each frame from the first slice along the normal; empty: all have the same position.
    step_mm
        Signed distance between slices; None: unknown.
    doubt
        What is not known about the position.
    """

    position: Array | None
    orientation: Array | None
    offsets_mm: list[float] = field(default_factory=list)
    step_mm: float | None = None
    doubt: str = ""

    def position_of(self, number: int) -> Array | None:
        if self.position is None or self.orientation is None or not self.offsets_mm:
            return self.position
        return np.asarray(self.position + self.offsets_mm[number] * np.cross(*self.orientation))


def is_nuclear(header: Dataset) -> bool:
    return str(header.get("SOPClassUID", "")) == NUCLEAR


def nuclear_steps(header: Dataset, count: int) -> Steps:
    """The slices of a reconstruction: the position of the first, and the signed spacing between slices.

    Raises
    ------
    InputError
        The images are projections or planar images, or their positions are missing.
    """
    kinds = [str(kind).upper() for kind in np.atleast_1d(np.asarray(header.get("ImageType") or ""))]
    if len(kinds) > 2 and kinds[2] not in _RECONSTRUCTED:
        raise InputError(
            f"a nuclear medicine image holds {_plain_words(kinds[2])} images, which are projections and not "
            "slices",
            "export the reconstructed volume (RECON TOMO).",
        )
    detectors = header.get("DetectorInformationSequence") or []
    geometry = detectors[0] if detectors else header
    position = geometry.get("ImagePositionPatient") or header.get("ImagePositionPatient")
    turned = geometry.get("ImageOrientationPatient") or header.get("ImageOrientationPatient")
    step = step_of(header) or thickness_of(header)
    if not position or not turned or (count > 1 and step is None):
        raise InputError(
            "a nuclear medicine image does not say where its slices lie (position, orientation or spacing "
            "between slices)",
            "export it again.",
        )
    slices = header.get("SliceVector")
    numbers = range(count) if slices is None or slices == "" else np.atleast_1d(np.asarray(slices)) - 1
    if len(numbers) != count:
        raise ValueError("the slice vector does not have a number for each frame")
    # In the standard, a positive spacing is along the normal of the first slice, a negative one against it.
    return Steps(
        position=finite(position, 3),
        orientation=directions_of(turned),
        offsets_mm=[float(n) * (step or 0.0) for n in numbers],
        step_mm=step,
    )


def plain_steps(header: Dataset, count: int) -> Steps:
    """The frames of an object without functional groups: a single image, a stack, or a film.

    Raises InputError if the header does not say whether several frames are slices or images over time.
    """
    position, turned = header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")
    at = finite(position, 3) if position else None
    orientation = directions_of(turned) if turned else None
    if count == 1:
        return Steps(position=at, orientation=orientation)
    offsets = [] if _is_film(header) else _stated_offsets(header, count)
    if offsets:
        if at is not None and orientation is not None:
            return Steps(
                position=at, orientation=orientation, offsets_mm=offsets, step_mm=offsets[1] - offsets[0]
            )
        return Steps(
            position=np.zeros(3) if at is None else at,
            orientation=np.eye(3)[:2] if orientation is None else orientation,
            offsets_mm=offsets,
            step_mm=offsets[1] - offsets[0],
            doubt="states the distance of its frames, but not how they lie in the patient",
        )
    if not _is_film(header) and str(header.get("Modality", "")) not in FILMS:
        raise InputError(
            f"a DICOM {kind_of(header)} states neither a distance nor a time between its {count} frames",
            "export the original series.",
        )
    doubt = ""
    if not _is_film(header) and thickness_of(header) is not None:
        doubt = "states a slice thickness but no distance between its frames, which are read as a film"
    return Steps(position=None if doubt else at, orientation=None if doubt else orientation, doubt=doubt)


def _is_film(header: Dataset) -> bool:
    """Whether a header says that its frames are a sequence in time."""
    pointers = header.get("FrameIncrementPointer")
    named = [] if pointers is None else [int(tag) for tag in np.atleast_1d(np.asarray(pointers))]
    if named:
        return any(tag in _TIMES for tag in named)
    return any(header.get(keyword) for keyword in ("FrameTime", "FrameTimeVector", "CineRate"))


def _stated_offsets(header: Dataset, count: int) -> list[float]:
    """Distances of the frames from the first one in mm; empty if the header has none."""
    for keyword in ("SliceLocationVector", "GridFrameOffsetVector"):
        stored = header.get(keyword)
        if stored is not None and stored != "":
            distances = finite(np.atleast_1d(np.asarray(stored, dtype=object)), count)
            return [float(mm - distances[0]) for mm in distances]
    step = step_of(header)
    return [] if step is None else [n * step for n in range(count)]


def _plain_words(kind: str) -> str:
    """An image type of the standard; other text is not shown, because it may identify a person."""
    known = ("STATIC", "DYNAMIC", "GATED", "WHOLE BODY", "TOMO", "GATED TOMO", "GENERAL")
    return kind if kind in known else "other"
