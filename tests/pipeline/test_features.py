"""What a scene has, told from its parameters."""

from dataclasses import replace

import pytest

from synthfm3d.pipeline.features import effects_of, shares_of
from synthfm3d.synthesis.ct import CtAcquisition, CtNoiseSettings
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import NoiseSettings, SynthesisSettings

SMALL = SynthesisSettings(shape=(8, 48, 48))


def test_an_effect_is_on_where_its_parameter_leaves_its_default():
    scene = draw_scene(0, 0, SMALL)
    plain = replace(scene, modality="mr", acquisition=MrAcquisition(noise=0.01, bias=0.1))
    ringing = replace(plain, acquisition=MrAcquisition(noise=0.01, bias=0.1, kept=0.7))
    assert effects_of(plain)["Gibbs ringing"] is False
    assert effects_of(ringing)["Gibbs ringing"] is True
    assert effects_of(plain).keys() == effects_of(ringing).keys()


def test_only_what_a_modality_knows_is_counted():
    scene = draw_scene(0, 0, SMALL)
    metal = replace(scene, acquisition=CtAcquisition(noise_hu=10, streak_hu=50))
    clean = replace(scene, acquisition=CtAcquisition(noise_hu=10))
    other = replace(scene, modality="mr", acquisition=MrAcquisition(noise=0.01, bias=0.1))
    effects = shares_of([metal, clean, other, other]).effect
    assert effects["metal streaks"] == 0.5
    assert effects["ghosts"] == 0.0


def test_shares_follow_the_settings():
    always = SynthesisSettings(
        shape=(8, 48, 48),
        modalities=("ct",),
        noise=NoiseSettings(ct=CtNoiseSettings(ring_share=1.0, metal_share=0.0)),
    )
    shares = shares_of(draw_scene(0, index, always) for index in range(12))
    assert shares.modality == {"ct": 1.0}
    assert (shares.effect["rings"], shares.effect["metal streaks"]) == (1.0, 0.0)
    assert sum(shares.layout.values()) == pytest.approx(1, abs=1e-3)
