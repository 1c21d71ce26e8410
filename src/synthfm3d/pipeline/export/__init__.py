"""Stored volumes in the formats of those who train other models on them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from synthfm3d.pipeline.export.frames import MedSam2Writer, Sam2VideoWriter
from synthfm3d.pipeline.export.nifti import DecathlonWriter, NiftiWriter, NnUnetWriter
from synthfm3d.pipeline.export.zarr import ZarrWriter
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


def export(volumes: Iterable[StoredVolume], name: str, output: Path) -> None:
    """Write volumes into ``output`` in the format ``name``; the memory holds one of them at a time.

    Raises InputError if the folder cannot be one of this format.
    """
    writer = FORMATS[name](output)
    for volume in volumes:
        writer.add(volume)
    writer.finish()
