"""``scanner_of``: what each modality does to a slice of tissue signal, from acquisition to stored values."""

import math
from collections.abc import Callable

import numpy as np

from synthfm3d.kernels import kernel
from synthfm3d.rendering.ct import add_metal, add_rings, ct_slice, ct_tables
from synthfm3d.rendering.hashing import noise_key
from synthfm3d.rendering.mr import MR_UNIT, add_ghosts, lowpass_taps, mr_slice, splice_motion, truncate
from synthfm3d.rendering.probe import fan_of
from synthfm3d.rendering.ultrasound import scatterer_axis, scatterers_of, ultrasound_slice
from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.grey import GreyMap
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition
from synthfm3d.volume import Array

_f32 = np.float32
Bias = tuple[Array, Array, Array]
"""The receive field of a slice as ``field_row`` takes it: plane, first nodes and weights along y."""
Scan = Callable[[int, Array, Array, Bias, Array], None]
"""(z, signal, labels, bias, image): fill ``image``; ``signal`` and ``labels`` may be changed on the way."""
Scanner = Callable[[range], Scan]
"""What a run of slices needs is prepared first."""


def scanner_of(scene: Scene) -> Scanner:
    """The scanner of a scene; what all its slices share is made here, once."""
    match scene.acquisition:
        case CtAcquisition() as acquisition:
            return _ct(scene, acquisition)
        case MrAcquisition() as acquisition:
            return _mr(scene, acquisition)
        case UltrasoundAcquisition() as acquisition:
            return _ultrasound(scene, acquisition)


def _ct(scene: Scene, acquisition: CtAcquisition) -> Scanner:
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


def _mr(scene: Scene, acquisition: MrAcquisition) -> Scanner:
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
        mr_slice(signal, z, key, _f32(acquisition.noise), _f32(acquisition.bias), *bias, image)
        if grey is not None:
            map_grey(image, grey)

    return lambda slices: scan


def _ultrasound(scene: Scene, acquisition: UltrasoundAcquisition) -> Scanner:
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


def grey_table(grey: GreyMap, white: int) -> Array | None:
    """Stored value of each value from 0 to four times ``white``, int16; None where nothing changes.

    Values beyond white follow the same curve, and are black where it is inverted. Rounded, so that last
    bits of a power, which differ between machines, are gone.
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


@kernel
def map_grey(image, table):
    """Replace each value of ``image`` int16 (y, x) by its entry, in place; larger ones by the last."""
    height, width = image.shape
    last = table.size - 1
    for y in range(height):
        row = image[y]
        for x in range(width):
            row[x] = table[min(max(np.int64(row[x]), 0), last)]
