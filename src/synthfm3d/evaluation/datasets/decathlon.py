"""The ten tasks of the Medical Segmentation Decathlon; each is a dataset, and only training is labelled.

Antonelli et al., Nature Communications 13:4128 (2022), doi:10.1038/s41467-022-30695-9.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from synthfm3d.evaluation.datasets.dataset import Dataset, Labels, Listing, listed
from synthfm3d.evaluation.datasets.files import folder_with, named_scans, read_json, scans, stem
from synthfm3d.evaluation.datasets.pairs import paired, pending_pairs
from synthfm3d.volume import Modality

_FILES = "._ files of macOS in the archives: skipped"


def list_decathlon(dataset: Dataset, path: Path, *, task: str, channel: str | None) -> Listing:
    """The labelled scans of a task; of a 4-D image, the first channel."""
    root = folder_with(path, "imagesTr", task)
    found, alone = paired(
        {stem(p): p for p in scans(root / "imagesTr")},
        {stem(p): p for p in scans(root / "labelsTr")},
        "training",
    )
    if channel is not None:
        notes = (f"of the channels of this image the first, {channel}, is used.",)
        found = [replace(pair, frame=0, notes=notes) for pair in found]
    known = named_scans(read_json(root / "dataset.json"), "training")
    return listed(pending_pairs(dataset, found), alone, known=known)


def _task(
    name: str,
    task: str,
    title: str,
    structures: Mapping[str, tuple[int, ...]],
    cases: int,
    *,
    modality: Modality,
    channel: str | None = None,
    handled: tuple[str, ...] = (),
) -> Dataset:
    file = f"{task.split('_')[1].lower()}_001.nii.gz"
    return Dataset(
        name=name,
        title=f"{title} (Medical Segmentation Decathlon, {task})",
        page="http://medicaldecathlon.com",
        licence="CC BY-SA 4.0",
        registration="none",
        modality=modality,
        labels=Labels(structures=structures, source="expert"),
        tree=(f"{task}/", "dataset.json", f"imagesTr/{file}", f"labelsTr/{file}"),
        list_cases=partial(list_decathlon, task=task, channel=channel),
        cases={"training": cases},
        handled=(_FILES, *handled),
    )


_CHANNEL = "4-D images: the first channel is used, with a note"

DECATHLON = (
    _task(
        "msd-brain-tumour",
        "Task01_BrainTumour",
        "gliomas on MR",
        {"whole_tumour": (1, 2, 3), "tumour_core": (2, 3), "enhancing_tumour": (3,)},
        484,
        modality="mr",
        channel="FLAIR",
        handled=(_CHANNEL,),
    ),
    _task("msd-heart", "Task02_Heart", "left atrium on MR", {"left_atrium": (1,)}, 20, modality="mr"),
    _task(
        "msd-liver",
        "Task03_Liver",
        "liver and its tumours on CT",
        {"liver": (1, 2), "liver_tumour": (2,)},
        131,
        modality="ct",
        handled=("the same scans as LiTS: not independent of it",),
    ),
    _task(
        "msd-hippocampus",
        "Task04_Hippocampus",
        "hippocampus on MR",
        {"hippocampus": (1, 2), "hippocampus_anterior": (1,), "hippocampus_posterior": (2,)},
        260,
        modality="mr",
        handled=("images are cut to a box around the hippocampus",),
    ),
    _task(
        "msd-prostate",
        "Task05_Prostate",
        "prostate on MR",
        {"prostate": (1, 2), "peripheral_zone": (1,), "transition_zone": (2,)},
        32,
        modality="mr",
        channel="T2",
        handled=(_CHANNEL,),
    ),
    _task("msd-lung", "Task06_Lung", "lung tumours on CT", {"lung_tumour": (1,)}, 63, modality="ct"),
    _task(
        "msd-pancreas",
        "Task07_Pancreas",
        "pancreas and its masses on CT",
        {"pancreas": (1, 2), "pancreas_tumour": (2,)},
        281,
        modality="ct",
    ),
    _task(
        "msd-hepatic-vessel",
        "Task08_HepaticVessel",
        "vessels and tumours of the liver on CT",
        {"hepatic_vessel": (1,), "liver_tumour": (2,)},
        303,
        modality="ct",
    ),
    _task("msd-spleen", "Task09_Spleen", "spleen on CT", {"spleen": (1,)}, 41, modality="ct"),
    _task("msd-colon", "Task10_Colon", "colon tumours on CT", {"colon_tumour": (1,)}, 126, modality="ct"),
)
"""In the order of their numbers. A structure with a tumour in it is the union of both."""
