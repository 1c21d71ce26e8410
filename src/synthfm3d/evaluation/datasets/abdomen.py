"""Organs of the abdomen in NIfTI files: AMOS22, BTCV and FLARE22.

- AMOS22: fifteen organs in CT and MR. The number of a scan tells its modality.
  Ji et al., NeurIPS Datasets and Benchmarks (2022), arXiv 2206.08023.
- BTCV, "Beyond the Cranial Vault": thirteen organs in portal venous CT.
  Landman et al., MICCAI Multi-Atlas Labeling workshop and challenge (2015), Synapse syn3193805.
- FLARE22: thirteen organs in the fifty labelled CT scans.
  Ma et al., Lancet Digital Health 6:e815 (2024), arXiv 2308.05862.
"""

import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase, Split
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, named_scans, read_json, scans, stem
from synthfm3d.evaluation.datasets.pairs import Pair, paired, pending, pending_pairs, read_pair
from synthfm3d.intensity import assumed_modality
from synthfm3d.volume import Modality

_FOLDERS: dict[Split, str] = {"training": "Tr", "validation": "Va", "test": "Ts"}
_LAST_CT, _FIRST_MR = 410, 501
"""Published descriptions agree on numbers outside this range; inside it, the values of the scan decide."""


def list_amos(dataset: Dataset, path: Path) -> Listing:
    """Labelled scans of the dataset's modality."""
    root = folder_with(path, "imagesTr", "amos22", "AMOS22", "amos22/amos22")
    named, excluded = _named_in_json(root, dataset)
    cases: list[PendingCase] = []
    for split, ending in _FOLDERS.items():
        if split == "test" and not (root / "labelsTs").is_dir():
            continue  # published without labels
        images, labels = (
            {stem(p): p for p in scans(root / f"{kind}{ending}") if _may_be(dataset.modality, stem(p))}
            for kind in ("images", "labels")
        )
        pairs, alone = paired(images, labels, split)
        cases += [_pending(pair, dataset) for pair in pairs]
        excluded += alone
    return listed(cases, excluded, known=named)


def _pending(pair: Pair, dataset: Dataset) -> PendingCase:
    case = pending(pair, dataset.labels, dataset.modality)
    if _may_be("ct", pair.name) and _may_be("mr", pair.name):
        return replace(case, read=partial(_read_doubtful, pair, dataset.labels, dataset.modality))
    return case


def _read_doubtful(pair: Pair, labels: Labels, modality: Modality | None) -> Case:
    """A scan whose number does not tell its modality; InputError if its values are those of another one."""
    looked = read_pair(pair, labels, None)
    found = assumed_modality(looked.image) or "mr"
    if found != modality:
        raise InputError(
            f"{pair.name}: its number does not tell whether it is CT or MR, and its values are those of "
            f"{found}: it belongs to amos-{found}."
        )
    image = replace(looked.image, modality=modality)
    note = f"its number does not tell whether it is CT or MR; its values are those of {found}."
    return replace(looked, image=image, notes=(*looked.notes, note))


def _may_be(modality: Modality | None, name: str) -> bool:
    match = re.search(r"(\d+)$", name)
    if match is None:
        return False
    number = int(match[1])
    return number < _FIRST_MR if modality == "ct" else number > _LAST_CT


def _named_in_json(root: Path, dataset: Dataset) -> tuple[list[str], list[Excluded]]:
    """Names of the labelled scans in ``dataset.json``."""
    path = root / "dataset.json"
    names: list[str] = []
    with suppress(InputError):  # an unreadable file counts as missing
        names = named_scans(read_json(path), "training", "validation")
    if not names:
        reason = "is missing or lists nothing: the folders are assumed to be complete."
        return [], [Excluded(name=path.name, reason=reason)]
    return [name for name in names if _may_be(dataset.modality, name)], []


AMOS_CT = Dataset(
    name="amos-ct",
    title="AMOS22, CT",
    page="https://amos22.grand-challenge.org (files: https://zenodo.org/records/7262581)",
    licence="CC BY 4.0 on Zenodo; the paper's page at OpenReview says CC BY-NC-SA",
    registration="none for Zenodo",
    modality="ct",
    labels=Labels(
        structures={
            "spleen": (1,),
            "kidney_right": (2,),
            "kidney_left": (3,),
            "gallbladder": (4,),
            "esophagus": (5,),
            "liver": (6,),
            "stomach": (7,),
            "aorta": (8,),
            "inferior_vena_cava": (9,),
            "pancreas": (10,),
            "adrenal_gland_right": (11,),
            "adrenal_gland_left": (12,),
            "duodenum": (13,),
            "urinary_bladder": (14,),
            "prostate_or_uterus": (15,),
        },
        source="expert",
    ),
    tree=(
        "amos22/",
        "imagesTr/amos_0001.nii.gz",
        "labelsTr/amos_0001.nii.gz",
        "imagesVa/",
        "labelsVa/",
        "dataset.json",
    ),
    list_cases=list_amos,
    cases={"training": 200, "validation": 100},
    handled=(
        "CT or MR by the number of the scan; from 411 to 500, on which sources differ, by its values",
        "scans in dataset.json whose files are missing: excluded",
        "__MACOSX and ._ files are skipped",
        "bladder and prostate or uterus are missing in many scans: counted as absent",
    ),
)
AMOS_MR = replace(
    AMOS_CT, name="amos-mr", title="AMOS22, MR", modality="mr", cases={"training": 40, "validation": 20}
)


def list_btcv(dataset: Dataset, path: Path) -> Listing:
    """Scans of ``Training``, the part that has labels."""
    root = folder_with(path, "img", "Training", "RawData/Training", "Abdomen/RawData/Training")
    images = {stem(p).removeprefix("img"): p for p in scans(root / "img", "img*")}
    labels = {stem(p).removeprefix("label"): p for p in scans(root / "label", "label*")}
    pairs, alone = paired(images, labels, "training")
    return listed(pending_pairs(dataset, pairs), alone)


BTCV = Dataset(
    name="btcv",
    title="BTCV, abdomen",
    page="https://www.synapse.org/#!Synapse:syn3193805",
    licence="Synapse's terms of use; not to be passed on",
    registration="an account of Synapse, and joining the challenge",
    modality="ct",
    labels=Labels(
        structures={
            "spleen": (1,),
            "kidney_right": (2,),
            "kidney_left": (3,),
            "gallbladder": (4,),
            "esophagus": (5,),
            "liver": (6,),
            "stomach": (7,),
            "aorta": (8,),
            "inferior_vena_cava": (9,),
            "portal_vein_and_splenic_vein": (10,),
            "pancreas": (11,),
            "adrenal_gland_right": (12,),
            "adrenal_gland_left": (13,),
        },
        source="expert",
    ),
    tree=("RawData/", "Training/img/img0001.nii.gz", "Training/label/label0001.nii.gz"),
    list_cases=list_btcv,
    cases={"training": 30},
    handled=("label values differ from AMOS22 from 10 on: names, not numbers, are compared",),
)


def list_flare22(dataset: Dataset, path: Path) -> Listing:
    """The labelled scans."""
    root = folder_with(path, "images", "FLARE22Train", "FLARE22_LabeledCase50")
    images = {stem(p).removesuffix("_0000"): p for p in scans(root / "images")}
    pairs, alone = paired(images, {stem(p): p for p in scans(root / "labels")}, "training")
    return listed(pending_pairs(dataset, pairs), alone)


FLARE22 = Dataset(
    name="flare22",
    title="FLARE22, labelled scans",
    page="https://flare22.grand-challenge.org",
    licence="research only (mirrors say CC BY-NC-SA 4.0): see the page",
    registration="an account of grand-challenge.org",
    modality="ct",
    labels=Labels(
        structures={
            "liver": (1,),
            "kidney_right": (2,),
            "spleen": (3,),
            "pancreas": (4,),
            "aorta": (5,),
            "inferior_vena_cava": (6,),
            "adrenal_gland_right": (7,),
            "adrenal_gland_left": (8,),
            "gallbladder": (9,),
            "esophagus": (10,),
            "stomach": (11,),
            "duodenum": (12,),
            "kidney_left": (13,),
        },
        source="expert",
    ),
    tree=("FLARE22Train/", "images/FLARE22_Tr_0001_0000.nii.gz", "labels/FLARE22_Tr_0001.nii.gz"),
    list_cases=list_flare22,
    cases={"training": 50},
    handled=("its labelled scans are said to come from the Decathlon's pancreas: not independent of it",),
)
