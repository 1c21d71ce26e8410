"""NIfTI files: a folder for each volume, nnU-Net's raw data, and the Medical Segmentation Decathlon's.

nnU-Net v2, ``documentation/dataset_format.md``; MONAI, ``monai.data.load_decathlon_datalist``.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.files import json_text, write_atomically
from synthfm3d.io.nifti import write_nifti
from synthfm3d.shards.sample import StoredVolume
from synthfm3d.volume import Volume

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
    """Images in one folder, label maps in another, and a ``dataset.json`` that says what they are.

    A value means the same structure in all label maps: values are given anew by the names of structures.
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
