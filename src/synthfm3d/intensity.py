"""Mapping of stored values to the input of a model; training and inference share this code.

CT has absolute values, so it is mapped through three windows (soft tissue, lung, bone). Other modalities have
arbitrary units; they are normalised by percentiles, and the channel is repeated.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from synthfm3d.volume import Array, Modality, Volume

CHANNELS = 3
CT_WINDOWS_HU = ((-160.0, 240.0), (-1350.0, 150.0), (-500.0, 1300.0))
"""Lower and upper bound of level/width 40/400, -600/1500 and 400/1800 Hounsfield units."""
PERCENTILES = (0.5, 99.5)
_CT_HAS_VALUES_BELOW = -500.0
"""Hounsfield units: air has -1000. Magnitudes, as of MR and ultrasound, are not negative."""
_PERCENTILE_SAMPLES = 1_000_000
"""Number of voxels for percentiles: sorting all voxels of a large scan would take seconds."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Lower and upper bound of each of the three channels, in the volume's own units."""

    bounds: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    outside: float
    """Value of voxels outside the scan, in the units of the volume."""

    @classmethod
    def repeated(cls, low: float, high: float, outside: float) -> Self:
        """The same window for all three channels."""
        return cls(((low, high), (low, high), (low, high)), outside)


def assumed_modality(volume: Volume) -> Modality | None:
    """The volume's modality, else ``"ct"`` if it holds values of -500 or less, else None (unknown)."""
    if volume.modality is not None:
        return volume.modality
    return "ct" if float(volume.voxels.min()) <= _CT_HAS_VALUES_BELOW else None


def windows_of(volume: Volume) -> Windows:
    """Intensity windows of a whole volume: fixed ones for CT, else its 0.5 and 99.5 percentiles.

    The percentiles leave out voxels that equal the minimum, since empty background may fill most of
    a scan. A constant volume gets a window of width one.
    """
    darkest = float(volume.voxels.min())
    if assumed_modality(volume) == "ct":
        return Windows(CT_WINDOWS_HU, outside=max(darkest, -1024.0))
    flat = volume.voxels.reshape(-1)
    flat = flat[:: _stride(flat.size, volume.voxels.shape)]
    foreground = flat[flat > darkest]
    if foreground.size == 0:
        return Windows.repeated(darkest, darkest + 1.0, outside=darkest)
    low, high = (float(v) for v in np.percentile(foreground, PERCENTILES))
    if high <= low:
        high = low + 1.0
    return Windows.repeated(low, high, outside=darkest)


def _stride(size: int, shape: tuple[int, ...]) -> int:
    """Stride to about a million samples. It shares no factor with rows or slices: it visits all columns."""
    stride = max(1, size // _PERCENTILE_SAMPLES)
    while math.gcd(stride, shape[1] * shape[2]) > 1:
        stride += 1
    return stride


def model_channels(voxels: Array, windows: Windows) -> Array:
    """Voxels (z, y, x) mapped through the windows and clipped: float32 (3, z, y, x) in [0, 1]."""
    channels: list[Array] = []
    for low, high in windows.bounds:
        if channels and (low, high) == windows.bounds[0]:
            channels.append(channels[0])
        else:
            scaled = (voxels.astype(np.float32) - np.float32(low)) / np.float32(high - low)
            channels.append(np.clip(scaled, 0.0, 1.0))
    return np.stack(channels)
