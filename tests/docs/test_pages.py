"""Every block of code and every command of the documentation is understood, and runs."""

import re
from pathlib import Path

import numpy as np
import pytest
from dicom_files import BETWEEN_COLUMNS, BETWEEN_ROWS, COLUMNS, ROWS, SLICES, STEP_MM
from documentation import ROOT, Reader, blocks_of, check_block
from miniatures import amos, camus, folder_of_scans, nnunet, write_dicom

from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.reading import example
from synthfm3d.io.write import write
from synthfm3d.model.checkpoint import write_network
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork
from synthfm3d.volume import Grid, Volume

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
RUN = [page for page in PAGES if any(block.not_run is None for block in blocks_of(DOCS / page))]
QUICK = ("explanation/determinism.md",)
"""Pages that take a second or two; all others are slow."""


def ball(folder: Path) -> None:
    """A CT series with a bright ball where the page clicks."""
    z, y, x = np.ogrid[:SLICES, :ROWS, :COLUMNS]
    distance = np.sqrt(
        ((z - 5) * STEP_MM) ** 2 + ((y - 18) * BETWEEN_ROWS) ** 2 + ((x - 24) * BETWEEN_COLUMNS) ** 2
    )
    noise = np.random.default_rng(0).integers(-10, 10, distance.shape)
    stored = np.where(distance < 9, 1150, 1000) + noise
    stored[:, :, 44:] = 24  # air
    write_dicom(folder / "series", stored, "CT")


def labels(folder: Path) -> None:
    """A label map of the scan, and the answers of another tool."""
    scan = example()
    marked = np.zeros(scan.voxels.shape, np.uint8)
    marked[tuple(slice(n // 3, n // 2) for n in marked.shape)] = 1
    write_nifti(folder / "labels.nii.gz", scan.with_voxels(marked))
    (folder / "labels.json").write_text('{"1": "liver"}')
    (folder / "masks" / "scan").mkdir(parents=True)
    write_nifti(folder / "masks" / "scan" / "label_1.nii.gz", scan.with_voxels(marked))


def outlines(folder: Path) -> None:
    """An outline and a stroke on the scan, and a folder of scans."""
    scan = example()
    for name, thick in (("outline", 12), ("stroke", 2)):
        marked = np.zeros_like(scan.axial().voxels, np.uint8)
        marked[10, 40 : 40 + thick, 50:70] = 1
        axial = scan.axial().with_voxels(marked)
        write_nifti(folder / f"{name}.nii.gz", axial)
    (folder / "scans").mkdir()
    write_nifti(folder / "scans" / "case_001.nii.gz", scan)


def public(folder: Path) -> None:
    """Miniatures of the datasets that pages name."""
    amos(folder / "data")
    camus(folder / "data")
    nnunet(folder / "data")


def labelled(folder: Path) -> None:
    """Three scans of a bright ball with their labels, as files and in a folder, and a tiny model."""
    names = {"a": ".nii.gz", "b": ".nrrd", "c": ".nii.gz"}
    for seed, (name, ending) in enumerate(names.items()):
        z, y, x = np.ogrid[:16, :48, :48]
        mask = 4 * (z - 8) ** 2 + (y - 24) ** 2 + (x - 24) ** 2 < (10 + seed) ** 2
        noise = np.random.default_rng(seed).normal(0, 10, mask.shape)
        grid = Grid.from_spacing((16, 48, 48), (2.0, 1.0, 1.0))
        image = Volume(voxels=(100 + 60 * mask + noise).astype(np.float32), affine=grid.affine)
        for kind, volume in (("images", image), ("labels", image.with_voxels(mask.astype(np.uint8)))):
            (folder / "labelled" / kind).mkdir(parents=True, exist_ok=True)
            write(volume, folder / "labelled" / kind / f"{name}{ending}")
            write(volume, folder / f"{name}{'_labels' * (kind == 'labels')}{ending}")
    (folder / "names.json").write_text('{"1": "liver"}')
    (folder / "tiny").mkdir()
    network = VolumetricNetwork(VolumetricConfig(widths=(4, 4, 4, 4, 4), grid_shape=(16, 32, 32)))
    write_network(folder / "tiny" / "model.safetensors", network, {})


PREPARED = {
    "explanation/accuracy.md": labels,
    "explanation/paper.md": public,
    "how-to/adapt.md": labelled,
    "how-to/dataset.md": folder_of_scans,
    "how-to/dicom.md": ball,
    "how-to/nnunet.md": public,
    "how-to/proxy.md": lambda folder: (folder / "data" / "scans").mkdir(parents=True),
    "reference/datasets.md": public,
    "reference/prompts.md": outlines,
    "tutorials/adapt.md": labelled,
    "tutorials/camus.md": public,
}
"""What a reader of a page has at hand, besides ``scan.nii.gz`` and the recipes."""


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_understood(page):
    for block in blocks_of(DOCS / page):
        check_block(block)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=() if page in QUICK else pytest.mark.slow) for page in RUN]
)
@pytest.mark.filterwarnings("ignore:::ray")
def test_every_block_runs(page, tmp_path, monkeypatch):
    if page == "how-to/ray.md":
        pytest.importorskip("ray", reason="needs the extra ray")
    write_nifti(tmp_path / "scan.nii.gz", example())
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    monkeypatch.chdir(tmp_path)
    PREPARED.get(page, lambda folder: None)(tmp_path)
    with Reader() as reader:
        for block in blocks_of(DOCS / page):
            reader.run(block)


def test_what_does_not_run_says_why():
    reasons = [b.not_run for page in PAGES for b in blocks_of(DOCS / page) if b.not_run is not None]
    assert all(re.match(r"needs \w+", reason) for reason in reasons), reasons
