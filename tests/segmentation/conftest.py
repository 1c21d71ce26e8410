"""Phantoms with a known answer, and a small model that finds them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from synthfm3d.prompts.prompt import Box, GridPrompts, Mask, Point, Prompt
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box
from synthfm3d.randomness import stream
from synthfm3d.volume import Array, Grid, Volume


class RegionGrowing:
    """A promptable model without weights: what looks like the prompted voxels and touches them."""

    name = "region-growing"

    def __init__(self, grid_shape: tuple[int, int, int] = (16, 64, 64), tolerance: float = 0.25):
        self.grid_shape = grid_shape
        self.tolerance = tolerance
        self.looks = 0

    def prepare(self, channels: Array, spacing_mm: tuple[float, float, float]) -> Array:
        assert channels.shape == (3, *self.grid_shape)
        assert channels.min() >= 0
        assert channels.max() <= 1
        return ndimage.uniform_filter(channels.mean(axis=0), (1, 3, 3))

    def logits(self, features: Array, prompts: GridPrompts, previous: Array | None = None) -> Array:
        self.looks += 1
        seeds = np.zeros(features.shape, bool)
        for point in np.rint(prompts.positive).astype(int):
            seeds[tuple(point)] = True
        for lower, upper in prompts.boxes:
            seeds[tuple(np.rint((lower + upper) / 2).astype(int))] = True
        if prompts.mask is not None:
            seeds |= ndimage.binary_erosion(prompts.mask > 0, np.ones((1, 3, 3))) | (
                (prompts.mask > 0) & ~seeds.any()
            )
        similar = np.abs(features - np.median(features[seeds])) < self.tolerance
        components, count = ndimage.label(similar)
        kept = np.zeros(count + 1, bool)
        kept[np.unique(components[seeds])] = True
        kept[0] = False
        return np.where(kept[components], 5.0, -5.0).astype(np.float32)


@dataclass(frozen=True)
class Phantom:
    """A bright object on a darker, noisy ground."""

    scan: Volume
    truth: Array

    def prompts(self, kind: str) -> list[Prompt]:
        """One prompt of a kind on the largest slice of the truth."""
        z = largest_slice(self.truth)
        if kind == "click":
            position = self.scan.grid.to_mm(np.array([z, *innermost_point(self.truth[z])]))
            return [Point(position_mm=tuple(position))]
        if kind == "box":
            corners = np.insert(tight_box(self.truth[z]), 0, z, axis=1)
            low, high = self.scan.grid.to_mm(corners)
            return [Box(corner_mm=tuple(low), opposite_mm=tuple(high))]
        outlined = np.zeros_like(self.truth)
        outlined[z] = self.truth[z]
        return [Mask(volume=self.scan.with_voxels(outlined))]


def make_phantom(
    inside: Callable[[Array], Array],
    shape: tuple[int, int, int] = (40, 80, 80),
    spacing_mm: tuple[float, float, float] = (1.5, 1.0, 1.0),
) -> Phantom:
    """A phantom whose object is where ``inside``, a function of mm from the middle (..., 3), is true."""
    grid = Grid.from_spacing(shape, spacing_mm)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    offset_mm = (index - (np.array(shape) - 1) / 2) * np.array(spacing_mm)
    truth = np.asarray(inside(offset_mm))
    noise = stream(0, "phantom").normal(size=shape)
    voxels = (100 + 100 * truth + 10 * noise).astype(np.float32)
    return Phantom(Volume(voxels=voxels, affine=grid.affine, modality="mr"), truth)


def ellipsoid(z_mm: float, y_mm: float, x_mm: float) -> Callable[[Array], Array]:
    """Membership of an ellipsoid with these radii."""
    return lambda offset: ((offset / np.array([z_mm, y_mm, x_mm])) ** 2).sum(axis=-1) <= 1


def dice(found: Array, truth: Array) -> float:
    """Overlap of two masks, 0 to 1."""
    return float(
        2 * np.count_nonzero((found > 0) & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))
    )


@pytest.fixture(scope="session")
def region_growing():
    return RegionGrowing


@pytest.fixture(scope="session")
def phantom():
    return make_phantom


@pytest.fixture(scope="session")
def ball():
    """An ellipsoid of 30 x 24 x 20 mm in diameter."""
    return make_phantom(ellipsoid(15, 12, 10))
