"""Presets: settings by name, each as its differences from the default."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, Literal, TypeVar

from synthfm3d.synthesis.anatomy.shapes import FamilyShares
from synthfm3d.synthesis.ct import CtBoundarySettings, CtContrastSettings, CtNoiseSettings
from synthfm3d.synthesis.settings import (
    AnatomySettings,
    BoundarySettings,
    ContrastSettings,
    CrowdSettings,
    LayoutShares,
    NoiseSettings,
    SynthesisSettings,
)
from synthfm3d.synthesis.ultrasound import UltrasoundNoiseSettings

_Effects = TypeVar("_Effects", CtNoiseSettings, CtBoundarySettings, BoundarySettings)

Axis = Literal["anatomy", "contrast", "boundary", "noise"]
"""The four axes of variability, as ``SynthesisSettings`` names them."""
Preset = Literal["default", "ct", "mr", "us", "cine-us", "free", "paper"]

_NO_LAYOUT = LayoutShares(trunk=0.0, abdomen=0.0, heart=0.0, head=0.0, chest=0.0, pelvis=0.0, free=1.0)
_NO_CROWD = CrowdSettings(share=0.0)


def only_effects(settings: _Effects, *on: str) -> _Effects:
    """Settings whose effects are off, except some: each field named ``..._share`` that is not in ``on`` is 0.

    A preset that is made so stays as it is when an effect is added.
    """
    shares = (field.name for field in fields(settings) if field.name.endswith("_share"))
    off: dict[str, Any] = {name: 0.0 for name in shares if name not in on}
    return replace(settings, **off)


PRESETS: dict[str, SynthesisSettings] = {
    "default": SynthesisSettings(),
    "ct": SynthesisSettings(modalities=("ct",)),
    "mr": SynthesisSettings(modalities=("mr",)),
    "us": SynthesisSettings(modalities=("us",)),
    # One plane of a beating heart over time, as echocardiography is evaluated.
    "cine-us": SynthesisSettings(
        shape=(32, 192, 192),
        modalities=("us",),
        third_axis="time",
        pixel_mm=(0.5, 1.0),
        noise=NoiseSettings(us=UltrasoundNoiseSettings(probes=("phased",))),
    ),
    # No anatomical layout: a model learns from shapes and grey values only.
    "free": SynthesisSettings(
        anatomy=AnatomySettings(layouts=_NO_LAYOUT, crowd=_NO_CROWD),
        contrast=ContrastSettings(ct=CtContrastSettings(greys=(0, 0))),
        boundary=BoundarySettings(ct=CtBoundarySettings(fade_share=0.4)),
    ),
    # The recipe of arXiv 2601.12297 as far as it is published: slice-recursive masks that are born,
    # grow, erode and drift; multi-scale Gaussian textures under random intensities; partial volume by
    # slice-wise blur; Gaussian noise. Its ranges are not published; the ranges here are ours.
    "paper": SynthesisSettings(
        modalities=("ct",),
        anatomy=AnatomySettings(
            layouts=_NO_LAYOUT,
            families=FamilyShares.only("stack"),
            neighbourhood_share=0.0,
            twin_share=0.0,
            lesion_share=0.0,
            trunks=(0, 0),
            trees=(0, 0),
            sheet_share=0.0,
            crowd=_NO_CROWD,
        ),
        contrast=ContrastSettings(mixture_share=1.0, ct=CtContrastSettings(greys=(0, 0))),
        boundary=only_effects(BoundarySettings(ct=only_effects(CtBoundarySettings())), "averaged_share"),
        noise=NoiseSettings(
            ct=only_effects(CtNoiseSettings(noise_peak_per_mm=(0.0, 0.0), slice_correlation=(0.0, 0.0)))
        ),
    ),
}


def without(settings: SynthesisSettings, axes: Iterable[Axis]) -> SynthesisSettings:
    """Settings with some axes of variability switched off: an ablation."""
    for axis in axes:
        settings = replace(settings, **{axis: replace(getattr(settings, axis), mode="off")})
    return settings
