"""The ten real sample scans and their frozen targets.

``sample_targets.json`` has only names, label values and volumes. The scans are not part of this package. Each
is in a folder with the name of its case, which begins with its modality, as ``image.nii.gz`` and
``labels.nii.gz``. No model, threshold or preset may be chosen on these scans; a frozen model is scored once.
"""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase, Target, make_case
from synthfm3d.io.read import ReadOptions, load, load_labels
from synthfm3d.volume import MODALITIES, Modality

_SEQUENCES = frozenset({"us_camus_p0002_4ch"})
"""Scans whose third axis is time, which a NIfTI file cannot store."""


def sample_cases(folder: Path) -> tuple[PendingCase, ...]:
    """The frozen targets in their order, with the scans in ``folder``; InputError if it does not exist."""
    if not folder.is_dir():
        raise InputError("no such folder", "name the folder of the sample scans.", path=folder)
    rows = json.loads(
        files("synthfm3d.evaluation.datasets").joinpath("sample_targets.json").read_text("utf-8")
    )
    return tuple(
        _pending(folder / name, tuple(_target(row) for row in rows if row["case"] == name))
        for name in dict.fromkeys(row["case"] for row in rows)
    )


def _pending(folder: Path, targets: tuple[Target, ...]) -> PendingCase:
    def read() -> Case:
        modality: Modality = next(m for m in MODALITIES if folder.name.startswith(f"{m}_"))
        image = load(folder / "image.nii.gz", ReadOptions(modality=modality))
        if folder.name in _SEQUENCES:
            image = replace(image, third_axis="time")
        labels = load_labels(folder / "labels.nii.gz")
        return make_case(folder.name, image, labels, targets, cine=image.third_axis == "time")

    return PendingCase(name=folder.name, targets=targets, read=read)


def _target(row: dict[str, Any]) -> Target:
    return Target(structure=row["structure"], labels=(row["label"],), label_source=row["label_source"])
