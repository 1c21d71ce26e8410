"""The scene: everything about one synthetic volume, in numbers that can be printed and stored.

A scene is drawn once (``synthesis.sampler``) and rendered any number of times, whole or slice by
slice (``rendering``). Lengths are millimetres, positions are (z, y, x) from the centre of the first
voxel; y grows towards the back of the body, as in an axial picture.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from synthfm3d.volume import Modality

TEXTURES = 4
"""How many texture fields, from fine to coarse, a tissue mixes."""

Position = tuple[float, float, float]
Layout = Literal["trunk", "head", "inside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """Signal of a tissue: Hounsfield units (CT), relative signal (MR), echo amplitude (ultrasound).

    ``texture`` weighs the texture fields (unit variance), in the same unit as ``mean``.
    """

    mean: float
    texture: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What lies deeper than ``depth_mm`` under a structure's surface; label 0 is unlabelled."""

    name: str
    depth_mm: float
    label: int
    tissue: Tissue


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    r"""Points with :math:`x^T R\, diag(a)^{-2} R^T x \le 1` around a centre.

    ``quaternion`` (w, i, j, k), of unit length, turns the semi-axes out of (z, y, x).
    """

    centre_mm: Position
    semi_axes_mm: Position
    quaternion: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """An ellipse that evolves from slice to slice: birth, growth, erosion, lateral drift.

    The level-set form of the paper's slice-recursive masks: dilating a mask by ``r`` moves the zero
    level of its distance by ``r``, so growth and erosion rates are the slopes of ``scale``, a
    piecewise-linear curve of (z in mm, factor on the semi-axes); the structure exists between the
    first and the last of its points. ``drift_mm`` are control points (y, x) of a uniform cubic
    B-spline over that interval.
    """

    centre_mm: tuple[float, float]
    semi_axes_mm: tuple[float, float]
    direction: tuple[float, float]
    scale: tuple[tuple[float, float], ...]
    drift_mm: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A capsule: all points nearer to the segment than a radius that changes along it."""

    start_mm: Position
    end_mm: Position
    start_radius_mm: float
    end_radius_mm: float


Part = Ellipsoid | Stack | Tube


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """An anatomical structure: a union of parts, filled with nested layers.

    Parameters
    ----------
    blend_mm
        Radius over which parts melt into each other; 0 is a hard union.
    roughness_mm
        Amplitude of the coarse and of the fine shape noise added to the distance.
    confined
        Whether the structure ends at the wall of the body cavity.
    """

    name: str
    parts: tuple[Part, ...]
    layers: tuple[Layer, ...]
    blend_mm: float = 0.0
    roughness_mm: tuple[float, float] = (0.0, 0.0)
    confined: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """How sharp a boundary is.

    Parameters
    ----------
    psf_mm
        Standard deviation of the point spread through the slices and in their plane.
    texture_shield_mm
        Width of the band at boundaries in which texture fades out; 0 where texture reaches them.
    """

    psf_mm: tuple[float, float]
    texture_shield_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CtAcquisition:
    """Quantum noise: standard deviation in HU, and the share of its power that is correlated."""

    noise_hu: float
    correlated_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MrAcquisition:
    """Rician noise (fraction of signal 1) and the relative amplitude of the receive-field bias."""

    noise: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasoundAcquisition:
    """Probe geometry, speckle and log compression.

    Parameters
    ----------
    apex_mm
        (y, x) where all beams meet; far above the image for a linear probe.
    near_mm, far_mm
        Distance from the apex where the image begins and ends.
    half_width
        Tangent of half the opening angle.
    speckle_mm
        Standard deviation of the point spread along the beam, across it, and between slices.
    dynamic_range_db, gain_db
        Range that the grey scale shows, and the gain before it: amplitude 1 is white at gain 0.
    attenuation_db
        Uncompensated loss from the nearest to the farthest echo; negative if overcompensated.
    shadow
        Share of the beam that one millimetre of a strong reflector takes away.
    """

    apex_mm: tuple[float, float]
    near_mm: float
    far_mm: float
    half_width: float
    speckle_mm: Position
    dynamic_range_db: float
    gain_db: float
    attenuation_db: float
    shadow: float


Acquisition = CtAcquisition | MrAcquisition | UltrasoundAcquisition


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One synthetic volume before it is rendered.

    Parameters
    ----------
    seed, index
        Where the scene came from; also name the noise that rendering adds.
    shape, spacing_mm
        Voxels and their distances along (z, y, x).
    structures
        Painted in this order; a later one covers an earlier one. The first is the body.
    cavity_depth_mm
        Depth under the body's surface at which confined structures end.
    outside
        What surrounds the body.
    texture_mm, shape_noise_mm, warp_mm
        Correlation length (standard deviation of the kernel) of the texture fields, of the coarse
        and fine shape noise, and of the warp.
    warp_amplitude_mm
        Standard deviation of the smooth in-plane displacement of all structures.
    """

    seed: int
    index: int
    generator_version: int
    modality: Modality
    layout: Layout
    shape: tuple[int, int, int]
    spacing_mm: Position
    structures: tuple[Structure, ...]
    cavity_depth_mm: float
    outside: Tissue
    texture_mm: tuple[float, float, float, float]
    shape_noise_mm: tuple[float, float]
    warp_mm: float
    warp_amplitude_mm: float
    boundary: Boundary
    acquisition: Acquisition

    def label_names(self) -> dict[int, str]:
        """Label value -> name of the layer that carries it (the first, where layers share it)."""
        names: dict[int, str] = {}
        for structure in self.structures:
            for layer in structure.layers:
                if layer.label:
                    names.setdefault(layer.label, layer.name)
        return dict(sorted(names.items()))

    def to_dict(self) -> dict[str, Any]:
        """The scene as plain JSON types; each part and the acquisition say their ``kind``."""
        plain = asdict(self)
        plain["acquisition"]["kind"] = type(self.acquisition).__name__
        for structure, written in zip(self.structures, plain["structures"], strict=True):
            for part, part_written in zip(structure.parts, written["parts"], strict=True):
                part_written["kind"] = type(part).__name__
        plain["label_names"] = {str(value): name for value, name in self.label_names().items()}
        return plain
