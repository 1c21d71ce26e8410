"""The heart in NIfTI files: ACDC, CETUS and MM-WHS.

- ACDC: short-axis cine MR, labelled at end diastole and end systole.
  Bernard et al., IEEE Trans. Med. Imaging 37:2514 (2018), doi:10.1109/TMI.2018.2837502.
- CETUS: the left ventricle in 3-D echocardiography at end diastole and end systole.
  Bernard et al., IEEE Trans. Med. Imaging 35:967 (2016), doi:10.1109/TMI.2015.2503890.
- MM-WHS: seven structures of the whole heart in CT and MR.
  Zhuang et al., Medical Image Analysis 58:101537 (2019), doi:10.1016/j.media.2019.101537.
"""

from dataclasses import replace
from pathlib import Path

from synthfm3d.evaluation.datasets.cases import Split
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import (
    folder_with,
    folders,
    read_colon_file,
    scan_named,
    scans,
    stem,
    whole_number,
)
from synthfm3d.evaluation.datasets.pairs import Pair, paired, pending_pairs

_FOLDERS: dict[Split, str] = {"training": "training", "test": "testing"}


def list_acdc(dataset: Dataset, path: Path) -> Listing:
    """Two cases for each patient: ED and ES, by the numbers in Info.cfg (ED is not always frame 1)."""
    root = folder_with(path, "t*ing/patient*", "database", "ACDC/database", "ACDC")
    pairs: list[Pair] = []
    excluded: list[Excluded] = []
    for split, name in _FOLDERS.items():
        for folder in folders(root / name, "patient*"):
            found, missing = _pairs_of(folder, split)
            pairs += found
            excluded += missing
    return listed(pending_pairs(dataset, pairs), excluded)


def _pairs_of(folder: Path, split: Split) -> tuple[list[Pair], list[Excluded]]:
    info = folder / "Info.cfg"
    fields = read_colon_file(info) if info.is_file() else {}
    numbers = {phase: whole_number(fields, phase) for phase in ("ED", "ES")}
    if None in numbers.values():
        labelled = [stem(p).removesuffix("_gt") for p in scans(folder, "*_gt.nii*")]
        frames = {name.removeprefix(f"{folder.name}_"): name for name in labelled}
        notes: tuple[str, ...] = ("Info.cfg does not give the frames of ED and ES.",)
    else:
        frames = {phase: f"{folder.name}_frame{number:02}" for phase, number in numbers.items()}
        notes = ()
    pairs, excluded = [], []
    for phase, name in frames.items():
        image, labels = scan_named(folder, name), scan_named(folder, f"{name}_gt")
        case = f"{folder.name}_{phase}"
        if image is None or labels is None:
            missing = f"{name}{'' if image is None else '_gt'}.nii.gz"
            excluded.append(Excluded(name=case, reason=f"{missing} is missing.", split=split))
            continue
        pairs.append(
            Pair(name=case, image=image, labels=labels, patient=folder.name, split=split, notes=notes)
        )
    if not frames:
        excluded.append(Excluded(name=folder.name, reason="holds no labelled frame.", split=split))
    return pairs, excluded


ACDC = Dataset(
    name="acdc",
    title="ACDC",
    page="https://humanheart-project.creatis.insa-lyon.fr/database/#collection/637218c173e9f0047faa00fb",
    licence="CC BY-NC-SA 4.0",
    registration="none, or an account of the same site",
    modality="mr",
    labels=Labels(
        structures={
            "right_ventricle_cavity": (1,),
            "left_ventricle_myocardium": (2,),
            "left_ventricle_cavity": (3,),
        },
        source="expert",
    ),
    tree=(
        "ACDC/database/",
        "training/patient001/Info.cfg",
        "training/patient001/patient001_frame01.nii.gz",
        "training/patient001/patient001_frame01_gt.nii.gz",
        "testing/patient101/",
    ),
    list_cases=list_acdc,
    cases={"training": 200, "test": 100},
    handled=(
        "an sform of 1 mm and another spacing: the spacing and the qform are used",
        "ED and ES are read from Info.cfg; without it the frames keep their numbers",
        "labels are RV, myocardium, LV here (M&Ms has the reverse order)",
    ),
)


def list_cetus(dataset: Dataset, path: Path) -> Listing:
    """Two cases for each patient."""
    root = folder_with(path, "patient*", "dataset", "CETUS/dataset")
    pairs, excluded = [], []
    for folder in folders(root, "patient*"):
        for phase in ("ED", "ES"):
            name = f"{folder.name}_{phase}"
            image, labels = scan_named(folder, name), scan_named(folder, f"{name}_gt")
            if image is None or labels is None:
                reason = f"has no {'image' if image is None else 'labels'}."
                excluded.append(Excluded(name=name, reason=reason))
            else:
                pairs.append(Pair(name=name, image=image, labels=labels, patient=folder.name))
    return listed(pending_pairs(dataset, pairs), excluded)


CETUS = Dataset(
    name="cetus",
    title="CETUS",
    page="https://humanheart-project.creatis.insa-lyon.fr/database/",
    licence="CC BY-NC-SA 4.0",
    registration="none, or an account of the same site",
    modality="us",
    labels=Labels(structures={"left_ventricle_cavity": (255,)}, source="expert"),
    tree=("dataset/", "patient01/patient01_ED.nii.gz", "patient01/patient01_ED_gt.nii.gz"),
    list_cases=list_cetus,
    cases={"": 90},
    handled=("the value of the ventricle is 255, stored as a float", "no split is published"),
)


def list_mmwhs(dataset: Dataset, path: Path) -> Listing:
    """Labelled scans of the dataset's modality."""
    root = folder_with(path, f"{dataset.modality}_train*", "MM-WHS 2017 Dataset", "MMWHS")
    folder = root / f"{dataset.modality}_train"
    names = {stem(p): p for p in scans(folder if folder.is_dir() else root, f"{dataset.modality}_train_*")}
    images, labels = (
        {name.removesuffix(ending): p for name, p in names.items() if name.endswith(ending)}
        for ending in ("_image", "_label")
    )
    pairs, alone = paired(images, labels, "training")
    return listed(pending_pairs(dataset, pairs), alone)


MMWHS_CT = Dataset(
    name="mm-whs-ct",
    title="MM-WHS, CT",
    page="https://zmiclab.github.io/zxh/0/mmwhs",
    licence="research only: see the page",
    registration="a signed form",
    modality="ct",
    labels=Labels(
        structures={
            "left_ventricle_cavity": (500,),
            "right_ventricle_cavity": (600,),
            "left_atrium": (420,),
            "right_atrium": (550,),
            "left_ventricle_myocardium": (205,),
            "ascending_aorta": (820,),
            "pulmonary_artery": (850,),
        },
        source="expert",
        mended={421: 420},
    ),
    tree=("any folder", "ct_train/ct_train_1001_image.nii.gz", "ct_train/ct_train_1001_label.nii.gz"),
    list_cases=list_mmwhs,
    cases={"training": 20},
    handled=(
        "the value 421 is a mistake for 420 (left atrium): read as 420, with a note; other values: excluded",
    ),
)
MMWHS_MR = replace(
    MMWHS_CT,
    name="mm-whs-mr",
    title="MM-WHS, MR",
    modality="mr",
    tree=("any folder", "mr_train/mr_train_1001_image.nii.gz", "mr_train/mr_train_1001_label.nii.gz"),
)
