"""Synthetic volumes for a visitor: a preset, a seed, and how strong each of the four axes is."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field

from synthfm3d.app.messages import Message, ScanDetails
from synthfm3d.synthesis.presets import PRESETS, Axis
from synthfm3d.synthesis.settings import MOST_ORGANS, SynthesisSettings

SHAPE = (96, 96, 96)
ANISOTROPY = (1.0, 1.5)
"""96 slices of the thickest kind would be a tower in which nothing can be seen."""
STRONGEST = 2.0
"""Upper end of the sliders: twice as strong as the preset."""
Settings = TypeVar("Settings")

_HIGHEST: dict[Axis, dict[str, float]] = {
    "anatomy": {"organs": MOST_ORGANS, "roughness": 1, "warp": 0.2, "lesion_share": 1, "wall_share": 1},
    "contrast": {"ct_texture_hu": 200, "mr_texture": 1, "us_texture": 1},
    "boundary": {"psf_pixels": 5, "thickness": 3, "fade_share": 1, "fade": 12},
    "noise": {
        "ct_noise_hu": 200,
        "ct_ring_share": 1,
        "ct_metal_share": 1,
        "mr_noise": 0.5,
        "mr_bias": 1,
        "mr_gibbs_share": 1,
        "mr_ghost_share": 1,
        "mr_motion_share": 1,
        "us_widening": 1.9,
        "us_ripple_db": 20,
        "us_clutter_share": 1,
        "us_lost_beams_share": 1,
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


def _scaled(axis: Settings, strength: float, highest: Mapping[str, float]) -> Settings:
    if strength == 0:
        return replace(axis, mode="off")  # type: ignore[type-var]
    changes = {name: _times(getattr(axis, name), strength, most) for name, most in highest.items()}
    return replace(axis, **changes)  # type: ignore[type-var]


def _times(value: Any, strength: float, most: float) -> Any:
    """A number or a range times a factor, within its limits; numbers of things stay whole."""
    if isinstance(value, tuple):
        return tuple(_times(one, strength, most) for one in value)
    if isinstance(value, int):
        return int(min(max(1, round(value * strength)), most))
    return min(float(value) * strength, most)
