"""CAMUS: echocardiography in two views, two-dimensional over time, from end diastole to end systole.

Leclerc et al., IEEE Trans. Med. Imaging 38:2198 (2019), doi:10.1109/TMI.2019.2900516.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from synthfm3d.evaluation.datasets.cases import Case, Split
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import (
    folder_with,
    folders,
    read_colon_file,
    read_words,
    scan_named,
    whole_number,
)
from synthfm3d.evaluation.datasets.pairs import Pair, pending, read_pair
from synthfm3d.io.read import ReadOptions, load
from synthfm3d.volume import Modality

VIEWS = ("2CH", "4CH")
PHASES = ("ED", "ES")
SPLIT_FILES: dict[Split, str] = {
    "training": "subgroup_training.txt",
    "validation": "subgroup_validation.txt",
    "test": "subgroup_testing.txt",
}
_STRUCTURES = {
    "left_ventricle_cavity": (1,),
    # The contour of the epicardium encloses wall and cavity.
    "left_ventricle_epicardium": (1, 2),
    "left_atrium": (3,),
}


def list_sequences(dataset: Dataset, path: Path) -> Listing:
    """One case for each patient and view: the half sequence with a label map of every frame."""
    return _listing(dataset, path, ("half_sequence",))


def list_stills(dataset: Dataset, path: Path) -> Listing:
    """One case for each patient, view and phase: a single frame."""
    return _listing(dataset, path, PHASES)


def _listing(dataset: Dataset, path: Path, parts: tuple[str, ...]) -> Listing:
    root = folder_with(path, "patient*", "database_nifti", "CAMUS_public/database_nifti", "training")
    splits, excluded = _splits(root)
    cases = []
    patients = folders(root, "patient*")
    for folder in patients:
        patient, split = folder.name, splits.get(folder.name)
        for view in VIEWS:
            for part in parts:
                name = f"{patient}_{view}_{part}"
                image, labels = scan_named(folder, name), scan_named(folder, f"{name}_gt")
                if image is None or labels is None:
                    what = "image" if image is None else "labels"
                    excluded.append(Excluded(name=name, reason=f"has no {what}.", split=split))
                    continue
                pair = Pair(name=name, image=image, labels=labels, patient=patient, split=split)
                if part in PHASES:
                    pair = replace(pair, key_frames={part: 0})
                case = pending(pair, dataset.labels, dataset.modality, cine=True)
                if part not in PHASES:
                    read_case = partial(_read_sequence, pair, view, dataset.labels, dataset.modality)
                    case = replace(case, read=read_case)
                cases.append(case)
    present = {folder.name for folder in patients}
    excluded += [
        Excluded(name=patient, reason="is named by a split file, and its folder is missing.", split=split)
        for patient, split in splits.items()
        if patient not in present
    ]
    return listed(cases, excluded)


def _splits(root: Path) -> tuple[dict[str, Split], list[Excluded]]:
    """The split of each patient in the files beside the database, and the missing files."""
    folder = next(
        (f for f in (root / "database_split", root.parent / "database_split") if f.is_dir()),
        root.parent / "database_split",
    )
    splits: dict[str, Split] = {}
    missing: list[Excluded] = []
    for split, name in SPLIT_FILES.items():
        if (folder / name).is_file():
            splits |= dict.fromkeys(read_words(folder / name), split)
        else:
            missing.append(
                Excluded(name=name, reason="is missing: the split of its patients is not known.", split=split)
            )
    return splits, missing


def _read_sequence(pair: Pair, view: str, labels: Labels, modality: Modality | None) -> Case:
    """Read a half sequence and find the frames of end diastole and end systole."""
    case = read_pair(pair, labels, modality, cine=True)
    frames = len(case.image.voxels)
    info = pair.image.parent / f"Info_{view}.cfg"
    fields = read_colon_file(info) if info.is_file() else {}
    notes, key_frames = list(case.notes), dict(zip(PHASES, (0, frames - 1), strict=True))
    stored = {phase: whole_number(fields, phase) for phase in PHASES}
    if all(number is not None and 1 <= number <= frames for number in stored.values()):
        key_frames = {phase: number - 1 for phase, number in stored.items() if number is not None}
    else:
        notes.append(
            f"{info.name} does not give the frames of ED and ES; the first and the last frame are used."
        )
    for phase in PHASES:
        at = _frame_of_still(pair, view, phase, case)
        if at is not None and at != key_frames[phase]:
            notes.append(
                f"{phase} is given as frame {key_frames[phase] + 1}, but its image equals frame {at + 1}; "
                f"frame {at + 1} is used."
            )
            key_frames[phase] = at
    return replace(case, key_frames=key_frames, notes=tuple(notes))


def _frame_of_still(pair: Pair, view: str, phase: str, case: Case) -> int | None:
    """The frame of the sequence that equals the image of a phase; None unless there is exactly one."""
    patient = pair.image.parent.name
    path = scan_named(pair.image.parent, f"{patient}_{view}_{phase}")
    if path is None:
        return None
    still = load(path, ReadOptions(modality="us", cine=True)).voxels[0]
    if still.shape != case.image.voxels.shape[1:]:
        return None
    same = np.flatnonzero((case.image.voxels == still).all(axis=(1, 2)))
    return int(same[0]) if len(same) == 1 else None


CAMUS = Dataset(
    name="camus",
    title="CAMUS, half sequences (2CH, 4CH)",
    page="https://www.creatis.insa-lyon.fr/Challenge/camus/",
    licence="CC BY-NC-SA 4.0",
    registration="none, or an account of humanheart-project.creatis.insa-lyon.fr",
    modality="us",
    # Cardiologists labelled ED and ES. It is not published who labelled the frames between.
    labels=Labels(structures=_STRUCTURES, source="unknown"),
    tree=(
        "CAMUS_public/",
        "database_nifti/patient0001/patient0001_2CH_half_sequence.nii.gz",
        "database_nifti/patient0001/patient0001_2CH_half_sequence_gt.nii.gz",
        "database_nifti/patient0001/Info_2CH.cfg",
        "database_split/subgroup_testing.txt",
    ),
    list_cases=list_sequences,
    cases={"training": 800, "validation": 100, "test": 100},
    handled=(
        "the third axis is time: there is no distance and no volume along it",
        "ED and ES are read from Info_*.cfg and checked against the ED and ES images",
        "a missing split file: reported; its patients belong to no split",
        "patients in a split file whose folders are missing: excluded",
    ),
)
CAMUS_STILLS = replace(
    CAMUS,
    name="camus-stills",
    title="CAMUS, ED and ES images (2CH, 4CH)",
    labels=Labels(structures=_STRUCTURES, source="expert"),
    tree=(
        "CAMUS_public/",
        "database_nifti/patient0001/patient0001_2CH_ED.nii.gz",
        "database_nifti/patient0001/patient0001_2CH_ED_gt.nii.gz",
        "database_split/subgroup_testing.txt",
    ),
    list_cases=list_stills,
    cases={"training": 1600, "validation": 200, "test": 200},
    handled=("2-D files are sequences of one frame", *CAMUS.handled[2:], "the old .mhd layout is also read"),
)
