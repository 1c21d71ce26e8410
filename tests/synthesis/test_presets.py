"""A preset that names its effects has no others, also when an effect is added."""

from dataclasses import dataclass, fields

import pytest

from synthfm3d.synthesis.ct import CtNoiseSettings
from synthfm3d.synthesis.presets import PRESETS, only_effects

PAPER = PRESETS["paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseWithMoreArtefacts(CtNoiseSettings):
    """CT with an artefact that this version does not have."""

    scatter_share: float = 0.2
    scatter_hu: tuple[float, float] = (5.0, 20.0)


def test_an_artefact_that_is_added_is_off_where_effects_are_named():
    settings = only_effects(NoiseWithMoreArtefacts(noise_hu=(3.0, 4.0)), "metal_share")
    assert settings == NoiseWithMoreArtefacts(noise_hu=(3.0, 4.0), ring_share=0.0, scatter_share=0.0)


@pytest.mark.parametrize(
    ("settings", "on"),
    [(PAPER.noise.ct, set()), (PAPER.boundary, {"averaged_share"}), (PAPER.boundary.ct, set())],
)
def test_the_paper_has_no_effects_but_averaged_slices(settings, on):
    shares = {field.name for field in fields(settings) if field.name.endswith("_share")}
    assert shares
    assert {name for name in shares if getattr(settings, name) > 0} == on
