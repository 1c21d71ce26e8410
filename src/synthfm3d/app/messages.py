"""Every request and every answer of the REST interface, as OpenAPI shows them. Positions are RAS mm."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from synthfm3d.app.adaptations import MOST_MINUTES, State
from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Prompt, Scribble
from synthfm3d.volume import Modality

MOST_PROMPTS = 64
MOST_OBJECTS = 255
Place = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
Label = Annotated[int, Field(ge=1, le=MOST_OBJECTS)]
Name = Annotated[str, Field(max_length=64)]


class Message(BaseModel):
    """A message that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ---------------------------------------------------------------- prompts


class PointPrompt(Message):
    """A click inside the object (positive) or outside of it."""

    type: Literal["point"] = "point"
    position_mm: Place
    positive: bool = True


class BoxPrompt(Message):
    """Two opposite corner voxels, both inside the box; corners on one slice make a box on that slice."""

    type: Literal["box"] = "box"
    corner_mm: Place
    opposite_mm: Place


class ScribblePrompt(Message):
    """A stroke inside the object (positive) or outside of it, by the corners of its line, in any plane."""

    type: Literal["scribble"] = "scribble"
    positions_mm: Annotated[list[Place], Field(min_length=1, max_length=5000)]
    positive: bool = True


class LassoPrompt(Message):
    """A closed line drawn loosely around the object on one slice, by its corners; it closes by itself."""

    type: Literal["lasso"] = "lasso"
    positions_mm: Annotated[list[Place], Field(min_length=3, max_length=5000)]


class MaskPrompt(Message):
    """An outlined object; sent as a file, see ``/objects/{label}/mask``, and only named in answers."""

    type: Literal["mask"] = "mask"


AnyPrompt = Annotated[PointPrompt | BoxPrompt | ScribblePrompt | LassoPrompt, Field(discriminator="type")]
ShownPrompt = Annotated[
    PointPrompt | BoxPrompt | ScribblePrompt | LassoPrompt | MaskPrompt, Field(discriminator="type")
]
Prompts = Annotated[list[AnyPrompt], Field(min_length=1, max_length=MOST_PROMPTS)]


def prompts_of(messages: list[AnyPrompt]) -> list[Prompt]:
    """Prompts as the session takes them."""
    prompts: list[Prompt] = []
    for one in messages:
        match one:
            case PointPrompt():
                prompts.append(Point(position_mm=one.position_mm, positive=one.positive))
            case BoxPrompt():
                prompts.append(Box(corner_mm=one.corner_mm, opposite_mm=one.opposite_mm))
            case ScribblePrompt():
                prompts.append(Scribble(positions_mm=tuple(one.positions_mm), positive=one.positive))
            case LassoPrompt():
                prompts.append(Lasso(positions_mm=tuple(one.positions_mm)))
    return prompts


def shown(prompt: Prompt) -> ShownPrompt:
    """A prompt of the session as answers show it."""
    match prompt:
        case Point():
            return PointPrompt(position_mm=prompt.position_mm, positive=prompt.positive)
        case Box():
            return BoxPrompt(corner_mm=prompt.corner_mm, opposite_mm=prompt.opposite_mm)
        case Scribble():
            return ScribblePrompt(positions_mm=list(prompt.positions_mm), positive=prompt.positive)
        case Lasso():
            return LassoPrompt(positions_mm=list(prompt.positions_mm))
        case Mask():
            return MaskPrompt()


# ---------------------------------------------------------------- requests


class Source(Message):
    """Where a scan comes from: a scan that the server was started with, or a path under its root."""

    scan: Annotated[int, Field(ge=0)] | None = None
    path: Annotated[str, Field(max_length=4096)] | None = None
    frame: Annotated[int, Field(ge=0)] | None = None
    series: Annotated[str, Field(max_length=128)] | None = None


class OpenRequest(Source):
    """Which scan to open: one that the server was started with, or a path under its root.

    The other fields are for files that leave something open; see ``synthfm3d segment --help``.
    """

    modality: Modality | None = None
    spacing_mm: tuple[FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    cine: bool = False
    allow_gaps: bool = False


class PromptRequest(Message):
    """Prompts for one object, as one step."""

    label: Label = 1
    prompts: Prompts


class ObjectRequest(Message):
    """One object with all its prompts."""

    label: Label
    name: Name | None = None
    prompts: Prompts


class SegmentRequest(Message):
    """All objects at once; they replace what was there, as steps that can be taken back."""

    objects: Annotated[list[ObjectRequest], Field(min_length=1, max_length=32)]


class ScanRequest(Message):
    """Change the modality of a scan, or the model that answers prompts on it; None changes nothing."""

    modality: Modality | Literal["unknown"] | None = None
    model: Annotated[str, Field(max_length=256)] | None = None


class NameRequest(Message):
    """A new name of an object."""

    name: Name


class ChoiceRequest(Message):
    """Which of an object's alternatives to take, by its position in the list."""

    position: Annotated[int, Field(ge=0)]


class AdaptationRequest(Message):
    """A model to be adapted to masks.

    Parameters
    ----------
    scans
        Open scans whose objects are learnt from; objects without a voxel are left out.
    name
        Name of the new model: letters, digits, - and _.
    start
        The model to begin with; None: that of the first scan.
    minutes, steps
        About how long it may take; steps, if they are given, count instead.
    synthetic_share
        Share of synthetic patches among those that are learnt from; they keep what the model could do before.
    """

    scans: Annotated[list[str], Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(max_length=64)]
    start: Annotated[str, Field(max_length=256)] | None = None
    minutes: Annotated[float, Field(ge=0.1, le=MOST_MINUTES)] = 20.0
    steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    synthetic_share: Annotated[float, Field(ge=0, le=0.95)] = 0.25


class LoginRequest(Message):
    """The token that the server was started with."""

    token: Annotated[str, Field(max_length=512)]


# ---------------------------------------------------------------- answers


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
    alternatives: list[AlternativeAnswer] = []
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
    series: list[str] = []


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
