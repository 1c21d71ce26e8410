"""Make the pictures of docs/explanation/targets.md: twenty training targets of each modality, outlined.

``python docs/target_pictures.py`` writes them again after the generator or the choice of targets has changed.
"""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.intensity import windows_of
from synthfm3d.loading.patches import PatchSettings
from synthfm3d.loading.targets import Target, drawable_targets
from synthfm3d.randomness import stream
from synthfm3d.volume import MODALITIES, Array, Modality

FOLDER = Path(__file__).parent / "images"
SEED = 4_001
SIDE_PX = 120
ROWS, COLUMNS = 4, 5
PER_VOLUME = 2
VIEW_PER_EXTENT = 2.0
GREYS = 48
CONTOUR = [255, 70, 60]
"""The colour that follows the greys in the palette."""


def main() -> None:
    """Write one sheet a modality."""
    for modality in MODALITIES:
        tiles = list(islice(outlined_targets(modality), ROWS * COLUMNS))
        rows = [np.concatenate(tiles[n : n + COLUMNS], axis=1) for n in range(0, len(tiles), COLUMNS)]
        file = io.BytesIO()
        sheet = Image.fromarray(np.concatenate(rows, axis=0), mode="P")
        sheet.putpalette(
            [value for grey in range(GREYS) for value in (grey * 255 // (GREYS - 1),) * 3] + CONTOUR
        )
        sheet.save(file, format="PNG", optimize=True)
        (FOLDER / f"targets_{modality}.png").write_bytes(file.getvalue())


def outlined_targets(modality: Modality) -> Iterator[Array]:
    """Tiles (y, 2 y) of palette indices: the largest slice of a target, without and with its contour."""
    settings = PatchSettings(preset=modality)
    index = 0
    while True:
        draw = stream(SEED, "target pictures", modality, index)
        synthesis = settings.synthesis(int(draw.choice(settings.depth)), max(settings.in_plane))
        volume = generate(SEED, index, synthesis)
        for target in islice(drawable_targets(volume, settings.targets, draw), PER_VOLUME):
            yield _tile(volume, target)
        index += 1


def _tile(volume: LabelledVolume, target: Target) -> Array:
    z = int(target.mask.sum(axis=(1, 2)).argmax())
    inside = np.argwhere(target.mask[z])
    low, high = inside.min(axis=0), inside.max(axis=0)
    side = VIEW_PER_EXTENT * float((high - low).max() + 1)
    at = [np.linspace(-side / 2, side / 2, SIDE_PX) + c for c in (low + high) / 2]
    places = np.meshgrid(*at, indexing="ij")
    bottom, top = windows_of(volume.image).bounds[0]
    grey = ndimage.map_coordinates(volume.image.voxels[z].astype(float), places, order=1, cval=bottom)
    mask = ndimage.map_coordinates(target.mask[z].astype(float), places, order=1) > 0.5
    plain = np.clip((GREYS - 1) * (grey - bottom) / (top - bottom), 0, GREYS - 1).astype(np.uint8)
    contour = mask & ~ndimage.binary_erosion(mask, iterations=2)
    return np.concatenate([plain, np.where(contour, np.uint8(GREYS), plain)], axis=1)


if __name__ == "__main__":
    main()
