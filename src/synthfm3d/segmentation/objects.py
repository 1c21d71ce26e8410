"""Several objects of one scan in one label map: where two claim a voxel, the likelier one has it."""

from collections.abc import Mapping

import numpy as np

from synthfm3d.segmentation.result import Segmentation
from synthfm3d.volume import Array, Volume


def label_map(scan: Volume, objects: Mapping[int, Segmentation]) -> Volume:
    """Label map (uint8, or uint16 above 255) on the scan's grid.

    Parameters
    ----------
    objects
        Segmentations on this scan by label value, 1 or higher. Of two that are equally likely, or whose
        model keeps no logits, the first has the voxel.
    """
    largest = max(objects, default=0)
    if min(objects, default=1) < 1 or largest > np.iinfo(np.uint16).max:
        raise ValueError(f"label values must be 1 to 65535, got {sorted(objects)}.")
    labels: Array = np.zeros(scan.voxels.shape, np.uint8 if largest < 256 else np.uint16)
    best: Array = np.full(scan.voxels.shape, -np.inf, np.float16) if len(objects) > 1 else np.empty(0)
    for value, found in objects.items():
        inside = found.mask.voxels > 0
        if len(objects) == 1:
            labels[inside] = value
            continue
        said = np.float16(0) if found.logits is None else found.logits.voxels[inside]
        claims = best[inside]
        won = said > claims
        inside[inside] = won
        labels[inside] = value
        best[inside] = np.broadcast_to(said, claims.shape)[won]
    return scan.with_voxels(labels)
