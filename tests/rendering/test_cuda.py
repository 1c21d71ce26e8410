"""The torch renderer gives what the CPU renderer gives; here on torch's CPU device unless said otherwise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from synthfm3d.rendering import cpu, hashing
from synthfm3d.rendering.cuda import render, spans
from synthfm3d.rendering.cuda.hashing import hashed_normal, mix
from synthfm3d.rendering.cuda.ultrasound import decibels
from synthfm3d.rendering.fields import fill_lattice
from synthfm3d.rendering.grey import grey_table
from synthfm3d.rendering.mr import MR_UNIT
from synthfm3d.rendering.ultrasound import decibels as decibels_of_the_cpu
from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.grey import GreyMap
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.synthesis.structures import Ellipsoid, Layer, Star, Superquadric, Tube

SMALL = (12, 64, 64)
LABELS_OFF = 1e-5
"""Share of voxels whose label may differ."""
IMAGE_OFF = 1e-3
"""Share of voxels whose stored value may differ, by one at most: last bits may tip a rounding."""

METAL = {
    "streak_hu": 200.0,
    "metal_mm": (9.0, 30.0, 20.0),
    "metal_radius_mm": 3.0,
    "metal_length_mm": 9.0,
}


def scene_of(modality, index=0, shape=SMALL, boundary=None, **acquisition):
    """A drawn scene with some parameters of its own."""
    scene = draw_scene(23, index, SynthesisSettings(shape=shape, modalities=(modality,)))
    return replace(
        scene,
        boundary=replace(scene.boundary, **(boundary or {})),
        acquisition=replace(scene.acquisition, **acquisition),
    )


def largest_step(scene):
    """By how much a stored value changes at most where the value before its grey curve changes by one."""
    if isinstance(scene.acquisition, CtAcquisition):
        return 1
    table = grey_table(scene.acquisition.grey, round(MR_UNIT) if scene.modality == "mr" else 255)
    return 1 if table is None else max(1, np.abs(np.diff(table.astype(int))).max())


def assert_alike(scene, device="cpu"):
    image, labels = cpu.render(scene)
    other_image, other_labels = (voxels.cpu().numpy() for voxels in render(scene, device=device))
    assert (other_image.dtype, other_labels.dtype) == (image.dtype, labels.dtype)
    # One voxel of a small volume is more than that share, and last bits differ between processors.
    assert np.count_nonzero(labels != other_labels) <= max(1, LABELS_OFF * labels.size)
    difference = np.abs(image.astype(int) - other_image)
    assert difference.max() <= largest_step(scene)
    assert np.mean(difference > 0) <= IMAGE_OFF


def test_words_are_mixed_to_the_same_bits():
    words = np.concatenate([np.arange(64), 2**31 + np.arange(-64, 64), 2**32 - 1 - np.arange(64)])
    words = words.astype(np.uint32)
    expected = np.array([hashing.mix(word) for word in words], np.uint32)
    mixed = mix(torch.as_tensor(words.view(np.int32)))
    assert np.array_equal(mixed.numpy().view(np.uint32), expected)


@pytest.mark.parametrize("key", [0, 1, 0x7FFFFFFF, 0x80000000, 0xDEADBEEF, 0xFFFFFFFF])
def test_normal_numbers_have_the_same_bits(key):
    expected = np.empty((3, 50, 60), np.float32)
    fill_lattice(np.uint32(key), 2**20, expected)
    counter = torch.arange(2**20 * 3000, (2**20 + 3) * 3000).to(torch.int32)
    assert np.array_equal(hashed_normal(counter, key).numpy(), expected.reshape(-1))


def test_decibels_have_the_same_bits():
    values = np.concatenate([np.logspace(-6, 3, 5000), [1.0, 2.0, 0.5]]).astype(np.float32)
    assert np.array_equal(decibels(torch.as_tensor(values)).numpy(), decibels_of_the_cpu(values))


@pytest.mark.parametrize("modality", ["ct", "mr", "us"])
def test_both_renderers_give_the_same_volumes(modality):
    for index in range(8):
        assert_alike(scene_of(modality, index))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_both_renderers_give_the_same_volumes_of_each_preset(preset):
    for index in range(2):
        assert_alike(draw_scene(24, index, replace(PRESETS[preset], shape=SMALL)))


@pytest.mark.parametrize(
    ("modality", "acquisition"),
    [
        ("ct", {"ring_hu": 15.0, "ring_centre_mm": (31.0, 33.5)}),
        ("ct", {"ring_hu": 15.0, "ring_centre_mm": (-90.0, 33.5)}),
        ("ct", {"noise_hu": 0.0, "slice_correlation": 0.5}),
        ("ct", METAL),
        ("mr", {"kept": 0.6}),
        ("mr", {"ghost_period": 3, "ghost": 0.3}),
        ("mr", {"motion_pixels": (-3, 5), "motion_share": 0.4}),
        ("mr", {"bias": 0.6, "noise": 0.2}),
        ("mr", {"grey": GreyMap(gamma=0.6)}),
        ("mr", {"grey": GreyMap(gamma=1.3, inverted=True, levels=32)}),
        ("us", {"reverberation": 0.7, "ring_mm": 6.0, "clutter": 0.2}),
        ("us", {"lost_beams": ((0.3, 0.1, 12.0), (0.8, 0.05, 6.0))}),
        ("us", {"shadow": 0.2, "enhancement": 0.05, "specular": 2.0}),
        ("us", {"ripple_db": (), "grey": GreyMap(levels=32)}),
    ],
)  # fmt: skip
def test_both_renderers_give_the_same_artefacts(modality, acquisition):
    for index in range(2):
        scene = scene_of(modality, index, **acquisition)
        assert scene.acquisition != scene_of(modality, index).acquisition
        assert_alike(scene)


def test_both_renderers_give_the_same_image_of_each_probe():
    scenes = {}
    for index in range(40):
        scene = scene_of("us", index)
        scenes.setdefault(scene.acquisition.probe, scene)
    assert set(scenes) == {"phased", "curved", "linear", "circular"}
    for scene in scenes.values():
        assert_alike(scene)


@pytest.mark.parametrize(
    "boundary",
    [
        {"fade": 2.0},
        {"rim": 0.5, "rim_mm": 2.0},
        {"rim": -0.5, "rim_mm": 2.0},
        {"texture_shield_mm": 3.0},
        {"texture_shield_mm": 0.0},
        {"psf_mm": (4.0, 1.5)},
        {"psf_mm": (4.0, 0.6), "sub_slices": 5},
    ],
)
def test_both_renderers_give_the_same_boundaries(boundary):
    for index in range(2):
        assert_alike(scene_of("ct", index, boundary=boundary))


def test_both_renderers_paint_the_same_sheets_patches_and_melted_parts():
    for index in range(3):
        scene = scene_of("mr", index, boundary={"rim": 0.4, "rim_mm": 1.5, "texture_shield_mm": 2.0})
        structures, tissues = list(scene.anatomy.structures), list(scene.contrast.tissues)
        for n in range(1, len(structures), 2):
            layers = tuple(replace(layer, thickness_mm=4.0) for layer in structures[n].layers)
            structures[n] = replace(structures[n], layers=layers, blend_mm=8.0, roughness_mm=(1.5, 0.5))
            tissues[n] = tuple(replace(tissue, cluster=0.2) for tissue in tissues[n])
        assert_alike(
            replace(
                scene,
                anatomy=replace(scene.anatomy, structures=tuple(structures)),
                contrast=replace(scene.contrast, tissues=tuple(tissues)),
            )
        )


@pytest.mark.parametrize("gap_mm", [0.0, 3.0])
def test_both_renderers_share_the_space_between_neighbours_alike(phantom, structures, gap_mm):
    turned = (0.8, 0.36, 0.48, 0.0)
    parts = [
        Ellipsoid(centre_mm=(6.0, 30.0, 20.0), semi_axes_mm=(9.0, 12.0, 14.0), quaternion=turned),
        Tube(start_mm=(0.0, 20.0, 44.0), end_mm=(14.0, 40.0, 34.0), start_radius_mm=8.0, end_radius_mm=4.0),
        Superquadric(
            centre_mm=(5.0, 44.0, 32.0), semi_axes_mm=(7.0, 9.0, 13.0), quaternion=turned,
            squareness=0.7, taper=0.3, bend=0.2,
        ),
        Star(centre_mm=(7.0, 16.0, 30.0), radius_mm=10.0, bumps=((0.0, 0.6, 0.8, 0.2, 0.1, -0.1),)),
    ]  # fmt: skip
    layers = [
        (
            Layer(name="wall", depth_mm=0.0, label=2 * n + 1, material="wall"),
            Layer(name="content", depth_mm=2.5, label=2 * n + 2, material="fluid"),
        )
        for n in range(len(parts))
    ]
    scene = phantom(
        *[
            (
                structures.organ(part, layers=layer, neighbourhood=1, gap_mm=gap_mm * (n % 2)),
                (300.0, 900.0),
            )
            for n, (part, layer) in enumerate(zip(parts, layers, strict=True))
        ],
        shape=SMALL,
    )
    assert set(np.unique(cpu.render(scene)[1])) == set(range(9))
    assert_alike(scene)


def test_slices_larger_than_their_tiles_repeat_them_alike():
    assert_alike(scene_of("ct", shape=(2, 24, 600)))


def test_voxels_that_are_not_cubes_are_rendered_alike():
    settings = SynthesisSettings(shape=(6, 48, 80), modalities=("mr",))
    scene = draw_scene(25, 0, settings)
    assert_alike(replace(scene, spacing_mm=(5.0, scene.spacing_mm[1], 1.7 * scene.spacing_mm[1])))


@pytest.mark.parametrize("modality", ["ct", "mr", "us"])
def test_a_range_of_slices_is_that_of_the_whole_volume(modality):
    scene = scene_of(modality, 1, boundary={"sub_slices": 3})
    image, labels = render(scene, device="cpu")
    for part in (range(0, 1), range(5, 9), range(11, 12)):
        some_image, some_labels = render(scene, part, device="cpu")
        assert torch.equal(some_image, image[part.start : part.stop])
        assert torch.equal(some_labels, labels[part.start : part.stop])


@pytest.mark.parametrize("modality", ["ct", "mr", "us"])
def test_how_many_slices_are_rendered_at_once_has_no_influence(modality, monkeypatch):
    scene = scene_of(modality, 2)
    whole = render(scene, range(2, 12), device="cpu")
    monkeypatch.setattr("synthfm3d.rendering.cuda.renderer._VOXELS_AT_ONCE", {"cpu": 3 * 64 * 64})
    for one, other in zip(whole, render(scene, range(2, 12), device="cpu"), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("slices", [range(3, 3), range(0, 13), range(-1, 3), range(0, 8, 2)])
def test_slices_that_are_no_part_of_the_volume_are_refused(slices):
    with pytest.raises(ValueError, match="slices"):
        render(scene_of("ct"), slices, device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device cuda is not there"):
        render(scene_of("ct"))


class OneDevice(TorchDispatchMode):
    """Fails where an operation takes or makes tensors beside a device; copies to it may start anywhere."""

    def __init__(self, device):
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        taken = [leaf.device.type for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if operation not in (torch.ops.aten._to_copy.default, torch.ops.aten.lift_fresh.default):
            devices = {*taken, *(leaf.device.type for leaf in tree_leaves(made))}
            assert devices == {self.device}, f"{operation} works on {devices}"
        return made


@pytest.mark.parametrize(
    ("modality", "acquisition"),
    [
        ("ct", {"ring_hu": 15.0, **METAL}),
        ("mr", {"kept": 0.6, "ghost_period": 3, "motion_share": 0.4, "grey": GreyMap(inverted=True)}),
        ("us", {"reverberation": 0.7, "grey": GreyMap(inverted=True)}),
    ],
)
def test_nothing_is_computed_beside_the_device(modality, acquisition, monkeypatch):
    """Meta tensors have a device and no values: what is read back from it comes from a rendering before."""
    scene = scene_of(modality, boundary={"fade": 1.0, "rim": 0.4, "texture_shield_mm": 2.0}, **acquisition)
    read_back = []
    boxes_of = spans._boxes
    monkeypatch.setattr(spans, "_boxes", lambda *arrays: read_back.append(boxes_of(*arrays)) or read_back[-1])
    image, labels = render(scene, device="cpu")
    monkeypatch.setattr(spans, "_boxes", lambda *arrays: read_back.pop(0))
    with OneDevice("meta"):
        empty_image, empty_labels = render(scene, device="meta")
    assert (empty_image.shape, empty_image.dtype) == (image.shape, image.dtype)
    assert (empty_labels.shape, empty_labels.dtype) == (labels.shape, labels.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["ct", "mr", "us"])
def test_both_renderers_give_the_same_large_volume(modality):
    assert_alike(scene_of(modality, 3, shape=(64, 192, 192)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("modality", ["ct", "mr", "us"])
def test_a_cuda_device_gives_the_same_volumes(modality):
    for index in range(4):
        scene = scene_of(modality, index, shape=(24, 128, 128))
        assert_alike(scene, device="cuda")
        image, labels = render(scene)
        part = render(scene, range(5, 9))
        assert torch.equal(part[0], image[5:9])
        assert torch.equal(part[1], labels[5:9])
