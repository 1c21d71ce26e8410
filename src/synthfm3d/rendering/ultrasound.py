"""Ultrasound: scatterers along the beams, blurred by the point spread of the probe, and log-compressed.

Each sample of the raster of the probe has a complex random scatterer, as strong as its tissue. The echo is
their sum, weighted by the point spread. If many scatterers lie in one resolution cell, the envelope has the
Rayleigh distribution (fully developed speckle: mean / standard deviation = 1.91; Wagner et al., IEEE Trans.
Sonics Ultrason. 30:156, 1983). Boundaries across the beam also reflect like mirrors; boundaries along it do
not. Strong reflectors cast a shadow and reverberate. Tissue behind fluid is brighter. Compounding averages
images of independent speckle, which moves the squared envelope towards its expected value.
"""

import math

import numpy as np

from synthfm3d.kernels import inlined, kernel, lean_kernel, subroutine
from synthfm3d.rendering.fields import GOLDEN, SplineAxis, field_key, mix, spline_axis
from synthfm3d.rendering.probe import REACH, Fan, fan_of
from synthfm3d.rendering.scanner import Bias, Scan, Scanner, grey_table, map_grey
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition
from synthfm3d.volume import Array

_f32 = np.float32
REFLECTOR = 0.7
"""Echo amplitude above which a tissue absorbs energy from the beam and reverberates."""
FLUID = 0.06
"""Echo amplitude below which a tissue absorbs less energy than the gain compensates."""
LEAST_TAP = np.float32(0.004)
"""Taps of a point spread below this share of the middle one are left out."""
LEAST_GAIN, MOST_LEFT = np.float32(0.05), np.float32(3)
"""Least share of the beam that a sample leaves, and the largest that fluid can raise it to."""
HAZE_DEPTH = np.float32(0.25)
"""Share of the depth at which the haze before the probe ends."""
MIRRORED_POWER = np.float32(1.5)
"""Expected power of a mirrored echo over its squared amplitude: half of it, and neighbouring beams add up."""
UNIFORM_STD = 65536 / math.sqrt(12)


def scatterer_axis(scene: Scene, acquisition: UltrasoundAcquisition) -> SplineAxis:
    """How scatterers are correlated from slice to slice: the probe's thickness, or time."""
    return spline_axis(scene.shape[0], acquisition.speckle_mm[2] / scene.spacing_mm[0])


def scatterers_of(scene: Scene, fan: Fan, along_z: SplineAxis, slices: range) -> Array:
    """Scatterers of the nodes that some slices need: uint32 (node, depth, beam), two numbers in each."""
    first, last = along_z.first[slices.start], along_z.first[slices.stop - 1]
    nodes = np.empty((last - first + 4, *fan.pixel_of.shape), np.uint32)
    _scatter(np.uint32(field_key(scene, "scatterers")), first, nodes)
    return nodes


def ultrasound_slice(
    signal: Array,
    labels: Array,
    fan: Fan,
    acquisition: UltrasoundAcquisition,
    scatterers: Array,
    weights: Array,
    image: Array,
) -> None:
    """Grey values 0-255 of one slice into ``image`` int16 (y, x); labels outside the fan become 0.

    ``signal`` float32 (y, x) are echo amplitudes; ``scatterers`` uint32 (4, depth, beam) with their four
    ``weights`` are those around the slice.
    """
    raster = fan.raster_mm
    grey = np.empty(fan.pixel_of.shape, np.float32)
    echo = np.empty(fan.pixel_of.shape, np.float32)
    mirror = np.empty(fan.pixel_of.shape, np.float32)
    beams = fan.pixel_of.shape[1]
    ringing = np.zeros((max(1, round(acquisition.ring_mm / raster)), beams), np.float32)
    state = np.zeros((4, beams), np.float32)
    state[0] = 1
    _insonify(
        signal.reshape(-1), fan.pixel_of, _f32(acquisition.shadow * raster),
        _f32(acquisition.enhancement * raster), _f32(acquisition.specular), _f32(acquisition.clutter),
        _f32(acquisition.reverberation), state, ringing, echo, mirror,
    )  # fmt: skip
    real, imaginary = np.empty_like(echo), np.empty_like(echo)
    _excite(echo, mirror, scatterers, weights, real, imaginary)
    power = echo  # its memory is used again
    if acquisition.compounding > 0:
        power = echo * echo + MIRRORED_POWER * (mirror * mirror)
    spread, padded = np.empty((4, beams), np.float32), np.zeros(beams + 2 * REACH, np.float32)
    bits = np.empty(beams, np.int32)
    _detect(
        real, imaginary, power, _f32(acquisition.compounding), fan.axial, fan.axial * fan.axial, fan.lateral,
        fan.lateral * fan.lateral, fan.depth_db, fan.beam_db, _f32(acquisition.dynamic_range_db),
        _f32(acquisition.gain_db), padded, spread, bits, bits.view(np.float32), grey,
    )  # fmt: skip
    _scan_convert(grey.reshape(-1), fan.pixel_of.shape[1], fan.sample_of, fan.down, fan.across, image, labels)


@lean_kernel
def _scatter(key, first, nodes):
    count, depths, beams = nodes.shape
    other = np.uint32(np.uint32(key * np.uint32(GOLDEN)) | np.uint32(1))
    for n in range(count):
        for d in range(depths):
            out = nodes[n, d]
            base = np.uint32(((first + n) * depths + d) * beams)
            for b in range(beams):
                word = mix(np.uint32(np.uint32(base + np.uint32(b)) ^ key))
                out[b] = mix(np.uint32(word + other))


@lean_kernel
def _insonify(
    signal, pixel_of, shadow, enhancement, specular, clutter, reverberation, state, ringing, echo, mirror
):
    """Amplitude of scattered and of mirrored echoes for each sample, from the probe downwards.

    ``state`` float32 (4, beam) begins as 1, 0, 0, 0, and ``ringing`` float32 (depth, beam) as 0: the share of
    the beam that is left, the amplitudes here and before, and 1 from the first pixel that the beam meets; and
    the echoes that will come back once more.
    """
    depths, beams = pixel_of.shape
    ring = len(ringing)
    left, here, before, met = state[0], state[1], state[2], state[3]
    haze_ends = HAZE_DEPTH * _f32(depths)
    for d in range(depths):
        pixels = pixel_of[d]
        for b in range(beams):
            here[b] = max(signal[max(pixels[b], 0)], _f32(0)) if pixels[b] >= 0 else before[b]
        haze = clutter * max(_f32(1) - _f32(d) / haze_ends, _f32(0))
        row, mirror_row, old = echo[d], mirror[d], ringing[d % ring]
        for b in range(beams):
            amplitude = here[b]
            strong = max(amplitude - _f32(REFLECTOR), _f32(0))
            row[b] = amplitude * left[b] + haze + old[b]
            step = abs(amplitude - before[b]) * met[b]
            met[b] = max(met[b], _f32(1) if pixels[b] >= 0 else _f32(0))
            mirror_row[b] = specular * step * left[b]
            old[b] = reverberation * (old[b] + strong * left[b])
            gain = _f32(1) - shadow * strong
            gain += enhancement * met[b] if amplitude < _f32(FLUID) else _f32(0)
            left[b] = min(left[b] * max(gain, LEAST_GAIN), MOST_LEFT)
            before[b] = amplitude


@lean_kernel
def _excite(echo, mirror, scatterers, weights, real, imaginary):
    """Complex scatterers as strong as their echoes, between the nodes of four slices."""
    depths, beams = echo.shape
    scale = _f32(1 / UNIFORM_STD)
    w0, w1, w2, w3 = scale * weights[0], scale * weights[1], scale * weights[2], scale * weights[3]
    centre = _f32(32767.5) * ((w0 + w1) + (w2 + w3))
    for d in range(depths):
        a, b, c, e = scatterers[0, d], scatterers[1, d], scatterers[2, d], scatterers[3, d]
        strength, flat, re, im = echo[d], mirror[d], real[d], imaginary[d]
        for x in range(beams):
            low = (w0 * _low(a[x]) + w1 * _low(b[x])) + (w2 * _low(c[x]) + w3 * _low(e[x]))
            high = (w0 * _high(a[x]) + w1 * _high(b[x])) + (w2 * _high(c[x]) + w3 * _high(e[x]))
            re[x] = strength[x] * (low - centre) + flat[x]
            im[x] = strength[x] * (high - centre)


@inlined
def _low(word):
    return _f32(np.int32(word & np.uint32(0xFFFF)))


@inlined
def _high(word):
    return _f32(np.int32(word >> np.uint32(16)))


@lean_kernel
def _detect(
    real, imaginary, power, compounding, axial, axial_power, lateral, lateral_power, depth_db, beam_db,
    dynamic_range_db, gain_db, padded, spread, bits, mantissa, grey,
):  # fmt: skip
    """Point spread along and across the beams, envelope, log compression to 0-255.

    ``power`` holds the expected squared scatterers, of which the squared envelope has a share
    ``compounding``; it is not read where that is 0. ``axial`` and ``lateral`` are half kernels,
    ``axial_power`` and ``lateral_power`` their squares. The rest is scratch memory: ``padded`` as for
    ``_blurred``, ``spread`` float32 (4, beam), ``bits`` and ``mantissa`` as for ``_decibels``.
    """
    depths, beams = real.shape
    envelope = spread[3]
    along = _reach(axial)
    scale = _f32(255) / dynamic_range_db
    kept = _f32(0.5) * (_f32(1) - compounding)
    for d in range(depths):
        across = _reach(lateral[d])
        _blurred(real, d, axial, along, lateral[d], across, padded, spread[0])
        _blurred(imaginary, d, axial, along, lateral[d], across, padded, spread[1])
        re, im, expected = spread[0], spread[1], spread[2]
        if compounding > _f32(0):
            _blurred(power, d, axial_power, along, lateral_power[d], across, padded, expected)
            for b in range(beams):
                mixed = kept * (re[b] * re[b] + im[b] * im[b]) + compounding * expected[b]
                envelope[b] = math.sqrt(mixed) + _f32(1e-6)
        else:
            for b in range(beams):
                envelope[b] = math.sqrt(_f32(0.5) * (re[b] * re[b] + im[b] * im[b])) + _f32(1e-6)
        row = grey[d]
        _decibels(envelope, bits, mantissa, row)
        level = gain_db + depth_db[d] + dynamic_range_db
        for b in range(beams):
            row[b] = min(max((row[b] + level + beam_db[b]) * scale, _f32(0)), _f32(255))


@subroutine
def _blurred(source, d, axial, along, lateral, across, padded, out):
    """Row ``d`` of a (depth, beam) array under half kernels along and across the beams.

    ``padded`` is scratch memory with ``REACH`` zeros at either end.
    """
    depths, beams = source.shape
    column = padded[REACH : REACH + beams]
    middle = source[d]
    for b in range(beams):
        column[b] = axial[0] * middle[b]
    for n in range(1, along + 1):
        above, below = source[max(d - n, 0)], source[min(d + n, depths - 1)]
        for b in range(beams):
            column[b] += axial[n] * (above[b] + below[b])
    for b in range(beams):
        out[b] = lateral[0] * column[b]
    for n in range(1, across + 1):
        before = padded[REACH - n : REACH - n + beams]
        after = padded[REACH + n : REACH + n + beams]
        for b in range(beams):
            out[b] += lateral[n] * (before[b] + after[b])


@subroutine
def _reach(half_kernel):
    """The last tap of a half kernel that counts."""
    last = half_kernel.size - 1
    while last > 0 and half_kernel[last] < LEAST_TAP * half_kernel[0]:
        last -= 1
    return last


@subroutine
def _decibels(values, bits, mantissa, out):
    """20 log10 of positive float32 numbers to 0.01 dB, from products and sums only.

    The exponent is read from the bits; for the mantissa m in [1, 2) the series of ln((1 + s) / (1 - s))
    in s = (m - 1) / (m + 1) <= 1/3 is cut after s^7. ``bits`` int32 and ``mantissa`` are two views of the
    same scratch memory.
    """
    raw = values.view(np.int32)
    for b in range(values.size):
        bits[b] = (raw[b] & np.int32(0x7FFFFF)) | np.int32(0x3F800000)
    for b in range(values.size):
        octaves = _f32(np.int32(raw[b] >> np.int32(23)) - np.int32(127))
        s = (mantissa[b] - _f32(1)) / (mantissa[b] + _f32(1))
        s2 = s * s
        series = _f32(2) * s * (_f32(1) + s2 * (_f32(1 / 3) + s2 * (_f32(1 / 5) + s2 * _f32(1 / 7))))
        out[b] = _f32(6.0205999) * octaves + _f32(8.6858896) * series


@kernel
def decibels(values):
    """20 log10 of a float32 array, as ultrasound images use it."""
    out = np.empty_like(values)
    bits = np.empty(values.size, np.int32)
    _decibels(values, bits, bits.view(np.float32), out)
    return out


@lean_kernel
def _scan_convert(grey, beams, sample_of, down, across, image, labels):
    height, width = sample_of.shape
    for y in range(height):
        samples, u, v, out, label = sample_of[y], down[y], across[y], image[y], labels[y]
        for x in range(width):
            i = np.uint32(max(samples[x], 0))
            upper = grey[i] * (_f32(1) - v[x]) + grey[i + np.uint32(1)] * v[x]
            i = np.uint32(i + np.uint32(beams))
            lower = grey[i] * (_f32(1) - v[x]) + grey[i + np.uint32(1)] * v[x]
            value = upper * (_f32(1) - u[x]) + lower * u[x]
            out[x] = np.int16(value + _f32(0.5)) if samples[x] >= 0 else np.int16(0)
            label[x] = label[x] if samples[x] >= 0 else np.uint8(0)


def ultrasound_scanner(scene: Scene, acquisition: UltrasoundAcquisition) -> Scanner:
    """Beams through the slice, then the grey curve."""
    fan = fan_of(scene, acquisition)
    along_z = scatterer_axis(scene, acquisition)
    grey = grey_table(acquisition.grey, white=255)

    def over(slices: range) -> Scan:
        scatterers = scatterers_of(scene, fan, along_z, slices)

        def scan(z: int, signal: Array, labels: Array, bias: Bias, image: Array) -> None:
            start = along_z.first[z] - along_z.first[slices.start]
            around = scatterers[start : start + 4]
            ultrasound_slice(signal, labels, fan, acquisition, around, along_z.weights[z], image)
            if grey is not None:
                map_grey(image, grey)

        return scan

    return over
