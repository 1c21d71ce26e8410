"""Your own scans: a folder of images, a folder of label maps with the same names, a JSON of label names."""

from dataclasses import replace
from pathlib import Path

from synthfm3d.evaluation.datasets.dataset import Dataset, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, folders, scans, stem
from synthfm3d.evaluation.datasets.named_labels import read_json, structures_of
from synthfm3d.evaluation.datasets.pairs import paired, pending_pairs


def list_folder(dataset: Dataset, path: Path) -> Listing:
    """One case for each image; an image may be a folder of DICOM slices, too."""
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
