"""Stored volumes in the formats of programs that train other models on them.

- NIfTI: a folder for each volume; the raw data of nnU-Net v2 (``documentation/dataset_format.md``); and the
  layout of the Medical Segmentation Decathlon (MONAI, ``monai.data.load_decathlon_datalist``).
- Slices of eight bits: NPZ files of MedSAM2 (``NPZRawDataset`` of ``training/dataset/vos_raw_dataset.py``),
  and folders of frames for SAM 2 (``PNGRawDataset`` of the same file). Grey values are mapped through the
  first of the windows that our own models see: for CT level 40 and width 400, as MedSAM2 does, and for other
  modalities percentiles.
- Zarr 3: one group for each volume, to read patches out of large volumes.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from synthfm3d.errors import InputError
from synthfm3d.files import json_text, write_atomically
from synthfm3d.generation.plan import DATASET_FILE
from synthfm3d.intensity import model_channels, windows_of
from synthfm3d.io.nifti import write_nifti
from synthfm3d.shards.sample import StoredVolume
from synthfm3d.volume import Array, Volume

_CHANNELS = {"ct": "CT", "mr": "MRI", "us": "ultrasound"}
"""nnU-Net treats a channel called CT as Hounsfield units and normalises any other by its own statistics."""


class NiftiWriter:
    """``KEY/image.nii.gz``, ``KEY/labels.nii.gz`` and ``KEY/scene.json``."""

    def __init__(self, output: Path) -> None:
        self._output = output

    def add(self, volume: StoredVolume) -> None:
        folder = self._output / volume.key
        folder.mkdir(parents=True, exist_ok=True)
        write_nifti(folder / "image.nii.gz", volume.image)
        write_nifti(folder / "labels.nii.gz", volume.labels)
        write_atomically(folder / "scene.json", json_text(volume.scene).encode())

    def finish(self) -> None:
        """Nothing is left to do."""


class _ListedWriter:
    """Images in one folder, label maps in another, and a ``dataset.json`` that describes them.

    A value means the same structure in all label maps: values are reassigned by the names of structures.
    """

    suffix: str

    def __init__(self, output: Path) -> None:
        self.output = output
        self.keys: list[str] = []
        self.values: dict[str, int] = {}
        self.modalities = Counter[str]()

    def add(self, volume: StoredVolume) -> None:
        for part in ("imagesTr", "labelsTr"):
            (self.output / part).mkdir(parents=True, exist_ok=True)
        write_nifti(self.output / "imagesTr" / f"{volume.key}{self.suffix}.nii.gz", volume.image)
        write_nifti(self.output / "labelsTr" / f"{volume.key}.nii.gz", self._renumbered(volume))
        self.keys.append(volume.key)
        self.modalities[volume.scene["modality"]] += 1

    @property
    def channel(self) -> str:
        """Name of the only channel; a mixture of modalities is none of them."""
        return _CHANNELS[next(iter(self.modalities))] if len(self.modalities) == 1 else "synthetic"

    @property
    def label_names(self) -> list[str]:
        """Names of the values 0, 1, ..."""
        return ["background", *self.values]

    def _renumbered(self, volume: StoredVolume) -> Volume:
        voxels = volume.labels.voxels
        table = np.zeros(int(voxels.max()) + 1, np.uint16)
        names = {int(value): name for value, name in volume.scene["label_names"].items()}
        for value in map(int, np.unique(voxels[voxels > 0])):
            name = names.get(value, f"label_{value}")
            table[value] = self.values.setdefault(name, len(self.values) + 1)
        return volume.labels.with_voxels(table[voxels])


class NnUnetWriter(_ListedWriter):
    """A folder for ``nnUNet_raw``, which must be called like ``Dataset900_Synthetic``."""

    suffix = "_0000"

    def __init__(self, output: Path) -> None:
        if not re.fullmatch(r"Dataset\d{3}_\w+", output.resolve().name):
            raise InputError(f"{output}: nnU-Net takes folders called like Dataset900_Synthetic: rename it.")
        super().__init__(output)

    def finish(self) -> None:
        description = {
            "channel_names": {"0": self.channel},
            "labels": {name: value for value, name in enumerate(self.label_names)},
            "numTraining": len(self.keys),
            "file_ending": ".nii.gz",
        }
        write_atomically(self.output / "dataset.json", json_text(description).encode())


class DecathlonWriter(_ListedWriter):
    """The layout of the Medical Segmentation Decathlon, which MONAI reads."""

    suffix = ""

    def finish(self) -> None:
        description = {
            "name": self.output.resolve().name,
            "description": "Synthetic volumes of SynthFM-3D",
            "tensorImageSize": "3D",
            "modality": {"0": self.channel},
            "labels": {str(value): name for value, name in enumerate(self.label_names)},
            "numTraining": len(self.keys),
            "numTest": 0,
            "training": [
                {"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"}
                for name in (f"{key}.nii.gz" for key in self.keys)
            ],
            "test": [],
        }
        write_atomically(self.output / "dataset.json", json_text(description).encode())


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


_CHUNK = (16, 128, 128)


class ZarrWriter:
    """``KEY/image`` int16 and ``KEY/labels`` uint8, (z, y, x), each one sharded array in one file.

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


class Writer(Protocol):
    """One format: made with the folder to write, given volumes one by one, and finished."""

    def add(self, volume: StoredVolume) -> None: ...

    def finish(self) -> None: ...


FORMATS: dict[str, Callable[[Path], Writer]] = {
    "nifti": NiftiWriter,
    "nnunet": NnUnetWriter,
    "monai-decathlon": DecathlonWriter,
    "medsam2-npz": MedSam2Writer,
    "sam2-video": Sam2VideoWriter,
    "zarr": ZarrWriter,
}


ONE_MEANING = frozenset({"nnunet", "monai-decathlon"})
"""Formats in which a label value means the same structure in all volumes."""


def check_one_meaning(folder: Path, name: str) -> None:
    """Raise InputError if a format needs labels with one meaning, and a folder of shards has none.

    Each volume has other structures unless the anatomy is ``fixed``.
    """
    described = folder / DATASET_FILE
    if name not in ONE_MEANING or not described.is_file():
        return
    settings = json.loads(described.read_text(encoding="utf-8"))["settings"]
    if settings["anatomy"]["mode"] != "fixed":
        raise InputError(
            f"{folder}: its label values mean other structures in each volume, and {name} needs one meaning "
            "for all: make the shards with --set anatomy.mode=fixed."
        )


def export(volumes: Iterable[StoredVolume], name: str, output: Path) -> None:
    """Write volumes into ``output`` in the format ``name``; the memory holds one of them at a time.

    Raises InputError if the folder cannot be one of this format.
    """
    writer = FORMATS[name](output)
    for volume in volumes:
        writer.add(volume)
    writer.finish()
