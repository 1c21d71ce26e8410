"""Families of structures and layouts have the properties that their names promise."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from synthfm3d.synthesis.anatomy.shapes import FamilyShares
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import AnatomySettings, LayoutShares, SynthesisSettings
from synthfm3d.synthesis.structures import Ellipsoid, Stack, Tube

NO_LAYOUT = LayoutShares(trunk=0.0, abdomen=0.0, heart=0.0, head=0.0, chest=0.0, pelvis=0.0, free=1.0)


def scenes(layout, count=16, seed=9, **anatomy):
    shares = replace(NO_LAYOUT, **({"free": 0.0} | {layout: 1.0}))
    settings = SynthesisSettings(modalities=("ct", "mr"), anatomy=AnatomySettings(layouts=shares, **anatomy))
    return [draw_scene(seed, index, settings) for index in range(count)]


def named(scene, start):
    return [s for s in scene.anatomy.structures if s.name.startswith(start)]


def test_lesions_lie_in_their_hosts_and_have_their_core_inside():
    cores = found = 0
    for scene in scenes("free", lesion_share=0.8):
        by_name = {s.name: s for s in scene.anatomy.structures}
        for lesion in named(scene, "lesion"):
            found += 1
            host = by_name[lesion.within].parts[0]
            reach = max(host.semi_axes_mm) if hasattr(host, "semi_axes_mm") else host.radius_mm
            apart = np.linalg.norm(np.subtract(lesion.parts[0].centre_mm, host.centre_mm))
            assert apart <= reach
            assert [layer.material for layer in lesion.layers] in (["lesion"], ["lesion", "necrosis"])
            if len(lesion.layers) == 2:
                cores += 1
                assert 0 < lesion.layers[1].depth_mm < lesion.parts[0].radius_mm
    assert found > 20
    assert 0 < cores < found


def test_vertebrae_are_shells_of_cortex_around_marrow_one_above_the_other():
    for scene in scenes("trunk"):
        vertebrae = named(scene, "vertebra")
        ends = [(v.parts[0].scale[0][0], v.parts[0].scale[-1][0]) for v in vertebrae]
        assert ends == sorted(ends)
        assert all(top < bottom for (_, top), (bottom, _) in pairwise(ends))
        for vertebra in vertebrae:
            assert [layer.material for layer in vertebra.layers] == ["cortical bone", "marrow"]
            assert vertebra.layers[1].depth_mm > 0
            assert len({layer.label for layer in vertebra.layers}) == 1


def test_a_spine_is_one_target_or_a_target_for_each_vertebra():
    counts = []
    for scene in scenes("trunk", 30):
        vertebrae = named(scene, "vertebra")
        if len(vertebrae) > 1:
            counts.append((len({v.layers[0].label for v in vertebrae}), len(vertebrae)))
    assert {labels == 1 for labels, _ in counts} == {True, False}
    assert all(labels in (1, vertebrae) for labels, vertebrae in counts)


def test_a_kidney_is_cortex_around_medulla():
    found = 0
    for scene in scenes("abdomen"):
        for name in ("left kidney", "right kidney"):
            for kidney in named(scene, name):
                found += 1
                cortex, medulla = kidney.layers
                assert (cortex.material, medulla.material) == ("parenchyma", "medulla")
                assert 0 < medulla.depth_mm < 0.45 * min(kidney.parts[0].semi_axes_mm)
    assert found > 10


def _across_slices(quaternion):
    """How much of the first axis (base to apex) runs through the slices, 0 to 1."""
    w, i, j, k = quaternion
    return abs(1 - 2 * (j * j + k * k) / (w * w + i * i + j * j + k * k))


def test_hearts_are_seen_along_their_long_axis_and_across_it():
    through = []
    for scene in scenes("heart", 40):
        (ventricle,) = [s for s in scene.anatomy.structures if s.name == "left ventricle"]
        part = ventricle.parts[0]
        assert isinstance(part, Ellipsoid)
        assert part.semi_axes_mm[0] > max(part.semi_axes_mm[1:])
        through.append(_across_slices(part.quaternion))
    assert all(share > 0.8 or share < 0.55 for share in through)
    assert 0.25 < np.mean(np.array(through) > 0.8) < 0.7


def test_a_head_narrows_to_its_vertex():
    for scene in scenes("head"):
        outline = scene.anatomy.structures[0].parts[0]
        assert isinstance(outline, Stack)
        scales = [scale for _, scale in outline.scale]
        heights = [height for height, _ in outline.scale]
        assert heights == sorted(heights)
        vertex = scales[-1] if scales[-1] < scales[0] else scales[0]
        assert vertex == pytest.approx(0.02)
        assert max(scales) == 1.0


def test_branches_of_a_tree_grow_out_of_each_other():
    for scene in scenes("free", 8):
        for tree in named(scene, "vessel tree"):
            ends = {tree.parts[0].start_mm}
            for tube in tree.parts:
                assert isinstance(tube, Tube)
                assert tube.start_mm in ends
                assert tube.end_radius_mm <= tube.start_radius_mm
                ends.add(tube.end_mm)


def test_a_sausage_is_a_chain_of_tubes_that_meet():
    only = FamilyShares(ellipsoid=0.0, stack=0.0, star=0.0, superquadric=0.0, sausage=1.0)
    for scene in scenes("free", 8, families=only, twin_share=0.0):
        for organ in named(scene, "organ"):
            for before, after in pairwise(organ.parts):
                assert before.end_mm == after.start_mm
                assert before.end_radius_mm == after.start_radius_mm


def test_a_wall_is_at_least_two_pixels_thick():
    for scene in scenes("free", 20):
        pixel = scene.spacing_mm[1]
        for organ in named(scene, "organ"):
            if organ.layers[0].material == "wall" and len(organ.layers) > 1:
                assert organ.layers[1].depth_mm >= 1.999 * pixel
