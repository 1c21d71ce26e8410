"""Presets to look at: a contact sheet for each, and a page that shows them all."""

from collections.abc import Callable, Mapping
from pathlib import Path

from synthfm3d import __version__
from synthfm3d.files import write_atomically
from synthfm3d.generate import generate
from synthfm3d.pictures import contact_sheet, png_bytes
from synthfm3d.pipeline.gallery import caption, tiles
from synthfm3d.pipeline.pages import filled
from synthfm3d.synthesis.settings import SynthesisSettings

PAGE_NAME = "index.html"
_TILE_PX = 220


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
            rows.append(tiles(volume, _TILE_PX))
            captions.append([caption(volume), ", ".join(volume.scene.label_names().values())])
            advance()
        write_atomically(folder / f"{name}.png", png_bytes(contact_sheet(rows, captions)))
    page = filled(
        "contact_sheets.html.jinja", presets=list(presets), seed=seed, volumes=volumes, version=__version__
    )
    write_atomically(folder / PAGE_NAME, page.encode())
    return folder / PAGE_NAME
