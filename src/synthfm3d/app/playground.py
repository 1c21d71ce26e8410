"""Synthetic volumes for a visitor: a preset, a seed, and how strong each of the four axes is."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field

from synthfm3d.app.messages import Message
from synthfm3d.app.replies import ScanDetails
from synthfm3d.synthesis.presets import PRESETS, Axis
from synthfm3d.synthesis.settings import MOST_ORGANS, SynthesisSettings

SHAPE = (96, 96, 96)
ANISOTROPY = (1.0, 1.5)
"""With more slices of the thickest kind, the volume is so long that its content is too small to see."""
STRONGEST = 2.0
"""Upper end of the sliders: twice as strong as the preset."""
Settings = TypeVar("Settings")
Highest = Mapping[str, "float | Highest"]
"""The most that settings may become, by name; those of a modality lie in a group of their own."""

_HIGHEST: dict[Axis, Highest] = {
    "anatomy": {"organs": MOST_ORGANS, "roughness": 1, "warp": 0.2, "lesion_share": 1, "wall_share": 1},
    "contrast": {"ct": {"texture_hu": 200}, "mr": {"texture": 1}, "us": {"texture": 1}},
    "boundary": {"psf_pixels": 5, "thickness": 3, "fade_share": 1, "fade": 12},
    "noise": {
        "ct": {"noise_hu": 200, "ring_share": 1, "metal_share": 1},
        "mr": {"noise": 0.5, "bias": 1, "gibbs_share": 1, "ghost_share": 1, "motion_share": 1},
        "us": {"widening": 1.9, "ripple_db": 20, "clutter_share": 1, "lost_beams_share": 1},
    },
}
"""Settings of each axis that grow with its slider, and the most that they may become."""


class Strengths(Message):
    """How strong each axis is: 0 switches it off, 1 leaves the preset as it is, 2 doubles its amplitudes."""

    anatomy: Annotated[float, Field(ge=0, le=STRONGEST)] = 1.0
    contrast: Annotated[float, Field(ge=0, le=STRONGEST)] = 1.0
    boundary: Annotated[float, Field(ge=0, le=STRONGEST)] = 1.0
    noise: Annotated[float, Field(ge=0, le=STRONGEST)] = 1.0


class DrawRequest(Message):
    """Which volume to draw: volume ``index`` of ``seed``, as ``synthfm3d generate`` counts them."""

    preset: Annotated[str, Field(max_length=32)] = "default"
    seed: Annotated[int, Field(ge=0, le=2**53)] = 0
    index: Annotated[int, Field(ge=0, le=2**53)] = 0
    strengths: Strengths = Strengths()


class Drawn(Message):
    """A synthetic volume, which is an open scan from now on, and how to draw it again.

    Parameters
    ----------
    yaml
        Settings for ``synthfm3d generate --settings``, with the command in the first line.
    milliseconds
        What drawing took.
    """

    scan: ScanDetails
    yaml: str
    milliseconds: float


def settings_of(request: DrawRequest) -> SynthesisSettings:
    """Settings of a preset with each axis as strong as wished; KeyError for an unknown preset.

    The streams of randomness stay the same, so a slider changes one scene instead of drawing another.
    """
    settings = replace(PRESETS[request.preset], shape=SHAPE, anisotropy=ANISOTROPY)
    strengths: dict[Axis, float] = request.strengths.model_dump()  # type: ignore[assignment]
    scaled: dict[str, Any] = {
        axis: _scaled(getattr(settings, axis), strength, _HIGHEST[axis])
        for axis, strength in strengths.items()
    }
    return replace(settings, **scaled)


def as_yaml(request: DrawRequest, settings: SynthesisSettings) -> str:
    """Settings as ``synthfm3d generate`` reads them, and the command that draws this very volume."""
    place = f"--seed {request.seed} --first {request.index}"
    command = f"# synthfm3d generate --settings this.yaml {place} -n 1 -o out/"
    return f"{command}\n{yaml.safe_dump(asdict(settings), sort_keys=False)}"


def _scaled(axis: Settings, strength: float, highest: Highest) -> Settings:
    if strength == 0:
        return replace(axis, mode="off")  # type: ignore[type-var]
    return _multiplied(axis, strength, highest)


def _multiplied(settings: Settings, strength: float, highest: Highest) -> Settings:
    """Settings with those named in ``highest`` times a factor."""
    changes: dict[str, Any] = {}
    for name, most in highest.items():
        value = getattr(settings, name)
        if isinstance(most, Mapping):
            changes[name] = _multiplied(value, strength, most)
        else:
            changes[name] = _times(value, strength, most)
    return replace(settings, **changes)  # type: ignore[type-var]


def _times(value: Any, strength: float, most: float) -> Any:
    """A number or a range times a factor, within its limits; numbers of things stay whole."""
    if isinstance(value, tuple):
        return tuple(_times(one, strength, most) for one in value)
    if isinstance(value, int):
        return int(min(max(1, round(value * strength)), most))
    return min(float(value) * strength, most)
