"""A beating heart: the third axis is time, and what it shows follows the filling of the ventricle."""

from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.generate import generate, realise
from synthfm3d.synthesis.anatomy.cine import _filling
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.structures import Stack

SETTINGS = replace(PRESETS["cine-us"], shape=(24, 96, 96))


def _areas(volume):
    """Pixels of each structure by name, frame by frame."""
    names = volume.scene.label_names()
    return {name: (volume.labels.voxels == value).sum(axis=(1, 2)) for value, name in names.items()}


def _scale(scene, name):
    """The beat of a structure's first part, frame by frame."""
    part = next(s for s in scene.anatomy.structures if s.name == name).parts[0]
    assert isinstance(part, Stack)
    curve = dict(part.scale)
    return np.array([curve[float(t)] for t in range(scene.shape[0])])


def test_a_cine_volume_says_that_its_third_axis_is_time():
    volume = generate(0, 0, SETTINGS)
    assert volume.image.third_axis == volume.labels.third_axis == volume.scene.third_axis == "time"
    assert volume.image.spacing_mm[0] == 1.0


def test_the_ventricle_is_full_at_the_beat_and_empty_a_third_later():
    assert _filling(0.0) == _filling(1.0) == _filling(-3.0) == 1.0
    assert _filling(0.33) == 0.0
    assert all(0 <= _filling(n / 97) <= 1 for n in range(97))


@pytest.mark.parametrize("index", range(6))
def test_the_area_of_the_cavity_follows_the_square_of_its_scale(index):
    """In-plane lengths shrink by the scale, so the area by its square; roughness and blends are small."""
    scene = draw_scene(4, index, SETTINGS)
    smooth = tuple(replace(s, roughness_mm=(0.0, 0.0), blend_mm=0.0) for s in scene.anatomy.structures)
    papillary = tuple(s for s in smooth if "papillary" not in s.name and "leaflet" not in s.name)
    kept = [n for n, s in enumerate(smooth) if s in papillary]
    tissues = tuple(scene.contrast.tissues[n] for n in kept)
    calm = replace(
        scene,
        anatomy=replace(scene.anatomy, structures=papillary, warp_amplitude_mm=0.0),
        contrast=replace(scene.contrast, tissues=tissues),
        acquisition=replace(scene.acquisition, probe="linear", apex_mm=(-4000.0, 48.0 * scene.spacing_mm[1]),
                            near_mm=4000.0, far_mm=4000.0 + 96 * scene.spacing_mm[1], half_width=0.02),
    )  # fmt: skip
    area = _areas(realise(calm))["left ventricle"].astype(float)
    scale = _scale(scene, "left ventricle")
    assert np.corrcoef(area, scale * scale)[0, 1] > 0.98
    assert area.min() / area.max() == pytest.approx((scale.min() / scale.max()) ** 2, abs=0.08)


def test_the_wall_thickens_as_the_cavity_empties():
    """The outer ellipse shrinks less than the inner one."""
    for index in range(6):
        scene = draw_scene(4, index, SETTINGS)
        inner, outer = _scale(scene, "left ventricle"), _scale(scene, "left ventricle wall")
        empty, full = inner.argmin(), inner.argmax()
        assert inner[empty] < inner[full]
        assert outer[empty] - inner[empty] > outer[full] - inner[full]


def test_atria_are_largest_when_ventricles_are_smallest():
    found = 0
    for index in range(8):
        scene = draw_scene(4, index, SETTINGS)
        if any(s.name == "left atrium" for s in scene.anatomy.structures):
            found += 1
            assert np.corrcoef(_scale(scene, "left atrium"), _scale(scene, "left ventricle"))[0, 1] < -0.99
    assert found >= 3


def test_chambers_are_there_in_every_frame():
    for index in range(6):
        assert _areas(generate(4, index, SETTINGS))["left ventricle"].min() > 20


def test_a_frame_alone_has_the_bits_of_the_whole_sequence():
    scene = draw_scene(4, 1, SETTINGS)
    whole, some = realise(scene), realise(scene, range(9, 13))
    assert np.array_equal(whole.image.voxels[9:13], some.image.voxels)
    assert np.array_equal(whole.labels.voxels[9:13], some.labels.voxels)
