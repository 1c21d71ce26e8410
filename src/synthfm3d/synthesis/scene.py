"""The scene: everything about one synthetic volume, in numbers that can be printed and stored.

A scene is drawn once (``synthesis.sampler``) and rendered any number of times, whole or slice by
slice (``rendering``). Lengths are millimetres, positions are (z, y, x) from the centre of the first
voxel; y grows towards the back of the body, as in an axial picture.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from synthfm3d.synthesis.scanner import ACQUISITIONS, ZYX, Acquisition
from synthfm3d.volume import Modality, ThirdAxis

MOST_LABELS = 255
"""Labels are stored in a byte, and 0 is unlabelled."""
TEXTURES = 4
"""How many texture fields, from fine to coarse, a tissue mixes."""

Layout = Literal["trunk", "abdomen", "heart", "head", "chest", "pelvis", "free"]
LAYOUTS: tuple[Layout, ...] = ("trunk", "abdomen", "heart", "head", "chest", "pelvis", "free")
Material = Literal[
    "skin", "fat", "fascia", "muscle", "parenchyma", "medulla", "wall", "fluid", "blood", "gas", "lung",
    "lesion", "necrosis", "grey matter", "white matter", "cortical bone", "marrow", "disc", "cord", "calcium",
]  # fmt: skip
"""What a layer is made of; contrast gives each its signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """Signal of a tissue: Hounsfield units (CT), relative signal (MR), echo amplitude (ultrasound).

    An MR signal may be negative: its magnitude is taken after tissues have mixed. ``texture`` weighs the
    texture fields (unit variance), in the same unit as ``mean``. ``cluster`` is half the step between two
    kinds of patches inside the tissue, which follow the sign of the coarsest texture field.
    """

    mean: float
    texture: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    cluster: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What lies deeper than ``depth_mm`` under a structure's surface.

    Parameters
    ----------
    label
        Value in the label map; 0 is unlabelled.
    thickness_mm
        Beyond this depth below its outer surface the layer ends and what was there before shows
        through, as inside a sheet or a capsule; None: it goes on inwards.
    """

    name: str
    depth_mm: float
    label: int
    material: Material
    thickness_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    r"""Points with :math:`x^T R\, diag(a)^{-2} R^T x \le 1` around a centre.

    ``quaternion`` (w, i, j, k), of unit length, turns the semi-axes out of (z, y, x).
    """

    centre_mm: ZYX
    semi_axes_mm: ZYX
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

    start_mm: ZYX
    end_mm: ZYX
    start_radius_mm: float
    end_radius_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Superquadric:
    r"""A rounded box, tapered and bent (Barr, IEEE Comput. Graph. Appl. 1:11, 1981).

    In units of the semi-axes and in the turned frame, with bend and taper along the first axis,
    :math:`v' = (v + b u^2) / (1 + t u)`, :math:`w' = w / (1 + t u)`, the solid is
    :math:`(1 - s)(u^2 + v'^2 + w'^2) + s \sqrt{u^4 + v'^4 + w'^4} \le 1`: an ellipsoid at
    squareness s = 0, a box with rounded edges (exponent 4) at s = 1.
    """

    centre_mm: ZYX
    semi_axes_mm: ZYX
    quaternion: tuple[float, float, float, float]
    squareness: float
    taper: float
    bend: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    r"""A star-shaped solid, :math:`r(n) = R\,(1 + \sum_k \sum_{l=2}^{4} a_{kl} P_l(n \cdot m_k))`.

    Legendre polynomials about axes m_k: by the addition theorem a sum of zonal harmonics is a
    spherical-harmonic series of degree 4. Each of up to four ``bumps`` is (m_z, m_y, m_x, a_2, a_3, a_4).
    """

    centre_mm: ZYX
    radius_mm: float
    bumps: tuple[tuple[float, float, float, float, float, float], ...]


Part = Ellipsoid | Stack | Tube | Superquadric | Star


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
    neighbourhood
        Structures that share a number above 0 share the space between them: each point belongs to
        the one it lies deepest in (a power diagram of their distances), so that they touch without
        gap or overlap. 0: the structure covers whatever was painted before.
    gap_mm
        Width of the fat plane left between this structure and others of its neighbourhood.
    within
        Name of the structure that surrounds this one, if not the body.
    like
        Name of the structure whose tissues this one repeats, material by material: an object of nearly the
        same grey. None: its tissues are its own.
    """

    name: str
    parts: tuple[Part, ...]
    layers: tuple[Layer, ...]
    blend_mm: float = 0.0
    roughness_mm: tuple[float, float] = (0.0, 0.0)
    confined: bool = True
    neighbourhood: int = 0
    gap_mm: float = 0.0
    within: str | None = None
    like: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """First axis: which structures there are, their shapes and places.

    Parameters
    ----------
    structures
        Painted in this order; a later one covers an earlier one. The first is the body.
    cavity_depth_mm
        Depth under the body's surface at which confined structures end.
    shape_noise_mm, warp_mm
        Correlation length of the coarse and fine shape noise, and of the warp.
    warp_amplitude_mm
        Standard deviation of the smooth in-plane displacement of all structures.
    """

    layout: Layout
    structures: tuple[Structure, ...]
    cavity_depth_mm: float
    shape_noise_mm: tuple[float, float]
    warp_mm: float
    warp_amplitude_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Second axis: the signal of every layer.

    Parameters
    ----------
    kind
        How signals were drawn: ``"tissues"`` (Hounsfield tables, MR signal equations, echogenicity)
        or ``"mixture"`` (random).
    outside
        What surrounds the body.
    tissues
        One for each layer of each structure, in the order of the anatomy.
    texture_mm
        Correlation lengths of the texture fields, fine to coarse.
    """

    kind: Literal["tissues", "mixture"]
    outside: Tissue
    tissues: tuple[tuple[Tissue, ...], ...]
    texture_mm: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """How sharp a boundary is.

    Parameters
    ----------
    psf_mm
        Standard deviation of the point spread through the slices and in their plane.
    sub_slices
        How many thinner slices each slice is the average of, an odd number; their labels are those of
        the middle one. 1: the point spread along z stands for the whole thickness, which is exact for
        plane boundaries and rough for what is thinner than a slice.
    texture_shield_mm
        Width of the band at boundaries in which texture fades out; 0 where texture reaches them.
    fade
        Factor by which boundaries are wider where they fade, less one; 0 where none does.
    rim, rim_mm
        Height of a rim along boundaries over the contrast across them, and its width.
    """

    psf_mm: tuple[float, float]
    sub_slices: int = 1
    texture_shield_mm: float
    fade: float = 0.0
    rim: float = 0.0
    rim_mm: float = 1.0

    def __post_init__(self) -> None:
        if self.sub_slices < 1 or self.sub_slices % 2 == 0:
            raise ValueError(f"sub_slices must be an odd number, got {self.sub_slices}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One synthetic volume before it is rendered.

    Parameters
    ----------
    seed, index
        Where the scene came from; also name the noise that rendering adds.
    shape, spacing_mm
        Voxels and their distances along (z, y, x).
    third_axis
        What z is. Over time, slices are frames, 1 "mm" apart, and there is no distance between them.
    anatomy, contrast, boundary, acquisition
        The four axes of variability.
    """

    seed: int
    index: int
    generator_version: int
    modality: Modality
    shape: tuple[int, int, int]
    spacing_mm: ZYX
    anatomy: Anatomy
    contrast: Contrast
    boundary: Boundary
    acquisition: Acquisition
    third_axis: ThirdAxis = "space"

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or min(self.spacing_mm) <= 0:
            raise ValueError(f"shape and spacing_mm must be positive, got {self.shape}, {self.spacing_mm}.")
        layers = [len(structure.layers) for structure in self.anatomy.structures]
        if not layers or layers != [len(tissues) for tissues in self.contrast.tissues]:
            raise ValueError("contrast.tissues must have one tissue for each layer of each structure.")
        labels = [layer.label for structure in self.anatomy.structures for layer in structure.layers]
        if not 0 <= min(labels) <= max(labels) <= MOST_LABELS:
            raise ValueError(f"labels must lie within 0 and {MOST_LABELS}, got up to {max(labels)}.")
        if not isinstance(self.acquisition, ACQUISITIONS[self.modality]):
            raise ValueError(
                f"a scene of modality {self.modality} cannot have a {type(self.acquisition).__name__}."
            )

    def label_names(self) -> dict[int, str]:
        """Label value -> name of the layer that carries it (the first, where layers share it)."""
        names: dict[int, str] = {}
        for structure in self.anatomy.structures:
            for layer in structure.layers:
                if layer.label:
                    names.setdefault(layer.label, layer.name)
        return dict(sorted(names.items()))

    def to_dict(self) -> dict[str, Any]:
        """The scene as plain JSON types; each part and the acquisition say their ``kind``."""
        plain = asdict(self)
        plain["acquisition"]["kind"] = type(self.acquisition).__name__
        for structure, written in zip(self.anatomy.structures, plain["anatomy"]["structures"], strict=True):
            for part, part_written in zip(structure.parts, written["parts"], strict=True):
                part_written["kind"] = type(part).__name__
        plain["label_names"] = {str(value): name for value, name in self.label_names().items()}
        return plain
