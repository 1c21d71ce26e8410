"""Eight-bit slices: MedSAM2's NPZ files, and the folders of frames that SAM 2 is trained on.

Grey values go through the first of the windows that our own models see: level 40, width 400 for CT, as
MedSAM2 prepares it, and percentiles for the others.

MedSAM2, ``NPZRawDataset`` of ``training/dataset/vos_raw_dataset.py``; SAM 2, ``PNGRawDataset`` there.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from synthfm3d.files import write_atomically
from synthfm3d.intensity import model_channels, windows_of
from synthfm3d.shards.sample import StoredVolume
from synthfm3d.volume import Array

_JPEG_QUALITY = 95


def eight_bits(volume: StoredVolume) -> Array:
    """The image as uint8 (z, y, x), black to white over its window."""
    channel = model_channels(volume.image.voxels, windows_of(volume.image))[0]
    grey: Array = np.rint(channel * 255).astype(np.uint8)
    return grey


class MedSam2Writer:
    """``KEY.npz`` with ``imgs`` uint8, ``gts`` uint8, both (z, y, x), and ``spacing`` (x, y, z) in mm."""

    def __init__(self, output: Path) -> None:
        self._output = output

    def add(self, volume: StoredVolume) -> None:
        self._output.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.savez_compressed(
            content,
            imgs=eight_bits(volume),
            gts=volume.labels.voxels,
            spacing=np.array(volume.image.spacing_mm[::-1]),
        )
        write_atomically(self._output / f"{volume.key}.npz", content.getvalue())

    def finish(self) -> None:
        """Nothing is left to do."""


class Sam2VideoWriter:
    """``JPEGImages/KEY/00000.jpg`` and ``Annotations/KEY/00000.png`` onwards; palette index is label."""

    def __init__(self, output: Path) -> None:
        self._output = output
        # For eyes only: neighbouring labels look unlike, 0 is black.
        self._palette = [(37 * value * step) % 256 for value in range(256) for step in (1, 3, 5)]

    def add(self, volume: StoredVolume) -> None:
        frames, masks = self._output / "JPEGImages" / volume.key, self._output / "Annotations" / volume.key
        for folder in (frames, masks):
            folder.mkdir(parents=True, exist_ok=True)
        for z, (frame, labels) in enumerate(zip(eight_bits(volume), volume.labels.voxels, strict=True)):
            picture = Image.fromarray(frame).convert("RGB")
            mask = Image.frombytes("P", picture.size, labels.tobytes())
            mask.putpalette(self._palette)
            write_atomically(frames / f"{z:05d}.jpg", _encoded(picture, "JPEG", quality=_JPEG_QUALITY))
            write_atomically(masks / f"{z:05d}.png", _encoded(mask, "PNG"))

    def finish(self) -> None:
        """Nothing is left to do."""


def _encoded(picture: Image.Image, format_: str, **options: int) -> bytes:
    content = io.BytesIO()
    picture.save(content, format_, **options)
    return content.getvalue()
