"""What an MR scanner adds to a slice: receive field, noise, and artefacts of how k-space is read."""

import math

import numpy as np

from synthfm3d.kernels import kernel, lean_kernel
from synthfm3d.rendering.fields import field_row, hashed_normal, noise_key
from synthfm3d.rendering.scanner import Bias, Scanner, grey_table, map_grey
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.scene import Scene
from synthfm3d.volume import Array

_f32 = np.float32
MR_UNIT = 1000.0
"""Stored value of MR signal 1."""
OTHER_CHANNEL = 0xA5A5A5A5
"""Turns the key of the real channel's noise into that of the imaginary one's."""
LEAST_GAIN = np.float32(0.2)
_TAPS = 12
"""Reach of the truncated kernels, in pixels."""


def lowpass_taps(fraction: float) -> Array:
    r"""Kernel that keeps the central ``fraction`` of k-space: :math:`c\,\mathrm{sinc}(c n)`, n = 0 … 12.

    float32 (13,); the kernel is even, and cut off beyond 12 pixels it is scaled back to unit sum.
    Rounded to 7 digits, so that it is the same on every machine.
    """
    taps = [fraction] + [math.sin(math.pi * fraction * n) / (math.pi * n) for n in range(1, _TAPS + 1)]
    total = taps[0] + 2 * math.fsum(taps[1:])
    return np.array([round(tap / total, 7) for tap in taps], np.float32)


@kernel
def truncate(signal, taps):
    """Gibbs ringing: keep the centre of k-space along both axes of a slice, in place.

    The overshoot at an edge is 9 % for any fraction; only its width changes (Bernstein,
    King & Zhou, Handbook of MRI Pulse Sequences, 2004, 13.1).
    """
    height, width = signal.shape
    reach = taps.size - 1
    padded = np.empty(width + 2 * reach, np.float32)
    for y in range(height):
        row = signal[y]
        padded[reach : reach + width] = row
        padded[:reach] = row[0]
        padded[reach + width :] = row[width - 1]
        for x in range(width):
            row[x] = taps[0] * padded[reach + x]
        for n in range(1, reach + 1):
            before = padded[reach - n : reach - n + width]
            after = padded[reach + n : reach + n + width]
            for x in range(width):
                row[x] += taps[n] * (before[x] + after[x])
    source = signal.copy()
    _along_y(source, taps, signal)


@kernel
def _along_y(source, taps, out):
    """Convolve along y with an even kernel; edges are repeated."""
    height, width = source.shape
    for y in range(height):
        row = out[y]
        centre = source[y]
        for x in range(width):
            row[x] = taps[0] * centre[x]
        for n in range(1, taps.size):
            above = source[max(y - n, 0)]
            below = source[min(y + n, height - 1)]
            for x in range(width):
                row[x] += taps[n] * (above[x] + below[x])


@kernel
def splice_motion(signal, taps, shift_y, shift_x):
    """Two poses in one slice, in place: the centre of k-space along y was read after a shift.

    With the shifted slice S_d and the low-pass kernel h of the lines read late,
    S + h * (S_d - S): lines of the centre from one pose, those outside from the other.
    """
    height, width = signal.shape
    difference = np.empty((height, width), np.float32)
    for y in range(height):
        from_y = min(max(y - shift_y, 0), height - 1)
        for x in range(width):
            from_x = min(max(x - shift_x, 0), width - 1)
            difference[y, x] = signal[from_y, from_x] - signal[y, x]
    spliced = np.empty((height, width), np.float32)
    _along_y(difference, taps, spliced)
    for y in range(height):
        for x in range(width):
            signal[y, x] += spliced[y, x]


@kernel
def add_ghosts(signal, period, amplitude):
    """Ghosts along y, in place: every ``period``-th line of k-space is scaled by 1 + ``amplitude``.

    The transform of such a comb is a comb: copies of the slice, each amplitude / period high, at
    multiples of height / period, wrapped around. Exact where period divides the height.
    """
    height, width = signal.shape
    source = signal.copy()
    share = amplitude / _f32(period)
    for y in range(height):
        row = signal[y]
        for k in range(period):
            ghost = source[(y + (k * height) // period) % height]
            for x in range(width):
                row[x] += share * ghost[x]


@lean_kernel
def mr_slice(signal, z, key, noise, bias, plane, y_first, y_weights, field, image):
    r"""Magnitude :math:`|S(1 + b) + n_r + i\,n_i|` in thousandths of signal 1: ``image`` int16 (y, x).

    Rician, since a scanner stores magnitudes (Gudbjartsson & Patz, Magn. Reson. Med. 34:910, 1995);
    the receive field b is a smooth field of standard deviation ``bias``, cut off at -0.8. ``field`` float32
    (x,) is scratch memory.
    """
    height, width = signal.shape
    other = np.uint32(key ^ np.uint32(OTHER_CHANNEL))
    for y in range(height):
        field_row(plane, y_first[y], y_weights[y], field)
        base = np.uint32(np.uint32(z * height + y) * np.uint32(width))
        for x in range(width):
            counter = np.uint32(base + np.uint32(x))
            gain = max(_f32(1) + bias * field[x], LEAST_GAIN)
            real = signal[y, x] * gain + noise * hashed_normal(counter, key)
            imaginary = noise * hashed_normal(counter, other)
            magnitude = math.sqrt(real * real + imaginary * imaginary)
            image[y, x] = np.int16(min(magnitude * _f32(MR_UNIT) + _f32(0.5), _f32(32767)))


def mr_scanner(scene: Scene, acquisition: MrAcquisition) -> Scanner:
    """Artefacts of k-space where the scene has them, then receive field, noise and grey curve."""
    key = noise_key(scene)
    grey = grey_table(acquisition.grey, white=round(MR_UNIT))

    def scan(z: int, signal: Array, labels: Array, bias: Bias, image: Array) -> None:
        if acquisition.motion_share > 0:
            down, across = acquisition.motion_pixels
            splice_motion(signal, lowpass_taps(acquisition.motion_share), down, across)
        if acquisition.ghost_period > 0:
            add_ghosts(signal, acquisition.ghost_period, _f32(acquisition.ghost))
        if acquisition.kept < 1:
            truncate(signal, lowpass_taps(acquisition.kept))
        field = np.empty(signal.shape[1], np.float32)
        mr_slice(signal, z, key, _f32(acquisition.noise), _f32(acquisition.bias), *bias, field, image)
        if grey is not None:
            map_grey(image, grey)

    return lambda slices: scan
