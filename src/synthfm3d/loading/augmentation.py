"""Augmentation of clips: mirrored, rotated, brighter or darker, in negative."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from synthfm3d.loading.shares import check_shares
from synthfm3d.volume import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSettings:
    """Changes of a clip, the same on all its slices. Angles, shear and scale as in SAM 2's training.

    Parameters
    ----------
    flip
        Share of clips mirrored in x, and in y.
    affine
        Share of clips that are rotated, sheared and scaled.
    rotation_degrees, shear_degrees, scale
        Largest angles either way, and range of the scale.
    gamma
        Standard deviation of the logarithm of the exponent of intensities.
    inversion
        Share of clips (not in Hounsfield units) shown in negative.
    """

    flip: float = 0.5
    affine: float = 0.5
    rotation_degrees: float = 25.0
    shear_degrees: float = 20.0
    scale: tuple[float, float] = (0.8, 1.5)
    gamma: float = 0.25
    inversion: float = 0.15

    def __post_init__(self) -> None:
        check_shares(self, "flip", "affine", "inversion")
        if not 0 < self.scale[0] <= self.scale[1] or self.gamma < 0:
            raise ValueError(f"scale must be a range above 0, gamma 0 or more, got {self}.")


def augmented(
    slices: Array, targets: Array, hounsfield: bool, settings: AugmentationSettings, draw: np.random.Generator
) -> tuple[Array, Array]:
    """Slices float32 (slice, 3, y, x) in [0, 1] and objects bool (object, slice, y, x), changed alike.

    ``hounsfield``: the intensities mean something absolute and are not shown in negative.
    """
    slices = slices ** np.float32(np.exp(draw.normal(0.0, settings.gamma)))
    if not hounsfield and draw.random() < settings.inversion:
        slices = 1 - slices
    for axis in (-1, -2):
        if draw.random() < settings.flip:
            slices, targets = np.flip(slices, axis), np.flip(targets, axis)
    if draw.random() < settings.affine:
        slices, targets = _moved(slices, targets, settings, draw)
    return np.ascontiguousarray(slices, np.float32), np.ascontiguousarray(targets)


def _moved(
    slices: Array, targets: Array, settings: AugmentationSettings, draw: np.random.Generator
) -> tuple[Array, Array]:
    """Rotated, sheared and scaled about the middle; voxels from outside are dark and belong to no object."""
    turn = np.deg2rad(draw.uniform(-settings.rotation_degrees, settings.rotation_degrees))
    shear = np.tan(np.deg2rad(draw.uniform(-settings.shear_degrees, settings.shear_degrees)))
    scale = np.exp(draw.uniform(*np.log(settings.scale)))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ np.array([[1.0, shear], [0.0, 1.0]]) / scale
    theta = torch.tensor(np.column_stack([matrix, np.zeros(2)]), dtype=torch.float32)[None]
    places = functional.affine_grid(theta, [1, 1, *slices.shape[-2:]], align_corners=False)

    def moved(planes: Array, mode: str) -> Array:
        flat = torch.from_numpy(np.ascontiguousarray(planes, np.float32)).reshape(1, -1, *planes.shape[-2:])
        return (
            functional.grid_sample(flat, places, mode=mode, align_corners=False).numpy().reshape(planes.shape)
        )

    return moved(slices, "bilinear"), moved(targets, "nearest") > 0.5
