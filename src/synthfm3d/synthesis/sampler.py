"""``draw_scene``: seed and index in, one scene out.

Every group of parameters has a stream of its own, so a change to one group does not shift the
others, and each of the four axes (anatomy, contrast, boundary, noise) can be studied alone.
"""

from dataclasses import dataclass

from synthfm3d.synthesis.acquisition import draw_acquisition
from synthfm3d.synthesis.anatomy.body import draw_body
from synthfm3d.synthesis.anatomy.bones import draw_bones
from synthfm3d.synthesis.anatomy.frame import Labels
from synthfm3d.synthesis.anatomy.organs import draw_fillers, draw_organs
from synthfm3d.synthesis.anatomy.vessels import draw_vessels
from synthfm3d.synthesis.boundary import draw_boundary
from synthfm3d.synthesis.contrast import air_mean, draw_contrast
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Layout, Position, Scene, Tissue
from synthfm3d.volume import MODALITIES, Modality

GENERATOR_VERSION = 2
"""Changes whenever any seed's volume changes; the changelog says how."""

MOST_ORGANS = 40
"""With walls, twins, bones and vessels, more could need more labels than a byte holds."""
_LAYOUTS: dict[Modality, tuple[tuple[Layout, float], ...]] = {
    "ct": (("trunk", 0.6), ("head", 0.1), ("inside", 0.3)),
    "mr": (("trunk", 0.4), ("head", 0.3), ("inside", 0.3)),
    "us": (("inside", 1.0),),
}
_FILLERS: dict[Layout, tuple[int, int]] = {"trunk": (8, 20), "head": (0, 4), "inside": (4, 16)}
"""Fewest and most unlabelled lumps between the organs."""
_TEXTURE_PIXELS = (1.0, 2.2, 5.0, 11.0)
"""Correlation lengths of the texture fields, in pixels, before a common random factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisSettings:
    """What volumes to draw.

    Parameters
    ----------
    shape
        Voxels along (z, y, x).
    modalities
        One is drawn for each volume, all equally likely.
    organs
        Fewest and most organs of a volume.
    pixel_mm
        Range of the in-plane voxel size, log-uniform.
    anisotropy
        Range of slice distance over pixel size, log-uniform.
    """

    shape: tuple[int, int, int] = (64, 192, 192)
    modalities: tuple[Modality, ...] = MODALITIES
    organs: tuple[int, int] = (8, 12)
    pixel_mm: tuple[float, float] = (0.5, 2.0)
    anisotropy: tuple[float, float] = (1.0, 5.0)

    def __post_init__(self) -> None:
        if self.shape[0] < 1 or min(self.shape[1:]) < 8 or max(self.shape) > 4096:
            raise ValueError(
                f"shape must be 1 to 4096 slices of 8 to 4096 pixels along each edge, got {self.shape}."
            )
        unknown = [m for m in self.modalities if m not in MODALITIES]
        if unknown or not self.modalities:
            raise ValueError(f"modalities must be some of {', '.join(MODALITIES)}, got {self.modalities}.")
        for name in ("organs", "pixel_mm", "anisotropy"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must be a range 0 < low <= high, got ({low}, {high}).")
        if self.organs[1] > MOST_ORGANS:
            raise ValueError(f"organs must be {MOST_ORGANS} at most, got {self.organs}.")


def draw_scene(seed: int, index: int, settings: SynthesisSettings | None = None) -> Scene:
    """The scene of one (seed, index); the same on every machine.

    Scenes of one seed differ in modality, layout, anatomy, contrast, boundary and noise. Raises
    ValueError for a negative index.
    """
    if index < 0:
        raise ValueError(f"index must be 0 or more, got {index}.")
    settings = settings or SynthesisSettings()
    plan = Draw(seed, index, "plan")
    modality = plan.pick(settings.modalities)
    layout = plan.pick(*zip(*_LAYOUTS[modality], strict=True))
    spacing = _spacing(plan, settings)
    size = _size(settings.shape, spacing)

    contrast = draw_contrast(Draw(seed, index, "contrast"), modality)
    labels = Labels()
    body, frame, cavity_depth = draw_body(Draw(seed, index, "body"), contrast, layout, size, labels)
    anatomy = Draw(seed, index, "organs")
    structures = [body]
    fillers = Draw(seed, index, "fillers")
    structures += draw_fillers(fillers, frame, fillers.whole(*_FILLERS[layout]))
    structures += draw_organs(anatomy, frame, anatomy.whole(*settings.organs), labels)
    if layout == "trunk":
        structures += draw_bones(Draw(seed, index, "bones"), frame, labels)
    structures += draw_vessels(Draw(seed, index, "vessels"), frame, labels)

    texture = Draw(seed, index, "texture")
    grain = texture.log_uniform(0.7, 1.6)
    fields = tuple(rounded(pixels * grain * spacing[1]) for pixels in _TEXTURE_PIXELS)
    return Scene(
        seed=seed,
        index=index,
        generator_version=GENERATOR_VERSION,
        modality=modality,
        layout=layout,
        shape=settings.shape,
        spacing_mm=spacing,
        structures=tuple(structures),
        cavity_depth_mm=cavity_depth,
        outside=Tissue(mean=air_mean(contrast)),
        texture_mm=(fields[0], fields[1], fields[2], fields[3]),
        shape_noise_mm=(rounded(0.05 * frame.scale_mm), rounded(0.02 * frame.scale_mm)),
        warp_mm=rounded(0.12 * frame.scale_mm),
        warp_amplitude_mm=rounded(frame.scale_mm * texture.uniform(0.005, 0.03)),
        boundary=draw_boundary(Draw(seed, index, "boundary"), modality, spacing),
        acquisition=draw_acquisition(Draw(seed, index, "acquisition"), modality, size, spacing[1]),
    )


def _spacing(plan: Draw, settings: SynthesisSettings) -> Position:
    pixel = plan.log_uniform(*settings.pixel_mm)
    return rounded(pixel * plan.log_uniform(*settings.anisotropy)), pixel, pixel


def _size(shape: tuple[int, int, int], spacing: Position) -> Position:
    z, y, x = (n * s for n, s in zip(shape, spacing, strict=True))
    return z, y, x
