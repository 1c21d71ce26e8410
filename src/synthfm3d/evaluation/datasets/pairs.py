"""Make cases from pairs of an image and a label map, as nearly all datasets store them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase, Split, make_case
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded, Labels
from synthfm3d.io.checks import with_doubts
from synthfm3d.io.pairs import labels_on
from synthfm3d.io.read import ReadOptions, load, load_labels
from synthfm3d.volume import Modality, Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The files of a case.

    Parameters
    ----------
    patient
        The patient; by default the name of the case.
    frame
        The volume of a 4-D image that the labels belong to.
    notes
        What is assumed about the case, for the report.
    key_frames
        Named frames of a sequence, see ``Case``.
    """

    name: str
    image: Path
    labels: Path
    patient: str = ""
    split: Split | None = None
    frame: int | None = None
    notes: tuple[str, ...] = ()
    key_frames: Mapping[str, int] = field(default_factory=dict)


def pending(pair: Pair, labels: Labels, modality: Modality | None, *, cine: bool = False) -> PendingCase:
    """The case of a pair. It is read when it is evaluated, and can be sent to another process."""
    return PendingCase(
        name=pair.name,
        targets=labels.targets,
        read=partial(read_pair, pair, labels, modality, cine=cine),
        patient=pair.patient,
        split=pair.split,
    )


def pending_pairs(dataset: Dataset, pairs: Sequence[Pair], *, cine: bool = False) -> list[PendingCase]:
    """The cases of a dataset's pairs."""
    return [pending(pair, dataset.labels, dataset.modality, cine=cine) for pair in pairs]


def read_pair(pair: Pair, labels: Labels, modality: Modality | None, *, cine: bool = False) -> Case:
    """Read a case; InputError for damaged files, different grids or undefined label values."""
    image = load(pair.image, ReadOptions(modality=modality, cine=cine, frame=pair.frame))
    label_map = load_labels(pair.labels, ReadOptions(cine=cine), on=image.grid)
    label_map = defined(pair.labels.name, label_map, labels)
    if not cine:
        label_map = labels_on(image, label_map, pair.labels.name, labels.names)
    return make_case(
        pair.name,
        image,
        label_map,
        labels.targets,
        patient=pair.patient,
        cine=cine,
        key_frames=pair.key_frames,
        notes=pair.notes,
    )


def defined(where: str, label_map: Volume, labels: Labels) -> Volume:
    """The label map with known mistakes corrected; a doubt reports each.

    Raises InputError for values that the dataset does not define; ``where`` names the file.
    """
    voxels, doubts = label_map.voxels, list[str]()
    for found, meant in labels.mended.items():
        mistakes = voxels == found
        if mistakes.any():
            doubts.append(
                f"{np.count_nonzero(mistakes)} voxels have the value {found}, which is a "
                f"mistake for {meant}; they are read as {meant}."
            )
            voxels = np.where(mistakes, np.asarray(meant, voxels.dtype), voxels)
    values, counts = np.unique(voxels, return_counts=True)
    unknown = [(int(v), int(n)) for v, n in zip(values, counts, strict=True) if int(v) not in labels.values]
    if unknown:
        listed = ", ".join(f"{value} ({count} voxels)" for value, count in unknown[:5])
        known = ", ".join(str(value) for value in sorted(labels.values))
        raise InputError(
            f"holds label values that the dataset does not define: {listed}; defined are {known}: "
            "is it another version of the dataset?",
            path=where,
        )
    return with_doubts(label_map.with_voxels(voxels), *doubts)


def paired(
    images: Mapping[str, Path], labels: Mapping[str, Path], split: Split | None = None
) -> tuple[list[Pair], list[Excluded]]:
    """Pairs of images and labels with the same key, which is the name of the case; and what is excluded."""
    pairs = [
        Pair(name=name, image=image, labels=labels[name], split=split)
        for name, image in images.items()
        if name in labels
    ]
    alone = [
        *(Excluded(name=name, reason="has no labels.", split=split) for name in images if name not in labels),
        *(Excluded(name=name, reason="has no image.", split=split) for name in labels if name not in images),
    ]
    return pairs, alone
