"""Structures are measured only where they may be seen: looking everywhere gives the same volume."""

from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.rendering import cpu
from synthfm3d.rendering.columns import KIND, REACH_MM, X_HIGH, X_LOW, Y_HIGH, Y_LOW
from synthfm3d.rendering.tables import tables_of
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import SynthesisSettings


def without_spans(scene, slices):
    tables = tables_of(scene, slices)
    parts, structures = tables.parts.copy(), tables.structures.copy()
    there = parts[..., KIND] > 0
    for low, high in ((Y_LOW, Y_HIGH), (X_LOW, X_HIGH)):
        parts[..., low][there], parts[..., high][there] = -1e6, 1e6
    structures[:, REACH_MM] = 1e4
    return replace(tables, parts=parts, structures=structures)


@pytest.mark.parametrize("modality", ["ct", "us"])
def test_looking_everywhere_changes_next_to_nothing(monkeypatch, modality):
    settings = SynthesisSettings(shape=(24, 96, 96), modalities=(modality,))
    scenes = [draw_scene(0, index, settings) for index in range(12)]
    spans = [cpu.render(scene) for scene in scenes]
    monkeypatch.setattr(cpu, "tables_of", without_spans)
    everywhere = [cpu.render(scene) for scene in scenes]
    labels = [np.mean(a[1] != b[1]) for a, b in zip(spans, everywhere, strict=True)]
    assert np.mean(labels) < 1e-5
    # By more than a unit of noise differs less than one voxel in ten thousand.
    image = [np.mean(abs(a[0].astype(int) - b[0]) > 5) for a, b in zip(spans, everywhere, strict=True)]
    assert np.mean(image) < 1e-4
