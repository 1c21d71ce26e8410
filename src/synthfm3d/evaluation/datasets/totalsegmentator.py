"""TotalSegmentator v2, CT and MR: one binary mask file for each structure.

Wasserthal et al., Radiology: AI 5:e230024 (2023); Akinci D'Antonoli et al., Radiology 314:e241613 (2025).
"""

import csv
import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, LabelSource, PendingCase, Split, Target, make_case
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, folders, scan_named
from synthfm3d.io.pairs import labels_on
from synthfm3d.io.read import ReadOptions, load, load_labels
from synthfm3d.volume import Array, Modality

IMAGE_NAMES = {"ct": "ct", "mr": "mri"}
_SPLITS: dict[str, Split] = {"train": "training", "val": "validation", "test": "test"}
STRUCTURES = (
    "spleen",
    "kidney_right",
    "kidney_left",
    "gallbladder",
    "liver",
    "stomach",
    "pancreas",
    "adrenal_gland_right",
    "adrenal_gland_left",
    "esophagus",
    "duodenum",
    "urinary_bladder",
    "prostate",
    "heart",
    "aorta",
    "inferior_vena_cava",
    "portal_vein_and_splenic_vein",
)
"""The scored structures, which other datasets of the registry also have. Other masks are not read."""


def list_totalsegmentator(dataset: Dataset, path: Path) -> Listing:
    """One case for each subject that has an image and masks."""
    image_name = IMAGE_NAMES[dataset.modality or "ct"]
    root = folder_with(path, f"s*/{image_name}.nii*", "Totalsegmentator_dataset_v201", "dataset")
    splits, excluded = _splits(root)
    cases: list[PendingCase] = []
    for folder in folders(root, "s[0-9]*"):
        split = splits.get(folder.name)
        image = scan_named(folder, image_name)
        if image is None or not (folder / "segmentations").is_dir():
            missing = f"{image_name}.nii.gz" if image is None else "the folder segmentations"
            excluded.append(Excluded(name=folder.name, reason=f"{missing} is missing.", split=split))
            continue
        cases.append(
            PendingCase(
                name=folder.name,
                targets=dataset.labels.targets,
                read=partial(
                    _read,
                    folder,
                    image,
                    tuple(dataset.labels.structures),
                    dataset.labels.source,
                    dataset.modality,
                ),
                split=split,
            )
        )
    return listed(cases, excluded, known=list(splits))


def _read(
    folder: Path,
    image_path: Path,
    structures: tuple[str, ...],
    source: LabelSource,
    modality: Modality | None,
) -> Case:
    """Read the image, and all masks as one label map. The overlap of two masks has its own value."""
    masks = {name: scan_named(folder / "segmentations", name) for name in structures}
    image = load(image_path, ReadOptions(modality=modality))
    merged = np.zeros(image.voxels.shape, np.uint16)
    members: list[frozenset[str]] = [frozenset()]  # by label value
    notes: list[str] = []
    for name, path in masks.items():
        mask = None if path is None else load_labels(path)
        if mask is not None and mask.voxels.any():  # most subjects lack many structures
            mask = labels_on(image, mask, f"segmentations/{name}", {1: name})
            _add(merged, members, name, mask.voxels != 0)
        notes += [] if mask is None else mask.doubts
    without = [name for name, path in masks.items() if path is None]
    if without:
        notes.append(f"there is no mask file of {', '.join(without)}.")
    targets = [
        Target(
            structure=name,
            # No voxel has the value -1, so the structure is absent.
            labels=tuple(v for v, group in enumerate(members) if name in group) or (-1,),
            label_source=source,
        )
        for name in structures
    ]
    if len(members) == 1:
        raise InputError(f"{folder.name}: every mask of a scored structure is empty.")
    return make_case(folder.name, image, image.with_voxels(merged), targets, notes=notes)


def _add(merged: Array, members: list[frozenset[str]], name: str, mask: Array) -> None:
    """Add a mask to ``merged`` in place: a new value for each value that it covers, so that none is lost."""
    covered = merged[mask]
    for value in np.unique(covered):
        members.append(members[int(value)] | {name})
        merged[mask & (merged == value)] = len(members) - 1


def _splits(root: Path) -> tuple[dict[str, Split], list[Excluded]]:
    path = root / "meta.csv"
    if not path.is_file():
        return {}, [Excluded(name=path.name, reason="is missing: the split of its subjects is not known.")]
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    splits = {row.get("image_id") or "": _SPLITS.get((row.get("split") or "").strip()) for row in rows}
    if not any(splits.values()):
        reason = "has no columns image_id and split: the split of its subjects is not known."
        return {}, [Excluded(name=path.name, reason=reason)]
    return {name: split for name, split in splits.items() if name and split is not None}, []


TOTALSEGMENTATOR_CT = Dataset(
    name="totalsegmentator-ct",
    title="TotalSegmentator v2, CT",
    page="https://zenodo.org/records/10047292",
    licence="CC BY 4.0",
    registration="none",
    modality="ct",
    labels=Labels(
        structures={name: (value,) for value, name in enumerate(STRUCTURES, start=1)}, source="automatic"
    ),
    tree=("the folder that was unpacked", "s0000/ct.nii.gz", "s0000/segmentations/liver.nii.gz", "meta.csv"),
    list_cases=list_totalsegmentator,
    cases={"": 1228},
    handled=(
        "one file for each structure, so the ids of v1 and v2, which differ, do not matter",
        "overlapping masks: no mask erases another",
        "empty masks: counted as absent",
        "scan and mask up to a tenth of a voxel apart: read as one grid; more: excluded",
        "damaged compression (s0864 of v1): excluded; a sheared affine: read",
        "masks outside the image of rotated scans: a doubt",
        "a missing meta.csv: reported; its subjects belong to no split",
    ),
)
TOTALSEGMENTATOR_MR = replace(
    TOTALSEGMENTATOR_CT,
    name="totalsegmentator-mr",
    title="TotalSegmentator v2, MR",
    page="https://zenodo.org/records/11367005",
    registration="none",
    modality="mr",
    tree=("the folder that was unpacked", "s0001/mri.nii.gz", "s0001/segmentations/liver.nii.gz", "meta.csv"),
    cases={},
    handled=TOTALSEGMENTATOR_CT.handled[:4] + TOTALSEGMENTATOR_CT.handled[6:],
)
