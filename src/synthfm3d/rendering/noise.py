"""Noise of CT and MR: what the scanner adds to a slice of tissue signal."""

import math

import numpy as np

from synthfm3d.rendering.fields import field_row
from synthfm3d.rendering.hashing import hashed_normal
from synthfm3d.rendering.kernels import kernel

_f32 = np.float32
MR_UNIT = 1000.0
"""Stored value of MR signal 1."""
_BINOMIAL = 0.408248290  # (1, 2, 1) / sqrt(6): unit variance after smoothing white noise


@kernel
def ct_slice(signal, z, key, noise_hu, correlated_share, image):
    """Hounsfield units with quantum noise, rounded: ``image`` int16 (y, x).

    A share of the noise power is smoothed by a binomial kernel, as a soft reconstruction kernel
    correlates neighbouring pixels.
    """
    height, width = signal.shape
    white = np.empty((height + 2, width + 2), np.float32)
    smooth = np.empty((height + 2, width), np.float32)
    for y in range(height + 2):
        base = np.uint32(np.uint32(z * (height + 2) + y) * np.uint32(width + 2))
        row = white[y]
        for x in range(width + 2):
            row[x] = hashed_normal(np.uint32(base + np.uint32(x)), key)
        across = smooth[y]
        for x in range(width):
            across[x] = (row[x] + _f32(2) * row[x + 1] + row[x + 2]) * _f32(_BINOMIAL)
    # White and smoothed noise come from the same numbers, so they are correlated by the kernel's
    # central weight, (2 / sqrt(6))^2 = 2 / 3; the sum is scaled back to the variance asked for.
    own = _f32(math.sqrt(_f32(1) - correlated_share))
    shared = _f32(math.sqrt(correlated_share))
    scale = noise_hu / _f32(math.sqrt(_f32(1) + _f32(4 / 3) * own * shared))
    own *= scale
    shared *= scale * _f32(_BINOMIAL)
    for y in range(height):
        above, middle, below = smooth[y], smooth[y + 1], smooth[y + 2]
        row = white[y + 1, 1 : width + 1]
        for x in range(width):
            hu = signal[y, x] + own * row[x] + shared * (above[x] + _f32(2) * middle[x] + below[x])
            image[y, x] = np.int16(np.floor(min(max(hu, _f32(-1024)), _f32(3071)) + _f32(0.5)))


@kernel
def mr_slice(signal, z, key, noise, bias, plane, y_first, y_weights, image):
    r"""Magnitude :math:`|S(1 + b) + n_r + i\,n_i|` in thousandths of signal 1: ``image`` int16 (y, x).

    Rician, since a scanner stores magnitudes (Gudbjartsson & Patz, Magn. Reson. Med. 34:910, 1995);
    the receive field b is a smooth field of standard deviation ``bias``, cut off at -0.8.
    """
    height, width = signal.shape
    field = np.empty(width, np.float32)
    other = np.uint32(key ^ np.uint32(0xA5A5A5A5))
    for y in range(height):
        field_row(plane, y_first[y], y_weights[y], field)
        base = np.uint32(np.uint32(z * height + y) * np.uint32(width))
        for x in range(width):
            counter = np.uint32(base + np.uint32(x))
            gain = max(_f32(1) + bias * field[x], _f32(0.2))
            real = signal[y, x] * gain + noise * hashed_normal(counter, key)
            imaginary = noise * hashed_normal(counter, other)
            magnitude = math.sqrt(real * real + imaginary * imaginary)
            image[y, x] = np.int16(min(magnitude * _f32(MR_UNIT) + _f32(0.5), _f32(32767)))
