"""Volumes: voxels together with their geometry.

Arrays are indexed (z, y, x). World coordinates are RAS millimetres: the first increases towards
the patient's Right, the second towards Anterior, the third towards Superior (as in nibabel). An
affine here maps indices in the order of the array, ``affine @ (z, y, x, 1) = (r, a, s, 1)``. The (i, j, k)
order of a stored NIfTI array is used only in ``synthfm3d.io`` and on the command line.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import permutations
from os import PathLike
from typing import Any, Literal, Self

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Modality = Literal["ct", "mr", "us"]
ThirdAxis = Literal["space", "time"]
Position = tuple[float, float, float]
"""A position in RAS millimetres."""
Part = tuple[slice, slice, slice]
"""A part of a grid: a slice of indices along each of (z, y, x)."""

MODALITIES: tuple[Modality, ...] = ("ct", "mr", "us")


@dataclass(frozen=True, eq=False)
class Grid:
    """A lattice of voxel centres in the world.

    Parameters
    ----------
    shape
        Number of voxels along (z, y, x).
    affine
        (4, 4) matrix from voxel index (z, y, x, 1) to RAS millimetres.
    """

    shape: tuple[int, int, int]
    affine: Array

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError(f"affine must be a finite 4 x 4 matrix, got shape {affine.shape}.")
        lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
        if not lengths.all() or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-9:
            raise ValueError("affine is singular: two voxel axes have the same direction.")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be three positive numbers (z, y, x), got {self.shape}.")

    @classmethod
    def from_spacing(cls, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Self:
        """Axial grid (z to Superior, y to Posterior, x to Left) with its first voxel at the origin."""
        z, y, x = spacing_mm
        affine = np.array([[0.0, 0, -x, 0], [0, -y, 0, 0], [z, 0, 0, 0], [0, 0, 0, 1]])
        return cls(shape, affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along (z, y, x), in mm."""
        z, y, x = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(z), float(y), float(x)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def to_mm(self, index: Array) -> Array:
        """World position (..., 3) in RAS mm of voxel indices (..., 3) in (z, y, x); may be fractional."""
        return np.asarray(index, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, position_mm: Array) -> Array:
        """Fractional voxel index (..., 3) in (z, y, x) of world positions (..., 3) in RAS mm."""
        shifted = np.asarray(position_mm, np.float64) - self.affine[:3, 3]
        return shifted @ np.linalg.inv(self.affine[:3, :3]).T

    def moved(self, voxels: tuple[float, float, float]) -> "Grid":
        """The same lattice moved by a number of voxels along (z, y, x)."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_mm(np.array(voxels))
        return Grid(self.shape, affine)

    def part(self, part: Part) -> "Grid":
        """The grid of a part of the voxels, which keep their positions.

        Parameters
        ----------
        part
            A slice of indices along each of (z, y, x), as NumPy takes them; steps may be negative.

        Raises
        ------
        ValueError
            The part has no voxel.
        """
        along = [range(*one.indices(length)) for one, length in zip(part, self.shape, strict=True)]
        affine = self.affine.copy()
        affine[:3, :3] *= np.array([indices.step for indices in along])
        affine[:3, 3] = self.to_mm(np.array([indices.start for indices in along]))
        z, y, x = (len(indices) for indices in along)
        return Grid((z, y, x), affine)

    def padded(self, voxels: int) -> "Grid":
        """The grid with some more voxels on every side."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_mm(np.full(3, -voxels))
        z, y, x = (length + 2 * voxels for length in self.shape)
        return Grid((z, y, x), affine)

    def contains(self, index: Array) -> Array:
        """Whether fractional voxel indices (..., 3) are inside a voxel of the grid."""
        index = np.asarray(index)
        inside = np.logical_and(index >= -0.5, index < np.array(self.shape) - 0.5)
        return np.asarray(inside.all(axis=-1))

    def same_as(self, other: "Grid", tolerance_mm: float = 1e-3) -> bool:
        """Whether both grids have every voxel at the same position, within ``tolerance_mm``."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        return bool(np.abs(self.to_mm(corners) - other.to_mm(corners)).max() <= tolerance_mm)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Volume:
    """Voxels on a grid: an image, a label map or a mask.

    Parameters
    ----------
    voxels
        Array (z, y, x).
    affine
        (4, 4) matrix from voxel index (z, y, x, 1) to RAS millimetres.
    modality
        ``"ct"`` (voxels are Hounsfield units), ``"mr"``, ``"us"``, or None if unknown.
    third_axis
        The meaning of the z axis: ``"space"``, or ``"time"`` for a cine sequence. Along time, the first
        column of the affine only separates the frames. It is not a distance, and there are no volumes in ml.
    doubts
        What was repaired or assumed when the file was read, one sentence each. Every result made from the
        volume has them, too.
    """

    voxels: Array
    affine: Array
    modality: Modality | None = None
    third_axis: ThirdAxis = "space"
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3:
            raise ValueError(f"voxels must have three axes (z, y, x), got shape {self.voxels.shape}.")
        object.__setattr__(self, "affine", self.grid.affine)

    def __repr__(self) -> str:
        shape, spacing = (" × ".join(map(str, of)) for of in (self.shape, _rounded(self.spacing_mm)))
        low, high = self.voxels.min(), self.voxels.max()
        what = [self.modality or "unknown modality", f"{self.voxels.dtype} {low:g} to {high:g}"]
        return f"Volume({shape} voxels of {spacing} mm (z, y, x), {', '.join(what)})"

    def _repr_png_(self) -> bytes:
        """The picture of the volume in a notebook."""
        from synthfm3d.pictures.in_notebook import notebook_png

        return notebook_png(self)

    @classmethod
    def from_spacing(
        cls, voxels: Array, spacing_mm: tuple[float, float, float], modality: Modality | None = None
    ) -> Self:
        """A volume of an axial array (z, y, x) with a known spacing along (z, y, x), in mm."""
        z, y, x = voxels.shape
        return cls(voxels=voxels, affine=Grid.from_spacing((z, y, x), spacing_mm).affine, modality=modality)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (z, y, x)."""
        return self.grid.shape

    @property
    def grid(self) -> Grid:
        z, y, x = self.voxels.shape
        return Grid((z, y, x), self.affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along (z, y, x), in mm."""
        return self.grid.spacing_mm

    def __getitem__(self, part: slice | tuple[slice, ...]) -> "Volume":
        """A part of the volume, as a view of its voxels: ``volume[4:9]``, ``volume[:, 10:20, 10:20]``.

        Every voxel keeps its position. Raises ValueError if the part has no voxel.
        """
        given = part if isinstance(part, tuple) else (part,)
        z, y, x = (*given, *[slice(None)] * (3 - len(given)))
        return replace(self, voxels=self.voxels[z, y, x], affine=self.grid.part((z, y, x)).affine)

    def with_voxels(self, voxels: Array) -> "Volume":
        """Other voxels on the same grid; raises ValueError if the shape differs."""
        if voxels.shape != self.voxels.shape:
            raise ValueError(
                f"voxels of shape {voxels.shape} do not fit a grid of shape {self.voxels.shape}."
            )
        return replace(self, voxels=voxels)

    def reordered(self, order: tuple[int, int, int], flipped: tuple[bool, bool, bool]) -> "Volume":
        """The same physical volume with its array axes permuted, then flipped.

        ``order[n]`` is the present axis that becomes axis ``n``; ``flipped[n]`` reverses the new axis ``n``.
        The affine is changed accordingly, so every voxel keeps its position.
        """
        affine = self.affine[:, [*order, 3]].copy()
        voxels = np.transpose(self.voxels, order)
        for axis, flip in enumerate(flipped):
            if flip:
                affine[:3, 3] += affine[:3, axis] * (voxels.shape[axis] - 1)
                affine[:3, axis] *= -1
        steps = tuple(slice(None, None, -1) if flip else slice(None) for flip in flipped)
        return replace(self, voxels=voxels[steps], affine=affine)

    def axial(self) -> "Volume":
        """The same physical volume with (z, y, x) closest to (Superior, Posterior, Left).

        The axial form does not depend on the storage order of a scan, so results do not depend on it either.
        Voxels are not resampled.
        """
        target = np.array([[0.0, 0, -1], [0, -1, 0], [1, 0, 0]])  # columns: where z, y, x should point
        directions = self.affine[:3, :3] / np.array(self.spacing_mm)
        agreement = target.T @ directions  # [wanted axis, present axis]
        order = max(permutations(range(3)), key=lambda p: sum(abs(agreement[n, p[n]]) for n in range(3)))
        flips = [bool(agreement[n, order[n]] < 0) for n in range(3)]
        return self.reordered((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))


def checked_volume(given: object) -> Volume:
    """The argument if it is a Volume; else a TypeError that says how to get one from a path or an array."""
    if isinstance(given, Volume):
        return given
    if isinstance(given, str | PathLike):
        raise TypeError(f"a scan is a Volume, not a path: read it first, sf.read({str(given)!r}).")
    if isinstance(given, np.ndarray):
        raise TypeError(
            "a scan is a Volume, not an array: say where its voxels are, "
            "sf.Volume.from_spacing(array, spacing_mm=(z, y, x))."
        )
    raise TypeError(f"a scan is a Volume, not {type(given).__name__}.")


def on_grid_of(volume: Volume, grid: Grid) -> Volume:
    """The same voxels in the axis order and directions of ``grid``, which has the same voxel positions.

    Raises ValueError if the two grids differ in more than the order and direction of their axes.
    """
    turn = np.linalg.inv(volume.affine[:3, :3]) @ grid.affine[:3, :3]  # [present axis, wanted axis]
    order = np.abs(turn).argmax(axis=0)
    flips = turn[order, range(3)] < 0
    if sorted(order) == [0, 1, 2]:
        turned = volume.reordered(
            (int(order[0]), int(order[1]), int(order[2])), (bool(flips[0]), bool(flips[1]), bool(flips[2]))
        )
        # A tenth of a voxel, because affines lose digits when other programs store them.
        if turned.grid.same_as(grid, tolerance_mm=0.1 * min(grid.spacing_mm)):
            return replace(turned, affine=grid.affine)
    raise ValueError(
        f"a grid of {volume.voxels.shape} voxels at {_rounded(volume.spacing_mm)} mm does not lie on a grid "
        f"of {grid.shape} voxels at {_rounded(grid.spacing_mm)} mm (z, y, x)."
    )


def foreground_corners(mask: Array) -> Array:
    """Inclusive corners (2, 3) of the smallest box around the non-zero voxels of a mask (z, y, x).

    Raises ValueError for an empty mask.
    """
    present = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not len(present[0]):
        raise ValueError("the mask is empty: all its voxels are zero.")
    return np.array([[p[0] for p in present], [p[-1] for p in present]])


def part_between(corners: Array) -> Part:
    """The part of a grid between two inclusive corner voxels (2, 3)."""
    (z0, y0, x0), (z1, y1, x1) = np.asarray(corners).tolist()
    return slice(z0, z1 + 1), slice(y0, y1 + 1), slice(x0, x1 + 1)


def _rounded(spacing_mm: tuple[float, float, float]) -> tuple[float, ...]:
    return tuple(round(s, 3) for s in spacing_mm)


def content_hash(volume: Volume) -> str:
    """SHA-256 of a scan's voxels in axial order, which does not depend on the file and its storage order.

    Values are converted to float32. The affine is not included, because programs round it.
    """
    voxels = np.ascontiguousarray(volume.axial().voxels, np.float32)
    digest = sha256(str(voxels.shape).encode())
    digest.update(voxels.view(np.uint8).data)
    return digest.hexdigest()
