"""``synthfm3d inspect``: a picture, statistics, and a card that the hub can read."""

import json

import pytest
import yaml
from PIL import Image

from synthfm3d.cli import main
from synthfm3d.pipeline.inspection import evenly_spread

# As the hub's documentation lists them.
SIZES = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect") / "organs"
    command = ["generate", "-n", "6", "--format", "shards", "--per-shard", "4", "--workers", "1", "-q"]
    assert main([*command, "--shape", "12,64,64", "-o", str(folder)]) == 0
    return folder


def test_a_dataset_gets_its_card_statistics_and_picture(folder, capsys):
    assert main(["inspect", str(folder), "-n", "5", "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["volumes"], found["measured"]) == (6, 5)
    assert sum(found["shares"]["modality"].values()) == pytest.approx(1, abs=0.001)
    targets = json.loads((folder / "statistics.json").read_text())["presets"]["organs"]["targets"]
    assert {target["index"] for target in targets} <= {0, 1, 2, 3, 4}
    with Image.open(folder / "contact_sheet.png") as picture:
        assert picture.width > 100
    head, text = (folder / "README.md").read_text().removeprefix("---\n").split("\n---\n", 1)
    card = yaml.safe_load(head)
    assert card["size_categories"] == [SIZES[0]]
    assert card["task_categories"] == ["image-segmentation"]
    assert list(folder.glob(card["configs"][0]["data_files"][0]["path"]))
    assert "6 synthetic labelled volumes of 12 x 64 x 64 voxels" in text
    assert "{{" not in text
    assert main(["verify", str(folder), "-q"]) == 0  # what was added is in nobody's way


def test_a_report_can_go_elsewhere(folder, tmp_path, capsys):
    assert main(["inspect", str(folder), "-o", str(tmp_path / "report"), "-n", "2", "-q"]) == 0
    assert "6 volumes, 2 measured" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == ["README.md", "contact_sheet.png", "statistics.html", "statistics.json"]


@pytest.mark.parametrize(("count", "most"), [(1, 5), (5, 5), (7, 3), (1000, 60)])
def test_what_is_looked_at_is_spread_over_the_dataset(count, most):
    places = evenly_spread(count, most)
    assert len(places) == len(set(places)) == min(count, most)
    assert places[0] == 0
    gaps = [b - a for a, b in zip(places, [*places[1:], count], strict=True)]
    assert max(gaps) - min(gaps) <= 1
