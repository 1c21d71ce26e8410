"""Noise and acquisition: what the scanner adds."""

from dataclasses import replace

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scanner import (
    ZYX,
    Acquisition,
    CtAcquisition,
    GreyMap,
    MrAcquisition,
    Probe,
    UltrasoundAcquisition,
)
from synthfm3d.synthesis.settings import NoiseSettings
from synthfm3d.volume import Modality

_HIGHEST_PEAK = 0.3
"""Highest frequency of most CT noise, in cycles per pixel."""


def draw_acquisition(
    draw: Draw, modality: Modality, settings: NoiseSettings, size_mm: ZYX, pixel_mm: float
) -> Acquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm.

    Switched off, CT and MR have no noise and no bias; ultrasound keeps its speckle, which is its
    signal, but nothing happens along its beams.
    """
    off = settings.mode == "off"
    if modality == "ct":
        return CtAcquisition(noise_hu=0.0) if off else _ct(draw, settings, size_mm, pixel_mm)
    if modality == "mr":
        return MrAcquisition(noise=0.0, bias=0.0) if off else _mr(draw, settings)
    drawn = _ultrasound(draw, settings, size_mm, pixel_mm)
    return _calm(drawn) if off else drawn


def _calm(drawn: UltrasoundAcquisition) -> UltrasoundAcquisition:
    """The same probe, gain and speckle, and nothing that happens along its beams."""
    return replace(
        drawn,
        attenuation_db=0.0,
        ripple_db=(),
        shadow=0.0,
        enhancement=0.0,
        specular=0.0,
        reverberation=0.0,
        clutter=0.0,
        lost_beams=(),
        grey=GreyMap(),
    )


def _ct(draw: Draw, settings: NoiseSettings, size_mm: ZYX, pixel_mm: float) -> CtAcquisition:
    depth, height, width = size_mm
    noise = draw.log_uniform(*settings.ct_noise_hu)
    # Beyond this the raster itself, not the reconstruction kernel, would bound the spectrum.
    peak = min(draw.uniform(*settings.ct_noise_peak_per_mm), rounded(_HIGHEST_PEAK / pixel_mm))
    plain = CtAcquisition(
        noise_hu=noise,
        noise_peak_per_mm=peak,
        slice_correlation=draw.uniform(*settings.ct_slice_correlation),
    )
    rings, metal = draw.apart("rings"), draw.apart("metal")
    if rings.chance(settings.ct_ring_share):
        centre = tuple(rounded(extent * (0.5 + rings.normal(0.02))) for extent in (height, width))
        plain = replace(
            plain, ring_hu=rings.log_uniform(*settings.ct_ring_hu), ring_centre_mm=(centre[0], centre[1])
        )
    if metal.chance(settings.ct_metal_share):
        z, y, x = (rounded(extent * metal.uniform(0.25, 0.75)) for extent in (depth, height, width))
        plain = replace(
            plain,
            streak_hu=metal.log_uniform(*settings.ct_streak_hu),
            metal_mm=(z, y, x),
            metal_radius_mm=metal.uniform(1.0, 4.0),
            metal_length_mm=rounded(depth * metal.uniform(0.05, 0.5)),
        )
    return plain


def _mr(draw: Draw, settings: NoiseSettings) -> MrAcquisition:
    plain = MrAcquisition(noise=draw.log_uniform(*settings.mr_noise), bias=draw.uniform(*settings.mr_bias))
    gibbs, ghosts, motion = (draw.apart(name) for name in ("gibbs", "ghosts", "motion"))
    if gibbs.chance(settings.mr_gibbs_share):
        plain = replace(plain, kept=gibbs.uniform(*settings.mr_kept))
    if ghosts.chance(settings.mr_ghost_share):
        plain = replace(plain, ghost_period=ghosts.whole(2, 10), ghost=ghosts.uniform(*settings.mr_ghost))
    if motion.chance(settings.mr_motion_share):
        low, high = settings.mr_motion_pixels
        y, x = (motion.whole(low, high) * (1 if motion.chance(0.5) else -1) for _ in range(2))
        plain = replace(plain, motion_pixels=(y, x), motion_share=motion.uniform(0.1, 0.5))
    return replace(plain, grey=_grey(draw.apart("grey"), settings))


def _grey(draw: Draw, settings: NoiseSettings) -> GreyMap:
    gamma, levels = draw.log_uniform(*settings.gamma), draw.pick((32, 64, 128, 256))
    return GreyMap(
        gamma=gamma if draw.chance(settings.gamma_share) else 1.0,
        inverted=draw.chance(settings.inverted_share),
        levels=levels if draw.chance(settings.quantised_share) else 0,
    )


def _ultrasound(draw: Draw, settings: NoiseSettings, size_mm: ZYX, pixel_mm: float) -> UltrasoundAcquisition:
    axial = pixel_mm * draw.log_uniform(*settings.us_speckle_pixels)
    plain = replace(
        _probe(draw, draw.pick(settings.us_probes), size_mm),
        speckle_mm=(
            rounded(axial),
            rounded(axial * draw.uniform(1.3, 3.0)),
            rounded(axial * draw.uniform(1.5, 4.0)),
        ),
        widening=draw.uniform(*settings.us_widening),
        dynamic_range_db=draw.uniform(*settings.us_dynamic_range_db),
        gain_db=draw.uniform(*settings.us_gain_db),
        attenuation_db=draw.uniform(*settings.us_attenuation_db),
        ripple_db=tuple(draw.normal(settings.us_ripple_db) for _ in range(6)),
        shadow=draw.uniform(*settings.us_shadow),
        enhancement=draw.uniform(*settings.us_enhancement),
        specular=draw.uniform(*settings.us_specular),
    )
    ringing, haze, beams = (draw.apart(name) for name in ("reverberation", "clutter", "lost beams"))
    if ringing.chance(settings.us_reverberation_share):
        plain = replace(
            plain,
            reverberation=ringing.uniform(0.2, 0.75),
            ring_mm=rounded(pixel_mm * ringing.uniform(3.0, 12.0)),
        )
    if haze.chance(settings.us_clutter_share):
        plain = replace(plain, clutter=haze.log_uniform(0.02, 0.3))
    if beams.chance(settings.us_lost_beams_share):
        lost = [
            (beams.uniform(0.0, 1.0), beams.uniform(0.03, 0.12), beams.uniform(3.0, 18.0))
            for _ in range(beams.whole(1, 3))
        ]
        plain = replace(plain, lost_beams=tuple(lost))
    averaging = draw.apart("compounding")
    if averaging.chance(settings.us_compounding_share):
        plain = replace(plain, compounding=averaging.uniform(*settings.us_compounding))
    return replace(plain, grey=_grey(draw.apart("grey"), settings))


def _probe(draw: Draw, kind: Probe, size_mm: ZYX) -> UltrasoundAcquisition:
    """A phased array (apex at the skin), a curved one (apex behind it), a linear or a circular one."""
    _, height, width = size_mm
    middle = width * draw.uniform(0.45, 0.55)
    far = height * draw.uniform(0.9, 1.02)
    if kind == "phased":
        apex, near, half_width = 0.02 * height, 0.02 * height, draw.uniform(0.6, 0.95)
    elif kind == "curved":
        behind = height * draw.uniform(0.25, 0.6)
        apex, near, half_width = -behind, behind + 0.02 * height, draw.uniform(0.45, 0.8)
    elif kind == "linear":
        behind = 40.0 * height
        apex, near, half_width = -behind, behind + 0.01 * height, 0.5 * width / (behind + height)
    else:
        apex, near, half_width = height * draw.uniform(0.4, 0.6), 0.06 * min(height, width), 1.0
        far = apex + min(height, width) * draw.uniform(0.42, 0.5)
    return UltrasoundAcquisition(
        probe=kind,
        apex_mm=(rounded(apex), rounded(middle)),
        near_mm=rounded(near),
        far_mm=rounded(far - apex),
        half_width=rounded(half_width),
        speckle_mm=(1.0, 1.0, 1.0),
        dynamic_range_db=60.0,
        gain_db=0.0,
    )
