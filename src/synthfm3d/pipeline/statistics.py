"""Statistics of a preset: every target of many volumes is measured and compared with real anatomy.

Real numbers (``real_targets.json``, each with its source) are published ones, and two that were measured once
on real regions; nothing is measured on scans here.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.resources import files
from multiprocessing import get_context
from typing import Any

import numpy as np
from scipy import ndimage

from synthfm3d.generate import LabelledVolume, realise
from synthfm3d.metrics.contrast import boundary_contrast
from synthfm3d.metrics.shape import shape_of
from synthfm3d.pipeline.features import Shares, shares_of
from synthfm3d.pipeline.surroundings import surroundings_of
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.synthesis.structures import MOST_LABELS
from synthfm3d.volume import Array

LEAST_VOXELS = 150
"""Smaller targets are not measured, because a few voxels have no meaningful shape."""
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a target, how it is shown, and what is real.

    Parameters
    ----------
    name
        Name of the number in a record of ``measure_volume``.
    axis, log
        What a histogram shows.
    range, source
        Real lowest and highest value, and where they come from.
    """

    name: str
    title: str
    unit: str
    axis: tuple[float, float]
    log: bool
    digits: int
    range: tuple[float, float]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTargets:
    """Published numbers: ``structures`` are real organs with the values known of each."""

    structures_source: str
    structures: tuple[Mapping[str, Any], ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One measure of one preset: mean, percentiles 5, 50, 95 and the share within the real range."""

    mean: float
    p5: float
    p50: float
    p95: float
    share_in_range: float


@dataclass(frozen=True, kw_only=True)
class PresetStatistics:
    """All that was measured of a preset.

    Parameters
    ----------
    targets
        A record for each target, of plain numbers; None where a measure does not apply.
    too_small
        Share of labels in the scenes that show fewer than ``LEAST_VOXELS`` voxels, hidden ones too.
    invisible
        Share of targets whose whole boundary is below the visible contrast.
    cut
        Share of targets that reach the edge of the volume.
    """

    name: str
    volumes: int
    shares: Shares
    targets: tuple[Mapping[str, Any], ...]
    summaries: Mapping[str, Summary]
    too_small: float
    invisible: float
    cut: float

    def values(self, measure: str) -> list[float]:
        """The values of a measure that are known."""
        return [target[measure] for target in self.targets if target[measure] is not None]


def read_real_targets() -> RealTargets:
    """The published numbers that come with the package."""
    plain = json.loads(files("synthfm3d.pipeline").joinpath("real_targets.json").read_text("utf-8"))
    measures = tuple(
        Measure(**{**entry, "axis": tuple(entry["axis"]), "range": tuple(entry["range"])})
        for entry in plain["measures"]
    )
    return RealTargets(
        structures_source=plain["structures_source"], structures=tuple(plain["structures"]), measures=measures
    )


def measure_presets(
    presets: Mapping[str, SynthesisSettings],
    *,
    seed: int = 0,
    volumes: int = 30,
    workers: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> list[PresetStatistics]:
    """Volumes 0, 1, ... of a seed for each preset, measured; the same for any number of workers."""
    tasks = [(seed, index, settings) for settings in presets.values() for index in range(volumes)]
    found: list[tuple[Scene, int, list[dict[str, Any]]]] = []
    if workers > 1:
        # Spawned, not forked: a fork would copy the locks of running threads.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for result in pool.map(_measured, tasks):
                found.append(result)
                advance()
    else:
        for task in tasks:
            found.append(_measured(task))
            advance()
    parts = [found[start : start + volumes] for start in range(0, len(found), volumes)]
    return [_statistics(name, part) for name, part in zip(presets, parts, strict=True)]


def measure_volumes(name: str, volumes: Iterable[LabelledVolume]) -> PresetStatistics:
    """Volumes that are there already, measured under a name."""
    return _statistics(name, [(v.scene, len(v.scene.label_names()), measure_volume(v)) for v in volumes])


def measure_volume(volume: LabelledVolume) -> list[dict[str, Any]]:
    """One record for each target: its name, where it comes from, and the numbers of ``real_targets.json``."""
    scene, labels = volume.scene, volume.labels.voxels
    fan = _fan(volume.image.voxels) if scene.modality == "us" else None
    sizes = np.bincount(labels.reshape(-1), minlength=MOST_LABELS + 1)
    slice_mm, pixel_mm, _ = scene.spacing_mm
    records = []
    for value, name in scene.label_names().items():
        if sizes[value] < LEAST_VOXELS:
            continue
        shape = shape_of(volume.labels.with_voxels(labels == value))
        around = None if scene.third_axis == "time" else surroundings_of(volume.image, labels == value)
        contrast = boundary_contrast(volume.image.voxels, labels, value, fan)
        records.append(
            {
                "index": scene.index,
                "modality": scene.modality,
                "layout": scene.anatomy.layout,
                "target": name,
                "slice_mm": slice_mm,
                "pixel_mm": pixel_mm,
                "anisotropy": slice_mm / pixel_mm,
                **asdict(shape),
                "contrast_largest": contrast.largest if contrast else None,
                "contrast_median": contrast.median if contrast else None,
                "contrast_invisible_share": contrast.invisible_share if contrast else None,
                "like_border": around.like_border if around else None,
                "edges_around": around.edges if around else None,
            }
        )
    return records


def _fan(image: Array) -> Array:
    """Pixels (y, x) that an ultrasound shows: exactly black beyond, on every slice; vessels are holes."""
    return np.asarray(ndimage.binary_fill_holes((image != 0).any(axis=0)))


def _measured(task: tuple[int, int, SynthesisSettings]) -> tuple[Scene, int, list[dict[str, Any]]]:
    """Scene, number of labels that it names, and the records of its targets."""
    scene = draw_scene(*task)
    return scene, len(scene.label_names()), measure_volume(realise(scene))


def _statistics(name: str, found: Sequence[tuple[Scene, int, list[dict[str, Any]]]]) -> PresetStatistics:
    targets = tuple(record for _, _, records in found for record in records)
    named = sum(labels for _, labels, _ in found)
    seen = [target for target in targets if target["contrast_invisible_share"] is not None]
    summaries = {}
    for measure in read_real_targets().measures:
        values = [target[measure.name] for target in targets if target[measure.name] is not None]
        if values:
            low, high = measure.range
            p5, p50, p95 = (float(v) for v in np.percentile(values, PERCENTILES))
            inside = sum(low <= value <= high for value in values) / len(values)
            mean = float(np.mean(values))
            summaries[measure.name] = Summary(mean=mean, p5=p5, p50=p50, p95=p95, share_in_range=inside)
    return PresetStatistics(
        name=name,
        volumes=len(found),
        shares=shares_of(scene for scene, _, _ in found),
        targets=targets,
        summaries=summaries,
        too_small=1 - len(targets) / max(1, named),
        invisible=sum(t["contrast_invisible_share"] == 1 for t in seen) / max(1, len(seen)),
        cut=sum(t["cut"] for t in targets) / max(1, len(targets)),
    )
