"""Boundary definition: how sharp boundaries are, where they fade, what rims they have."""

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Boundary
from synthfm3d.synthesis.settings import BoundarySettings
from synthfm3d.synthesis.structures import ZYX
from synthfm3d.volume import Modality

_BOX_STD = 0.2887
"""Standard deviation of a slice profile of unit width, 1 / sqrt(12)."""
_SHARPEST = 0.3
"""Standard deviation of the point spread in pixels, where boundaries are switched off."""

_THICK, _SUB_SLICES = 2.5, 3
"""Slices more than this many pixels apart may be averaged from so many thinner ones."""
_RIM_PIXELS = 1.5


def draw_boundary(draw: Draw, modality: Modality, settings: BoundarySettings, spacing_mm: ZYX) -> Boundary:
    """Point spread, texture shield, fading and rims for voxels of ``spacing_mm`` (z, y, x).

    Switched off, boundaries are as sharp as pixels allow, everywhere.
    """
    pixel = spacing_mm[1]
    thickness = spacing_mm[0] * draw.uniform(*settings.thickness)
    in_plane = draw.log_uniform(*settings.psf_pixels)
    # Drawn first and kept or not: no share shifts what comes after it.
    shield, fade, rim = (draw.uniform(*r) for r in (settings.shield_pixels, settings.fade, settings.rim))
    shield *= draw.chance(settings.shield_share)
    fade *= draw.chance(settings.ct.fade_share if modality == "ct" else settings.fade_share)
    rim *= draw.chance(settings.rim_share)
    averaged = draw.chance(settings.averaged_share) and spacing_mm[0] > _THICK * pixel
    if settings.mode == "off":
        averaged = False
        thickness, in_plane, shield, fade, rim = 0.0, _SHARPEST, 0.0, 0.0, 0.0
    return Boundary(
        psf_mm=(rounded(max(_BOX_STD * thickness, _SHARPEST * pixel)), rounded(pixel * in_plane)),
        sub_slices=_SUB_SLICES if averaged else 1,
        texture_shield_mm=0.0 if modality == "us" else rounded(pixel * shield),
        fade=fade,
        rim=rim,
        rim_mm=rounded(_RIM_PIXELS * pixel),
    )
