"""The table of datasets in the documentation says what the registry says."""

import re
from pathlib import Path

from synthfm3d.evaluation.datasets.registry import DATASETS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "datasets.md").read_text(encoding="utf-8")


def test_every_dataset_has_its_row_with_its_page_and_labels():
    rows = {}
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            for name in re.findall(r"`([\w-]+)`", line.split("|")[1]):
                rows[name] = line
    assert list(rows) == list(DATASETS)
    for name, dataset in DATASETS.items():
        if "as above" not in rows[name] and name != "folder":
            assert dataset.page.split(" ")[0] in rows[name]
            if dataset.licence.startswith("CC"):
                assert dataset.licence.partition(" on ")[0] in rows[name]
        assert dataset.labels.source in rows[name]
