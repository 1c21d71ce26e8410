"""Synthesis: volumes against the memory floor and against the recipe that everybody writes first."""

from functools import partial

import numpy as np
from numba import njit
from scipy import ndimage

from benchmarks.measure import Results, cpu_seconds
from synthfm3d.rendering.cpu import render
from synthfm3d.rendering.hashing import hashed_normal
from synthfm3d.rendering.kernels import STRICT
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.volume import MODALITIES, Array

SHAPES = {"64x256x256": (64, 256, 256), "128x128x128": (128, 128, 128)}
SEEDS = 12


@njit(fastmath=STRICT)
def _floor(image, labels):
    """The least that a generator does: one normal number a voxel, an image and a label map written."""
    for z in range(image.shape[0]):
        for y in range(image.shape[1]):
            row, label_row = image[z, y], labels[z, y]
            base = np.uint32((z * image.shape[1] + y) * image.shape[2])
            for x in range(image.shape[2]):
                row[x] = hashed_normal(np.uint32(base + np.uint32(x)), np.uint32(7))
            for x in range(image.shape[2]):
                label_row[x] = np.uint8(1)


def _floor_run(image: Array, labels: Array, run: int) -> None:
    _floor(image, labels)


def _volume(settings: SynthesisSettings, seed: int) -> None:
    render(draw_scene(seed, 0, settings))


def _naive_recipe(shape: tuple[int, int, int], run: int) -> None:
    """Labels given: a Gaussian per label, textures by smoothing, partial volume by blur, noise."""
    generator = np.random.default_rng(run)
    coarse = generator.integers(0, 12, tuple(n // 16 for n in shape))
    labels = np.kron(coarse, np.ones((16, 16, 16), np.uint8))
    image = generator.uniform(0, 1, 12)[labels]
    for sigma in (1.0, 2.0, 4.0, 8.0):
        image += 0.05 * sigma * ndimage.gaussian_filter(generator.standard_normal(shape), sigma)
    image = ndimage.gaussian_filter(image, 0.7)
    image += 0.02 * generator.standard_normal(shape)


def measure(results: Results) -> None:
    """Milliseconds per volume on one thread, and what a part of a volume costs."""
    for name, shape in SHAPES.items():
        image, labels = np.empty(shape, np.float32), np.empty(shape, np.uint8)
        floor, naive = f"floor {name}", f"naive SciPy recipe {name}"
        results.add(floor, 1e3 * cpu_seconds(partial(_floor_run, image, labels), 7), "ms")
        results.add(naive, 1e3 * cpu_seconds(partial(_naive_recipe, shape), 3), "ms")
        for modality in MODALITIES:
            settings = SynthesisSettings(shape=shape, modalities=(modality,))
            seconds = cpu_seconds(partial(_volume, settings), SEEDS, warm_up=2)
            results.add(f"volume {modality} {name}", 1e3 * seconds, "ms", ratio_to=(floor, naive))
    settings = SynthesisSettings(shape=SHAPES["64x256x256"])
    results.add("scene drawn", 1e3 * cpu_seconds(lambda n: draw_scene(n, 0, settings), 30), "ms")
    scenes = [draw_scene(n, 0, settings) for n in range(SEEDS)]
    results.add("render 64 of 64 slices", 1e3 * cpu_seconds(lambda n: render(scenes[n]), SEEDS), "ms")
    some = 1e3 * cpu_seconds(lambda n: render(scenes[n], range(28, 36)), SEEDS)
    results.add("render 8 of 64 slices", some, "ms", ratio_to=("render 64 of 64 slices",))
