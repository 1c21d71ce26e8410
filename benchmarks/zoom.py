"""Compare the Dice of a click with and without zooming, by the size of the object.

    python -m benchmarks.zoom --volumes 12

Uses synthetic volumes of seeds that no training has used. "Without" looks once at the scan's own resolution,
where the search starts, and follows the object from there as usual.
"""

import argparse
from collections import defaultdict

import numpy as np

from synthfm3d.generate import generate
from synthfm3d.intensity import windows_of
from synthfm3d.metrics.overlap import dice
from synthfm3d.model.checkpoint import load_model
from synthfm3d.prompts.prompt import Point
from synthfm3d.prompts.simulation import innermost_point, largest_slice
from synthfm3d.segmentation.canvas import Canvas
from synthfm3d.segmentation.follow import follow
from synthfm3d.segmentation.look import Focus, ModelOnScan
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.slices import Orientation
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.volume import Array, Volume

SEED = 900_001
SIZES_ML = (1.0, 10.0, 100.0)
"""Bounds between small, middle, large and very large objects."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--volumes", type=int, default=12)
    arguments.add_argument("--objects", type=int, default=3, help="at most, of each volume")
    given = arguments.parse_args()
    segmenter = Segmenter(load_model("default", "cpu"))
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for index in range(given.volumes):
        volume = generate(SEED, index, SynthesisSettings(shape=(48, 160, 160)))
        for mask in _objects(volume.labels.voxels, given.objects):
            ml = float(np.count_nonzero(mask)) * volume.image.grid.voxel_ml
            z = largest_slice(mask)
            r, a, s = volume.image.grid.to_mm(np.array([z, *innermost_point(mask[z])])).tolist()
            click = Point(position_mm=(r, a, s))
            zoomed = segmenter.segment_with_details(volume.image, [click]).mask.voxels > 0
            pair = dice(zoomed, mask), dice(_without_zoom(segmenter, volume.image, click), mask)
            scores[_size(ml)].append(pair)
            print(f"volume {index}, {ml:8.2f} ml: with zoom {pair[0]:.3f}, without {pair[1]:.3f}", flush=True)
    for size, pairs in sorted(scores.items()):
        with_zoom, without = np.mean(pairs, axis=0)
        print(f"{size}: {len(pairs)} objects, with zoom {with_zoom:.3f}, without {without:.3f}")


def _objects(labels: Array, most: int) -> list[Array]:
    """Masks of labels with at least 30 voxels, of many different sizes."""
    counts = np.bincount(labels.reshape(-1))
    order = [int(label) for label in np.argsort(counts) if label > 0 and counts[label] >= 30]
    chosen = sorted({order[n] for n in np.linspace(0, len(order) - 1, most).astype(int)}) if order else []
    return [labels == label for label in chosen]


def _without_zoom(segmenter: Segmenter, scan: Volume, click: Point) -> Array:
    orientation, prompts = Orientation.of(scan, [click])
    slices = orientation.slices
    model = ModelOnScan(segmenter.model, slices, windows_of(slices))
    centre_mm = slices.grid.to_mm(prompts.middle())
    focus = Focus(centre_mm, max(model.model.grid_shape[1:]) * min(slices.spacing_mm[1:]))
    canvas = Canvas.blank(slices.grid)
    part, found = model.on_scan(model.look(prompts, focus.centre_mm, focus.field_of_view_mm))
    canvas.paste(part, found)
    for direction in (-1, 1):
        follow(model, prompts, canvas, part[0], focus, direction)
    return orientation.to_stored(canvas.mask).voxels


def _size(ml: float) -> str:
    bounds = [0.0, *SIZES_ML, float("inf")]
    place = int(np.searchsorted(SIZES_ML, ml))
    return f"{place}: {bounds[place]:g} to {bounds[place + 1]:g} ml"


if __name__ == "__main__":
    main()
