"""``synthfm3d segment --structure``: what a model was adapted to, without a prompt."""

import json

import numpy as np
import pytest

from synthfm3d.cli import main
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.read import read_labels
from synthfm3d.model.checkpoint import weights_path
from synthfm3d.segmentation.automatic import GUIDES_FILE, learn_guide, write_guides
from synthfm3d.volume import Grid, Volume


@pytest.fixture
def workplace(tmp_path):
    """The default model with guides of two balls, and a scan of both."""
    grid = Grid.from_spacing((16, 64, 64), (3.0, 2.0, 2.0))
    z, y, x = np.ogrid[:16, :64, :64]
    balls = {
        name: ((z - 8) / 4) ** 2 + ((y - 32) / 6) ** 2 + ((x - column) / 6) ** 2 < 1
        for name, column in (("left", 18), ("right", 46))
    }
    body = (((y - 32) / 24) ** 2 + ((x - 32) / 28) ** 2 < 1) & (z > -1)
    noise = np.random.default_rng(0).normal(0, 3, grid.shape)
    image = 100.0 * body + 80 * balls["left"] + 80 * balls["right"] + noise
    scan = Volume(voxels=image.astype(np.float32), affine=grid.affine)
    write_nifti(tmp_path / "scan.nii.gz", scan)
    (tmp_path / "model").mkdir()
    weights = weights_path("default")
    assert weights is not None
    (tmp_path / "model" / "model.safetensors").write_bytes(weights.read_bytes())
    guides = {name: learn_guide([(scan, mask)]) for name, mask in balls.items()}
    write_guides(tmp_path / "model" / GUIDES_FILE, guides)
    return tmp_path, balls


def run(folder, *words):
    scan, mask = str(folder / "scan.nii.gz"), str(folder / "mask.nii.gz")
    return main(["segment", scan, "-o", mask, "--device", "cpu", "--quiet", *words])


@pytest.mark.slow
def test_several_structures_become_a_label_map_without_a_prompt(workplace, capsys):
    folder, balls = workplace
    words = ["--structure", "right", "--structure", "left", "--model", str(folder / "model"), "--json"]
    assert run(folder, *words) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(one["label"], one["name"]) for one in report["objects"]] == [(1, "right"), (2, "left")]
    assert report["prompts"] == {"structure": ["right", "left"]}
    found = read_labels(folder / "mask.nii.gz").axial().voxels
    for label, name in ((1, "right"), (2, "left")):
        overlap = 2 * ((found == label) & balls[name]).sum() / ((found == label).sum() + balls[name].sum())
        assert overlap > 0.7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--structure", "spleen", "--model", "MODEL"], "it knows left, right"),
        (["--structure", "left"], "knows no structure"),
        (["--structure", "left", "--point", "1,2,3", "--model", "MODEL"], "leave out one of the two"),
    ],
    ids=["unknown structure", "model that was not adapted", "with a prompt"],
)
def test_what_cannot_be_found_without_a_prompt_is_told(workplace, capsys, words, said):
    folder, _ = workplace
    assert run(folder, *[str(folder / "model") if word == "MODEL" else word for word in words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
