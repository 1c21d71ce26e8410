"""Which form of a scribble or a lasso gives the better mask.

    python -m benchmarks.strokes --model default --volumes 8 --set organs

A scribble is a stroke through the middle of each target on its largest slice. It is given whole, as a few
clicks that are spread along it and taken together, and as the same clicks one after the other. A lasso is the
outline of the target on the same slice, widened by 0, 2 and 4 pixels. It is given as a ``Lasso``, as an exact
``Mask``, as the box around it, and as this box with a click in its middle. Printed are the mean Dice of the
whole object and of the prompted slice. The volumes are those of ``benchmarks.held_out``: no training has seen
them.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
from scipy import ndimage

from benchmarks.held_out import SETS, held_out_cases
from synthfm3d.evaluation.methods.models import model_method
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, GridPrompts, Mask, Point, Prompt, Scribble
from synthfm3d.prompts.scribble import clicks_along
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box
from synthfm3d.segmentation.placement import PlacedPrompts
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Array, Grid, Volume

WIDENED_PIXELS = (0, 2, 4)
_INNER_SHARE = 0.6
"""A stroke keeps to the pixels that are at least so deep in the object, over the greatest depth."""
_on = PlacedPrompts.on


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--model", default="default")
    arguments.add_argument("--volumes", type=int, default=8)
    arguments.add_argument("--set", default="organs", choices=SETS)
    arguments.add_argument("--only", choices=("scribble", "lasso"))
    given = arguments.parse_args()
    segmenter = model_method(given.model, "cpu").segmenter
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for case in held_out_cases(given.volumes, SETS[given.set]):
        for target in case.targets:
            truth = case.reference(target).voxels > 0
            z = largest_slice(truth)
            if given.only != "lasso":
                for name, found in scribbled(segmenter, case.image, stroke(truth[z]), z):
                    scores[name].append((dice(found, truth), dice(found[z], truth[z])))
            for pixels in WIDENED_PIXELS if given.only != "scribble" else ():
                for name, prompts in lassos(case.image, widened(truth[z], pixels), z).items():
                    found = segmenter.segment_with_details(case.image, prompts).mask.voxels > 0
                    key = f"lasso + {pixels} pixels as {name}"
                    scores[key].append((dice(found, truth), dice(found[z], truth[z])))
        print(case.name, flush=True)
        tell(scores)


def tell(scores: dict[str, list[tuple[float, float]]]) -> None:
    """Print the mean scores so far."""
    print("given as: number, Dice of the object, Dice of the prompted slice")
    for name, some in sorted(scores.items()):
        whole, on_slice = np.mean(some, axis=0)
        print(f"{name}: {len(some)}, {whole:.3f}, {on_slice:.3f}", flush=True)


def stroke(section: Array) -> Array:
    """Pixels (n, 2) of a stroke along the longest way through the inner part of a mask (y, x)."""
    depth = ndimage.distance_transform_edt(np.pad(section, 1))[1:-1, 1:-1]
    inner = np.argwhere(depth >= _INNER_SHARE * depth.max())
    centred = inner - inner.mean(axis=0)
    down, right = np.linalg.svd(centred, full_matrices=False)[2][0]
    along, across = centred @ [down, right], np.abs(centred @ [-right, down])
    order = np.lexsort((across, np.rint(along)))
    _, first = np.unique(np.rint(along[order]), return_index=True)
    return np.asarray(inner[order][first])


def scribbled(segmenter: Segmenter, scan: Volume, pixels: Array, z: int) -> Iterator[tuple[str, Array]]:
    """Masks of a stroke (n, 2) on slice z, by the form in which it is given."""
    places = scan.grid.to_mm(np.insert(pixels.astype(float), 0, z, axis=1))
    scribble = Scribble(positions_mm=tuple(map(tuple, places.tolist())), joined=False)
    yield "scribble, whole", segmenter.segment_with_details(scan, [scribble]).mask.voxels > 0

    def spread(prompts: PlacedPrompts, region: Grid, *, whole_strokes: bool = True) -> GridPrompts:
        return _on(prompts, region, whole_strokes=False)

    with patch.object(PlacedPrompts, "on", spread):
        yield "scribble, clicks at once", segmenter.segment_with_details(scan, [scribble]).mask.voxels > 0
    clicks = clicks_along(places)
    found = segmenter.segment_with_details(scan, clicks).mask.voxels > 0
    yield "scribble, clicks in turn", found


def widened(outline: Array, pixels: int) -> Array:
    """A mask (y, x) widened by a number of pixels in every direction, and without holes."""
    distance = ndimage.distance_transform_edt(~outline)
    return np.asarray(ndimage.binary_fill_holes(distance <= pixels))


def lassos(scan: Volume, outline: Array, z: int) -> dict[str, list[Prompt]]:
    """The ways to give a filled outline (y, x) on slice z of a scan."""
    low, high = scan.grid.to_mm(np.insert(tight_box(outline), 0, z, axis=1))
    box = Box(corner_mm=tuple(low), opposite_mm=tuple(high))
    click = Point(position_mm=tuple(scan.grid.to_mm(np.array([z, *innermost_point(outline)]))))
    outlined = np.zeros(scan.voxels.shape, bool)
    outlined[z] = outline
    mask = scan.with_voxels(outlined)
    return {
        "lasso": [Mask(volume=mask, exact=False)],
        "exact mask": [Mask(volume=mask)],
        "box": [box],
        "box and click": [box, click],
    }


if __name__ == "__main__":
    main()
