"""Ultrasound of a run of slices, as ``rendering.ultrasound`` and ``rendering.probe`` have it.

Only what the beam has left depends on every sample before it: two operations per depth, over all beams of all
slices at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.cuda.grey import GreyCurve
from synthfm3d.rendering.cuda.hashing import mix, shifted, signed
from synthfm3d.rendering.fields import SplineAxis
from synthfm3d.rendering.hashing import GOLDEN
from synthfm3d.rendering.keys import field_key
from synthfm3d.rendering.probe import Fan, fan_of
from synthfm3d.rendering.ultrasound import (
    FLUID,
    HAZE_DEPTH,
    LEAST_GAIN,
    LEAST_TAP,
    MOST_LEFT,
    REFLECTOR,
    UNIFORM_STD,
    scatterer_axis,
)
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition
from synthfm3d.volume import Array

_f32 = np.float32


@dataclass(frozen=True, slots=True, eq=False)
class _Raster:
    """A fan (``rendering.probe``) on the device; indices int64, the rest float32.

    ``pixel_of`` (depth, beam) is the last pixel of the image that a beam has met, -1 before the first;
    ``axial`` (tap,) stays on the host, ``lateral`` is (tap, depth, 1); ``level_db`` are all gains that depend
    on depth (depth, 1), and those of beams (beam,); ``haze`` (depth, 1) lies before the probe.
    """

    pixel_of: Tensor
    sample_of: Tensor
    down: Tensor
    across: Tensor
    axial: Array
    lateral: Tensor
    level_db: tuple[Tensor, Tensor]
    haze: Tensor


def ultrasound_scan(
    scene: Scene, acquisition: UltrasoundAcquisition, device: torch.device
) -> Callable[[range, Tensor, Tensor], Tensor]:
    """The ultrasound scanner of a scene."""
    fan = fan_of(scene, acquisition)
    raster = _raster_of(fan, acquisition, device)
    along_z = scatterer_axis(scene, acquisition)
    scatterer_key = field_key(scene, "scatterers")
    grey = GreyCurve(acquisition.grey, 255, device)

    def scan(slices: range, signal: Tensor, labels: Tensor) -> Tensor:
        echo, mirror = _insonified(signal, raster, acquisition, fan.raster_mm)
        real, imaginary = _excited(echo, mirror, scatterer_key, along_z, slices)
        compressed = _detected(real, imaginary, raster, acquisition)
        labels.masked_fill_(raster.sample_of < 0, 0)
        return grey(_scan_converted(compressed, raster))

    return scan


def _raster_of(fan: Fan, acquisition: UltrasoundAcquisition, device: torch.device) -> _Raster:
    depths, _ = fan.pixel_of.shape
    inside = np.where(fan.pixel_of >= 0, np.arange(depths)[:, None], -1)
    last = np.maximum.accumulate(inside, axis=0)
    pixel_of = np.where(last >= 0, np.take_along_axis(fan.pixel_of, np.maximum(last, 0), axis=0), -1)
    # Taps that do not count are zero, so that all depths can be summed alike.
    lateral = np.where(fan.lateral >= LEAST_TAP * fan.lateral[:, :1], fan.lateral, _f32(0))
    gain, dynamic_range = _f32(acquisition.gain_db), _f32(acquisition.dynamic_range_db)
    haze = np.maximum(_f32(1) - np.arange(depths, dtype=_f32) / (HAZE_DEPTH * _f32(depths)), _f32(0))

    def send(array: Array) -> Tensor:
        return torch.as_tensor(array, device=device)

    return _Raster(
        pixel_of=send(pixel_of).long(),
        sample_of=send(fan.sample_of).long(),
        down=send(fan.down),
        across=send(fan.across),
        axial=fan.axial[fan.axial >= LEAST_TAP * fan.axial[0]],
        lateral=send(lateral.T[..., None]),
        level_db=(send((gain + fan.depth_db) + dynamic_range)[:, None], send(fan.beam_db)),
        haze=send(_f32(acquisition.clutter) * haze)[:, None],
    )


def _insonified(
    signal: Tensor, raster: _Raster, acquisition: UltrasoundAcquisition, raster_mm: float
) -> tuple[Tensor, Tensor]:
    """Amplitude of scattered and of mirrored echoes, (z, depth, beam)."""
    shadow = float(_f32(acquisition.shadow * raster_mm))
    enhancement = float(_f32(acquisition.enhancement * raster_mm))
    amplitude = signal.flatten(1)[:, raster.pixel_of.clamp_min(0)].clamp_min_(0)
    amplitude.masked_fill_(raster.pixel_of < 0, 0)
    strong = (amplitude - float(_f32(REFLECTOR))).clamp_min_(0)
    met = raster.pixel_of >= 0
    fluid = (amplitude < float(_f32(FLUID))) & met
    gain = (1 - shadow * strong).add_(torch.where(fluid, enhancement, 0.0))
    gain.clamp_min_(float(LEAST_GAIN))
    left = torch.ones_like(amplitude)
    depths = amplitude.shape[1]
    for d in range(depths - 1):
        torch.mul(left[:, d], gain[:, d], out=left[:, d + 1])
        left[:, d + 1].clamp_max_(float(MOST_LEFT))
    step = torch.zeros_like(amplitude)
    step[:, 1:] = (amplitude[:, 1:] - amplitude[:, :-1]).abs_().mul_(met[:-1])
    mirror = step.mul_(float(_f32(acquisition.specular))).mul_(left)
    echo = (amplitude * left).add_(raster.haze)
    reverberation = float(_f32(acquisition.reverberation))
    if reverberation > 0:
        ring = max(1, round(acquisition.ring_mm / raster_mm))
        echo += _rung(strong.mul_(left), ring, reverberation)
    return echo, mirror


def _rung(strong: Tensor, ring: int, reverberation: float) -> Tensor:
    """What comes back again from ``ring`` samples above, over and over."""
    again = torch.zeros_like(strong)
    for d in range(ring, strong.shape[1], ring):
        above = slice(d - ring, min(d, strong.shape[1] - ring))
        here = slice(d, above.stop + ring)
        torch.add(again[:, above], strong[:, above], out=again[:, here])
        again[:, here] *= reverberation
    return again


def _excited(
    echo: Tensor, mirror: Tensor, scatterer_key: int, along_z: SplineAxis, slices: range
) -> tuple[Tensor, Tensor]:
    """Complex scatterers as strong as their echoes, between the nodes around each slice."""
    device = echo.device
    first, last = int(along_z.first[slices.start]), int(along_z.first[slices.stop - 1])
    samples = echo[0].numel()
    counter = torch.arange(first * samples, (last + 4) * samples, device=device).to(torch.int32)
    word = mix(mix(counter ^ signed(scatterer_key)) + signed(scatterer_key * GOLDEN | 1))
    word = word.view(-1, *echo.shape[1:])
    at = slice(slices.start, slices.stop)
    start = torch.as_tensor(along_z.first[at] - first, device=device).long()
    weights = _f32(1 / UNIFORM_STD) * along_z.weights[at].T
    centre = _f32(32767.5) * ((weights[0] + weights[1]) + (weights[2] + weights[3]))
    w = torch.as_tensor(weights, device=device)[..., None, None]
    centred = torch.as_tensor(centre, device=device)[:, None, None]

    def between(nodes: Tensor) -> Tensor:
        a, b, c, d = (nodes.index_select(0, start + k).mul_(w[k]) for k in range(4))
        return a.add_(b).add_(c.add_(d)).sub_(centred).mul_(echo)

    return between((word & 0xFFFF).float()).add_(mirror), between(shifted(word, 16).float())


def _detected(real: Tensor, imaginary: Tensor, raster: _Raster, acquisition: UltrasoundAcquisition) -> Tensor:
    """Point spread along and across the beams, envelope, log compression to 0-255."""
    re, im = (_across_beams(_along_beams(part, raster.axial), raster.lateral) for part in (real, imaginary))
    envelope = (re * re + im * im).mul_(0.5).sqrt_().add_(1e-6)
    dynamic_range = _f32(acquisition.dynamic_range_db)
    depth_db, beam_db = raster.level_db
    level = decibels(envelope).add_(depth_db).add_(beam_db)
    return level.mul_(float(_f32(255) / dynamic_range)).clamp_(0, 255)


def _along_beams(source: Tensor, axial: Array) -> Tensor:
    depths = source.shape[1]
    place = torch.arange(depths, device=source.device)
    total = float(axial[0]) * source
    for n in range(1, axial.size):
        above = source.index_select(1, (place - n).clamp_(0, depths - 1))
        below = source.index_select(1, (place + n).clamp_(0, depths - 1))
        total += above.add_(below).mul_(float(axial[n]))
    return total


def _across_beams(column: Tensor, lateral: Tensor) -> Tensor:
    reach, beams = lateral.shape[0] - 1, column.shape[2]
    padded = torch.nn.functional.pad(column, (reach, reach))
    total = lateral[0] * column
    for n in range(1, reach + 1):
        before = padded[:, :, reach - n : reach - n + beams]
        after = padded[:, :, reach + n : reach + n + beams]
        total += (before + after).mul_(lateral[n])
    return total


def decibels(values: Tensor) -> Tensor:
    """20 log10 of positive float32 numbers, by the series of ``rendering.ultrasound``."""
    bits = values.view(torch.int32)
    octaves = ((bits >> 23) - 127).float()
    mantissa = ((bits & 0x7FFFFF) | 0x3F800000).view(torch.float32)
    s = (mantissa - 1).div_(mantissa + 1)
    s2 = s * s
    series = s2 * float(_f32(1 / 7)) + float(_f32(1 / 5))
    series = series.mul_(s2).add_(float(_f32(1 / 3))).mul_(s2).add_(1)
    series = (2 * s).mul_(series)
    return octaves.mul_(float(_f32(6.0205999))).add_(series.mul_(float(_f32(8.6858896))))


def _scan_converted(grey: Tensor, raster: _Raster) -> Tensor:
    """The raster's values on the pixels of the slices, black outside the fan."""
    beams = grey.shape[2]
    values = grey.flatten(1)
    sample = raster.sample_of.clamp_min(0)
    upper, lower = (
        values[:, i].mul_(1 - raster.across).add_(values[:, i + 1].mul_(raster.across))
        for i in (sample, sample + beams)
    )
    value = upper.mul_(1 - raster.down).add_(lower.mul_(raster.down)).add_(0.5)
    return value.masked_fill_(raster.sample_of < 0, 0).to(torch.int16)
