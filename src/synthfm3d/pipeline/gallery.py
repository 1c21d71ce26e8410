"""Synthetic volumes as folders of NIfTI files, and pictures of them: one sheet, or a page of presets."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from synthfm3d import __version__
from synthfm3d.files import json_text, write_atomically
from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.intensity import windows_of
from synthfm3d.io.nifti import write_nifti
from synthfm3d.pictures import Layer, contact_sheet, frames_in_time, png_bytes, three_planes
from synthfm3d.pipeline.pages import filled
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.volume import Array

CONTACT_SHEET = "contact_sheet.png"
GALLERY_PAGE = "index.html"
_GALLERY_TILE_PX = 220
MOST_PICTURED = 24
"""Volumes on the contact sheet: more would fill the memory."""


def volume_folder(folder: Path, index: int) -> Path:
    """Where volume ``index`` goes: ``volume_00042``."""
    return folder / f"volume_{index:05d}"


def volumes_in(folder: Path) -> list[Path]:
    """Folders of volumes that ``write_volume`` has written into a folder; none where there is no folder."""
    return sorted(path.parent for path in folder.glob("volume_*/scene.json"))


def remove_volumes(folder: Path) -> None:
    """Remove all volumes in a folder, and the picture of them; other files stay."""
    for volume in volumes_in(folder):
        shutil.rmtree(volume)
        (folder / CONTACT_SHEET).unlink(missing_ok=True)


def write_volume(folder: Path, volume: LabelledVolume) -> None:
    """Write image.nii.gz, labels.nii.gz and scene.json into ``folder``: all three, or none.

    They are written into a hidden folder beside it, which then takes its name; a volume that was
    there before is replaced.
    """
    unfinished = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir()
        write_nifti(unfinished / "image.nii.gz", volume.image)
        write_nifti(unfinished / "labels.nii.gz", volume.labels)
        write_atomically(unfinished / "scene.json", json_text(volume.scene.to_dict()).encode())
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def tiles(volume: LabelledVolume, height_px: int = 150) -> tuple[Array, Array]:
    """Three planes through the middle of a volume, or frames of a sequence, without and with its labels."""
    window = windows_of(volume.image).bounds[0]
    layers = [Layer(labels=volume.labels, outline_px=1)]
    if volume.image.third_axis == "time":
        plain = frames_in_time(volume.image, window, height_px=height_px)
        return plain, frames_in_time(volume.image, window, layers=layers, height_px=height_px)
    centre = np.array(volume.image.voxels.shape) // 2
    r, a, s = (float(v) for v in volume.image.grid.to_mm(centre))
    plain = three_planes(volume.image, (r, a, s), window, height_px=height_px)
    return plain, three_planes(volume.image, (r, a, s), window, layers=layers, height_px=height_px)


def caption(volume: LabelledVolume) -> str:
    """What a volume is, in one line."""
    scene = volume.scene
    spacing = " x ".join(f"{s:.2f}" for s in scene.spacing_mm)
    kind = f"{scene.modality.upper()}, {scene.anatomy.layout}"
    return f"seed {scene.seed}, index {scene.index}: {kind}, {spacing} mm"


class ContactSheet:
    """One picture of volumes that pass by one after the other: image beside image with labels, a row each."""

    def __init__(self) -> None:
        self._rows: list[tuple[Array, Array]] = []
        self._captions: list[str] = []

    def add(self, volume: LabelledVolume) -> None:
        """Picture a volume, unless the sheet is full."""
        if len(self._rows) < MOST_PICTURED:
            self._rows.append(tiles(volume))
            self._captions.append(caption(volume))

    def picture(self) -> Array:
        """uint8 (row, column, 3)."""
        return contact_sheet(self._rows, [[text, ""] for text in self._captions])

    def write(self, folder: Path) -> Path:
        """Write the picture into ``folder``; returns its path."""
        path = folder / CONTACT_SHEET
        write_atomically(path, png_bytes(self.picture()))
        return path


def write_contact_sheets(
    folder: Path,
    presets: Mapping[str, SynthesisSettings],
    *,
    seed: int = 0,
    volumes: int = 8,
    advance: Callable[[], None] = lambda: None,
) -> Path:
    """Write ``PRESET.png`` for each preset and ``index.html`` into ``folder``; returns the page.

    A row is a volume: axial, coronal and sagittal plane through its middle at one scale, then the
    same with every label in its colour.
    """
    for name, settings in presets.items():
        rows, captions = [], []
        for index in range(volumes):
            volume = generate(seed, index, settings, threads=2)
            rows.append(tiles(volume, _GALLERY_TILE_PX))
            captions.append([caption(volume), ", ".join(volume.scene.label_names().values())])
            advance()
        write_atomically(folder / f"{name}.png", png_bytes(contact_sheet(rows, captions)))
    page = filled(
        "contact_sheets.html.jinja", presets=list(presets), seed=seed, volumes=volumes, version=__version__
    )
    write_atomically(folder / GALLERY_PAGE, page.encode())
    return folder / GALLERY_PAGE
