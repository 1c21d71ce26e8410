"""What a CT scanner adds to a slice: quantum noise of a reconstruction kernel, rings, streaks of metal."""

import math
from dataclasses import dataclass

import numpy as np

from synthfm3d.kernels import lean_kernel
from synthfm3d.rendering.fields import field_key, hashed_normal, mix, noise_key
from synthfm3d.rendering.scanner import Bias, Scanner
from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.scene import Scene
from synthfm3d.volume import Array

_f32 = np.float32
_TILE_SIZES = (128, 256, 512)
"""Edges that a noise tile may have; larger slices repeat it."""
TILE_UNIT = 4096
"""Stored value of one standard deviation."""
_DIRECTIONS = 256
"""Number of directions, each of which has its own strength of streaks."""
LEAST_HU, MOST_HU = np.float32(-1024), np.float32(3071)
"""What twelve bits hold; metal has all of them."""
AIR_HU = np.float32(-900)
"""Streaks are not seen in what is darker."""
STREAK_DECAY = np.float32(0.05)
"""Per pixel of distance from the metal."""


@dataclass(frozen=True, slots=True, eq=False)
class CtTables:
    """What the slices of one scene share.

    ``tile`` int16 (edge, edge + width): periodic noise of unit standard deviation, its columns
    repeated on the right so that any row of a slice is one piece; ``rings`` float32 (pixels from the
    centre,) HU; ``streaks`` float32 (direction,) of unit amplitude.
    """

    tile: Array
    rings: Array
    streaks: Array


def ct_tables(scene: Scene, acquisition: CtAcquisition) -> CtTables:
    """Noise tile, ring profile and streak directions of a scene."""
    _, height, width = scene.shape
    edge = next((size for size in _TILE_SIZES if size >= max(height, width)), _TILE_SIZES[-1])
    pixel = scene.spacing_mm[1]
    tile = noise_tile(edge, acquisition.noise_peak_per_mm * pixel, field_key(scene, "quantum"))
    rings = np.zeros(0, np.float32)
    if acquisition.ring_hu > 0:
        rings = np.empty(math.ceil(math.sqrt(height * height + width * width)) + 2, np.float32)
        _fill_white(rings, np.uint32(field_key(scene, "rings")))
        rings *= _f32(acquisition.ring_hu)
    streaks = np.zeros(_DIRECTIONS, np.float32)
    if acquisition.streak_hu > 0:
        _fill_white(streaks, np.uint32(field_key(scene, "streaks")))
    repeated = np.concatenate([tile] * (1 + -(-width // edge)), axis=1)[:, : edge + width]
    return CtTables(tile=np.ascontiguousarray(repeated), rings=rings, streaks=streaks)


def noise_tile(edge: int, peak: float, tile_key: int) -> Array:
    r"""Periodic noise int16 (edge, edge) with the power spectrum :math:`S(f) = f\,e^{-f^2 / 2 f_0^2}`.

    The ramp is that of filtered back-projection, the Gaussian that of the reconstruction kernel
    (Riederer et al., Phys. Med. Biol. 23:446, 1978; form as in Solomon et al., Med. Phys. 39:4115,
    2012); its maximum lies at f0 = ``peak``, in cycles per pixel. Peak 0 gives white noise. Rounded to
    1/4096 of a standard deviation, so that the last bits of a Fourier transform, which differ between
    processors, are gone.
    """
    white = np.empty(edge * edge, np.float32)
    _fill_white(white, np.uint32(tile_key))
    noise = white.reshape(edge, edge).astype(np.float64)
    if peak > 0:
        down, across = np.fft.fftfreq(edge)[:, None], np.fft.rfftfreq(edge)[None, :]
        square = down * down + across * across
        amplitude = np.sqrt(np.sqrt(square) * np.exp(-square / (2 * peak * peak)))
        noise = np.fft.irfft2(np.fft.rfft2(noise) * amplitude, s=(edge, edge))
    noise = noise - noise.mean()
    noise /= np.sqrt(np.mean(noise * noise))
    tile: Array = np.clip(np.rint(noise * TILE_UNIT), -32767, 32767).astype(np.int16)
    return tile


@lean_kernel
def _fill_white(out, fill_key):
    for n in range(out.size):
        out[n] = hashed_normal(np.uint32(n), fill_key)


@lean_kernel
def ct_slice(signal, z, noise_key, tile, noise_hu, slice_correlation, image):
    """Hounsfield units with quantum noise, rounded: ``image`` int16 (y, x).

    A slice's noise is the tile at two hashed places, one of which it shares with the next slice:
    neighbours are correlated by ``slice_correlation`` (at most 0.5), others are not.
    """
    height, width = signal.shape
    edge = tile.shape[0]
    # a b = correlation with a^2 + b^2 = 1.
    root = _f32(math.sqrt(_f32(1) + _f32(2) * slice_correlation))
    rest = _f32(math.sqrt(max(_f32(1) - _f32(2) * slice_correlation, _f32(0))))
    own = noise_hu * _f32(0.5) * (root + rest) * _f32(1 / TILE_UNIT)
    shared = noise_hu * _f32(0.5) * (root - rest) * _f32(1 / TILE_UNIT)
    here = mix(np.uint32(np.uint32(z) ^ noise_key))
    ahead = mix(np.uint32(np.uint32(z + 1) ^ noise_key))
    mask = np.uint32(edge - 1)
    x_here, y_here = int(np.uint32(here & mask)), int(np.uint32(np.uint32(here >> np.uint32(16)) & mask))
    x_ahead, y_ahead = int(np.uint32(ahead & mask)), int(np.uint32(np.uint32(ahead >> np.uint32(16)) & mask))
    for y in range(height):
        first = tile[(y + y_here) % edge, x_here : x_here + width]
        second = tile[(y + y_ahead) % edge, x_ahead : x_ahead + width]
        row = signal[y]
        out = image[y]
        for x in range(width):
            hu = row[x] + own * _f32(first[x]) + shared * _f32(second[x])
            out[x] = np.int16(np.floor(min(max(hu, LEAST_HU), MOST_HU) + _f32(0.5)))


@lean_kernel
def add_rings(signal, rings, centre_y, centre_x):
    """Add ``rings`` (HU at each pixel of distance from the centre of rotation) to a slice, in place.

    A detector element that reads wrong draws a circle around the centre, the same in every slice
    (Boas & Fleischmann, Imaging Med. 4:229, 2012).
    """
    height, width = signal.shape
    for y in range(height):
        row = signal[y]
        dy = _f32(y) - centre_y
        for x in range(width):
            dx = _f32(x) - centre_x
            radius = _f32(math.sqrt(dy * dy + dx * dx))
            i = min(int(radius), rings.size - 2)
            t = radius - _f32(i)
            row[x] += rings[i] * (_f32(1) - t) + rings[i + 1] * t


@lean_kernel
def add_metal(signal, streaks, metal_y, metal_x, metal_radius, streak_hu):
    """Add a piece of metal and its streaks to a slice, in place. Places and radius in pixels.

    Streaks are bright and dark along rays from the metal and fade with distance r as 1 / (1 + r
    ``STREAK_DECAY``). A ray is identified by its diamond angle, ``dy / (|dy| + |dx|)``, which needs no arc
    tangent.
    """
    height, width = signal.shape
    quarter = _f32(streaks.size // 4)
    for y in range(height):
        row = signal[y]
        dy = _f32(y) - metal_y
        for x in range(width):
            dx = _f32(x) - metal_x
            total = abs(dy) + abs(dx) + _f32(1e-6)
            turn = dy / total
            angle = _f32(1) + turn if dx >= _f32(0) else _f32(3) - turn
            place = angle * quarter
            i = int(place)
            t = place - _f32(i)
            n = streaks.size
            strength = streaks[i % n] * (_f32(1) - t) + streaks[(i + 1) % n] * t
            radius = _f32(math.sqrt(dy * dy + dx * dx))
            if radius <= metal_radius:
                row[x] = MOST_HU
            elif row[x] > AIR_HU:
                row[x] += streak_hu * strength / (_f32(1) + radius * STREAK_DECAY)


def ct_scanner(scene: Scene, acquisition: CtAcquisition) -> Scanner:
    """Rings and metal where the scene has them, then quantum noise."""
    tables = ct_tables(scene, acquisition)
    key = noise_key(scene)
    slice_mm, pixel = scene.spacing_mm[0], scene.spacing_mm[1]
    ring_y, ring_x = (_f32(mm / pixel) for mm in acquisition.ring_centre_mm)
    metal_z = acquisition.metal_mm[0]
    metal_y, metal_x = (_f32(mm / pixel) for mm in acquisition.metal_mm[1:])

    def scan(z: int, signal: Array, labels: Array, bias: Bias, image: Array) -> None:
        if acquisition.ring_hu > 0:
            add_rings(signal, tables.rings, ring_y, ring_x)
        if acquisition.streak_hu > 0 and abs(z * slice_mm - metal_z) <= 0.5 * acquisition.metal_length_mm:
            add_metal(
                signal, tables.streaks, metal_y, metal_x, _f32(acquisition.metal_radius_mm / pixel),
                _f32(acquisition.streak_hu),
            )  # fmt: skip
        ct_slice(
            signal, z, key, tables.tile, _f32(acquisition.noise_hu),
            _f32(acquisition.slice_correlation), image,
        )  # fmt: skip

    return lambda slices: scan
