"""BTCV, "Beyond the Cranial Vault": thirteen abdominal organs in portal venous CT.

Landman et al., MICCAI Multi-Atlas Labeling workshop and challenge (2015), Synapse syn3193805.
"""

from pathlib import Path

from synthfm3d.evaluation.datasets.dataset import Dataset, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, scans, stem
from synthfm3d.evaluation.datasets.pairs import paired, pending_pairs


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
