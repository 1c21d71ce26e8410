"""The type of the scanners of all modalities, and the grey curves that MR and ultrasound share."""

import math
from collections.abc import Callable

import numpy as np

from synthfm3d.kernels import lean_kernel
from synthfm3d.synthesis.modality import GreyMap
from synthfm3d.volume import Array

Bias = tuple[Array, Array, Array]
"""The receive field of a slice as ``field_row`` takes it: plane, first nodes and weights along y."""
Scan = Callable[[int, Array, Array, Bias, Array], None]
"""(z, signal, labels, bias, image): fill ``image``; ``signal`` and ``labels`` may be changed on the way."""
Scanner = Callable[[range], Scan]
"""Prepares a range of slices and returns the function that scans one slice."""


def grey_table(grey: GreyMap, white: int) -> Array | None:
    """Stored value of each value from 0 to four times ``white``, int16; None where nothing changes.

    Values beyond white follow the same curve; they are black if it is inverted. The result is rounded,
    because the last bits of a power differ between machines.
    """
    if grey == GreyMap():
        return None
    table = []
    for value in range(4 * white + 1):
        share = math.pow(value / white, grey.gamma)
        if grey.inverted:
            share = max(1.0 - share, 0.0)
        if grey.levels:
            share = math.floor(share * (grey.levels - 1) + 0.5) / (grey.levels - 1)
        table.append(min(round(round(share, 9) * white), 32767))
    return np.array(table, np.int16)


@lean_kernel
def map_grey(image, table):
    """Replace each value of ``image`` int16 (y, x) by its entry, in place; larger ones by the last."""
    height, width = image.shape
    last = table.size - 1
    for y in range(height):
        row = image[y]
        for x in range(width):
            row[x] = table[min(max(np.int64(row[x]), 0), last)]
