"""Ultrasound: speckle along the beams, shadows behind reflectors, log compression, the probe's fan.

Fully developed speckle is the envelope of a circular complex Gaussian field, so it has the Rayleigh
distribution (mean / standard deviation = 1.91; Wagner et al., IEEE Trans. Sonics Ultrason. 30:156,
1983). The field lives on a polar raster, depth by beam, with the point spread of the probe.
"""

import math
from dataclasses import dataclass

import numpy as np

from synthfm3d.randomness import key
from synthfm3d.rendering.fields import SplineAxis, field_row, field_slice, spline_axis
from synthfm3d.rendering.kernels import inlined, kernel
from synthfm3d.synthesis.scene import Scene, UltrasoundAcquisition
from synthfm3d.volume import Array

_f32 = np.float32
_REFLECTOR = 0.7
"""Echo amplitude above which a tissue takes energy from the beam."""


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """Where each pixel lies in the polar raster of a probe.

    ``depth`` and ``beam`` float32 (y, x) are raster coordinates, negative outside the fan; ``source``
    float32 (y, x) is the x coordinate at which a pixel's beam crosses the row above it.
    """

    depth: Array
    beam: Array
    source: Array
    axes: tuple[SplineAxis, SplineAxis, SplineAxis]
    keys: tuple[int, int]


def fan_of(scene: Scene, acquisition: UltrasoundAcquisition) -> Fan:
    """The fan of a scene's probe; only square roots and quotients, so exact on every machine."""
    slices, height, width = scene.shape
    step_y, step_x = scene.spacing_mm[1], scene.spacing_mm[2]
    apex_y, apex_x = acquisition.apex_mm
    down = (np.arange(height) * step_y - apex_y)[:, None]
    across = (np.arange(width) * step_x - apex_x)[None, :]
    safe = np.where(down > 1e-6, down, 1e-6)
    tangent = across / safe
    radius = np.sqrt(down * down + across * across)
    raster = min(step_y, step_x)
    depths = math.ceil((acquisition.far_mm - acquisition.near_mm) / raster) + 2
    # Beams are spaced evenly in the tangent of their angle, one raster step apart at mid-depth.
    middle = 0.5 * (acquisition.near_mm + acquisition.far_mm)
    beams = math.ceil(2 * acquisition.half_width * middle / raster) + 2
    depth = (radius - acquisition.near_mm) / raster
    beam = (tangent + acquisition.half_width) * (middle / raster)
    inside = (down > 0) & (depth >= 0) & (radius <= acquisition.far_mm)
    inside &= np.abs(tangent) <= acquisition.half_width
    along, lateral, between = acquisition.speckle_mm
    axes = (
        spline_axis(slices, between / scene.spacing_mm[0]),
        spline_axis(depths + 1, along / raster),
        spline_axis(beams + 1, lateral / raster),
    )
    names = ("speckle real", "speckle imaginary")
    keys = tuple(key(scene.seed, scene.index, "field", name) for name in names)
    return Fan(
        depth=np.where(inside, depth, -1.0).astype(np.float32),
        beam=np.where(inside, np.clip(beam, 0, beams - 1), -1.0).astype(np.float32),
        source=(np.arange(width)[None, :] - tangent * (step_y / step_x)).astype(np.float32),
        axes=axes,
        keys=(keys[0], keys[1]),
    )


def ultrasound_slice(
    signal: Array, labels: Array, z: int, fan: Fan, acquisition: UltrasoundAcquisition, pixel_mm: float,
    image: Array,
) -> None:  # fmt: skip
    """Grey values 0-255 of one slice into ``image`` int16 (y, x); labels outside the fan become 0."""
    through, along, lateral = fan.axes
    envelope = np.empty((along.first.size, lateral.first.size), np.float32)
    planes = [np.empty((along.nodes, lateral.first.size), np.float32) for _ in fan.keys]
    scratch = np.empty(lateral.nodes, np.float32)
    for part, plane in zip(fan.keys, planes, strict=True):
        field_slice(
            np.uint32(part), through.first[z], through.weights[z], along.nodes, lateral.nodes,
            lateral.first, lateral.weights, plane, scratch,
        )  # fmt: skip
    _envelope(planes[0], planes[1], along.first, along.weights, envelope)
    _form_image(
        signal, labels, envelope, fan.depth, fan.beam, fan.source,
        _f32(acquisition.dynamic_range_db), _f32(acquisition.gain_db), _f32(acquisition.attenuation_db),
        _f32(acquisition.shadow * pixel_mm), image,
    )  # fmt: skip


@kernel
def _envelope(real_plane, imaginary_plane, first, weights, envelope):
    """Magnitude of the complex field, with unit mean square."""
    width = envelope.shape[1]
    real = np.empty(width, np.float32)
    imaginary = np.empty(width, np.float32)
    for y in range(envelope.shape[0]):
        field_row(real_plane, first[y], weights[y], real)
        field_row(imaginary_plane, first[y], weights[y], imaginary)
        out = envelope[y]
        for x in range(width):
            out[x] = math.sqrt(_f32(0.5) * (real[x] * real[x] + imaginary[x] * imaginary[x]))


@kernel
def _form_image(
    signal, labels, envelope, depth, beam, source, dynamic_range_db, gain_db, attenuation_db, shadow, image
):
    """Echo amplitude times envelope times what is left of the beam, log-compressed to 0-255."""
    height, width = signal.shape
    last_depth = _f32(envelope.shape[0] - 2)
    per_depth = attenuation_db / last_depth
    left = np.ones(width, np.float32)  # of the beam's amplitude, row above
    now = np.ones(width, np.float32)
    for y in range(height):
        for x in range(width):
            place = min(max(source[y, x], _f32(0)), _f32(width - 1.001))
            i = int(place)
            t = place - _f32(i)
            beam_left = left[i] * (_f32(1) - t) + left[i + 1] * t
            amplitude = max(signal[y, x], _f32(0))
            if amplitude > _f32(_REFLECTOR):
                beam_left *= max(_f32(1) - shadow * (amplitude - _f32(_REFLECTOR)), _f32(0.05))
            now[x] = beam_left if depth[y, x] >= _f32(0) else _f32(1)
            if depth[y, x] < _f32(0):
                image[y, x] = 0
                labels[y, x] = 0
                continue
            down = min(depth[y, x], last_depth)
            a = int(down)
            b = int(beam[y, x])
            u = down - _f32(a)
            v = beam[y, x] - _f32(b)
            upper = envelope[a, b] * (_f32(1) - v) + envelope[a, b + 1] * v
            lower = envelope[a + 1, b] * (_f32(1) - v) + envelope[a + 1, b + 1] * v
            echo = amplitude * (upper * (_f32(1) - u) + lower * u) * beam_left
            level = decibel(echo + _f32(1e-6)) + gain_db - per_depth * down
            grey = (level + dynamic_range_db) / dynamic_range_db * _f32(255)
            image[y, x] = np.int16(min(max(grey, _f32(0)), _f32(255)) + _f32(0.5))
        for x in range(width):
            left[x] = now[x]


@inlined
def decibel(value):
    """20 log10 of a positive float32 to 0.01 dB, from products and sums only.

    Repeated halving or doubling brings the value to [1, 2); there the series of
    ln((1 + s) / (1 - s)) in s = (m - 1) / (m + 1) <= 1/3 is cut after s^7.
    """
    octaves = _f32(0)
    while value >= _f32(2):
        value *= _f32(0.5)
        octaves += _f32(1)
    while value < _f32(1):
        value *= _f32(2)
        octaves -= _f32(1)
    s = (value - _f32(1)) / (value + _f32(1))
    s2 = s * s
    series = _f32(2) * s * (_f32(1) + s2 * (_f32(1 / 3) + s2 * (_f32(1 / 5) + s2 * _f32(1 / 7))))
    return _f32(6.0205999) * octaves + _f32(8.6858896) * series
