"""Compare ways to use a loose outline that a user draws around an object on one slice (a lasso).

    python -m benchmarks.lasso --model default --volumes 16 --set organs

The outline of each target on its largest slice is widened by 0, 2 and 4 pixels. It is given as a mask, as
the box around it, and as this box with a click in its middle. The program prints the mean Dice of the whole
object and of the prompted slice. The volumes are those of ``benchmarks.held_out``: no training has seen them.
"""

import argparse
from collections import defaultdict

import numpy as np
from scipy import ndimage

from benchmarks.held_out import SETS, held_out_cases
from synthfm3d.evaluation.models import model_method
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box
from synthfm3d.volume import Array, Volume

WIDENED_PIXELS = (0, 2, 4)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--model", default="default")
    arguments.add_argument("--volumes", type=int, default=16)
    arguments.add_argument("--set", default="organs", choices=SETS)
    given = arguments.parse_args()
    segmenter = model_method(given.model, "cpu").segmenter
    scores: dict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
    for case in held_out_cases(given.volumes, SETS[given.set]):
        for target in case.targets:
            truth = case.reference(target).voxels > 0
            z = largest_slice(truth)
            for pixels in WIDENED_PIXELS:
                outline = widened(truth[z], pixels)
                for name, prompts in prompts_from(case.image, outline, z).items():
                    found = segmenter.segment_with_details(case.image, prompts).mask.voxels > 0
                    scores[pixels, name].append((dice(found, truth), dice(found[z], truth[z])))
        print(case.name, flush=True)
    print("widened by, given as: number, Dice of the object, Dice of the prompted slice")
    for (pixels, name), some in sorted(scores.items()):
        whole, on_slice = np.mean(some, axis=0)
        print(f"{pixels} pixels, {name}: {len(some)}, {whole:.3f}, {on_slice:.3f}")


def widened(outline: Array, pixels: int) -> Array:
    """A mask (y, x) widened by a number of pixels in every direction, and without holes."""
    distance = ndimage.distance_transform_edt(~outline)
    return np.asarray(ndimage.binary_fill_holes(distance <= pixels))


def prompts_from(scan: Volume, outline: Array, z: int) -> dict[str, list[Prompt]]:
    """The prompts that are made from a filled outline (y, x) on slice z of a scan."""
    low, high = scan.grid.to_mm(np.insert(tight_box(outline), 0, z, axis=1))
    box = Box(corner_mm=tuple(low), opposite_mm=tuple(high))
    click = Point(position_mm=tuple(scan.grid.to_mm(np.array([z, *innermost_point(outline)]))))
    outlined = np.zeros(scan.voxels.shape, bool)
    outlined[z] = outline
    return {"mask": [Mask(volume=scan.with_voxels(outlined))], "box": [box], "box and click": [box, click]}


if __name__ == "__main__":
    main()
