"""CETUS: the left ventricle in 3-D echocardiography at end diastole and end systole.

Bernard et al., IEEE Trans. Med. Imaging 35:967 (2016), doi:10.1109/TMI.2015.2503890.
"""

from pathlib import Path

from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, folders, scan_named
from synthfm3d.evaluation.datasets.pairs import Pair, pending_pairs


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
