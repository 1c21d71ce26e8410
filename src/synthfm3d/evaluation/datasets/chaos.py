"""CHAOS: abdominal CT and MR as DICOM, with labels as numbered PNG pictures.

Kavur et al., Medical Image Analysis 69:101950 (2021), doi:10.1016/j.media.2020.101950.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase, make_case
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, folders, visible
from synthfm3d.evaluation.datasets.pairs import Pair
from synthfm3d.io.plain import natural_order
from synthfm3d.io.read import ReadOptions, load, load_labels
from synthfm3d.volume import Array, Modality, Volume

GREY_RANGES = {1: (55, 70), 2: (110, 135), 3: (175, 200), 4: (240, 255)}
"""MR: grey values, both ends included, that stand for liver, right kidney, left kidney and spleen."""
LIVER_HU = (50.0, 200.0)
"""Portal venous phase: most liver voxels lie in this range if the label map is in the right order."""
_CLEARLY = 0.05
"""Smallest difference between the shares of the two orders that decides which one is right."""
_IMAGES_OF_SEQUENCE = {
    "T1DUAL": {"InPhase": "DICOM_anon/InPhase", "OutPhase": "DICOM_anon/OutPhase"},
    "T2SPIR": {"": "DICOM_anon"},
}


def list_ct(dataset: Dataset, path: Path) -> Listing:
    """One case for each numbered folder below ``CT``."""
    root = folder_with(path, "CT", "Train_Sets", "CHAOS_Train_Sets/Train_Sets")
    pairs = [
        Pair(name=f"CT_{folder.name}", image=folder / "DICOM_anon", labels=folder / "Ground")
        for folder in folders(root / "CT", "[0-9]*")
    ]
    return _listing(dataset, pairs)


def list_mr(dataset: Dataset, path: Path) -> Listing:
    """Three cases for each patient: T1 in and out of phase, which share their labels, and T2."""
    root = folder_with(path, "MR", "Train_Sets", "CHAOS_Train_Sets/Train_Sets")
    pairs = []
    for folder in folders(root / "MR", "[0-9]*"):
        for sequence, images in _IMAGES_OF_SEQUENCE.items():
            for phase, subfolder in images.items():
                pairs.append(
                    Pair(
                        name="_".join(filter(None, ("MR", folder.name, sequence, phase))),
                        image=folder / sequence / subfolder,
                        labels=folder / sequence / "Ground",
                        patient=f"MR_{folder.name}",
                    )
                )
    return _listing(dataset, pairs)


def _listing(dataset: Dataset, pairs: list[Pair]) -> Listing:
    cases, excluded = [], []
    for pair in pairs:
        missing = [p.name for p in (pair.image, pair.labels) if not p.is_dir() or not any(visible(p))]
        if missing:
            reason = f"{' and '.join(missing)} is missing or empty."
            excluded.append(Excluded(name=pair.name, reason=reason, split="training"))
            continue
        cases.append(
            PendingCase(
                name=pair.name,
                targets=dataset.labels.targets,
                read=partial(_read, pair, dataset.labels, dataset.modality),
                patient=pair.patient,
                split="training",
            )
        )
    return listed(cases, excluded)


def _read(pair: Pair, labels: Labels, modality: Modality | None) -> Case:
    """Read DICOM slices sorted by position, each with the label picture of the same number."""
    from synthfm3d.io.dicom import slice_files  # pydicom: an extra

    image = load(pair.image, ReadOptions(modality=modality, one_series=True))
    files = slice_files(pair.image, one_series=True)
    # The doubts about missing geometry are dropped: the pictures take the geometry of the slices.
    pictures = load_labels(pair.labels, ReadOptions(spacing_mm=image.spacing_mm)).voxels
    if len(pictures) != len(files):
        raise InputError(f"{pair.name}: {len(files)} slices and {len(pictures)} label pictures.")
    if pictures.shape != image.voxels.shape:
        raise InputError(
            f"{pair.name}: slices of {image.voxels.shape[2]} x {image.voxels.shape[1]} pixels and label "
            f"pictures of {pictures.shape[2]} x {pictures.shape[1]}."
        )
    number = {file: n for n, file in enumerate(sorted(files, key=natural_order))}
    values = _label_values(pair.name, pictures, modality)[[number[file] for file in files]]
    notes: list[str] = []
    if modality == "ct":
        values, reversed_ = _right_way_round(pair.name, image, values)
        if reversed_:
            notes.append("its label pictures are in the reverse order of its slices; they are reversed.")
    return make_case(
        pair.name, image, image.with_voxels(values), labels.targets, patient=pair.patient, notes=notes
    )


def _label_values(name: str, grey: Array, modality: Modality | None) -> Array:
    """Label values, uint8, of grey values; InputError for a grey value outside all ranges."""
    if modality == "ct":
        return np.asarray(grey != 0, np.uint8)  # one bit, or 255
    values = np.zeros(grey.shape, np.uint8)
    for value, (low, high) in GREY_RANGES.items():
        values[(grey >= low) & (grey <= high)] = value
    unknown = np.unique(grey[(values == 0) & (grey != 0)])
    if len(unknown):
        greys = ", ".join(str(value) for value in unknown[:5])
        raise InputError(f"{name}: its label pictures have grey values outside all ranges: {greys}.")
    return values


def _right_way_round(name: str, image: Volume, values: Array) -> tuple[Array, bool]:
    """The labels in the order in which they cover a bright liver, and whether they were reversed along z.

    Raises InputError if both orders fit equally well.
    """
    bright = (image.voxels >= LIVER_HU[0]) & (image.voxels <= LIVER_HU[1])
    if not values.any():
        return values, False
    share, reversed_share = (float(bright[order != 0].mean()) for order in (values, values[::-1]))
    if abs(share - reversed_share) < _CLEARLY:
        raise InputError(
            f"{name}: the order of its label pictures cannot be determined: "
            f"{share:.0%} or, reversed, {reversed_share:.0%} of the liver has {LIVER_HU[0]:g} to "
            f"{LIVER_HU[1]:g} HU."
        )
    return (values, False) if share > reversed_share else (values[::-1], True)


CHAOS_CT = Dataset(
    name="chaos-ct",
    title="CHAOS, CT",
    page="https://chaos.grand-challenge.org (files: https://zenodo.org/records/3431873)",
    licence="CC BY-SA 4.0",
    registration="none for Zenodo",
    modality="ct",
    labels=Labels(structures={"liver": (1,)}, source="expert"),
    tree=("Train_Sets/", "CT/1/DICOM_anon/*.dcm", "CT/1/Ground/*.png"),
    list_cases=list_ct,
    cases={"training": 20},
    handled=(
        "slices are sorted by position and pictures by number, not by the order in a folder",
        "slices that each name another series: a folder is read as one series",
        "label pictures in reverse order: reversed if the liver is then clearly brighter; else excluded",
        "a different number of pictures and slices: excluded",
    ),
)
CHAOS_MR = replace(
    CHAOS_CT,
    name="chaos-mr",
    title="CHAOS, MR (T1 in and out of phase, T2)",
    modality="mr",
    labels=Labels(
        structures={"liver": (1,), "kidney_right": (2,), "kidney_left": (3,), "spleen": (4,)}, source="expert"
    ),
    tree=(
        "Train_Sets/",
        "MR/1/T1DUAL/DICOM_anon/{InPhase,OutPhase}/*.dcm",
        "MR/1/T1DUAL/Ground/*.png",
        "MR/1/T2SPIR/DICOM_anon/*.dcm",
        "MR/1/T2SPIR/Ground/*.png",
    ),
    list_cases=list_mr,
    cases={"training": 60},
    handled=(
        *CHAOS_CT.handled[:2],
        "structures are ranges of grey values; a value outside all ranges: excluded",
        "one label map serves T1 in and out of phase; the three images of a patient are one patient",
        CHAOS_CT.handled[3],
    ),
)
