"""Noise and acquisition: what the scanner adds."""

from dataclasses import replace

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Acquisition, CtAcquisition, MrAcquisition, UltrasoundAcquisition
from synthfm3d.synthesis.settings import NoiseSettings
from synthfm3d.volume import Modality, Position

_HIGHEST_PEAK = 0.3
"""Highest frequency of most CT noise, in cycles per pixel."""


def draw_acquisition(
    draw: Draw, modality: Modality, settings: NoiseSettings, size_mm: Position, pixel_mm: float
) -> Acquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm.

    Switched off, CT and MR have no noise and no bias; ultrasound keeps its speckle, which is its
    signal, but loses shadows and attenuation.
    """
    off = settings.mode == "off"
    if modality == "ct":
        return CtAcquisition(noise_hu=0.0) if off else _ct(draw, settings, size_mm, pixel_mm)
    if modality == "mr":
        return MrAcquisition(noise=0.0, bias=0.0) if off else _mr(draw, settings)
    drawn = _ultrasound(draw, settings, size_mm, pixel_mm)
    return replace(drawn, attenuation_db=0.0, shadow=0.0) if off else drawn


def _ct(draw: Draw, settings: NoiseSettings, size_mm: Position, pixel_mm: float) -> CtAcquisition:
    depth, height, width = size_mm
    noise = draw.log_uniform(*settings.ct_noise_hu)
    # Beyond this the raster itself, not the reconstruction kernel, would bound the spectrum.
    peak = min(draw.uniform(*settings.ct_noise_peak_per_mm), rounded(_HIGHEST_PEAK / pixel_mm))
    plain = CtAcquisition(
        noise_hu=noise,
        noise_peak_per_mm=peak,
        slice_correlation=draw.uniform(*settings.ct_slice_correlation),
    )
    if draw.chance(settings.ct_ring_share):
        centre = tuple(rounded(extent * (0.5 + draw.normal(0.02))) for extent in (height, width))
        plain = replace(
            plain, ring_hu=draw.log_uniform(*settings.ct_ring_hu), ring_centre_mm=(centre[0], centre[1])
        )
    if draw.chance(settings.ct_metal_share):
        z, y, x = (rounded(extent * draw.uniform(0.25, 0.75)) for extent in (depth, height, width))
        plain = replace(
            plain,
            streak_hu=draw.log_uniform(*settings.ct_streak_hu),
            metal_mm=(z, y, x),
            metal_radius_mm=draw.uniform(1.0, 4.0),
            metal_length_mm=rounded(depth * draw.uniform(0.05, 0.5)),
        )
    return plain


def _mr(draw: Draw, settings: NoiseSettings) -> MrAcquisition:
    plain = MrAcquisition(noise=draw.log_uniform(*settings.mr_noise), bias=draw.uniform(*settings.mr_bias))
    if draw.chance(settings.mr_gibbs_share):
        plain = replace(plain, kept=draw.uniform(*settings.mr_kept))
    if draw.chance(settings.mr_ghost_share):
        plain = replace(plain, ghost_period=draw.whole(2, 10), ghost=draw.uniform(*settings.mr_ghost))
    if draw.chance(settings.mr_motion_share):
        low, high = settings.mr_motion_pixels
        y, x = (draw.whole(low, high) * (1 if draw.chance(0.5) else -1) for _ in range(2))
        plain = replace(plain, motion_pixels=(y, x), motion_share=draw.uniform(0.1, 0.5))
    return plain


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
