"""What each extra is for: command lines that need it, and a place where they can run."""

import shlex
from pathlib import Path

from dicom_files import make_slice
from pydicom.uid import generate_uid

from synthfm3d.cli import main
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.reading import example

SMALL = "--seed 1 --shape 8,48,48 -q"
TINY = (
    "--set steps=1 --set batch_size=1 --set precision=fp32 --set workers=0 --set model.widths=[4,4,4,4,4] "
    "--set model.grid_shape=[16,32,32] --set data.depth=[16] --set data.in_plane=[64] "
    "--set data.targets.least_voxels=60 --set validation.every_steps=0 --device cpu -q"
)
VOLUME = "out/volume_00000"
COMMANDS = {
    "": [
        f"generate -n 1 {SMALL} -o more",
        f"show {VOLUME}/scene.json -o again -q",
        f"generate -n 2 {SMALL} --format shards --workers 1 -o shards",
        "verify shards",
        "inspect shards -n 2 -q",
        "export shards --format nifti -o exported -q",
        "datasets",
    ],
    "model": [
        "segment scan.nii.gz --point 65,46,17 -o mask.nii.gz --device cpu -q",
        f"evaluate --image {VOLUME}/image.nii.gz --labels {VOLUME}/labels.nii.gz --structure 1 "
        "--model random-walker --prompt point -o report -q",
    ],
    "train": [f"train recipe.yaml -o run {TINY}"],
    "dicom": ["segment series --point 20,20,5 --model random-walker -o mask.dcm -q"],
    "zarr": ["export shards --format zarr -o exported-to-zarr -q"],
    "ray": [f"generate -n 1 {SMALL} --format shards --engine ray --workers 1 -o by-ray"],
    "serve": ["serve scan.nii.gz --port 0"],
    "notebook": [],
    "remote": [f"generate -n 1 {SMALL} --format shards --workers 1 -o local --upload file:uploaded"],
}
"""Command lines by extra; "" is the core. A notebook has no command: it calls ``synthfm3d.show``."""

IN_PYTHON = {
    "dicom": """
import numpy as np
from pathlib import Path
import synthfm3d as sf
scan = sf.read("series")
mask = scan.with_voxels((scan.voxels > 0).astype(np.uint8))
sf.write(mask, "mask.dcm", sf.Origin(path=Path("series"), names={1: "bright"}))
assert Path("mask.dcm").stat().st_size > mask.voxels.size // 8
""",
    "notebook": """
import synthfm3d as sf
assert sf.show(sf.read("scan.nii.gz")).volumes
""",
}
"""Lines of Python by extra, for what an extra does alone and no command does without a second one."""


def words(command: str) -> list[str]:
    """The arguments of a command line."""
    return shlex.split(command)


def make_workplace(folder: Path) -> Path:
    """A folder with what the command lines read: a scan, a DICOM series, a recipe, a volume, shards."""
    write_nifti(folder / "scan.nii.gz", example())
    (folder / "recipe.yaml").write_text("seed: 3\n", encoding="utf-8")
    (folder / "series").mkdir()
    study, series = generate_uid(), generate_uid()
    for n in range(10):
        make_slice(n, study, series).save_as(folder / "series" / f"{n}.dcm", enforce_file_format=True)
    small = words(SMALL)
    assert main(["generate", "-n", "1", *small, "-o", str(folder / "out")]) == 0
    shards = ["--format", "shards", "--workers", "1", "-o", str(folder / "shards")]
    assert main(["generate", "-n", "2", *small, *shards]) == 0
    return folder
