"""A scene is a function of (seed, index), and its parts have streams of their own."""

import json
from dataclasses import replace

import pytest

from synthfm3d.synthesis.anatomy.shapes import FamilyShares
from synthfm3d.synthesis.ct import CtBoundarySettings, CtContrastSettings, CtNoiseSettings
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.modality import GreySettings
from synthfm3d.synthesis.mr import MrNoiseSettings
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import (
    AnatomySettings,
    BoundarySettings,
    ContrastSettings,
    LayoutShares,
    NoiseSettings,
    SynthesisSettings,
)
from synthfm3d.synthesis.structures import LAYOUTS
from synthfm3d.synthesis.ultrasound import UltrasoundNoiseSettings
from synthfm3d.volume import MODALITIES


def test_the_same_seed_and_index_give_the_same_scene():
    assert draw_scene(3, 5) == draw_scene(3, 5)


def test_neighbouring_indices_and_seeds_give_different_scenes():
    assert len({str(draw_scene(seed, index)) for seed in range(3) for index in range(3)}) == 9


def test_a_scene_is_a_few_kilobytes_of_json_that_name_every_label():
    for index in range(10):
        scene = draw_scene(1, index)
        text = json.dumps(scene.to_dict())
        assert len(text) < 100_000
        assert {int(v) for v in json.loads(text)["label_names"]} == set(scene.label_names())


def only(layout: str) -> SynthesisSettings:
    """Settings that draw one layout."""
    shares = LayoutShares(**{name: float(name == layout) for name in LAYOUTS})
    return SynthesisSettings(anatomy=AnatomySettings(layouts=shares))


@pytest.mark.parametrize("layout", ["trunk", "free", "head"])
def test_scenes_without_a_table_have_eight_to_fourteen_organs_and_more_in_a_deeper_stack(layout):
    for index in range(20):
        scene = draw_scene(2, index, only(layout))
        depth, height, width = (n * mm for n, mm in zip(scene.shape, scene.spacing_mm, strict=True))
        deeper = min(max(depth / min(height, width), 1.0), 2.0)
        names = [s.name for s in scene.anatomy.structures]
        organs = len([n for n in names if n.startswith("organ") and "twin" not in n])
        assert round(8 * deeper) <= organs <= round(14 * deeper)


def test_the_abdomen_has_paired_kidneys_behind_and_the_liver_beside_the_stomach():
    seen = 0
    for index in range(20):
        scene = draw_scene(3, index, only("abdomen"))
        places = {
            s.name: s.parts[0].centre_mm for s in scene.anatomy.structures if hasattr(s.parts[0], "centre_mm")
        }
        if {"right kidney", "left kidney", "liver"} <= set(places):
            seen += 1
            (_, right_y, right_x), (_, left_y, left_x) = places["right kidney"], places["left kidney"]
            assert abs(right_y - left_y) < 0.25 * scene.shape[1] * scene.spacing_mm[1]
            # Mirrored now and then, the liver stays on the side of the right kidney.
            middle = (right_x + left_x) / 2
            assert (places["liver"][2] < middle) == (right_x < left_x)
    assert seen > 8


def test_the_left_ventricle_is_a_cavity_in_a_thick_wall():
    for index in range(10):
        scene = draw_scene(3, index, only("heart"))
        (ventricle,) = [s for s in scene.anatomy.structures if s.name == "left ventricle"]
        wall, cavity = ventricle.layers
        assert (wall.material, cavity.material) == ("muscle", "blood")
        assert 0 < cavity.depth_mm < min(ventricle.parts[0].semi_axes_mm)


def test_label_values_are_consecutive_from_one_and_fit_a_byte():
    for index in range(40):
        values = sorted(draw_scene(4, index).label_names())
        assert values == list(range(1, len(values) + 1))
        assert values[-1] <= 255


def test_all_modalities_layouts_and_families_occur():
    scenes = [draw_scene(0, index) for index in range(80)]
    assert {s.modality for s in scenes} == set(MODALITIES)
    assert {s.anatomy.layout for s in scenes} == set(LAYOUTS)
    parts = {type(p).__name__ for s in scenes for structure in s.anatomy.structures for p in structure.parts}
    assert parts == {"Ellipsoid", "Stack", "Tube", "Superquadric", "Star"}


def test_organs_are_born_grow_erode_and_end():
    curves = [
        part.scale
        for index in range(30)
        for structure in draw_scene(0, index).anatomy.structures
        if structure.name.startswith("organ")
        for part in structure.parts
        if hasattr(part, "scale")
    ]
    assert len(curves) > 20
    for curve in curves:
        heights, scales = zip(*curve, strict=True)
        assert list(heights) == sorted(set(heights))
        grown = scales.index(1.0)
        erosion = len(scales) - 1 - scales[::-1].index(1.0)
        assert 0 < grown < erosion < len(scales) - 1
        assert list(scales[: grown + 1]) == sorted(scales[: grown + 1])
        assert list(scales[erosion:]) == sorted(scales[erosion:], reverse=True)
        assert set(scales[grown : erosion + 1]) == {1.0}
    assert {len(curve) for curve in curves} == {4, 12}  # constant rates, and those of an ellipsoid


def test_bifurcations_follow_murrays_law():
    """The cubes of two branches' radii sum to that of their parent (here as drawn, before tapering)."""
    checked = 0
    for index in range(20):
        for structure in draw_scene(1, index).anatomy.structures:
            if not structure.name.startswith("vessel tree"):
                continue
            for tube in structure.parts:
                branches = [t for t in structure.parts if t.start_mm == tube.end_mm]
                if len(branches) == 2:
                    checked += 1
                    cubes = sum(t.start_radius_mm**3 for t in branches)
                    assert cubes == pytest.approx(tube.end_radius_mm**3, rel=1e-3)
    assert checked > 10


AXES = {
    "anatomy": AnatomySettings,
    "contrast": ContrastSettings,
    "boundary": BoundarySettings,
    "noise": NoiseSettings,
}


def part_of(scene, axis):
    return scene.acquisition if axis == "noise" else getattr(scene, axis)


@pytest.mark.parametrize("axis", AXES)
def test_a_fixed_axis_is_the_same_in_all_volumes_and_the_others_go_on(axis):
    settings = SynthesisSettings(
        modalities=("mr",), pixel_mm=(1.0, 1.0), anisotropy=(2.0, 2.0), **{axis: AXES[axis](mode="fixed")}
    )
    first, other = draw_scene(3, 0, settings), draw_scene(3, 1, settings)
    if axis == "contrast":  # each material keeps its signal
        assert first.contrast.kind == other.contrast.kind
        assert first.contrast.texture_mm == other.contrast.texture_mm
    else:
        assert part_of(first, axis) == part_of(other, axis)
    for free in set(AXES) - {axis}:
        assert part_of(first, free) != part_of(other, free)


@pytest.mark.parametrize("axis", AXES)
def test_switching_one_axis_off_leaves_the_others_as_they_were(axis):
    base = SynthesisSettings(modalities=("mr",))
    off = replace(base, **{axis: AXES[axis](mode="off")})
    drawn, reduced = draw_scene(3, 4, base), draw_scene(3, 4, off)
    assert part_of(drawn, axis) != part_of(reduced, axis)
    # Contrast belongs to an anatomy and must be seen through noise; the rest is independent.
    follows = {"anatomy": {"contrast"}, "noise": {"contrast"}}.get(axis, set())
    for kept in set(AXES) - {axis} - follows:
        assert part_of(drawn, kept) == part_of(reduced, kept)


def test_every_labelled_layer_can_be_told_from_what_is_around_it():
    """Contrast-to-noise as asked for, against the layer above, the host or the cavity."""
    least = 4.0  # far above the default, so that chance alone does not reach it
    settings = SynthesisSettings(modalities=("ct", "mr"), contrast=ContrastSettings(least_contrast=least))
    for index in range(40):
        scene = draw_scene(7, index, settings)
        noise = scene.acquisition.noise_hu if scene.modality == "ct" else scene.acquisition.noise
        shown = abs if scene.modality == "mr" else float  # MR shows magnitudes
        innermost = {}
        for structure, tissues in zip(scene.anatomy.structures, scene.contrast.tissues, strict=True):
            outside = -1000.0 if scene.modality == "ct" else 0.0
            outer = innermost.get(structure.within or "body", outside)
            innermost[structure.name] = tissues[-1].mean
            for n, (layer, tissue) in enumerate(zip(structure.layers, tissues, strict=True)):
                same = n > 0 and layer.material == structure.layers[n - 1].material
                if layer.label and not same:
                    step = abs(shown(tissue.mean) - shown(outer))
                    assert step >= least * noise, (index, structure.name)
                outer = tissue.mean


def test_a_whole_body_fills_the_field_of_view_where_the_pixels_allow_it():
    settings = replace(only("abdomen"), modalities=("ct", "mr"), pixel_mm=(0.5, 3.0), shape=(16, 192, 192))
    for index in range(10):
        assert 300 <= 192 * draw_scene(5, index, settings).spacing_mm[1] <= 460
    narrow = replace(settings, pixel_mm=(0.5, 0.7))
    assert all(draw_scene(5, index, narrow).spacing_mm[1] == 0.7 for index in range(10))


def test_paired_organs_have_the_same_signals():
    layouts = LayoutShares(trunk=0.0, abdomen=1.0, heart=0.0, head=0.0, chest=0.0, pelvis=0.0, free=0.0)
    found = 0
    for index in range(12):
        scene = draw_scene(3, index, SynthesisSettings(anatomy=AnatomySettings(layouts=layouts)))
        means = {
            structure.name: tissues[0].mean
            for structure, tissues in zip(scene.anatomy.structures, scene.contrast.tissues, strict=True)
        }
        if "left kidney" in means and "right kidney" in means:
            found += 1
            assert means["left kidney"] == means["right kidney"]
    assert found > 4


def test_a_drawn_parameter_has_six_significant_digits():
    draw = Draw(0, "test")
    for value in (draw.uniform(0, 1), draw.log_uniform(1e-3, 1e3), draw.normal(5), *draw.direction(3)):
        assert value == rounded(value) == float(f"{value:.6g}")


def test_directions_have_unit_length_and_no_preference():
    draw = Draw(0, "directions")
    directions = [draw.direction(3) for _ in range(3000)]
    for axis in range(3):
        mean = sum(d[axis] for d in directions) / len(directions)
        square = sum(d[axis] ** 2 for d in directions) / len(directions)
        assert abs(mean) < 0.05  # standard error 0.0105
        assert square == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"shape": (0, 64, 64)}, "shape"),
        ({"shape": (64, 64, 100_000)}, "shape"),
        ({"modalities": ("xray",)}, "modalities"),
        ({"modalities": ()}, "modalities"),
        ({"pixel_mm": (0.0, 1.0)}, "pixel_mm"),
        ({"shape": (64, 4, 64)}, "shape"),
    ],
)
def test_impossible_settings_are_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        replace(SynthesisSettings(), **change)


def test_a_negative_index_is_refused():
    with pytest.raises(ValueError, match="index"):
        draw_scene(0, -1)


def test_the_fluid_around_a_brain_is_not_its_white_matter():
    for index in range(20):
        scene = draw_scene(3, index, replace(only("head"), modalities=("ct", "mr")))
        means = {
            layer.name: tissue.mean
            for layer, tissue in zip(
                scene.anatomy.structures[0].layers, scene.contrast.tissues[0], strict=True
            )
        }
        assert means["fluid"] != means["white matter"]


def test_the_two_sides_of_the_heart_are_not_one_organ():
    for index in range(30):
        scene = draw_scene(3, index, replace(only("heart"), modalities=("ct", "mr")))
        means = {
            s.name: [t.mean for t in tissues]
            for s, tissues in zip(scene.anatomy.structures, scene.contrast.tissues, strict=True)
        }
        assert means["right ventricle"][0] != means["left ventricle"][-1]


def test_blood_and_bile_fill_what_is_named_after_them():
    """Whatever wall or capsule surrounds them; only outermost layers have the signals of their organ."""
    filled = {"aorta": "blood", "vena cava": "blood", "gallbladder": "fluid"}
    seen = 0
    for index in range(20):
        for structure in draw_scene(4, index, only("abdomen")).anatomy.structures:
            if structure.name in filled:
                seen += 1
                assert structure.layers[-1].material == filled[structure.name]
    assert seen > 30


def test_more_labels_than_a_byte_holds_are_refused_by_the_settings_that_ask_for_them():
    crowded = AnatomySettings(
        organs=(40, 40), twin_share=1.0, wall_share=1.0, lesion_share=1.0, distractor_share=0.0,
        layouts=only("free").anatomy.layouts, size=(0.15, 0.2),
        families=FamilyShares(ellipsoid=1.0, stack=0.0, star=0.0, superquadric=0.0, sausage=0.0),
    )  # fmt: skip
    settings = SynthesisSettings(anatomy=crowded, modalities=("ct",))
    with pytest.raises(ValueError, match=r"anatomy\.organs"):
        _ = [draw_scene(0, index, settings) for index in range(10)]


def test_the_anatomy_does_not_shift_spacing_boundary_or_noise():
    drawn = replace(only("free"), modalities=("ct",))
    other = replace(drawn, anatomy=replace(drawn.anatomy, organs=(9, 9), twin_share=0.9))
    for index in range(12):
        one, two = draw_scene(8, index, drawn), draw_scene(8, index, other)
        assert (one.spacing_mm, one.boundary, one.acquisition) == (
            two.spacing_mm,
            two.boundary,
            two.acquisition,
        )


@pytest.mark.parametrize(
    ("axis", "change", "kept"),
    [
        ("boundary", {"shield_share": 0.0}, ("fade", "rim", "sub_slices")),
        ("noise", {"ct": CtNoiseSettings(ring_share=0.0)}, ("streak_hu", "metal_mm", "noise_hu")),
    ],
)
def test_a_share_shifts_nothing_but_its_own_effect(axis, change, kept):
    drawn = SynthesisSettings(modalities=("ct",))
    without = replace(drawn, **{axis: replace(getattr(drawn, axis), **change)})
    part = "acquisition" if axis == "noise" else axis
    for index in range(30):
        one, two = (getattr(draw_scene(8, index, s), part) for s in (drawn, without))
        assert all(getattr(one, name) == getattr(two, name) for name in kept)


def test_probes_are_a_choice_and_not_a_range():
    for probes in (("phased", "curved"), ("curved", "phased"), ("circular",)):
        settings = SynthesisSettings(
            modalities=("us",), noise=NoiseSettings(us=UltrasoundNoiseSettings(probes=probes))
        )
        assert {draw_scene(1, index, settings).acquisition.probe for index in range(12)} == set(probes)


def test_no_noise_and_no_texture_can_be_asked_for():
    settings = SynthesisSettings(
        modalities=("ct",),
        noise=NoiseSettings(ct=CtNoiseSettings(noise_hu=(0.0, 0.0))),
        contrast=ContrastSettings(ct=CtContrastSettings(texture_hu=(0.0, 0.0))),
    )
    scene = draw_scene(1, 0, settings)
    assert scene.acquisition.noise_hu == 0
    assert all(t.texture == (0.0,) * 4 and t.cluster == 0 for ts in scene.contrast.tissues for t in ts)


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        (AnatomySettings, {"organs": (5, 3)}, "organs"),
        (AnatomySettings, {"organs": (8, 400)}, "organs"),
        (AnatomySettings, {"wall_share": 1.5}, "wall_share"),
        (AnatomySettings, {"size": (0.0, 0.1)}, "size"),
        (ContrastSettings, {"grain": (2.0, 1.0)}, "grain"),
        (BoundarySettings, {"psf_pixels": (0.0, 1.0)}, "psf_pixels"),
        (MrNoiseSettings, {"noise": (0.2, 0.1)}, "noise"),
        (LayoutShares, {"trunk": -1.0}, "layout"),
        (AnatomySettings, {"trunks": (300, 300)}, "trunks"),
        (AnatomySettings, {"warp": (-1.0, -1.0)}, "warp"),
        (AnatomySettings, {"size": (float("inf"), float("inf"))}, "size"),
        (AnatomySettings, {"shape_noise": (0.0, 0.0)}, "shape_noise"),
        (ContrastSettings, {"least_contrast": float("nan")}, "least_contrast"),
        (CtContrastSettings, {"texture_hu": (0.0, 5.0)}, "texture_hu"),
        (BoundarySettings, {"fade": (-5.0, -2.0)}, "fade"),
        (BoundarySettings, {"rim": (-50.0, 0.0)}, "rim"),
        (CtBoundarySettings, {"fade_share": 1.5}, "fade_share"),
        (UltrasoundNoiseSettings, {"probes": ()}, "probes"),
        (CtNoiseSettings, {"noise_hu": (-5.0, 5.0)}, "noise_hu"),
        (CtNoiseSettings, {"ring_hu": (0.0, 5.0)}, "ring_hu"),
        (CtNoiseSettings, {"slice_correlation": (0.9, 0.9)}, "slice_correlation"),
        (UltrasoundNoiseSettings, {"dynamic_range_db": (0.0, 0.0)}, "dynamic_range_db"),
        (GreySettings, {"gamma": (0.0, 1.0)}, "gamma"),
        (MrNoiseSettings, {"kept": (2.0, 3.0)}, "kept"),
        (MrNoiseSettings, {"motion_pixels": (-500, 500)}, "motion_pixels"),
        (UltrasoundNoiseSettings, {"ripple_db": -1.0}, "ripple_db"),
    ],
)
def test_impossible_ranges_are_refused_by_name(kind, change, named):
    with pytest.raises(ValueError, match=named):
        kind(**change)
