"""A new family of models with weights is one entry in a table."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from synthfm3d.errors import InputError
from synthfm3d.model.checkpoint import FAMILIES_OF_WEIGHTS, FamilyOfWeights
from synthfm3d.model.interface import WEIGHTS_FILE
from synthfm3d.prompts.prompt import Point
from synthfm3d.randomness import stream
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Grid, Volume

FORMAT = "threshold-1"
GRID = Grid.from_spacing((8, 40, 40), (2.0, 1.0, 1.0))


class Threshold:
    """Everything that is brighter than its one weight."""

    grid_shape = (8, 32, 32)

    def __init__(self, name, level):
        self.name, self.level = name, level

    def prepare(self, channels, spacing_mm):
        return channels[0]

    def logits(self, features, prompts, previous=None):
        return np.where(features > self.level, 4.0, -4.0).astype(np.float32)


def is_threshold(path):
    if path.suffix != ".safetensors":
        return False
    with safe_open(path, framework="pt") as file:
        return (file.metadata() or {}).get("format") == FORMAT


def load_threshold(path, name, device, image_size):
    with safe_open(path, framework="pt") as file:
        return Threshold(name, float(file.get_tensor("level")))


@pytest.fixture
def threshold_run(tmp_path, monkeypatch):
    """The folder of a run of a third family, which the package knows from its entry."""
    entry = FamilyOfWeights(recognises=is_threshold, load=load_threshold)
    monkeypatch.setitem(FAMILIES_OF_WEIGHTS, "threshold", entry)
    save_file({"level": torch.tensor(0.5)}, tmp_path / WEIGHTS_FILE, {"format": FORMAT})
    return tmp_path


def test_a_family_with_one_entry_segments_from_its_run_folder(threshold_run):
    voxels = stream(0, "threshold").normal(20, 2, GRID.shape).astype(np.float32)
    voxels[2:6, 10:30, 10:30] += 80
    scan = Volume(voxels=voxels, affine=GRID.affine, modality="mr")
    click = Point(position_mm=tuple(GRID.to_mm(np.array([4.0, 20.0, 20.0]))))
    segmenter = Segmenter.from_pretrained(str(threshold_run), "cpu")
    assert segmenter.model.name == threshold_run.name
    mask = segmenter.segment(scan, [click]).voxels
    assert mask[4, 20, 20]
    assert not mask[4, 35, 35]


def test_a_file_is_loaded_by_its_content_and_not_by_its_name(threshold_run):
    renamed = threshold_run / "nano.safetensors"
    (threshold_run / WEIGHTS_FILE).rename(renamed)
    assert isinstance(Segmenter.from_pretrained(str(renamed), "cpu").model, Threshold)


def test_a_family_without_a_size_of_the_image_refuses_one(threshold_run):
    with pytest.raises(InputError, match="leave out @256"):
        Segmenter.from_pretrained(f"{threshold_run}@256", "cpu")


def test_errors_name_all_families_that_are_known(threshold_run):
    unknown = threshold_run / "other.safetensors"
    save_file({"level": torch.tensor(0.5)}, unknown, {"format": "another"})
    with pytest.raises(InputError, match="SAM 2, volumetric, threshold"):
        Segmenter.from_pretrained(str(unknown), "cpu")
