"""``FAMILIES``: the families of models that can be trained, by the name that a recipe gives."""

from typing import Any

from synthfm3d.training.config import RunConfig
from synthfm3d.training.family import Family
from synthfm3d.training.sam2 import Sam2Family
from synthfm3d.training.volumetric import VolumetricFamily

FAMILIES: dict[str, type[Family[Any]]] = {"volumetric": VolumetricFamily, "sam2": Sam2Family}


def family_of(config: RunConfig) -> Family[Any]:
    """The family that a configuration names."""
    return FAMILIES[config.family](config)
