"""MM-WHS: seven structures of the whole heart in CT and MR.

Zhuang et al., Medical Image Analysis 58:101537 (2019), doi:10.1016/j.media.2019.101537.
"""

from dataclasses import replace
from pathlib import Path

from synthfm3d.evaluation.datasets.dataset import Dataset, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, scans, stem
from synthfm3d.evaluation.datasets.pairs import paired, pending_pairs


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
    handled=("421 stands for 420 (left atrium): read as it and told; any other value: excluded",),
)
MMWHS_MR = replace(
    MMWHS_CT,
    name="mm-whs-mr",
    title="MM-WHS, MR",
    modality="mr",
    tree=("any folder", "mr_train/mr_train_1001_image.nii.gz", "mr_train/mr_train_1001_label.nii.gz"),
)
