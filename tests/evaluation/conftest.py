"""A phantom whose truth is an ellipsoid, so that what a baseline makes of it is known."""

import numpy as np
import pytest

from synthfm3d.evaluation.datasets.cases import Case, Target, make_case
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.volume import Array, Grid, Volume

SHAPE = (24, 60, 70)
SPACING_MM = (3.0, 1.0, 1.0)


def ellipsoid(centre: tuple[int, int, int], semi_axes_mm: tuple[float, float, float]) -> Array:
    """Solid ellipsoid on the phantom's grid, bool (z, y, x); centre in voxels."""
    squares = [
        np.square((index - c) * step / radius)
        for index, c, step, radius in zip(
            np.ogrid[tuple(slice(n) for n in SHAPE)], centre, SPACING_MM, semi_axes_mm, strict=True
        )
    ]
    return np.asarray(squares[0] + squares[1] + squares[2] <= 1)


@pytest.fixture(scope="session")
def scan() -> Volume:
    """Noise, so that nobody finds anything in it: float32, 24 slices of 3 mm, 60 × 70 mm."""
    voxels = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return Volume(voxels=voxels, affine=Grid.from_spacing(SHAPE, SPACING_MM).affine, modality="mr")


@pytest.fixture(scope="session")
def label_map(scan: Volume) -> Volume:
    """1: an ellipsoid with semi-axes of 15.5, 15.5, 20.5 mm; 2: a ball of 9.5 mm beside it."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[ellipsoid((12, 20, 25), (15.5, 15.5, 20.5))] = 1
    labels[ellipsoid((10, 45, 50), (9.5, 9.5, 9.5))] = 2
    return scan.with_voxels(labels)


@pytest.fixture(scope="session")
def case(scan: Volume, label_map: Volume) -> Case:
    targets = [
        Target(structure="egg", labels=(1,), label_source="expert"),
        Target(structure="ball", labels=(2,), label_source="expert"),
    ]
    return make_case("phantom", scan, label_map, targets)


@pytest.fixture(scope="session")
def score() -> Score:
    """A score without a flaw, for tests that change what they are about."""
    return Score(
        case="a",
        patient="a",
        structure="liver",
        label_source="expert",
        modality="ct",
        prompt="box",
        method="m",
        dice=1.0,
        nsd=1.0,
        tolerance_mm=5.0,
        hd95_mm=0.0,
        average_surface_mm=0.0,
        volume_error=0.0,
        prompt_slice_dice=1.0,
        prompt_slice_excess=0.0,
        slices_beyond=0,
        ml_beyond=0.0,
        reference_ml=10.0,
        prediction_ml=10.0,
        prompt_slice=3,
        seconds=0.5,
        peak_mb=300.0,
    )
