"""Time of other ways to make a volume: the memory floor, a plain SciPy recipe, and TorchIO's chain."""

from functools import partial
from typing import Any

import numpy as np
import SimpleITK
import torch
import torchio
from numba import njit
from scipy import ndimage

from benchmarks.measure import cpu_seconds, mean_cpu_seconds
from synthfm3d.generate import generate
from synthfm3d.kernels import STRICT
from synthfm3d.rendering.fields import hashed_normal
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.volume import Array

VoxelShape = tuple[int, int, int]
_LABEL_MAPS = range(6)
"""Seeds of the label maps that TorchIO is given, and of what it draws: its blur costs what it draws."""


def floor_ms(shape: VoxelShape) -> float:
    """The least that a generator must do: one normal number a voxel, an image and a label map."""
    image, labels = np.empty(shape, np.float32), np.empty(shape, np.uint8)
    return 1e3 * cpu_seconds(lambda _: _floor(image, labels), 7)


@njit(fastmath=STRICT)
def _floor(image, labels):
    for z in range(image.shape[0]):
        for y in range(image.shape[1]):
            row, label_row = image[z, y], labels[z, y]
            base = np.uint32((z * image.shape[1] + y) * image.shape[2])
            for x in range(image.shape[2]):
                row[x] = hashed_normal(np.uint32(base + np.uint32(x)), np.uint32(7))
            for x in range(image.shape[2]):
                label_row[x] = np.uint8(1)


def naive_ms(shape: VoxelShape) -> float:
    """A plain recipe in SciPy, from given labels."""
    return 1e3 * cpu_seconds(partial(_naive_recipe, shape), 3)


def _naive_recipe(shape: VoxelShape, run: int) -> None:
    """A Gaussian per label, textures by smoothing, partial volume by blur, noise."""
    generator = np.random.default_rng(run)
    coarse = generator.integers(0, 12, tuple(n // 16 for n in shape))
    labels = np.kron(coarse, np.ones((16, 16, 16), np.uint8))
    image = generator.uniform(0, 1, 12)[labels]
    for sigma in (1.0, 2.0, 4.0, 8.0):
        image += 0.05 * sigma * ndimage.gaussian_filter(generator.standard_normal(shape), sigma)
    image = ndimage.gaussian_filter(image, 0.7)
    image += 0.02 * generator.standard_normal(shape)


def torchio_ms(shape: VoxelShape) -> float:
    """TorchIO's RandomLabelsToImage, RandomBiasField, RandomBlur and RandomNoise from given labels."""
    torch.set_num_threads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    chain = torchio.Compose(
        [
            torchio.RandomLabelsToImage(label_key="labels", image_key="image"),
            torchio.RandomBiasField(),
            torchio.RandomBlur(),
            torchio.RandomNoise(),
        ]
    )
    settings = SynthesisSettings(shape=shape)
    maps = [np.ascontiguousarray(generate(seed, 0, settings).labels.voxels.T) for seed in _LABEL_MAPS]
    given = [torchio.LabelMap(tensor=torch.from_numpy(labels)[None]) for labels in maps]
    return 1e3 * mean_cpu_seconds(lambda run: _torchio_image(chain, given[run], run), _LABEL_MAPS, 1)


def _torchio_image(chain: Any, labels: torchio.LabelMap, run: int) -> Array:
    torch.manual_seed(run)
    image: Array = chain(torchio.Subject(labels=labels))["image"].numpy()
    return image
