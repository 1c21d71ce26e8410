"""Micro-ultrasound of the prostate, with labels of an expert and of a non-expert.

Jiang et al., Computerized Medical Imaging and Graphics 112:102326 (2024).
"""

import re
from dataclasses import replace
from pathlib import Path

from synthfm3d.evaluation.datasets.cases import LabelSource, PendingCase, Split
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, scans, stem
from synthfm3d.evaluation.datasets.pairs import paired, pending

_FOLDERS: dict[Split, str] = {"training": "train", "test": "test"}
_LABEL_FOLDERS: dict[LabelSource, str] = {
    "expert": "expert_annotations",
    "non-expert": "non_expert_annotations",
}


def list_micro_ultrasound(dataset: Dataset, path: Path) -> Listing:
    """A case for each scan and label source, since tables separate the sources."""
    root = folder_with(path, "train", "Micro_Ultrasound_Prostate_Segmentation_Dataset")
    cases: list[PendingCase] = []
    excluded: list[Excluded] = []
    for split, folder in _FOLDERS.items():
        images = _by_index(root / folder / "micro_ultrasound_scans", folder)
        for source, name in _LABEL_FOLDERS.items():
            labels = _by_index(root / folder / name, folder)
            if not labels and source == "non-expert":
                continue  # not every release has them
            pairs, alone = paired(images, labels, split)
            drawn = replace(dataset.labels, source=source)
            ending = "" if source == "expert" else "_non_expert"
            cases += [
                pending(replace(pair, name=pair.name + ending, patient=pair.name), drawn, dataset.modality)
                for pair in pairs
            ]
            excluded += [replace(e, name=e.name + ending) for e in alone]
    return listed(cases, excluded)


def _by_index(folder: Path, split: str) -> dict[str, Path]:
    """Scans by the number at the end of their names, the only part that images and labels share."""
    numbered = [(re.search(r"(\d+)$", stem(p)), p) for p in scans(folder)]
    return {f"{split}_{match[1]}": p for match, p in numbered if match}


MICRO_ULTRASOUND = Dataset(
    name="micro-ultrasound",
    title="Micro-ultrasound of the prostate",
    page="https://zenodo.org/records/10475293",
    licence="see the page",
    registration="none",
    modality="us",
    labels=Labels(structures={"prostate": (1,)}, source="expert"),
    tree=(
        "Micro_Ultrasound_Prostate_Segmentation_Dataset/",
        "train/micro_ultrasound_scans/*_01.nii.gz",
        "train/expert_annotations/*_01.nii.gz",
        "train/non_expert_annotations/*_01.nii.gz",
        "test/",
    ),
    list_cases=list_micro_ultrasound,
    cases={"training": 55, "test": 20},
    handled=(
        "images and labels are paired by the number at the end of their names",
        "expert and non-expert labels: separate cases of one patient",
        "slices are a fan, not parallel: distances and volumes across slices are nominal",
    ),
)
