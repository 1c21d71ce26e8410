"""A model that was adapted to a scored scan is named beside that scan."""

import numpy as np
import pytest

from synthfm3d.evaluation.datasets.cases import Target, make_case
from synthfm3d.evaluation.methods.models import model_method
from synthfm3d.evaluation.run import notes_of_contamination
from synthfm3d.model.checkpoint import write_network
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork
from synthfm3d.volume import Grid, Volume, content_hash


@pytest.fixture
def scans() -> list[Volume]:
    grid = Grid.from_spacing((4, 8, 8), (2.0, 1.0, 1.0))
    draw = np.random.default_rng(0)
    return [Volume(voxels=draw.normal(size=grid.shape).astype(np.float32), affine=grid.affine) for _ in "ab"]


def adapted_model(folder, seen):
    network = VolumetricNetwork(VolumetricConfig(widths=(4, 4, 4, 4, 4), grid_shape=(16, 32, 32)))
    record = {"data": "labelled scans of the user (1), and synthetic volumes", "scans_sha256": seen}
    write_network(folder / "model.safetensors", network, record)
    return model_method(str(folder), "cpu")


def case_of(scan):
    marked = np.zeros(scan.voxels.shape, np.uint8)
    marked[1:3, 2:5, 2:5] = 1
    return make_case("scan", scan, scan.with_voxels(marked), [Target(structure="liver", labels=(1,))])


def test_a_scan_that_a_model_was_adapted_to_is_told_whatever_its_storage_order(tmp_path, scans):
    method = adapted_model(tmp_path, [content_hash(scans[0])])
    turned = scans[0].reordered((1, 2, 0), (True, False, False))
    for scan in (scans[0], turned):
        (note,) = notes_of_contamination(case_of(scan), [method, model_method("default", "cpu")])
        assert str(tmp_path) in note
    assert notes_of_contamination(case_of(scans[1]), [method]) == []


def test_the_facts_of_an_adapted_model_are_those_of_its_weights(tmp_path, scans):
    facts = adapted_model(tmp_path, [content_hash(scans[0])]).facts()
    assert facts["training data"] == "labelled scans of the user (1), and synthetic volumes"
    assert facts["said by"] == "its weights"
