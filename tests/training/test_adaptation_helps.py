"""Adaptation to a scanner and a convention of labels that the default model was not trained for."""

from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.evaluation.datasets.cases import Target, make_case
from synthfm3d.evaluation.methods.models import model_method
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.scoring.evaluate import evaluate_case
from synthfm3d.generate import generate
from synthfm3d.model.checkpoint import read_network, weights_path, write_network
from synthfm3d.model.volumetric import VolumetricNetwork
from synthfm3d.synthesis.mr import MrNoiseSettings
from synthfm3d.synthesis.settings import (
    AnatomySettings,
    BoundarySettings,
    ContrastSettings,
    LayoutShares,
    NoiseSettings,
    SynthesisSettings,
)
from synthfm3d.training.adaptation import adapt
from synthfm3d.training.adaptation_family import AdaptationConfig
from synthfm3d.training.config import ValidationConfig
from synthfm3d.training.own_scans import own_scan

HEARTS = LayoutShares(trunk=0, abdomen=0, heart=1, head=0, chest=0, pelvis=0, free=0)
SCANNER = SynthesisSettings(
    shape=(20, 80, 80),
    modalities=("mr",),
    pixel_mm=(3.0, 3.0),
    anisotropy=(1.6, 1.6),
    anatomy=AnatomySettings(layouts=HEARTS),
    contrast=ContrastSettings(mode="fixed", least_contrast=0.3),
    boundary=BoundarySettings(mode="fixed", psf_pixels=(1.4, 1.4)),
    # The default preset goes up to 0.07 and 0.3.
    noise=NoiseSettings(mode="fixed", mr=MrNoiseSettings(noise=(0.12, 0.12), bias=(0.6, 0.6))),
)
WALL = "left ventricle wall"
STEPS = 240


def labelled(first: int, count: int) -> list:
    """Scans of the scanner that show the wall of the left ventricle, each with its mask, from an index on."""
    found, index = [], first
    while len(found) < count:
        volume = generate(800_001, index, SCANNER)
        layers = [layer for part in volume.scene.anatomy.structures for layer in part.layers]
        labels = [layer.label for layer in layers if layer.name == WALL and layer.label]
        mask = np.isin(volume.labels.voxels, labels)
        if mask.sum() >= 150:
            found.append((volume.image, mask))
        index += 1
    return found


def mean_dice(weights: str, scans: list) -> float:
    """Mean Dice of boxes and outlines, through the whole pipeline."""
    method, found = model_method(weights, "cpu"), []
    for image, mask in scans:
        target = Target(structure=WALL, labels=(1,))
        case = make_case("scan", image, image.with_voxels(mask.astype(np.uint8)), [target])
        outcomes = evaluate_case(case, [method], Protocol(prompts=("box", "mask")))
        found += [outcome.score.dice for outcome in outcomes]
    return float(np.mean(found))


@pytest.mark.slow
def test_adapting_to_a_shifted_scanner_raises_the_dice_of_other_scans(tmp_path):
    """Five labelled scans; a box around the wall means the wall alone, where the default model includes the
    cavity. The network sees smaller regions than the default one, which takes a third of the time.
    """
    network, record = read_network(weights_path("default"))
    smaller = VolumetricNetwork(replace(network.config, grid_shape=(16, 64, 64)))
    smaller.load_state_dict(network.state_dict())
    (tmp_path / "start").mkdir()
    write_network(tmp_path / "start" / "model.safetensors", smaller, record)
    config = AdaptationConfig(
        start=str(tmp_path / "start"),
        steps=STEPS,
        workers=0,
        patience=1000,
        synthetic_share=0.0,
        synthetic_patches=0,
        validation=ValidationConfig(patches=12),
    )
    scans = [own_scan(image, {WALL: mask}, "all") for image, mask in labelled(0, 5)]
    told = adapt(scans, tmp_path / "adapted", config, device="cpu")
    assert told.weights is not None
    others = labelled(500, 3)
    before = mean_dice(config.start, others)
    assert mean_dice(str(tmp_path / "adapted"), others) >= before + 0.05
