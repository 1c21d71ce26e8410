"""What crowds CT and MR volumes: like neighbours, thin planes, chains along the body, chest and pelvis."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from synthfm3d.synthesis.ct import CtContrastSettings
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import (
    AnatomySettings,
    ContrastSettings,
    CrowdSettings,
    LayoutShares,
    SynthesisSettings,
)
from synthfm3d.synthesis.structures import LAYOUTS, Ellipsoid, Tube

ALWAYS = CrowdSettings(share=1.0, chain_share=1.0, like_share=1.0, labelled_share=0.5)


def crowded(layout, count=8, modality="ct", **contrast):
    """Crowded scenes of one layout."""
    shares = LayoutShares(**{name: float(name == layout) for name in LAYOUTS})
    settings = SynthesisSettings(
        modalities=(modality,),
        anatomy=AnatomySettings(layouts=shares, crowd=ALWAYS),
        contrast=ContrastSettings(**contrast),
    )
    return [draw_scene(5, index, settings) for index in range(count)]


def by_name(scene):
    return {structure.name: structure for structure in scene.anatomy.structures}


def tissues_of(scene):
    names = [structure.name for structure in scene.anatomy.structures]
    return dict(zip(names, scene.contrast.tissues, strict=True))


def ending(scene, words):
    return {name: s for name, s in by_name(scene).items() if name.endswith(words)}


@pytest.mark.parametrize("layout", ["trunk", "abdomen", "heart", "head", "chest", "pelvis", "free"])
def test_structures_have_names_of_their_own_and_labels_are_consecutive(layout):
    for scene in crowded(layout, 6):
        names = [structure.name for structure in scene.anatomy.structures]
        assert len(names) == len(set(names))
        values = list(scene.label_names())
        assert values == list(range(1, len(values) + 1))
        assert all(s.like is None or s.like in names for s in scene.anatomy.structures)


def test_ultrasound_is_never_crowded_and_sees_no_whole_chest_or_pelvis():
    none = replace(PRESETS["us"], anatomy=AnatomySettings(crowd=CrowdSettings(share=0.0)))
    for index in range(30):
        scene = draw_scene(1, index, PRESETS["us"])
        assert scene == draw_scene(1, index, none)
        assert scene.anatomy.layout not in ("chest", "pelvis")
        assert all(structure.like is None for structure in scene.anatomy.structures)


@pytest.mark.parametrize("preset", ["paper", "free"])
def test_presets_without_layouts_have_no_crowd(preset):
    for index in range(10):
        scene = draw_scene(2, index, PRESETS[preset])
        assert all(structure.like is None for structure in scene.anatomy.structures)


@pytest.mark.parametrize("layout", ["abdomen", "pelvis", "free"])
def test_a_neighbour_has_nearly_the_signal_of_what_it_lies_beside(layout):
    least = 1.0
    steps = []
    for scene in crowded(layout, least_contrast=least, ct=CtContrastSettings(texture_hu=(0.0, 0.0))):
        tissues = tissues_of(scene)
        for name, neighbour in by_name(scene).items():
            if name.startswith("beside") and neighbour.layers[-1].label == 0:
                host = by_name(scene)[neighbour.like]
                own = dict(zip((x.material for x in host.layers), tissues[host.name], strict=True))
                layer, tissue = neighbour.layers[-1], tissues[name][-1]
                steps.append((tissue.mean - own[layer.material].mean) / scene.acquisition.noise_hu)
    assert len(steps) > 20
    assert np.std(steps) == pytest.approx(0.5 * least, rel=0.5)
    assert np.abs(steps).max() < 2.5 * least  # five standard deviations


def test_muscles_have_the_signal_of_the_body_wall_and_planes_about_a_pixel_wide():
    low, high = ALWAYS.plane_pixels
    parted = together = 0
    for scene in crowded("pelvis", mixture_share=0.0, least_contrast=0.0):
        wall = {
            layer.material: tissue
            for layer, tissue in zip(by_name(scene)["body"].layers, tissues_of(scene)["body"], strict=True)
        }
        for name, muscle in ending(scene, "gluteus maximus").items():
            assert muscle.like == "body"
            assert tissues_of(scene)[name][-1].mean == pytest.approx(wall["muscle"].mean)
            assert tissues_of(scene)[name][-1].texture == wall["muscle"].texture
            if len(muscle.layers) == 1:
                together += 1
                continue
            parted += 1
            plane, belly = muscle.layers
            assert plane.label == 0
            assert low <= belly.depth_mm / scene.spacing_mm[1] <= high * 1.001
    assert parted > together > 0


def test_vertebrae_of_a_crowded_body_have_arches_behind_their_bodies():
    for scene in crowded("abdomen"):
        for vertebra in (s for n, s in by_name(scene).items() if n.startswith("vertebra")):
            body, *arch = vertebra.parts
            assert len(arch) == 7
            assert all(tube.end_mm[1] > body.centre_mm[0] for tube in arch)


def test_discs_with_labels_lie_between_vertebrae():
    found = 0
    for scene in crowded("trunk", 12):
        structures = by_name(scene)
        for name, disc in structures.items():
            number = name.removeprefix("disc ")
            if name == "discs" or not name.startswith("disc "):
                continue
            found += 1
            below = structures[f"vertebra {number}"].parts[0].scale
            assert disc.parts[0].scale[0][0] == pytest.approx(below[-1][0], abs=2.0)
            above = structures.get(f"vertebra {int(number) + 1}")
            if above:
                assert disc.parts[0].scale[-1][0] == pytest.approx(above.parts[0].scale[0][0], abs=2.0)
    assert found > 10


def test_ribs_follow_each_other_at_even_distances_on_both_sides():
    for scene in crowded("chest"):
        left, right = (
            [s for n, s in by_name(scene).items() if n.startswith(f"{side} rib")]
            for side in ("left", "right")
        )
        assert left
        heights = [rib.parts[0].start_mm[0] for rib in left]
        steps = np.diff(heights)
        assert np.allclose(steps, steps.mean() if len(steps) else 0.0, rtol=1e-3)
        for rib, other in zip(left, right, strict=True):
            assert rib.parts[0].start_mm[:2] == other.parts[0].start_mm[:2]
            assert all(a.end_mm == b.start_mm for a, b in pairwise(rib.parts))


def test_lungs_lie_on_both_sides_of_the_spine():
    for scene in crowded("chest"):
        structures = by_name(scene)
        middle = structures["vertebra 1"].parts[0].centre_mm[1]
        left, right = (structures[f"{side} lung"].parts[0].centre_mm[2] for side in ("left", "right"))
        assert right < middle < left


def test_the_head_of_a_femur_lies_in_the_socket_of_the_hip_bone():
    for scene in crowded("pelvis"):
        structures = by_name(scene)
        for side in ("left", "right"):
            head = structures[f"{side} femur"].parts[0]
            socket = structures[f"{side} hip bone"].parts[-1]
            assert isinstance(head, Tube)
            assert isinstance(socket, Ellipsoid)
            assert np.linalg.norm(np.subtract(head.start_mm, socket.centre_mm)) < head.start_radius_mm
            cartilage, *bone = structures[f"{side} femur"].layers
            assert (cartilage.material, cartilage.label) == ("disc", 0)
            assert {layer.label for layer in bone} != {0}


def test_links_of_a_chain_are_of_one_signal_and_size():
    for scene in crowded("free"):
        links = [s for n, s in by_name(scene).items() if n.startswith("link")]
        assert 4 <= len(links) <= 9
        sizes = np.array([link.parts[0].semi_axes_mm for link in links])
        assert (sizes.max(axis=0) / sizes.min(axis=0) < 1.23).all()  # each within 10 % of the same
        assert {link.like for link in links} == {None, "link 1"}


def test_soft_tissues_of_a_mixture_of_ct_share_a_few_greys():
    """With one grey, means are 4 HU about it; only what could not be told from its surroundings differs."""
    for scene in crowded("free", mixture_share=1.0, ct=CtContrastSettings(greys=(1, 1)), least_contrast=0.0):
        means = [
            tissue.mean
            for structure, tissues in zip(scene.anatomy.structures, scene.contrast.tissues, strict=True)
            for layer, tissue in zip(structure.layers, tissues, strict=True)
            if structure.like is None and layer.material in ("parenchyma", "blood", "fluid", "wall")
        ]
        assert np.std(means) < 8.0
