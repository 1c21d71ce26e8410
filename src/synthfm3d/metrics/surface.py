r"""Distances between two surfaces: surface Dice (NSD), 95 % Hausdorff distance, average distance.

The definitions are those of surface-distance (Nikolov et al., arXiv:1809.04430). With :math:`S_A, S_B` the
surfels of two masks (``metrics.surfels``), :math:`|s|` the area of one and :math:`d(s, S)` the distance in mm
from it to the nearest surfel of the other mask:

- normalised surface Dice (NSD, surface Dice) at a tolerance :math:`\tau`:
  :math:`\frac{|\{s \in S_A: d(s, S_B) \le \tau\}| + |\{s \in S_B: d(s, S_A) \le \tau\}|}{|S_A| + |S_B|}`;
- HD95: the larger of the two directed 95th percentiles of d, each weighted by area;
- average surface distance: the mean of d over the area of both surfaces together.

For a sequence in time, each frame is measured along its contours, and the result is the mean over the frames.

Two empty masks agree (NSD 1, distances 0). If one mask is empty, the NSD is 0 and the distances are the
diagonal of the scan, or of a frame. No result is NaN.
"""

import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from statistics import fmean
from typing import Any

import numpy as np
from scipy import ndimage

from synthfm3d.metrics.surfels import neighbourhood_codes, surfel_sizes
from synthfm3d.volume import Array, Volume

PERCENTILE = 95.0
_TOLERANCE_SLACK_MM = 1e-5
"""Distances are float32, so 3.0000002 mm must count as within a tolerance of 3 mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceAgreement:
    """The agreement of two surfaces.

    Parameters
    ----------
    nsd
        Normalised surface Dice at the tolerance, 0 ... 1.
    hd95_mm, average_mm
        95 % Hausdorff distance and average surface distance.
    """

    nsd: float
    hd95_mm: float
    average_mm: float


def surface_agreement(prediction: Volume, reference: Volume, tolerance_mm: float) -> SurfaceAgreement:
    """Agreement of the surfaces of two masks on one grid; non-zero voxels are inside.

    Raises ValueError if the shapes differ or the tolerance is negative.
    """
    if prediction.voxels.shape != reference.voxels.shape:
        raise ValueError(f"masks differ in shape: {prediction.voxels.shape} and {reference.voxels.shape}.")
    if tolerance_mm < 0:
        raise ValueError(f"the tolerance must be 0 mm or more, got {tolerance_mm}.")
    a, b, spacing = prediction.voxels != 0, reference.voxels != 0, reference.spacing_mm
    if reference.third_axis == "space":
        return _agreement(a, b, spacing, tolerance_mm)
    frames = [_agreement(one, other, spacing[1:], tolerance_mm) for one, other in zip(a, b, strict=True)]
    return SurfaceAgreement(
        nsd=fmean(frame.nsd for frame in frames),
        hd95_mm=fmean(frame.hd95_mm for frame in frames),
        average_mm=fmean(frame.average_mm for frame in frames),
    )


def _agreement(a: Array, b: Array, spacing_mm: tuple[float, ...], tolerance_mm: float) -> SurfaceAgreement:
    if not (a.any() and b.any()):
        if a.any() == b.any():
            return SurfaceAgreement(nsd=1.0, hd95_mm=0.0, average_mm=0.0)
        diagonal_mm = math.hypot(*(n * step for n, step in zip(a.shape, spacing_mm, strict=True)))
        return SurfaceAgreement(nsd=0.0, hd95_mm=diagonal_mm, average_mm=diagonal_mm)
    there, back = surfel_distances(a, b, spacing_mm)
    area = there.area.sum() + back.area.sum()
    return SurfaceAgreement(
        nsd=float((there.area_within(tolerance_mm) + back.area_within(tolerance_mm)) / area),
        hd95_mm=max(there.percentile(PERCENTILE), back.percentile(PERCENTILE)),
        average_mm=float((there.area @ there.distance_mm + back.area @ back.distance_mm) / area),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surfels:
    """Surfels of one mask: distance to the surface of the other mask (n,) in mm, and area or length (n,)."""

    distance_mm: Array
    area: Array

    def area_within(self, tolerance_mm: float) -> float:
        """Area of the surfels that lie within a tolerance of the other surface."""
        return float(self.area[self.distance_mm <= tolerance_mm + _TOLERANCE_SLACK_MM].sum())

    def percentile(self, percent: float) -> float:
        """The smallest distance that ``percent`` of the area does not exceed."""
        order = self.distance_mm.argsort()
        share = np.cumsum(self.area[order]) / self.area.sum()
        index = min(int(np.searchsorted(share, percent / 100)), len(order) - 1)
        return float(self.distance_mm[order[index]])


def surfel_distances(a: Array, b: Array, spacing_mm: tuple[float, ...]) -> tuple[Surfels, Surfels]:
    """Surfels of two masks (2-D or 3-D, boolean, neither empty), each with its distance to the others."""
    part = _foreground_part(a | b)
    codes = [neighbourhood_codes(mask[part]) for mask in (a, b)]
    most = np.uint8(2**2**a.ndim - 1)
    surfaces = [(code != 0) & (code != most) for code in codes]
    sizes = surfel_sizes(spacing_mm)
    there, back = (
        Surfels(
            distance_mm=_distances_mm(surfaces[n], surfaces[1 - n], spacing_mm),
            area=sizes[codes[n][surfaces[n]]],
        )
        for n in (0, 1)
    )
    return there, back


def _foreground_part(mask: Array) -> tuple[slice, ...]:
    """The part of an array that its true elements span, which is small in most scans."""
    axes = range(mask.ndim)
    shown = [np.flatnonzero(mask.any(axis=tuple(n for n in axes if n != axis))) for axis in axes]
    return tuple(slice(int(indices[0]), int(indices[-1]) + 1) for indices in shown)


def _distances_mm(surface: Array, other: Array, spacing_mm: tuple[float, ...]) -> Array:
    """Distance (n,) float32 from each surfel of a surface to the nearest of another."""
    # Only the nearest surfels are computed: distances of all voxels, in float64, would take twice as long.
    nearest = ndimage.distance_transform_edt(
        ~other, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    at = np.nonzero(surface)
    squared = np.zeros(len(at[0]), np.float32)
    for axis, step in enumerate(spacing_mm):
        squared += np.square((nearest[axis][at] - at[axis]) * np.float32(step))
    return np.sqrt(squared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The distance in mm by which observers may differ, and its source."""

    mm: float
    source: str


def tolerance_of(structure: str) -> Tolerance:
    """The tolerance of a structure in ``tolerances.json``; the default if it is not listed.

    The order of the words of a name, capitals and separators do not matter: ``kidney_right`` equals
    ``Right kidney``.
    """
    table = _table()
    for source in table["sources"].values():
        for name, mm in source["mm"].items():
            if _words(name) == _words(structure):
                return Tolerance(mm=mm, source=source["says"])
    return Tolerance(**table["default"])


def _words(name: str) -> list[str]:
    return sorted(re.findall(r"[a-z0-9]+", name.lower()))


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    text = files("synthfm3d.metrics").joinpath("tolerances.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
