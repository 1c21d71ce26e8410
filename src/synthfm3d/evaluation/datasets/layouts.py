"""Two layouts in which users may store any dataset: that of nnU-Net and the Decathlon, and plain folders.

A JSON file in the dataset names its structures: ``dataset.json``, or ``labels.json`` beside a folder of
images and a folder of label maps.

Antonelli et al., Nature Communications 13:4128 (2022); Isensee et al., Nature Methods 18:203 (2021).
"""

import re
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthfm3d.evaluation.datasets.cases import Split
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import (
    folder_with,
    folders,
    named_scans,
    read_json,
    scans,
    stem,
    structures_of,
)
from synthfm3d.evaluation.datasets.pairs import Pair, paired, pending_pairs
from synthfm3d.volume import Modality

_FOLDERS: dict[Split, str] = {"training": "Tr", "validation": "Va", "test": "Ts"}
_CHANNEL = re.compile(r"_(\d{4})$")
_WORDS: dict[Modality, tuple[str, ...]] = {
    "ct": ("ct", "computed tomography"),
    "mr": (
        "mr",
        "mri",
        "t1",
        "t2",
        "flair",
        "adc",
        "dwi",
        "t1w",
        "t2w",
        "t1gd",
        "lge",
        "cmr",
        "spir",
        "ssfp",
    ),
    "us": ("us", "ultrasound", "echo"),
}


def list_nnunet(dataset: Dataset, path: Path) -> Listing:
    """Scans of ``imagesTr``, ``imagesVa`` and ``imagesTs`` that have labels, each with its first channel."""
    root = folder_with(path, "dataset.json")
    content = read_json(root / "dataset.json")
    labels = content.get("labels")
    structures = structures_of(labels if isinstance(labels, dict) else {}, root / "dataset.json")
    channels = _channels(content)
    notes = () if len(channels) < 2 else (f"of {len(channels)} channels the first, {channels[0]}, is used.",)
    own = replace(
        dataset,
        modality=dataset.modality or _modality(channels),
        labels=replace(dataset.labels, structures=structures),
    )
    pairs: list[Pair] = []
    excluded: list[Excluded] = []
    for split, ending in _FOLDERS.items():
        if not (root / f"labels{ending}").is_dir():
            continue
        label_files = {stem(p): p for p in scans(root / f"labels{ending}")}
        images = {
            _case_of(stem(p), label_files): p
            for p in reversed(scans(root / f"images{ending}"))  # so that channel 0000 stays
        }
        found, alone = paired(dict(reversed(images.items())), label_files, split)
        pairs += [replace(pair, notes=notes, frame=_first_of(content, channels)) for pair in found]
        excluded += alone
    return listed(pending_pairs(own, pairs), excluded, known=named_scans(content, "training"))


def _case_of(name: str, labelled: Container[str]) -> str:
    """The case of an image; the Decathlon's names may also end in four digits that are not a channel."""
    return name if name in labelled else _CHANNEL.sub("", name)


def _channels(content: dict[str, Any]) -> list[str]:
    named = content.get("channel_names", content.get("modality"))
    return [str(name) for name in named.values()] if isinstance(named, dict) else []


def _first_of(content: dict[str, Any], channels: list[str]) -> int | None:
    """The frame to read: 0 for 4-D images with channels (Decathlon); None for nnU-Net's file per channel."""
    return 0 if "modality" in content and len(channels) > 1 else None


def _modality(channels: list[str]) -> Modality | None:
    words = re.split(r"[^a-z0-9]+", " ".join(channels).lower())
    found = [modality for modality, names in _WORDS.items() if any(name in words for name in names)]
    return found[0] if len(found) == 1 else None


NNUNET = Dataset(
    name="nnunet",
    title="a dataset in the layout of nnU-Net or of the Medical Segmentation Decathlon",
    page="http://medicaldecathlon.com",
    licence="of the dataset (the Decathlon's: CC BY-SA 4.0)",
    registration="of the dataset",
    modality=None,
    labels=Labels(structures={}, source="unknown"),
    tree=("Task09_Spleen/", "imagesTr/spleen_2.nii.gz", "labelsTr/spleen_2.nii.gz", "dataset.json"),
    list_cases=list_nnunet,
    handled=(
        "._ files of macOS in the archives: skipped",
        "4-D images and several channels: the first channel is used, with a note",
        "regions of nnU-Net (lists of labels): read as unions",
        "scans in dataset.json whose files are missing: excluded",
    ),
)


def list_folder(dataset: Dataset, path: Path) -> Listing:
    """One case for each image; an image may also be a folder of DICOM slices."""
    root = folder_with(path, "images")
    folder_with(root, "labels")
    names = folder_with(root, "labels.json") / "labels.json"
    own = replace(dataset, labels=replace(dataset.labels, structures=structures_of(read_json(names), names)))
    images = {stem(p): p for p in [*scans(root / "images"), *folders(root / "images")]}
    pairs, alone = paired(images, {stem(p): p for p in scans(root / "labels")})
    return listed(pending_pairs(own, pairs), alone)


FOLDER = Dataset(
    name="folder",
    title="a folder of images, labels and label names",
    page="docs/reference/datasets.md",
    licence="your own",
    registration="none",
    modality=None,
    labels=Labels(structures={}, source="unknown"),
    tree=("any folder", "images/a.nii.gz", "labels/a.nii.gz", 'labels.json: {"1": "liver", "2": "spleen"}'),
    list_cases=list_folder,
    handled=("NIfTI, NRRD, MetaImage and DICOM folders; label values without a name: excluded",),
)
