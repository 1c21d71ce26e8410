"""Every request of the REST interface, as OpenAPI shows it. Positions are RAS mm."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from synthfm3d.app.adaptations import MOST_MINUTES
from synthfm3d.loading.shares import SYNTHETIC_SHARE
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
    synthetic_share: Annotated[float, Field(ge=0, le=0.95)] = SYNTHETIC_SHARE


class LoginRequest(Message):
    """The token that the server was started with."""

    token: Annotated[str, Field(max_length=512)]
