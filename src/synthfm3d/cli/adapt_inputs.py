"""The labelled scans of ``synthfm3d adapt``: read as ``evaluate`` reads them; what cannot be used is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from synthfm3d.cli.evaluate_inputs import CaseOptions
from synthfm3d.cli.evaluate_inputs import ScanOptions as OneScan
from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality

if TYPE_CHECKING:
    from synthfm3d.evaluation.datasets.cases import Case, PendingCase
    from synthfm3d.loading.labelled_scans import LabelledScan, Outlined
    from synthfm3d.volume import Modality

_LEAST_SHARE = 0.5
"""A structure that fewer of the scans show is told of."""


@dataclass(frozen=True, kw_only=True)
class ScanOptions:
    """Labelled scans as the command line names them: pairs of files, a folder of pairs, or both."""

    images: tuple[Path, ...] = ()
    labels: tuple[Path, ...] = ()
    names: Path | None = None
    folder: Path | None = None
    structures: tuple[str, ...] = ()
    modality: "Modality | None" = None
    outlined: "Outlined" = "auto"

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise InputError(
                f"{len(self.images)} scans and {len(self.labels)} label maps were given: name the labels of "
                "each scan (--image a.nii.gz --labels a_labels.nii.gz, and again for the next)."
            )
        if not self.images and self.folder is None:
            raise InputError("nothing to learn from: give --image and --labels, or --scans FOLDER.")
        if self.folder is not None and self.names is not None:
            raise InputError("--scans brings its label names in labels.json: leave out --names.")

    def pending(self) -> "list[PendingCase]":
        """The scans, none of them read; InputError where the folder holds none."""
        from synthfm3d.evaluation.datasets.cases import PendingCase

        cases = []
        for image, labels in zip(self.images, self.labels, strict=True):
            one = CaseOptions(
                OneScan(image=image, labels=labels, names=self.names),
                structures=self.structures,
                modality=self.modality,
            )
            cases.append(PendingCase(name=image.name, targets=(), read=partial(_read_one, one)))
        if self.folder is not None:
            folder = CaseOptions(
                datasets=(f"folder={self.folder}",), structures=self.structures, modality=self.modality
            )
            cases += folder.cases()()
        return cases


def _read_one(options: CaseOptions) -> "Case":
    return options.cases()()[0].read()


@dataclass(kw_only=True)
class ReadScans:
    """The scans that can be used, and what is to be said about all of them, one sentence each."""

    scans: "list[LabelledScan]" = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)


def read_scans(options: ScanOptions) -> ReadScans:
    """Read all scans; one that cannot be used becomes a sentence, and the rest goes on.

    Raises InputError if none can be used.
    """
    found = ReadScans()
    for pending in options.pending():
        try:
            case = pending.read()
            _take(found, case, pending.name, options.outlined)
            found.doubts += [f"{pending.name}: {note}" for note in case.notes]
        except InputError as error:
            found.doubts.append(f"{pending.name} is left out: {error}")
    if not found.scans:
        raise InputError("no scan can be used. " + " ".join(found.doubts))
    found.doubts += _doubts_of_all(found.scans)
    return found


def _take(found: ReadScans, case: "Case", name: str, outlined: "Outlined") -> None:
    from synthfm3d.training.own_scans import own_scan

    masks = {target.structure: case.reference(target).voxels > 0 for target in case.targets}
    if not masks:
        absent = ", ".join(case.absent)
        raise InputError(f"none of its labels is a structure that is learnt ({absent}): nothing is outlined.")
    scan = own_scan(case.image, masks, outlined)
    if any(scan.sha256 == other.sha256 for other in found.scans):
        raise InputError("it is the same scan as another one: name each scan once.")
    found.scans.append(scan)
    found.used.append(name)


def _doubts_of_all(scans: "Sequence[LabelledScan]") -> list[str]:
    """Structures that many scans lack, and more than one modality."""
    doubts = []
    for name in sorted({name for scan in scans for name in scan.structures}):
        count = sum(name in scan.structures for scan in scans)
        if count <= _LEAST_SHARE * len(scans) and len(scans) > 1:
            doubts.append(
                f"{name} is labelled in {count} of {len(scans)} scans: it is learnt from those alone."
            )
    kinds = sorted({assumed_modality(scan.image) or "unknown" for scan in scans})
    if len(kinds) > 1:
        doubts.append(
            f"the scans are of several modalities ({', '.join(kinds)}): one model learns all of them. Adapt "
            "one model for each if they are used apart; name the modality with --modality if it is wrong."
        )
    return doubts


def told_of(scans: "Sequence[LabelledScan]") -> dict[str, dict[str, int]]:
    """For each structure: scans that show it, slices with an outline, and slices that are known."""
    told: dict[str, dict[str, int]] = {}
    for scan in scans:
        for name, outlines in scan.structures.items():
            numbers = told.setdefault(name, {"scans": 0, "outlined_slices": 0, "known_slices": 0})
            numbers["scans"] += 1
            numbers["outlined_slices"] += len(outlines.shown)
            numbers["known_slices"] += int(np.count_nonzero(outlines.known))
    return dict(sorted(told.items()))
