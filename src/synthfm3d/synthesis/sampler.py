"""``draw_scene``: seed and index in, one scene out.

The four axes have streams of their own: what one draws does not shift another's, and each can be
fixed or switched off alone. Three things follow from others all the same: whole bodies choose their
pixels, contrast is drawn until it is seen through the noise, and shapes are measured by the field of
view. A fixed axis is the same in all volumes where these are (``modalities``, ``pixel_mm``,
``anisotropy``, ``noise.mode``).
"""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.assembly import draw_anatomy, draw_cine, draw_layout
from synthfm3d.synthesis.boundary import draw_boundary
from synthfm3d.synthesis.contrast import draw_contrast
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.modalities import draw_acquisition
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.settings import Mode, SynthesisSettings
from synthfm3d.synthesis.structures import ZYX, Layout

GENERATOR_VERSION = 6
"""Changes whenever any seed's volume changes; the changelog says how."""

_THICKEST_MM = 10.0
"""Slices are not taken further apart, whatever the anisotropy."""
_BODIES_MM: dict[Layout, tuple[float, float]] = {
    "trunk": (300.0, 460.0),
    "abdomen": (300.0, 460.0),
    "chest": (300.0, 460.0),
    "pelvis": (300.0, 460.0),
    "head": (190.0, 270.0),
}
"""Fields of view that show a whole body, an adult's and a smaller one's."""


def draw_scene(seed: int, index: int, settings: SynthesisSettings | None = None) -> Scene:
    """The scene of one (seed, index); the same on every machine.

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
    if timed:  # a frame sees nothing of the one before
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
