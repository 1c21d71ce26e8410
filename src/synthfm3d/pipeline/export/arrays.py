"""Export to arrays and eight-bit slices: MedSAM2's NPZ, SAM 2's folders of frames, and Zarr 3.

Grey values of eight bits go through the first of the windows that the models of this package see: level 40,
width 400 for CT, as MedSAM2 prepares it, and percentiles for other modalities.

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
_CHUNK = (16, 128, 128)


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


class ZarrWriter:
    """A group for each volume, with ``image`` int16 and ``labels`` uint8, (z, y, x), each one file.

    Use it to read patches out of large volumes.

    Attributes of ``KEY``: ``spacing_mm`` (z, y, x), ``affine`` from (z, y, x) to RAS millimetres,
    ``modality``, ``unit``, ``third_axis`` and ``label_names``.
    """

    def __init__(self, output: Path) -> None:
        import zarr  # of the extra [zarr]

        self._root = zarr.open_group(output, mode="a", zarr_format=3)

    def add(self, volume: StoredVolume) -> None:
        scene = volume.scene
        group = self._root.create_group(volume.key, overwrite=True)
        group.attrs.update(
            {
                "spacing_mm": list(volume.image.spacing_mm),
                "affine": volume.image.affine.tolist(),
                "modality": scene["modality"],
                "third_axis": scene["third_axis"],
                "unit": scene["stored"]["unit"],
                "label_names": scene["label_names"],
            }
        )
        shape = volume.image.voxels.shape
        chunks = tuple(min(chunk, size) for chunk, size in zip(_CHUNK, shape, strict=True))
        # One file an array: a shard is a whole number of chunks, at least as long as the array.
        shard = tuple(-(-size // chunk) * chunk for size, chunk in zip(shape, chunks, strict=True))
        for name, voxels in (("image", volume.image.voxels), ("labels", volume.labels.voxels)):
            group.create_array(name, data=voxels, chunks=chunks, shards=shard)

    def finish(self) -> None:
        """Nothing is left to do."""
