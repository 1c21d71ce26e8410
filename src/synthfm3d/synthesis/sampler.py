"""``draw_scene``: the scene of a seed and an index.

Each of the four axes has its own random streams, so it can be fixed or switched off without a change in the
others. There are three dependencies: the pixel size follows from the layout of a whole body, contrast is
drawn until it is visible through the noise, and sizes of shapes are relative to the field of view. So a fixed
axis is the same in all volumes in which these are the same (``modalities``, ``pixel_mm``, ``anisotropy``,
``noise.mode``).
"""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.assembly import draw_anatomy, draw_cine, draw_layout
from synthfm3d.synthesis.contrast import draw_contrast
from synthfm3d.synthesis.ct import CtAcquisition, draw_ct_acquisition
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.mr import MrAcquisition, draw_mr_acquisition
from synthfm3d.synthesis.scene import Acquisition, Boundary, Scene
from synthfm3d.synthesis.settings import BoundarySettings, Mode, NoiseSettings, SynthesisSettings
from synthfm3d.synthesis.structures import ZYX, Layout
from synthfm3d.synthesis.ultrasound import draw_ultrasound_acquisition, without_beam_artefacts
from synthfm3d.volume import Modality

GENERATOR_VERSION = 6
"""Changes if the volume of any seed changes; the changelog describes the change."""

_THICKEST_MM = 10.0
"""Largest distance of slices, for any anisotropy."""
_BODIES_MM: dict[Layout, tuple[float, float]] = {
    "trunk": (300.0, 460.0),
    "abdomen": (300.0, 460.0),
    "chest": (300.0, 460.0),
    "pelvis": (300.0, 460.0),
    "head": (190.0, 270.0),
}
"""Fields of view that show a whole body, an adult's and a smaller one's."""
_BOX_STD = 0.2887
"""Standard deviation of a slice profile of unit width, 1 / sqrt(12)."""
_SHARPEST = 0.3
"""Standard deviation of the point spread in pixels, where boundaries are switched off."""

_THICK, _SUB_SLICES = 2.5, 3
"""Slices with a distance of more than ``_THICK`` pixels may be averages of ``_SUB_SLICES`` thinner ones."""
_RIM_PIXELS = 1.5


def draw_scene(seed: int, index: int, settings: SynthesisSettings | None = None) -> Scene:
    """The scene of one (seed, index); the same on every x86-64 machine that was tried.

    Raises ValueError for a negative index.
    """
    if index < 0:
        raise ValueError(f"index must be 0 or more, got {index}.")
    settings = settings or SynthesisSettings()
    plan = Draw(seed, index, "plan")
    modality = plan.pick(settings.modalities)
    timed = settings.third_axis == "time"
    layout = draw_layout(seed, _place(index, settings.anatomy.mode), modality, settings.anatomy)
    pixel, anisotropy = plan.log_uniform(*settings.pixel_mm), plan.log_uniform(*settings.anisotropy)
    share = plan.uniform(0.0, 1.0)
    if layout in _BODIES_MM and modality != "us" and not timed:
        least, most = _BODIES_MM[layout]
        low, high = settings.pixel_mm
        pixel = rounded(min(max((least + share * (most - least)) / min(settings.shape[1:]), low), high))
    between = rounded(min(pixel * anisotropy, max(_THICKEST_MM, pixel)))
    spacing: ZYX = (1.0 if timed else between, pixel, pixel)
    size = (settings.shape[0] * spacing[0], settings.shape[1] * pixel, settings.shape[2] * pixel)

    draw = draw_cine if timed else draw_anatomy
    anatomy = draw(seed, _place(index, settings.anatomy.mode), modality, settings.anatomy, size, pixel)
    acquisition = draw_acquisition(
        Draw(seed, _place(index, settings.noise.mode), "acquisition"), modality, settings.noise, size, pixel
    )
    contrast = draw_contrast(
        seed, _place(index, settings.contrast.mode), modality, settings.contrast, anatomy, acquisition, pixel
    )
    boundary = draw_boundary(
        Draw(seed, _place(index, settings.boundary.mode), "boundary"), modality, settings.boundary, spacing
    )
    if timed:  # a frame does not mix with the previous one
        boundary = replace(boundary, psf_mm=(0.0, boundary.psf_mm[1]), sub_slices=1)
    return Scene(
        seed=seed,
        index=index,
        generator_version=GENERATOR_VERSION,
        modality=modality,
        shape=settings.shape,
        spacing_mm=spacing,
        anatomy=anatomy,
        contrast=contrast,
        boundary=boundary,
        acquisition=acquisition,
        third_axis=settings.third_axis,
    )


def _place(index: int, mode: Mode) -> int | str:
    """Name of an axis's streams: a fixed axis is drawn once for all volumes of a seed."""
    return "fixed" if mode == "fixed" else index


def draw_boundary(draw: Draw, modality: Modality, settings: BoundarySettings, spacing_mm: ZYX) -> Boundary:
    """Point spread, texture shield, fading and rims for voxels of ``spacing_mm`` (z, y, x).

    Switched off, boundaries are as sharp as pixels allow, everywhere.
    """
    pixel = spacing_mm[1]
    thickness = spacing_mm[0] * draw.uniform(*settings.thickness)
    in_plane = draw.log_uniform(*settings.psf_pixels)
    # All are drawn, and then kept or not, so that a share does not shift later draws.
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


def draw_acquisition(
    draw: Draw, modality: Modality, settings: NoiseSettings, size_mm: ZYX, pixel_mm: float
) -> Acquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm.

    Switched off, CT and MR have no noise and no bias; ultrasound keeps its speckle, which is its signal, but
    has no effects along its beams.
    """
    off = settings.mode == "off"
    match modality:
        case "ct":
            if off:
                return CtAcquisition(noise_hu=0.0)
            return draw_ct_acquisition(draw, settings.ct, size_mm, pixel_mm)
        case "mr":
            return (
                MrAcquisition(noise=0.0, bias=0.0)
                if off
                else draw_mr_acquisition(draw, settings.mr, settings.grey)
            )
        case "us":
            drawn = draw_ultrasound_acquisition(draw, settings.us, settings.grey, size_mm, pixel_mm)
            return without_beam_artefacts(drawn) if off else drawn
