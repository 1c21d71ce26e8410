"""CT of a run of slices: rings, metal and quantum noise, as ``rendering.ct`` has them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.ct import AIR_HU, LEAST_HU, MOST_HU, STREAK_DECAY, TILE_UNIT, ct_tables
from synthfm3d.rendering.cuda.fields import moved_tile
from synthfm3d.rendering.cuda.hashing import mix, shifted, signed
from synthfm3d.rendering.keys import noise_key
from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.scene import Scene

_f32 = np.float32


def ct_scan(
    scene: Scene, acquisition: CtAcquisition, device: torch.device
) -> Callable[[range, Tensor, Tensor], Tensor]:
    """The CT scanner of a scene."""
    _, height, width = scene.shape
    tables = ct_tables(scene, acquisition)
    slice_mm, pixel = scene.spacing_mm[0], scene.spacing_mm[1]
    key = int(noise_key(scene))
    tile = torch.as_tensor(tables.tile, device=device)
    rings = metal = None
    if acquisition.ring_hu > 0:
        dy, dx = _offsets(acquisition.ring_centre_mm, pixel, height, width, device)
        rings = _rings(torch.as_tensor(tables.rings, device=device), dy, dx)
    if acquisition.streak_hu > 0:
        dy, dx = _offsets(acquisition.metal_mm[1:], pixel, height, width, device)
        metal = (
            _streaks(torch.as_tensor(tables.streaks, device=device), dy, dx, acquisition.streak_hu),
            (dy * dy + dx * dx).sqrt_() <= float(_f32(acquisition.metal_radius_mm / pixel)),
        )

    def scan(slices: range, signal: Tensor, labels: Tensor) -> Tensor:
        if rings is not None:
            signal += rings
        if metal is not None:
            reach = 0.5 * acquisition.metal_length_mm
            crossed = [abs(z * slice_mm - acquisition.metal_mm[0]) <= reach for z in slices]
            _add_metal(signal, torch.tensor(crossed, device=device), *metal)
        return _noisy(signal, slices, key, tile, acquisition)

    return scan


def _offsets(
    centre_mm: tuple[float, ...], pixel: float, height: int, width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Distance of each pixel from a centre along y (y, 1) and x (x,), in pixels."""
    y, x = (float(_f32(mm / pixel)) for mm in centre_mm)
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    return rows[:, None].float() - y, columns.float() - x


def _rings(rings: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
    """What rings add to any slice, (y, x)."""
    radius = (dy * dy + dx * dx).sqrt_()
    i = radius.long().clamp_max_(rings.numel() - 2)
    t = radius - i
    return rings[i] * (1 - t) + rings[i + 1] * t


def _streaks(streaks: Tensor, dy: Tensor, dx: Tensor, streak_hu: float) -> Tensor:
    """What streaks add to any slice that metal crosses, (y, x)."""
    n = streaks.numel()
    turn = dy / (dy.abs() + dx.abs() + 1e-6)
    place = torch.where(dx >= 0, 1 + turn, 3 - turn) * (n // 4)
    i = place.long()
    t = place - i
    strength = streaks[i % n] * (1 - t) + streaks[(i + 1) % n] * t
    radius = (dy * dy + dx * dx).sqrt_()
    return float(_f32(streak_hu)) * strength / (1 + radius * float(STREAK_DECAY))


def _add_metal(signal: Tensor, crossed: Tensor, streaks: Tensor, metal: Tensor) -> None:
    """Add metal and its streaks to those slices that it crosses, in place."""
    crossed = crossed[:, None, None]
    signal += torch.where(crossed & (signal > float(AIR_HU)), streaks, 0.0)
    signal.masked_fill_(crossed & metal, float(MOST_HU))


def _noisy(signal: Tensor, slices: range, key: int, tile: Tensor, acquisition: CtAcquisition) -> Tensor:
    """Hounsfield units with quantum noise: the tile at two hashed places in each slice."""
    correlation, noise_hu = _f32(acquisition.slice_correlation), _f32(acquisition.noise_hu)
    root = np.sqrt(_f32(1) + _f32(2) * correlation)
    rest = np.sqrt(max(_f32(1) - _f32(2) * correlation, _f32(0)))
    own = noise_hu * _f32(0.5) * (root + rest) * _f32(1 / TILE_UNIT)
    shared = noise_hu * _f32(0.5) * (root - rest) * _f32(1 / TILE_UNIT)
    edge, height = tile.shape[0], signal.shape[1]
    z = torch.arange(slices.start, slices.stop + 1, device=signal.device, dtype=torch.int32)
    word = mix(z ^ signed(key))
    y, x = shifted(word, 16) & (edge - 1), word & (edge - 1)
    hu = signal + float(own) * moved_tile(tile, y[:-1], x[:-1], height).float()
    hu += float(shared) * moved_tile(tile, y[1:], x[1:], height).float()
    return hu.clamp_(float(LEAST_HU), float(MOST_HU)).add_(0.5).floor_().to(torch.int16)
