"""A scene is a function of (seed, index), and its parts have streams of their own."""

import json
from dataclasses import replace

import pytest

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.sampler import SynthesisSettings, draw_scene
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


def test_every_scene_has_eight_to_twelve_organs():
    for index in range(40):
        names = [s.name for s in draw_scene(2, index).structures]
        organs = [n for n in names if n.startswith("organ") and "twin" not in n]
        assert 8 <= len(organs) <= 12


def test_label_values_are_consecutive_from_one():
    for index in range(20):
        values = sorted(draw_scene(4, index).label_names())
        assert values == list(range(1, len(values) + 1))


def test_all_modalities_and_layouts_occur():
    scenes = [draw_scene(0, index) for index in range(60)]
    assert {s.modality for s in scenes} == set(MODALITIES)
    assert {s.layout for s in scenes} == {"trunk", "head", "inside"}


def test_organs_are_born_grow_erode_and_end_within_the_volume():
    curves = [
        part.scale
        for index in range(20)
        for structure in draw_scene(0, index).structures
        if structure.name.startswith("organ")
        for part in structure.parts
        if hasattr(part, "scale")
    ]
    assert len(curves) > 20
    for (birth, small), (grown, full), (erosion, still), (end, shrunk) in curves:
        assert birth < grown < erosion < end
        assert small < full == still > shrunk


def test_the_number_of_organs_does_not_change_contrast_boundary_or_noise():
    few = draw_scene(6, 1, SynthesisSettings(organs=(8, 8)))
    many = draw_scene(6, 1, SynthesisSettings(organs=(12, 12)))
    assert few.structures != many.structures
    assert (few.boundary, few.acquisition, few.structures[0]) == (
        many.boundary,
        many.acquisition,
        many.structures[0],
    )


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
        ({"organs": (5, 3)}, "organs"),
        ({"pixel_mm": (0.0, 1.0)}, "pixel_mm"),
    ],
)
def test_impossible_settings_are_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        replace(SynthesisSettings(), **change)


def test_a_negative_index_is_refused():
    with pytest.raises(ValueError, match="index"):
        draw_scene(0, -1)
