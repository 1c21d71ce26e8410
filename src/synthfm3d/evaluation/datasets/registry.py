"""Every dataset that can be scored, by its name on the command line, and the choice of its cases."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.abdomen import AMOS_CT, AMOS_MR, BTCV, FLARE22
from synthfm3d.evaluation.datasets.camus import CAMUS, CAMUS_STILLS
from synthfm3d.evaluation.datasets.cases import Case, LabelSource, PendingCase, Split
from synthfm3d.evaluation.datasets.chaos import CHAOS_CT, CHAOS_MR
from synthfm3d.evaluation.datasets.dataset import Dataset, ReadCase
from synthfm3d.evaluation.datasets.decathlon import DECATHLON
from synthfm3d.evaluation.datasets.heart import ACDC, CETUS, MMWHS_CT, MMWHS_MR
from synthfm3d.evaluation.datasets.layouts import FOLDER, NNUNET
from synthfm3d.evaluation.datasets.micro_ultrasound import MICRO_ULTRASOUND
from synthfm3d.evaluation.datasets.totalsegmentator import TOTALSEGMENTATOR_CT, TOTALSEGMENTATOR_MR
from synthfm3d.volume import Modality

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        CAMUS,
        CAMUS_STILLS,
        AMOS_CT,
        AMOS_MR,
        CHAOS_CT,
        CHAOS_MR,
        ACDC,
        TOTALSEGMENTATOR_CT,
        TOTALSEGMENTATOR_MR,
        BTCV,
        FLARE22,
        MMWHS_CT,
        MMWHS_MR,
        MICRO_ULTRASOUND,
        CETUS,
        *DECATHLON,
        NNUNET,
        FOLDER,
    )
}


def dataset_named(name: str) -> Dataset:
    """The dataset with a name; InputError for an unknown name lists the known ones."""
    if name not in DATASETS:
        raise InputError(f"{name}: there is no such dataset; known are {', '.join(DATASETS)}.")
    return DATASETS[name]


def chosen_cases(
    dataset: Dataset,
    path: Path,
    *,
    split: Split | None = None,
    limit: int | None = None,
    structures: Sequence[str] = (),
) -> tuple[PendingCase, ...]:
    """The chosen cases of a copy of a dataset, then the excluded ones, which raise their reason on reading.

    Parameters
    ----------
    split
        Use only this split; cases of unknown split are excluded.
    limit
        Use only this many cases, the first ones.
    structures
        Names of structures to score; empty: all of them.

    Raises
    ------
    InputError
        ``path`` does not contain the dataset, no case remains, or the dataset has none of the structures.
    """
    listing = dataset.listing(path).of_split(split)
    if not listing.cases:
        reason = "".join(f" {e.name}: {e.reason}" for e in listing.excluded[:1])
        raise InputError(f"{dataset.title} has no usable case in the {split} split.{reason}", path=path)
    kept = replace(listing, cases=listing.cases[:limit])
    cases = kept.pending()
    if not structures:
        return cases
    known = dict.fromkeys(target.structure for case in cases for target in case.targets)
    if not set(structures) & set(known):
        raise InputError(
            f"{dataset.name}: has no structure {', '.join(structures)}; it has {', '.join(known)}."
        )
    return tuple(_of_structures(case, tuple(structures)) for case in cases)


def described_by_user(
    dataset: Dataset, modality: Modality | None, label_source: LabelSource | None
) -> Dataset:
    """A dataset with the modality and label source of the user; InputError if the dataset has its own."""
    if modality is None and label_source is None:
        return dataset
    if dataset.modality is not None:
        raise InputError(
            f"{dataset.name}: its modality and label source are known",
            "leave out --modality and --label-source.",
        )
    source = label_source or dataset.labels.source
    return replace(dataset, modality=modality, labels=replace(dataset.labels, source=source))


def _of_structures(case: PendingCase, structures: tuple[str, ...]) -> PendingCase:
    targets = tuple(target for target in case.targets if target.structure in structures)
    return replace(case, targets=targets, read=partial(_read_some, case.read, structures))


def _read_some(read: ReadCase, structures: tuple[str, ...]) -> Case:
    case = read()
    return replace(
        case,
        targets=tuple(target for target in case.targets if target.structure in structures),
        absent=tuple(name for name in case.absent if name in structures),
    )
