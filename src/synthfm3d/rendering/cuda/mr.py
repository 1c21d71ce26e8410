"""MR of a run of slices: artefacts of k-space, receive field and noise, as ``rendering.mr`` has them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.columns import BIAS
from synthfm3d.rendering.cuda.fields import field_of, field_planes
from synthfm3d.rendering.cuda.grey import GreyCurve
from synthfm3d.rendering.cuda.hashing import hashed_normal
from synthfm3d.rendering.keys import noise_key
from synthfm3d.rendering.mr import LEAST_GAIN, MR_UNIT, OTHER_CHANNEL, lowpass_taps
from synthfm3d.rendering.tables import Tables
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.scene import Scene
from synthfm3d.volume import Array

_f32 = np.float32
_Y, _X = 1, 2


def mr_scan(
    scene: Scene, acquisition: MrAcquisition, tables: Tables, device: torch.device
) -> Callable[[range, Tensor, Tensor], Tensor]:
    """The MR scanner of a scene."""
    key = int(noise_key(scene))
    noise, bias = float(_f32(acquisition.noise)), float(_f32(acquisition.bias))
    grey = GreyCurve(acquisition.grey, round(MR_UNIT), device)

    def scan(slices: range, signal: Tensor, labels: Tensor) -> Tensor:
        if acquisition.motion_share > 0:
            signal = _spliced(signal, lowpass_taps(acquisition.motion_share), acquisition.motion_pixels)
        if acquisition.ghost_period > 0:
            signal = _with_ghosts(signal, acquisition.ghost_period, _f32(acquisition.ghost))
        if acquisition.kept < 1:
            taps = lowpass_taps(acquisition.kept)
            signal = _convolved(_convolved(signal, taps, _X), taps, _Y)
        planes = field_planes(tables.axes[BIAS], tables.keys[BIAS], slices, device)
        field = field_of(planes, tables.axes[BIAS][1])
        pixels = signal[0].numel()
        counter = torch.arange(slices.start * pixels, slices.stop * pixels, device=device).to(torch.int32)
        counter = counter.view(signal.shape)
        gain = field.mul_(bias).add_(1).clamp_min_(float(LEAST_GAIN))
        real = signal * gain + noise * hashed_normal(counter, key)
        imaginary = noise * hashed_normal(counter, key ^ OTHER_CHANNEL)
        magnitude = (real * real + imaginary * imaginary).sqrt_()
        return grey((magnitude * MR_UNIT + 0.5).clamp_max_(32767).to(torch.int16))

    return scan


def _convolved(signal: Tensor, taps: Array, dim: int) -> Tensor:
    """Slices convolved with an even kernel along one axis; edges are repeated."""
    length = signal.shape[dim]
    place = torch.arange(length, device=signal.device)
    total = float(taps[0]) * signal
    for n in range(1, taps.size):
        before = signal.index_select(dim, (place - n).clamp_(0, length - 1))
        after = signal.index_select(dim, (place + n).clamp_(0, length - 1))
        total += before.add_(after).mul_(float(taps[n]))
    return total


def _spliced(signal: Tensor, taps: Array, shift: tuple[int, int]) -> Tensor:
    """Two poses in each slice: the centre of k-space along y was read after a shift (y, x)."""
    moved = signal
    for dim, pixels in ((_Y, shift[0]), (_X, shift[1])):
        place = torch.arange(signal.shape[dim], device=signal.device) - pixels
        moved = moved.index_select(dim, place.clamp_(0, signal.shape[dim] - 1))
    return signal + _convolved(moved - signal, taps, _Y)


def _with_ghosts(signal: Tensor, period: int, amplitude: np.float32) -> Tensor:
    """Copies of each slice at multiples of height / ``period``, wrapped around."""
    height = signal.shape[_Y]
    share = float(amplitude / _f32(period))
    total = signal.clone()
    for k in range(period):
        total += signal.roll(-((k * height) // period), dims=_Y).mul_(share)
    return total
