"""``scanner_of``: what each modality does to the signal of a run of slices, until values are stored."""

from collections.abc import Callable

import torch
from torch import Tensor

from synthfm3d.rendering.cuda.ct import ct_scan
from synthfm3d.rendering.cuda.mr import mr_scan
from synthfm3d.rendering.cuda.ultrasound import ultrasound_scan
from synthfm3d.rendering.tables import Tables
from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition

Scan = Callable[[range, Tensor, Tensor], Tensor]
"""(slices, signal, labels) -> image int16 (z, y, x); ``signal`` and ``labels`` may be changed on the way."""


def scanner_of(scene: Scene, tables: Tables, device: torch.device) -> Scan:
    """The scanner of a scene; what all its slices share is made here, once."""
    match scene.acquisition:
        case CtAcquisition() as acquisition:
            return ct_scan(scene, acquisition, device)
        case MrAcquisition() as acquisition:
            return mr_scan(scene, acquisition, tables, device)
        case UltrasoundAcquisition() as acquisition:
            return ultrasound_scan(scene, acquisition, device)
