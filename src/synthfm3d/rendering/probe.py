"""The field of view of a probe: the raster of depths and beams, and its position on the pixels of a slice.

Beams are evenly spaced in the tangent of their angle (phased, curved and linear arrays), or around the whole
circle in the diamond angle, ``y / (|y| + |x|)``, of a rotating probe: Neither needs an arc tangent, so every
processor computes the same fan.
"""

import math
from dataclasses import dataclass

import numpy as np

from synthfm3d.kernels import inlined, lean_kernel
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition
from synthfm3d.volume import Array

_f32 = np.float32
_WIDEST = 5.0
"""Largest standard deviation of the point spread across the beams, in beams."""
REACH = 12
"""Reach of the point spread's kernels, in samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """A probe's raster of ``depths`` x ``beams`` samples, about one pixel apart.

    Parameters
    ----------
    pixel_of
        int32 (depth, beam): index of the pixel under a sample, y * width + x; -1 outside the image.
    sample_of
        int32 (y, x): index of the sample above and left of a pixel, depth * beams + beam; -1 outside
        the fan.
    down, across
        float32 (y, x): how far a pixel lies from that sample to the next, 0 to 1.
    axial
        float32 (13,): half of the point spread's kernel along the beam, of unit energy.
    lateral
        float32 (depth, 13): the same across the beams, which depends on depth.
    depth_db, beam_db
        float32 (depth,), (beam,): gain that is left uncompensated.
    """

    pixel_of: Array
    sample_of: Array
    down: Array
    across: Array
    axial: Array
    lateral: Array
    depth_db: Array
    beam_db: Array
    raster_mm: float


def fan_of(scene: Scene, acquisition: UltrasoundAcquisition) -> Fan:
    """The raster of a scene's probe."""
    _, height, width = scene.shape
    raster = scene.spacing_mm[1]
    apex_y, apex_x = (mm / raster for mm in acquisition.apex_mm)
    near, far = acquisition.near_mm / raster, acquisition.far_mm / raster
    middle = 0.5 * (near + far)
    circle = acquisition.probe == "circular"
    depths = math.ceil(far - near) + 2
    # Neighbouring beams are one sample apart at mid-depth; a quarter turn is 1 in the diamond angle.
    beams = math.ceil(4 * 1.5708 * middle if circle else 2 * acquisition.half_width * middle) + 2
    per_beam = 4.0 / (beams - 1) if circle else 1.0 / middle
    pixel_of = np.empty((depths, beams), np.int32)
    sample_of = np.empty((height, width), np.int32)
    down, across = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    geometry = (apex_y, apex_x, near, far, acquisition.half_width, per_beam, circle)
    _map_samples(*geometry, height, width, pixel_of)
    _map_pixels(*geometry, depths, beams, sample_of, down, across)

    along_mm, lateral_mm, _ = acquisition.speckle_mm
    fraction = np.arange(depths) / (depths - 1)
    spread = lateral_mm / raster * (1 + acquisition.widening * (fraction - 0.5))
    radius = near + np.arange(depths)
    stds = np.clip(spread * middle / np.maximum(radius, 1.0), 0.4, _WIDEST)
    axial, lateral = np.empty((1, REACH + 1), np.float32), np.empty((depths, REACH + 1), np.float32)
    _fill_kernels(np.array([along_mm / raster]), axial)
    _fill_kernels(stds, lateral)
    return Fan(
        pixel_of=pixel_of,
        sample_of=sample_of,
        down=down,
        across=across,
        axial=axial[0],
        lateral=lateral,
        depth_db=_depth_gain(acquisition, depths),
        beam_db=_beam_gain(acquisition, beams),
        raster_mm=raster,
    )


def _depth_gain(acquisition: UltrasoundAcquisition, depths: int) -> Array:
    """Uncompensated attenuation, and the ripple of time-gain sliders: knots joined by straight lines."""
    fraction = np.arange(depths) / (depths - 1)
    knots = np.array(acquisition.ripple_db or (0.0,))
    place = fraction * (len(knots) - 1)
    first = np.minimum(place.astype(int), max(len(knots) - 2, 0))
    second = np.minimum(first + 1, len(knots) - 1)
    ripple = knots[first] + (place - first) * (knots[second] - knots[first])
    gain: Array = (ripple - acquisition.attenuation_db * fraction).astype(np.float32)
    return gain


def _beam_gain(acquisition: UltrasoundAcquisition, beams: int) -> Array:
    """Loss of beams that ribs or a poor contact take away, fading at their edges."""
    place = np.arange(beams) / (beams - 1)
    gain = np.zeros(beams)
    for centre, half_width, loss_db in acquisition.lost_beams:
        inside = (half_width - np.abs(place - centre)) / (0.6 * half_width) + 0.5
        gain -= loss_db * np.clip(inside, 0.0, 1.0)
    return gain.astype(np.float32)


@lean_kernel
def _fill_kernels(stds, out):
    r"""Half kernels of unit energy, :math:`(1 - n^2 / 16 s^2)^8 \approx e^{-n^2 / 2 s^2}`."""
    for row in range(stds.size):
        energy = 0.0
        for n in range(out.shape[1]):
            t = max(1.0 - n * n / (16.0 * stds[row] * stds[row]), 0.0)
            t *= t
            t *= t
            t *= t
            out[row, n] = t
            energy += t * t if n == 0 else 2.0 * t * t
        for n in range(out.shape[1]):
            out[row, n] = _f32(out[row, n] / math.sqrt(energy))


@lean_kernel
def _map_samples(apex_y, apex_x, near, far, half_width, per_beam, circle, height, width, pixel_of):
    depths, beams = pixel_of.shape
    for b in range(beams):
        dy, dx = _direction(b * per_beam, half_width, circle)
        for d in range(depths):
            y = math.floor(apex_y + (near + d) * dy + 0.5)
            x = math.floor(apex_x + (near + d) * dx + 0.5)
            inside = 0 <= y < height and 0 <= x < width
            pixel_of[d, b] = y * width + x if inside else -1


@inlined
def _direction(place, half_width, circle):
    """Unit vector (y, x) of a beam."""
    if circle:
        quarter = min(int(place), 3)
        t = place - quarter
        # From straight down, y = 1, towards x = 1, and so on around.
        y, x = 1.0 - t, t
        if quarter == 1:
            y, x = -t, 1.0 - t
        elif quarter == 2:
            y, x = t - 1.0, -t
        elif quarter == 3:
            y, x = t, t - 1.0
    else:
        y, x = 1.0, place - half_width
    length = math.sqrt(y * y + x * x)
    return y / length, x / length


@lean_kernel
def _map_pixels(
    apex_y, apex_x, near, far, half_width, per_beam, circle, depths, beams, sample_of, down, across
):
    height, width = sample_of.shape
    for y in range(height):
        dy = y - apex_y
        for x in range(width):
            dx = x - apex_x
            radius = math.sqrt(dy * dy + dx * dx)
            depth = radius - near
            if circle:
                total = abs(dy) + abs(dx) + 1e-9
                if dx >= 0:
                    place = abs(dx) / total if dy > 0 else 1.0 + abs(dy) / total
                else:
                    place = 3.0 + abs(dy) / total if dy > 0 else 2.0 + abs(dx) / total
                beam = place / per_beam
                inside = True
            else:
                tangent = dx / max(dy, 1e-6)
                beam = (tangent + half_width) / per_beam
                inside = dy > 0 and abs(tangent) <= half_width
            inside = inside and depth >= 0 and radius <= far
            d = min(int(max(depth, 0.0)), depths - 2)
            b = min(int(max(beam, 0.0)), beams - 2)
            sample_of[y, x] = d * beams + b if inside else -1
            down[y, x] = _f32(min(max(depth - d, 0.0), 1.0)) if inside else _f32(0)
            across[y, x] = _f32(min(max(beam - b, 0.0), 1.0)) if inside else _f32(0)
