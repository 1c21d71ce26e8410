"""Noise and acquisition: what the scanner adds."""

from dataclasses import replace

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Acquisition, CtAcquisition, MrAcquisition, UltrasoundAcquisition
from synthfm3d.synthesis.settings import NoiseSettings
from synthfm3d.volume import Modality, Position


def draw_acquisition(
    draw: Draw, modality: Modality, settings: NoiseSettings, size_mm: Position, pixel_mm: float
) -> Acquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm.

    Switched off, CT and MR have no noise and no bias; ultrasound keeps its speckle, which is its
    signal, but loses shadows and attenuation.
    """
    off = settings.mode == "off"
    if modality == "ct":
        noise, share = draw.log_uniform(*settings.ct_noise_hu), draw.uniform(*settings.ct_correlated)
        return CtAcquisition(noise_hu=0.0 if off else noise, correlated_share=share)
    if modality == "mr":
        noise, bias = draw.log_uniform(*settings.mr_noise), draw.uniform(*settings.mr_bias)
        return MrAcquisition(noise=0.0 if off else noise, bias=0.0 if off else bias)
    drawn = _ultrasound(draw, settings, size_mm, pixel_mm)
    return replace(drawn, attenuation_db=0.0, shadow=0.0) if off else drawn


def _ultrasound(
    draw: Draw, settings: NoiseSettings, size_mm: Position, pixel_mm: float
) -> UltrasoundAcquisition:
    """A phased array (apex at the skin), a curved array (apex behind it) or a linear one."""
    _, height, width = size_mm
    middle = width * draw.uniform(0.45, 0.55)
    kind = draw.pick(("phased", "curved", "linear"), (0.35, 0.4, 0.25))
    if kind == "phased":
        apex, near, half_width = 0.02 * height, 0.02 * height, draw.uniform(0.6, 0.95)
    elif kind == "curved":
        behind = height * draw.uniform(0.25, 0.6)
        apex, near, half_width = -behind, behind + 0.02 * height, draw.uniform(0.45, 0.8)
    else:
        behind = 40.0 * height
        apex, near, half_width = -behind, behind + 0.01 * height, 0.5 * width / (behind + height)
    axial = pixel_mm * draw.uniform(*settings.us_speckle_pixels)
    return UltrasoundAcquisition(
        apex_mm=(rounded(apex), rounded(middle)),
        near_mm=rounded(near),
        far_mm=rounded(-apex + height * draw.uniform(0.9, 1.02)),
        half_width=rounded(half_width),
        speckle_mm=(
            rounded(axial),
            rounded(axial * draw.uniform(1.3, 3.0)),
            rounded(axial * draw.uniform(1.5, 4.0)),
        ),
        dynamic_range_db=draw.uniform(*settings.us_dynamic_range_db),
        gain_db=draw.uniform(*settings.us_gain_db),
        attenuation_db=draw.uniform(*settings.us_attenuation_db),
        shadow=draw.uniform(*settings.us_shadow),
    )
