"""Addresses and JSON messages of nnInteractive's protocol. Fields that a newer client adds are ignored."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

PREFIX = "/nninteractive"
VIEWER_UPLOADS = frozenset(
    f"{PREFIX}/{name}"
    for name in (
        "set_image",
        "add_scribble_interaction",
        "add_lasso_interaction",
        "add_initial_seg_interaction",
    )
)
"""Calls with an array in their body."""

Index = Annotated[int, Field(ge=-(2**31), le=2**31)]
Coordinates = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
Interval = tuple[FiniteFloat, FiniteFloat]
IndexInterval = tuple[Index, Index]


class WireMessage(BaseModel):
    """A message of the wire."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ImageProperties(WireMessage):
    """What is known of an image: ``spacing`` in mm, in the order of the array's axes."""

    spacing: Annotated[list[float], Field(max_length=8)] | None = None


class ImageMeta(WireMessage):
    """Beside an image."""

    image_properties: ImageProperties = ImageProperties()


class Buffer(WireMessage):
    """The array into which a client writes the mask."""

    shape: Annotated[list[Annotated[int, Field(ge=1, le=2**31)]], Field(min_length=3, max_length=3)]
    dtype: Annotated[str, Field(max_length=32)] = "uint8"


class Zoom(WireMessage):
    """Whether the object is followed beyond the first view. We always do."""

    do_autozoom: bool


class Interaction(WireMessage):
    """What all prompts say: inside or outside, and whether to predict at once."""

    include_interaction: bool = True
    run_prediction: bool = True


class PointInteraction(Interaction):
    """A click."""

    coordinates: Coordinates


class BoxInteraction(Interaction):
    """A box; the upper ends are exclusive."""

    bbox_coords: tuple[Interval, Interval, Interval]


class RegionMeta(Interaction):
    """Beside a scribble or a lasso: where its crop lies; None: it has the size of the image."""

    interaction_bbox: tuple[IndexInterval, IndexInterval, IndexInterval] | None = None


class StartMeta(WireMessage):
    """Beside an initial mask."""

    run_prediction: bool = False


class Claimed(WireMessage):
    """A place at the server."""

    lease_token: str
    idle_timeout_seconds: float
    liveness_timeout_seconds: float
    max_sessions: int


def capabilities(license_name: str) -> dict[str, Any]:
    """What a client is told that it can do here."""
    return {
        "supported_interactions": dict.fromkeys(("points", "bbox2d", "bbox3d", "scribble", "lasso"), True),
        "channel_mapping": {},
        "num_interaction_channels": 0,
        "supports_initial_label": True,
        "supports_zero_shot_label_refinement": True,
        "supports_undo": True,
        "do_autozoom": True,
        "preferred_scribble_thickness": [2, 2, 2],
        "interaction_decay": None,
        "inference_session_version": 1,
        "license": license_name,
    }
