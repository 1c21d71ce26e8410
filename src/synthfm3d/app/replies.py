"""Every answer of the REST interface, as OpenAPI shows it. Positions are RAS mm."""

from typing import Literal

from pydantic import Field

from synthfm3d.app.adaptations import State
from synthfm3d.app.messages import Message, ShownPrompt, Source
from synthfm3d.volume import Modality


class AlternativeAnswer(Message):
    """One of several answers to clicks, which do not tell the size of the object.

    Parameters
    ----------
    diameter_mm
        Diameter of a disc as large as the mask is on the clicked slice.
    predicted_dice
        The Dice that the model expects there; None where it cannot tell.
    chosen
        Whether the object's mask is made from this one.
    """

    diameter_mm: float
    predicted_dice: float | None
    chosen: bool


class ScanObject(Message):
    """An object: its prompts and its mask.

    Parameters
    ----------
    colour
        ``#rrggbb`` in which the page shows it.
    volume_ml
        None over time, which has no millilitres.
    alternatives
        Answers of different sizes, the best first; none after a box, a mask or a correction.
    structure, dice
        On a synthetic volume: the drawn structure under the first positive prompt, and the Dice
        coefficient of the mask with it.
    """

    label: int
    name: str
    colour: str
    prompts: list[ShownPrompt]
    voxels: int
    volume_ml: float | None
    warnings: list[str]
    alternatives: list[AlternativeAnswer] = Field(default_factory=list)
    structure: str | None = None
    dice: float | None = None


class Preview(Message):
    """A mask on one slice, before the object was followed through all slices.

    Parameters
    ----------
    number
        Grows with every preview of the same change.
    shape
        Rows and columns.
    affine
        From (0, row, column, 1) to RAS mm, row by row.
    bits
        The mask row by row, eight pixels a byte, the first one in the highest bit; in base64.
    """

    number: int
    shape: tuple[int, int]
    affine: list[list[float]]
    bits: str


class PatientMask(Message):
    """A coarse mask of the patient, without the table under them.

    Parameters
    ----------
    shape
        Samples along S, A, R; they cover the scan.
    bits
        The mask, eight samples a byte, the first one in the highest bit, R fastest; in base64.
    """

    shape: tuple[int, int, int]
    bits: str


class ShownPatient(Message):
    """Which part of the scan a 3-D view shows; None: all of it, as in any scan but CT."""

    mask: PatientMask | None


class ScanState(Message):
    """The objects of a scan; ``revision`` grows with every change."""

    id: str
    name: str
    revision: int
    can_undo: bool
    can_redo: bool
    objects: list[ScanObject]


class ScanDetails(ScanState):
    """As ``ScanState``, with what does not change.

    Parameters
    ----------
    shape, spacing_mm
        Along (z, y, x).
    affine
        From voxel (z, y, x, 1) to RAS mm, row by row.
    modality
        Of the scan; None: unknown.
    display
        Grey values shown as black and white if nothing else is chosen.
    warnings
        What was repaired or assumed when the file was read.
    structures
        Labels and names of a synthetic volume's truth.
    dicom
        Whether a DICOM segmentation can be written.
    palette
        Colours of objects by label, from 1 on, and over again.
    source
        What ``OpenRequest`` named; None for an upload or a synthetic volume.
    model
        The model that answers prompts on this scan.
    looks_like_labels
        Whether this is probably a label map and no scan.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    affine: list[list[float]]
    third_axis: Literal["space", "time"]
    modality: Modality | None
    display: tuple[float, float]
    value_range: tuple[float, float]
    warnings: list[str]
    structures: dict[int, str]
    dicom: bool
    palette: list[str]
    source: Source | None
    model: str
    looks_like_labels: bool


class FileEntry(Message):
    """One line of a listing; ``scan`` or ``path`` is what ``OpenRequest`` takes."""

    name: str
    scan: int | None = None
    path: str | None = None
    is_folder: bool = False


class Listing(Message):
    """What can be opened without an upload."""

    scans: list[FileEntry]
    has_root: bool
    folder: str
    entries: list[FileEntry]


class Models(Message):
    """The models that can be chosen, and whether new ones can be adapted here."""

    names: list[str]
    can_adapt: bool


class AdaptationAnswer(Message):
    """An adaptation and how far it is.

    Parameters
    ----------
    model
        Name of the new model; it can be chosen once the state is ``better``.
    scans, masks
        How many it learns from.
    state
        ``not better``: on masks that were held back, the result was not better than the start, so no model
        was written.
    step, steps
        Steps done, and in all; 0 before they are known.
    before, after
        Dice on the masks that were held back: at the start, and the latest.
    error
        What went wrong, if it failed.
    """

    id: str
    model: str
    scans: int
    masks: int
    state: State
    step: int
    steps: int
    before: float | None
    after: float | None
    error: str | None


class Choices(Message):
    """Why a file was not opened, and what can be chosen.

    Parameters
    ----------
    frames
        Number of frames from which one is chosen; 0: none is asked for.
    series
        Descriptions of the series of a DICOM folder; the first one is series 1.
    """

    detail: str
    frames: int = 0
    series: list[str] = Field(default_factory=list)


class Health(Message):
    """That the server runs, and how busy it is.

    Parameters
    ----------
    model, models
        The model that scans begin with, and all that can be chosen.
    """

    status: Literal["ok"] = "ok"
    version: str
    model: str
    models: list[str]
    open_scans: int
    waiting: int
