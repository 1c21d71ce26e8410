"""Measure synthesis: volumes of every preset, against the memory floor, a plain SciPy recipe and TorchIO."""

from dataclasses import replace
from functools import partial

from benchmarks import peers
from benchmarks.measure import Results, mean_cpu_seconds
from synthfm3d.pipeline.features import shares_of
from synthfm3d.rendering.cpu import render
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import SynthesisSettings

SHAPES = {"64x256x256": (64, 256, 256), "128x128x128": (128, 128, 128)}
SEEDS = range(100)
"""Enough that what only some volumes have, rings or ghosts, counts as often as it is drawn."""


def _volume(settings: SynthesisSettings, seed: int) -> None:
    render(draw_scene(seed, 0, settings))


def measure(results: Results) -> None:
    """Milliseconds per volume on one thread, and the time of a part of a volume."""
    for name, shape in SHAPES.items():
        floor = f"floor {name}"
        results.add(floor, peers.floor_ms(shape), "ms")
        for preset, settings in PRESETS.items():
            work = partial(_volume, replace(settings, shape=shape))
            milliseconds = 1e3 * mean_cpu_seconds(work, SEEDS)
            results.add(f"volume {preset} {name}", milliseconds, "ms", ratio_to=(floor,))
        ours = (f"volume default {name}",)
        results.add(f"TorchIO chain {name}", peers.torchio_ms(shape), "ms", ratio_to=ours)
        results.add(f"naive SciPy recipe {name}", peers.naive_ms(shape), "ms", ratio_to=ours)
    settings = replace(PRESETS["default"], shape=SHAPES["64x256x256"])
    scenes = [draw_scene(seed, 0, settings) for seed in SEEDS]
    drawing = mean_cpu_seconds(lambda seed: draw_scene(seed, 0, settings), SEEDS)
    results.add("scene drawn", 1e3 * drawing, "ms")
    results.add("render 64 of 64 slices", 1e3 * mean_cpu_seconds(lambda n: render(scenes[n]), SEEDS), "ms")
    some = 1e3 * mean_cpu_seconds(lambda n: render(scenes[n], range(28, 36)), SEEDS)
    results.add("render 8 of 64 slices", some, "ms", ratio_to=("render 64 of 64 slices",))
    shares = shares_of(scenes)
    for name, share in {**shares.modality, **shares.layout, **shares.effect}.items():
        results.add(f"default volumes with {name}", 100 * share, "%")
