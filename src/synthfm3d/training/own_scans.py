"""Labelled scans of a user, prepared for adaptation; a part of them is held out for validation."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.loading.labelled_scans import (
    LabelledScan,
    Outlined,
    Outlines,
    is_run,
    labelled_scan,
    with_known,
)
from synthfm3d.prompts.prompt import Mask
from synthfm3d.randomness import stream
from synthfm3d.segmentation.slices import slicing_axis, working_form
from synthfm3d.volume import Array, Volume, on_grid_of

HELD_BACK = 0.25
"""Share of the slices, or of the scans, that are held out for validation."""
FEWEST_SCANS = 3
"""Labelled scans from which on whole scans are held back, and not slices of each."""
_DRAWS = 100


def own_scan(image: Volume, masks: Mapping[str, Array], outlined: Outlined = "auto") -> LabelledScan:
    """A labelled scan from a scan in any storage order and bool masks on its voxels; see ``labelled_scan``.

    Its slices are those of the scan, unless the labels have gaps along another axis: then they were drawn on
    slices across that one.
    """
    together = image.with_voxels(np.any(list(masks.values()), axis=0).astype(np.uint8))
    turned = working_form(image, _first_slice(together))
    on_slices = {
        name: np.ascontiguousarray(on_grid_of(image.with_voxels(mask), turned.grid).voxels)
        for name, mask in masks.items()
    }
    return labelled_scan(turned, on_slices, outlined)


def _first_slice(together: Volume) -> list[Mask]:
    """An outline that names the slicing axis, if the labels have gaps along another one than the scan's."""
    axial = together.axial()
    if not axial.voxels.any() or together.third_axis == "time":
        return []
    profiles = [np.asarray(axial.voxels.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    gapped = [axis for axis, profile in enumerate(profiles) if not is_run(profile) or profile.sum() == 1]
    if not gapped or slicing_axis(axial.grid) in gapped:
        return []
    axis = gapped[0]
    index = int(np.flatnonzero(profiles[axis])[0])
    one = np.zeros_like(axial.voxels)
    place = tuple(index if n == axis else slice(None) for n in range(3))
    one[place] = axial.voxels[place]
    return [Mask(volume=axial.with_voxels(one))]


def held_back(
    scans: Sequence[LabelledScan], seed: int
) -> tuple[list[LabelledScan], list[LabelledScan], Literal["scans", "slices"]]:
    """Scans to learn from, scans to judge by, and what was held back: whole scans, or slices of each.

    Of three or more scans a quarter, at least one, is held back. Of fewer, a run of a quarter of the outlined
    slices of each structure is, at least one slice; a structure with one outlined slice is only learnt from.

    Raises
    ------
    InputError
        There is one outlined slice in all.
    """
    draw = stream(seed, "held back")
    if len(scans) >= FEWEST_SCANS or (len(scans) == 2 and not any(map(_can_be_parted, scans))):
        return *_parted(scans, draw), "scans"
    learnt: list[LabelledScan] = []
    judged: list[LabelledScan] = []
    for scan in scans:
        kept_back = {name: _run_of(outlines, draw) for name, outlines in scan.structures.items()}
        for found, some in (
            (learnt, with_known(scan, {n: o.known & ~kept_back[n] for n, o in scan.structures.items()})),
            (judged, with_known(scan, kept_back)),
        ):
            if some is not None:
                found.append(some)
    if not judged:
        raise InputError(
            "there is one outlined slice in all; one is needed to learn from and one to judge by: outline at "
            "least two slices."
        )
    return learnt, judged, "slices"


def _parted(
    scans: Sequence[LabelledScan], draw: np.random.Generator
) -> tuple[list[LabelledScan], list[LabelledScan]]:
    """Scans to learn from and scans to judge by, drawn so that as many structures as can be are in both."""
    number = max(1, round(HELD_BACK * len(scans)))
    orders = [draw.permutation(len(scans)) for _ in range(_DRAWS)]
    parted = [([scans[n] for n in order[number:]], [scans[n] for n in order[:number]]) for order in orders]
    return max(parted, key=lambda part: (_structures(part[0]), _structures(part[1])))


def _structures(scans: Sequence[LabelledScan]) -> int:
    return len({name for scan in scans for name in scan.structures})


def _can_be_parted(scan: LabelledScan) -> bool:
    return any(len(outlines.shown) > 1 for outlines in scan.structures.values())


def _run_of(outlines: Outlines, draw: np.random.Generator) -> Array:
    """Bool (z,): a run of the slices that show a structure; none of one that shows on a single slice."""
    held, shown = np.zeros_like(outlines.known), outlines.shown
    if len(shown) > 1:
        number = max(1, round(HELD_BACK * len(shown)))
        start = int(draw.integers(len(shown) - number + 1))
        held[shown[start : start + number]] = True
    return held
