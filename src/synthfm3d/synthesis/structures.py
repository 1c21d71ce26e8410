"""The elements of anatomy: parts with a shape, structures made of parts, and layers of materials inside them.

Lengths are millimetres, positions are (z, y, x) from the centre of the first voxel; y grows towards the back
of the body, as in an axial picture.
"""

from dataclasses import dataclass
from typing import Literal

MOST_LABELS = 255
"""Labels are stored in a byte, and 0 is unlabelled."""

ZYX = tuple[float, float, float]
"""Along (z, y, x), as everything in a scene: a place, lengths, or shares of them."""
Layout = Literal["trunk", "abdomen", "heart", "head", "chest", "pelvis", "free"]
LAYOUTS: tuple[Layout, ...] = ("trunk", "abdomen", "heart", "head", "chest", "pelvis", "free")
Material = Literal[
    "skin", "fat", "fascia", "muscle", "parenchyma", "medulla", "wall", "fluid", "blood", "gas", "lung",
    "lesion", "necrosis", "grey matter", "white matter", "cortical bone", "marrow", "disc", "cord", "calcium",
]  # fmt: skip
"""Material of a layer; contrast gives each material its signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The part of a structure that lies deeper than ``depth_mm`` under its surface.

    Parameters
    ----------
    label
        Value in the label map; 0 is unlabelled.
    thickness_mm
        Beyond this depth below its outer surface the layer ends and the structures painted before it are
        visible, as inside a sheet or a capsule; None: it has no end.
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
        Radius over which parts blend into each other; 0 is a hard union.
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
    """First axis: the structures, their shapes and positions.

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
