"""``render``: the torch renderer. A run of slices is one tensor; how many make a run has no influence."""

import torch
from torch import Tensor

from synthfm3d.rendering.cuda.compositing import compose
from synthfm3d.rendering.cuda.scanners import scanner_of
from synthfm3d.rendering.slices import slices_of
from synthfm3d.rendering.tables import tables_of
from synthfm3d.synthesis.scene import Scene

_VOXELS_AT_ONCE = {"cpu": 2**19, "cuda": 2**24}
"""What a processor's cache holds; what keeps a device busy within about 4 GB."""


@torch.no_grad()
def render(
    scene: Scene, slices: range | None = None, device: torch.device | str = "cuda"
) -> tuple[Tensor, Tensor]:
    """Image and label map of a scene, or of a contiguous range of its slices, on a device.

    The same as ``rendering.cpu.render`` but for last bits: labels differ in at most 1e-5 of the voxels,
    the image by at most one stored value in rare voxels (one step of a quantised grey curve).

    Parameters
    ----------
    slices
        Which slices, ``range(first, after)``; all by default. A range is the same as those slices of
        the whole volume.
    device
        Where to render, and where the result lies.

    Returns
    -------
    image
        int16 (z, y, x): Hounsfield units, thousandths of the MR signal, or grey values 0-255.
    labels
        uint8 (z, y, x); 0 is unlabelled.

    Raises ValueError for a range that is empty, strided, or not within the volume, and for a CUDA device
    that is not there.
    """
    slices = slices_of(scene, slices)
    device = torch.device(device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f'device {device} is not there: render with device="cpu", or with rendering.cpu.')
    tables = tables_of(scene, slices)
    parts = tables.parts.reshape(len(slices), scene.boundary.sub_slices, *tables.parts.shape[1:])
    scan = scanner_of(scene, tables, device)
    voxels = _VOXELS_AT_ONCE.get(device.type, _VOXELS_AT_ONCE["cpu"])
    at_once = max(1, voxels // (scene.shape[1] * scene.shape[2]))
    images, labels = [], []
    for first in range(slices.start, slices.stop, at_once):
        run = range(first, min(first + at_once, slices.stop))
        rows = parts[run.start - slices.start : run.stop - slices.start]
        signal, run_labels = compose(scene, tables, rows, run, device)
        images.append(scan(run, signal, run_labels))
        labels.append(run_labels)
    return torch.cat(images), torch.cat(labels)
