"""The notebook of the documentation runs as it stands, and was run before it was kept."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import synthfm3d as sf
from synthfm3d.io.reading import example

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorials" / "first_mask.ipynb"


@pytest.fixture(scope="module")
def kept():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(kept, tmp_path):
    notebook = nbformat.from_dict(kept)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    assert sf.read(tmp_path / "image.nii.gz").grid.same_as(sf.read(tmp_path / "mask.nii.gz").grid)
    printed = "".join(
        o.text for c in notebook.cells for o in c.get("outputs", ()) if o.output_type == "stream"
    )
    assert len(re.findall(r"^Dice [01]\.\d\d", printed, flags=re.MULTILINE)) == 2


def test_what_it_printed_and_drew_is_kept_without_widgets_or_paths(kept):
    cells = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum("image/png" in o.get("data", {}) for c in cells for o in c.outputs) == 2
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "widget-state" not in text
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert len(text) < 600_000


# ---------------------------------------------------------------- the viewer of notebooks


def test_show_gives_a_widget_with_the_scan_and_its_labels_in_colour():
    scan = example()
    labels = scan.with_voxels((scan.voxels > np.median(scan.voxels)).astype(np.uint8) * 2)
    widget = sf.show(scan, labels)
    image, overlay = widget.volumes
    assert image.cal_min < image.cal_max
    assert nibabel_voxels(image.data).shape == scan.voxels.T.shape
    assert np.array_equal(nibabel_voxels(overlay.data), labels.voxels.T)
    assert widget.opts.is_radiological_convention
    assert len(sf.show(scan).volumes) == 1
    widget.close()


def nibabel_voxels(content):
    import nibabel as nib

    return np.asarray(nib.Nifti1Image.from_bytes(bytes(content)).dataobj)


def test_show_refuses_labels_of_another_scan():
    scan = example()
    other = sf.Volume(voxels=np.zeros((2, 3, 4), np.uint8), affine=np.eye(4))
    with pytest.raises(ValueError, match="does not lie on"):
        sf.show(scan, other)
