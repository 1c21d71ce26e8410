"""Reads the labelled scans of ``synthfm3d adapt`` as ``evaluate`` does, and reports those it cannot use."""

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
"""A warning names each structure that this share of the scans or fewer shows."""


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
                f"{len(self.images)} scans and {len(self.labels)} label maps were given: give the labels of "
                "each scan (--image a.nii.gz --labels a_labels.nii.gz, and again for the next)."
            )
        if not self.images and self.folder is None:
            raise InputError("no labelled scans were given: give --image and --labels, or --scans FOLDER.")
        if self.folder is not None and self.names is not None:
            raise InputError("--scans reads the names from labels.json: leave out --names.")

    def pending(self) -> "list[PendingCase]":
        """The scans, before they are read. Raises InputError if the folder contains none."""
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
    """The scans that can be used, and warnings about all scans, one sentence each."""

    scans: "list[LabelledScan]" = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)


def read_scans(options: ScanOptions) -> ReadScans:
    """Read all scans. A scan that cannot be used becomes a warning, and the others are read.

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
        raise InputError(f"it shows none of the structures ({absent}): nothing is outlined.")
    scan = own_scan(case.image, masks, outlined)
    if any(scan.sha256 == other.sha256 for other in found.scans):
        raise InputError("it is the same scan as another one: give each scan once.")
    found.scans.append(scan)
    found.used.append(name)


def _doubts_of_all(scans: "Sequence[LabelledScan]") -> list[str]:
    """Warnings about structures that many scans lack, and about several modalities."""
    doubts = []
    for name in sorted({name for scan in scans for name in scan.structures}):
        count = sum(name in scan.structures for scan in scans)
        if count <= _LEAST_SHARE * len(scans) and len(scans) > 1:
            doubts.append(f"{name} is labelled in {count} of {len(scans)} scans: only these are used for it.")
    kinds = sorted({assumed_modality(scan.image) or "unknown" for scan in scans})
    if len(kinds) > 1:
        doubts.append(
            f"the scans are of several modalities ({', '.join(kinds)}): one model is trained on all of "
            "them. If you want a model for each modality, run adapt for each. If a modality is wrong, give "
            "--modality."
        )
    return doubts


def told_of(scans: "Sequence[LabelledScan]") -> dict[str, dict[str, int]]:
    """Numbers for each structure: scans that show it, slices with an outline, and labelled slices."""
    told: dict[str, dict[str, int]] = {}
    for scan in scans:
        for name, outlines in scan.structures.items():
            numbers = told.setdefault(name, {"scans": 0, "outlined_slices": 0, "known_slices": 0})
            numbers["scans"] += 1
            numbers["outlined_slices"] += len(outlines.shown)
            numbers["known_slices"] += int(np.count_nonzero(outlines.known))
    return dict(sorted(told.items()))
