"""FLARE22: thirteen abdominal organs in CT; its fifty labelled scans.

Ma et al., Lancet Digital Health 6:e815 (2024), arXiv 2308.05862.
"""

from pathlib import Path

from synthfm3d.evaluation.datasets.dataset import Dataset, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, scans, stem
from synthfm3d.evaluation.datasets.pairs import paired, pending_pairs


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
