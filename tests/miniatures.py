"""Public datasets in miniature: their trees, names, label values and known defects, with phantoms inside.

Nothing here is an image of anybody. A miniature proves that files are found and read, and nothing else.
"""

import csv
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
from dicom_files import make_slice, set_pixels
from PIL import Image
from pydicom.uid import generate_uid

from synthfm3d.evaluation.datasets.totalsegmentator import STRUCTURES as TOTAL_STRUCTURES
from synthfm3d.io.nifti import write_nifti
from synthfm3d.volume import Grid, Volume

SHAPE = (6, 32, 40)
SPACING_MM = (5.0, 1.0, 1.0)
GRID = Grid.from_spacing(SHAPE, SPACING_MM)
_CELL, _SIDE, _COLUMNS = 7, 5, 5


def label_map(values: Sequence[int]) -> np.ndarray:
    """A box of 5 × 5 voxels for each value, on slices 1 to 4; the first one on slices 0 to 2 instead."""
    labels = np.zeros(SHAPE, np.uint16)
    for n, value in enumerate(values):
        y, x = 1 + _CELL * (n // _COLUMNS), 1 + _CELL * (n % _COLUMNS)
        labels[slice(0, 3) if n == 0 else slice(1, 5), y : y + _SIDE, x : x + _SIDE] = value
    return labels


def picture(labels: np.ndarray, modality: str) -> np.ndarray:
    """Grey values in which every structure differs from what surrounds it: int16, CT with air around."""
    noise = np.random.default_rng(len(np.unique(labels))).integers(-8, 8, labels.shape)
    structures = np.searchsorted(np.unique(labels), labels)
    inside = 90 + 10 * structures
    around = np.full(labels.shape, -20 if modality == "ct" else 30)
    if modality == "ct":
        around[:, :, 36:] = -1000
    return np.asarray(np.where(labels > 0, inside, around) + noise, np.int16)


def write_scan(path: Path, values: np.ndarray, spacing_mm: tuple[float, float, float] = SPACING_MM) -> None:
    """An array (z, y, x) as NIfTI, axial, from the origin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(path, Volume(voxels=values, affine=Grid.from_spacing(values.shape, spacing_mm).affine))


def write_pair(image: Path, labels: Path, values: Sequence[int], modality: str) -> None:
    """A phantom and its label map."""
    write_scan(labels, label_map(values))
    write_scan(image, picture(label_map(values), modality))


# --- the datasets -----------------------------------------------------------------------------------


def camus(folder: Path) -> Path:
    """Three patients, one in each split; patient0003 has its sequences from ES to ED."""
    root = folder / "CAMUS_public"
    for number, split in enumerate(("training", "validation", "testing"), start=1):
        patient = f"patient{number:04}"
        for view in ("2CH", "4CH"):
            _camus_view(root / "database_nifti" / patient, view, backwards=number == 3)
        path = root / "database_split" / f"subgroup_{split}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{patient}\n")
    return root


def _camus_view(folder: Path, view: str, *, backwards: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frames = 5
    labels = np.zeros((frames, 48, 40), np.uint8)
    y, x = np.ogrid[:48, :40]
    for t in range(frames):  # the heart contracts
        distance = np.hypot((y - 18) / 1.4, x - 20)
        labels[t][distance <= 12 - t / 2] = 2
        labels[t][distance <= 9 - t] = 1
        labels[t][np.hypot(y - 40, x - 20) <= 5] = 3
    image = np.asarray(20 + 60 * labels + np.random.default_rng(1).integers(0, 9, labels.shape), np.uint8)
    order = slice(None, None, -1) if backwards else slice(None)
    stem = f"{folder.name}_{view}"
    for name, array in (("", image), ("_gt", labels)):
        # As published: 2-D images, and sequences whose third spacing is 1 and means nothing.
        _save(folder / f"{stem}_half_sequence{name}.nii.gz", array[order].transpose(2, 1, 0), (0.3, 0.15, 1))
        for phase, t in (("ED", 0), ("ES", frames - 1)):
            _save(folder / f"{stem}_{phase}{name}.nii.gz", array[t].T, (0.3, 0.15))
    (folder / f"Info_{view}.cfg").write_text(
        f"ED: 1\nES: {frames}\nNbFrame: {frames}\nSex: F\nAge: 56\nImageQuality: Good\nEF: 56\n"
    )


def _save(path: Path, stored: np.ndarray, spacing: Sequence[float]) -> None:
    affine = np.diag([*spacing, 1.0, 1.0][:3] + [1.0])
    nib.save(nib.Nifti1Image(stored, affine), path)


def amos(folder: Path) -> Path:
    """CT 0001 and 0004, MR 0507 for training; CT 0008 and MR 0510 for validation; 0500, of open modality."""
    root = folder / "amos22"
    entries: dict[str, list[dict[str, str]]] = {"training": [], "validation": []}
    for number, modality, part, key in (
        (1, "ct", "Tr", "training"),
        (4, "ct", "Tr", "training"),
        (500, "mr", "Tr", "training"),
        (507, "mr", "Tr", "training"),
        (8, "ct", "Va", "validation"),
        (510, "mr", "Va", "validation"),
    ):
        name = f"amos_{number:04}.nii.gz"
        # Bladder and prostate or uterus are not in the picture.
        write_pair(root / f"images{part}" / name, root / f"labels{part}" / name, range(1, 14), modality)
        entries[key].append({"image": f"./images{part}/{name}", "label": f"./labels{part}/{name}"})
    write_scan(root / "imagesTs" / "amos_0002.nii.gz", picture(label_map([1]), "ct"))
    (root / "__MACOSX").mkdir()
    (root / "imagesTr" / "._amos_0001.nii.gz").write_bytes(b"\x00\x05\x16\x07rest")
    (root / "dataset.json").write_text(json.dumps({"name": "AMOS", "licence": "CC BY 4.0", **entries}))
    return root


CHAOS_SLICES = 10


def chaos(folder: Path) -> Path:
    """CT 1, and 2 whose pictures run backwards; MR 1. Files are numbered against their positions."""
    root = folder / "CHAOS_Train_Sets" / "Train_Sets"
    for number in (1, 2):
        case = root / "CT" / str(number)
        labels = chaos_ct_labels()
        write_dicom(case / "DICOM_anon", picture(labels, "ct") + 1024, "CT", series_each=True)
        _pictures(case / "Ground", "liver_GT", (labels if number == 2 else labels[::-1]) * 255)
    grey = chaos_mr_grey()
    values = picture(grey // 63, "mr")
    for place in ("T1DUAL/DICOM_anon/InPhase", "T1DUAL/DICOM_anon/OutPhase", "T2SPIR/DICOM_anon"):
        write_dicom(root / "MR" / "1" / place, values, "MR", series_each=True)
    for sequence in ("T1DUAL", "T2SPIR"):
        _pictures(root / "MR" / "1" / sequence / "Ground", "IMG-0004", grey[::-1])
    return root.parent


def chaos_ct_labels() -> np.ndarray:
    """Liver (z, y, x), from the feet to the head: on slices 1 to 4 of ten."""
    labels = np.zeros((CHAOS_SLICES, *SHAPE[1:]), np.uint8)
    labels[1:5, 6:22, 8:28] = 1
    return labels


def chaos_mr_grey() -> np.ndarray:
    """Grey values (z, y, x) of the label pictures, from the feet to the head."""
    grey = np.zeros((CHAOS_SLICES, *SHAPE[1:]), np.uint8)
    for n, value in enumerate((63, 126, 189, 252)):
        grey[n : n + 4, 4:12, 2 + 8 * n : 8 + 8 * n] = value
    return grey


def write_dicom(folder: Path, values: np.ndarray, modality: str, *, series_each: bool = False) -> None:
    """Slices whose file numbers run from the head to the feet, of one series or each of its own."""
    folder.mkdir(parents=True)
    study, series = generate_uid(), generate_uid()
    for z, plane in enumerate(values):
        dataset = make_slice(z, study, generate_uid() if series_each else series)
        dataset.Modality = modality
        if modality == "MR":
            del dataset.RescaleSlope, dataset.RescaleIntercept
        set_pixels(dataset, plane.astype(np.uint16))
        dataset.save_as(folder / f"i{len(values) - z:04},0000b.dcm", enforce_file_format=True)


def _pictures(folder: Path, name: str, planes: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for n, plane in enumerate(planes):
        Image.fromarray(np.asarray(plane, np.uint8)).save(folder / f"{name}_{n:03}.png")


def acdc(folder: Path) -> Path:
    """patient001 and patient101; the ED of patient101 is frame 4, and all its files have an sform of 1 mm."""
    root = folder / "ACDC"
    for part, patient, ed, es in (("training", "patient001", 1, 12), ("testing", "patient101", 4, 11)):
        case = root / "database" / part / patient
        for frame in (ed, es):
            name = f"{patient}_frame{frame:02}"
            write_pair(case / f"{name}.nii.gz", case / f"{name}_gt.nii.gz", (1, 2, 3), "mr")
        (case / "Info.cfg").write_text(f"ED: {ed}\nES: {es}\nGroup: DCM\nHeight: 184.0\nNbFrame: 30\n")
    for path in (root / "database" / "testing" / "patient101").glob("*.nii.gz"):
        image = nib.load(path)
        stored = nib.Nifti1Image(np.asarray(image.dataobj), None, image.header)
        stored.set_qform(np.diag([1.316, 1.316, 10.0, 1.0]), code=1)
        stored.set_sform(np.eye(4), code=1)
        stored.header["pixdim"][1:4] = (1.316, 1.316, 10.0)
        nib.save(stored, path)
    return root


def totalsegmentator(folder: Path, modality: str = "ct") -> Path:
    """Three subjects, one in each split; most masks are empty, and those of liver and stomach overlap."""
    image_name = {"ct": "ct", "mr": "mri"}[modality]
    rows = []
    for subject, split in (("s0000", "train"), ("s0001", "val"), ("s0002", "test")):
        labels = label_map((1, 5, 6))
        write_scan(folder / subject / f"{image_name}.nii.gz", picture(labels, modality))
        for name in TOTAL_STRUCTURES:
            value = {"spleen": 1, "liver": 5, "stomach": 6}.get(name, 99)
            mask = (labels == value).astype(np.uint8)
            if name == "stomach":
                mask |= labels == 5  # all of the liver
                mask[:, :8, :8] = 0
            write_scan(folder / subject / "segmentations" / f"{name}.nii.gz", mask)
        rows.append({"image_id": subject, "age": "60", "split": split})
    with (folder / "meta.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def btcv(folder: Path) -> Path:
    root = folder / "RawData"
    for number in ("0001", "0021"):
        training = root / "Training"
        image, labels = training / "img" / f"img{number}.nii.gz", training / "label" / f"label{number}.nii.gz"
        write_pair(image, labels, range(1, 14), "ct")
    write_scan(root / "Testing" / "img" / "img0061.nii.gz", picture(label_map([1]), "ct"))
    return root


def flare22(folder: Path) -> Path:
    root = folder / "FLARE22Train"
    for number in ("0001", "0002"):
        name = f"FLARE22_Tr_{number}"
        image, labels = root / "images" / f"{name}_0000.nii.gz", root / "labels" / f"{name}.nii.gz"
        write_pair(image, labels, range(1, 14), "ct")
    return root


def mmwhs(folder: Path) -> Path:
    """CT 1001 and MR 1001, whose left atrium holds three voxels of 421."""
    values = (500, 600, 420, 550, 205, 820, 850)
    for modality in ("ct", "mr"):
        stem = folder / f"{modality}_train" / f"{modality}_train_1001"
        labels = label_map(values)
        if modality == "mr":
            places = np.argwhere(labels == 420)[:3]
            labels[tuple(places.T)] = 421
        write_scan(stem.with_name(f"{stem.name}_label.nii.gz"), labels)
        write_scan(stem.with_name(f"{stem.name}_image.nii.gz"), picture(label_map(values), modality))
    return folder


def micro_ultrasound(folder: Path) -> Path:
    root = folder / "Micro_Ultrasound_Prostate_Segmentation_Dataset"
    for split, number in (("train", "01"), ("train", "02"), ("test", "01")):
        part = root / split
        image = part / "micro_ultrasound_scans" / f"microUS_{split}_{number}.nii.gz"
        write_pair(
            image, part / "expert_annotations" / f"expert_annotation_{split}_{number}.nii.gz", [1], "us"
        )
        other = label_map([1])
        other[:, 5:] = 0  # the non-expert drew less
        name = f"non_expert_annotation_{split}_{number}.nii.gz"
        write_scan(part / "non_expert_annotations" / name, other)
    return root


def cetus(folder: Path) -> Path:
    root = folder / "dataset"
    for phase in ("ED", "ES"):
        stem = root / "patient01" / f"patient01_{phase}"
        write_scan(stem.with_name(f"{stem.name}.nii.gz"), picture(label_map([1]), "us").astype(np.float32))
        labels = (label_map([1]) * 255.0).astype(np.float32)
        write_scan(stem.with_name(f"{stem.name}_gt.nii.gz"), labels)
    return root


def decathlon(
    folder: Path,
    task: str = "Task05_Prostate",
    labels: tuple[str, ...] = ("PZ", "TZ"),
    modality: str = "mr",
    channels: tuple[str, ...] = ("T2", "ADC"),
) -> Path:
    """Two channels in a 4-D file, of which the second is inverted; ._ files as in the published archives."""
    root = folder / task
    name = f"{task.split('_')[1].lower()}_00"
    drawn = label_map(range(1, len(labels) + 1))
    write_scan(root / "labelsTr" / f"{name}.nii.gz", drawn)
    (root / "imagesTr").mkdir()
    (root / "imagesTr" / f"._{name}.nii.gz").write_bytes(b"\x00\x05\x16\x07rest")
    first = picture(drawn, modality)
    stored = [first, -first][: len(channels)] + [-first] * (len(channels) - 2)
    voxels = np.stack(stored, axis=-1).transpose(2, 1, 0, 3)
    affine = GRID.affine[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(voxels if len(channels) > 1 else voxels[..., 0], affine)
    nib.save(image, root / "imagesTr" / f"{name}.nii.gz")
    content = {
        "modality": {str(n): channel for n, channel in enumerate(channels)},
        "labels": {"0": "background", **{str(n): label for n, label in enumerate(labels, start=1)}},
        "training": [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}],
    }
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def nnunet(folder: Path) -> Path:
    """Two cases of CT with a region, one of them with a second channel that is not looked at."""
    root = folder / "Dataset218_Heart"
    for name in ("heart_001", "heart_002"):
        write_pair(
            root / "imagesTr" / f"{name}_0000.nii.gz", root / "labelsTr" / f"{name}.nii.gz", (1, 2), "ct"
        )
    write_scan(root / "imagesTr" / "heart_001_0001.nii.gz", np.zeros(SHAPE, np.int16))
    content = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "whole heart": [1, 2], "cavity": 1},
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def folder_of_scans(folder: Path) -> Path:
    root = folder / "mine"
    write_pair(root / "images" / "a.nii.gz", root / "labels" / "a.nii.gz", (1, 2), "mr")
    write_pair(root / "images" / "b.nii", root / "labels" / "b.nii.gz", (1,), "mr")
    (root / "labels.json").write_text('{"1": "liver", "2": "spleen"}')
    return root


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "camus": camus,
    "camus-stills": camus,
    "amos-ct": amos,
    "amos-mr": amos,
    "chaos-ct": chaos,
    "chaos-mr": chaos,
    "acdc": acdc,
    "totalsegmentator-ct": totalsegmentator,
    "totalsegmentator-mr": lambda folder: totalsegmentator(folder, "mr"),
    "btcv": btcv,
    "flare22": flare22,
    "mm-whs-ct": mmwhs,
    "mm-whs-mr": mmwhs,
    "micro-ultrasound": micro_ultrasound,
    "cetus": cetus,
    **{
        name: partial(decathlon, task=task, labels=labels, modality=modality, channels=channels)
        for name, task, labels, modality, channels in (
            (
                "msd-brain-tumour",
                "Task01_BrainTumour",
                ("edema", "non-enhancing tumor", "enhancing tumour"),
                "mr",
                ("FLAIR", "T1w", "t1gd", "T2w"),
            ),
            ("msd-heart", "Task02_Heart", ("left atrium",), "mr", ("MRI",)),
            ("msd-liver", "Task03_Liver", ("liver", "cancer"), "ct", ("CT",)),
            ("msd-hippocampus", "Task04_Hippocampus", ("Anterior", "Posterior"), "mr", ("MRI",)),
            ("msd-prostate", "Task05_Prostate", ("PZ", "TZ"), "mr", ("T2", "ADC")),
            ("msd-lung", "Task06_Lung", ("cancer",), "ct", ("CT",)),
            ("msd-pancreas", "Task07_Pancreas", ("pancreas", "cancer"), "ct", ("CT",)),
            ("msd-hepatic-vessel", "Task08_HepaticVessel", ("Vessel", "Tumour"), "ct", ("CT",)),
            ("msd-spleen", "Task09_Spleen", ("spleen",), "ct", ("CT",)),
            ("msd-colon", "Task10_Colon", ("colon cancer primaries",), "ct", ("CT",)),
        )
    },
    "nnunet": nnunet,
    "folder": folder_of_scans,
}
"""A miniature of every dataset of the registry, by name; each returns the path that a user would name."""
