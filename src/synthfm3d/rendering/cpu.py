"""``render``: the CPU renderer. One pass per slice; any range of slices alone, with the same bits."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from synthfm3d.randomness import key
from synthfm3d.rendering.compositing import compose_slice
from synthfm3d.rendering.ct import CtTables, add_metal, add_rings, ct_slice, ct_tables
from synthfm3d.rendering.fields import field_slice
from synthfm3d.rendering.mr import add_ghosts, lowpass_taps, mr_slice, splice_motion, truncate
from synthfm3d.rendering.tables import BIAS, FIELDS, Tables, tables_of
from synthfm3d.rendering.ultrasound import Fan, fan_of, ultrasound_slice
from synthfm3d.synthesis.scene import CtAcquisition, MrAcquisition, Scene, UltrasoundAcquisition
from synthfm3d.volume import Array

_f32 = np.float32


def render(scene: Scene, slices: range | None = None, threads: int = 1) -> tuple[Array, Array]:
    """Image and label map of a scene, or of a contiguous range of its slices.

    Parameters
    ----------
    slices
        Which slices, ``range(first, after)``; all by default. A range has the same bits as the
        same slices of the whole volume.
    threads
        Slices rendered at a time; has no influence on the result.

    Returns
    -------
    image
        int16 (z, y, x): Hounsfield units, thousandths of the MR signal, or grey values 0-255.
    labels
        uint8 (z, y, x); 0 is unlabelled.

    Raises ValueError for a range that is empty, strided, or not within the volume.
    """
    depth, height, width = scene.shape
    slices = range(depth) if slices is None else slices
    if slices.step != 1 or not 0 <= slices.start < slices.stop <= depth:
        raise ValueError(f"slices must be range(first, after) within 0 and {depth}, got {slices}.")
    image = np.empty((len(slices), height, width), np.int16)
    labels = np.empty((len(slices), height, width), np.uint8)
    tables = tables_of(scene)
    scanner = _scanner_of(scene)

    def one(z: int) -> None:
        _render_slice(scene, tables, scanner, z, image[z - slices.start], labels[z - slices.start])

    # Kernels release the GIL. Python threads instead of Numba's, since Numba's default threading
    # layer must not be entered from two threads at once, which data loaders would do.
    if threads <= 1:
        for z in slices:
            one(z)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, slices))
    return image, labels


Scanner = CtTables | Fan | None
"""What the slices of a scene share of their acquisition; MR needs nothing."""


def _scanner_of(scene: Scene) -> Scanner:
    match scene.acquisition:
        case CtAcquisition() as acquisition:
            return ct_tables(scene, acquisition)
        case UltrasoundAcquisition() as acquisition:
            return fan_of(scene, acquisition)
        case _:
            return None


def _render_slice(
    scene: Scene, tables: Tables, scanner: Scanner, z: int, image: Array, labels: Array
) -> None:
    _, height, width = scene.shape
    # Bias is the last field and only MR has it.
    used = FIELDS if isinstance(scene.acquisition, MrAcquisition) else BIAS
    planes = np.empty((used, max(axes[1].nodes for axes in tables.axes), width), np.float32)
    scratch = np.empty(max(axes[2].nodes for axes in tables.axes), np.float32)
    for field in range(used):
        along_z, along_y, along_x = tables.axes[field]
        field_slice(
            tables.keys[field], along_z.first[z], along_z.weights[z], along_y.nodes, along_x.nodes,
            along_x.first, along_x.weights, planes[field], scratch,
        )  # fmt: skip
    y_first = np.stack([axes[1].first for axes in tables.axes])
    y_weights = np.stack([axes[1].weights for axes in tables.axes])
    signal = np.empty((height, width), np.float32)
    boundary = scene.boundary
    compose_slice(
        tables.parts[z], tables.structures, tables.layers, planes, y_first, y_weights,
        _f32(scene.spacing_mm[1]), _f32(scene.spacing_mm[2]),
        _f32(boundary.psf_mm[0]), _f32(boundary.psf_mm[1]),
        _f32(scene.anatomy.warp_amplitude_mm), _f32(scene.anatomy.cavity_depth_mm),
        _f32(boundary.texture_shield_mm), _f32(boundary.fade), _f32(boundary.rim), _f32(boundary.rim_mm),
        _f32(scene.contrast.outside.mean), signal, labels,
    )  # fmt: skip
    noise_key = np.uint32(key(scene.seed, scene.index, "noise"))
    match scene.acquisition:
        case CtAcquisition() as acquisition:
            assert isinstance(scanner, CtTables)
            _ct(scene, acquisition, scanner, z, signal)
            ct_slice(
                signal, z, noise_key, scanner.tile, _f32(acquisition.noise_hu),
                _f32(acquisition.slice_correlation), image,
            )  # fmt: skip
        case MrAcquisition(noise=noise, bias=bias) as acquisition:
            _mr(acquisition, signal)
            mr_slice(
                signal, z, noise_key, _f32(noise), _f32(bias), planes[BIAS], y_first[BIAS], y_weights[BIAS],
                image,
            )  # fmt: skip
        case UltrasoundAcquisition() as acquisition:
            assert isinstance(scanner, Fan)
            ultrasound_slice(signal, labels, z, scanner, acquisition, scene.spacing_mm[1], image)


def _ct(scene: Scene, acquisition: CtAcquisition, tables: CtTables, z: int, signal: Array) -> None:
    """Rings and metal, where the scene has them."""
    slice_mm, pixel = scene.spacing_mm[0], scene.spacing_mm[1]
    if acquisition.ring_hu > 0:
        y, x = (_f32(mm / pixel) for mm in acquisition.ring_centre_mm)
        add_rings(signal, tables.rings, y, x)
    metal_z, metal_y, metal_x = acquisition.metal_mm
    if acquisition.streak_hu > 0 and abs(z * slice_mm - metal_z) <= 0.5 * acquisition.metal_length_mm:
        add_metal(
            signal, tables.streaks, _f32(metal_y / pixel), _f32(metal_x / pixel),
            _f32(acquisition.metal_radius_mm / pixel), _f32(acquisition.streak_hu),
        )  # fmt: skip


def _mr(acquisition: MrAcquisition, signal: Array) -> None:
    """Artefacts of k-space, where the scene has them."""
    if acquisition.motion_share > 0:
        down, across = acquisition.motion_pixels
        splice_motion(signal, lowpass_taps(acquisition.motion_share), down, across)
    if acquisition.ghost_period > 0:
        add_ghosts(signal, acquisition.ghost_period, _f32(acquisition.ghost))
    if acquisition.kept < 1:
        truncate(signal, lowpass_taps(acquisition.kept))
