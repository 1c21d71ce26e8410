"""Stored volumes in the formats of those who train other models on them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from synthfm3d.errors import InputError
from synthfm3d.generation.plan import DATASET_FILE
from synthfm3d.pipeline.export.arrays import MedSam2Writer, Sam2VideoWriter, ZarrWriter
from synthfm3d.pipeline.export.nifti import DecathlonWriter, NiftiWriter, NnUnetWriter
from synthfm3d.shards.sample import StoredVolume


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
    """Raise InputError if a format needs labels of one meaning, and a folder of shards has none such.

    Structures are other ones in each volume unless the anatomy is ``fixed``.
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
