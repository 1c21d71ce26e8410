"""What ``synthfm3d evaluate`` works on, from the words of the command line: cases and methods.

Both are made by functions that can travel to another process, which makes its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.evaluation.cases import LabelSource, PendingCase
    from synthfm3d.evaluation.method import Scored
    from synthfm3d.volume import Modality

Cases = Callable[[], "Sequence[PendingCase]"]


@dataclass(frozen=True, kw_only=True)
class OneScan:
    """A scan and its label map, as files."""

    image: Path
    labels: Path
    names: Path | None
    structures: tuple[str, ...]
    modality: "Modality | None"
    label_source: "LabelSource | None"
    frame: int | None


def one_scan(scan: OneScan) -> "Sequence[PendingCase]":
    """The case of one scan, read; raises InputError if a file or a structure is wrong."""
    from synthfm3d.evaluation.cases import PendingCase, choose_targets, make_case
    from synthfm3d.io.nifti import read_label_names
    from synthfm3d.io.pairs import labels_on
    from synthfm3d.io.read import ReadOptions, read, read_labels

    image = read(scan.image, ReadOptions(frame=scan.frame, modality=scan.modality))
    known = {} if scan.names is None else read_label_names(scan.names)
    where = str(scan.labels)
    label_map = labels_on(image, read_labels(scan.labels), where, known)
    targets = choose_targets(
        label_map, known, scan.structures, label_source=scan.label_source or "unknown", where=where
    )
    case = make_case(scan.image.name, image, label_map, targets)
    return [PendingCase(name=case.name, targets=case.targets, read=lambda: case)]


def sample_scans(folder: Path) -> Cases:
    """The six sample scans."""
    from synthfm3d.evaluation.samples import sample_cases

    return partial(sample_cases, folder)


def chosen_methods(
    models: Sequence[str], predictions: Sequence[str], baselines: bool, device: str
) -> "list[Scored]":
    """Models by name, folders of masks as ``NAME=FOLDER``, and the two trivial baselines.

    Raises InputError if a word has another form, or there is no such model or folder.
    """
    from synthfm3d.evaluation.baselines import EllipsoidFromBox, ShrinkingMask
    from synthfm3d.evaluation.models import model_method
    from synthfm3d.evaluation.predictions import FolderOfMasks

    folders = []
    for word in predictions:
        name, equals, folder = word.partition("=")
        if not name or not equals or not folder:
            raise InputError(f"--predictions {word}: write it as NAME=FOLDER, as in nnInteractive=masks.")
        folders.append(FolderOfMasks(name, Path(folder)))
    methods: list[Scored] = [model_method(name, device) for name in dict.fromkeys(models)]
    methods += folders
    if baselines:
        methods += [EllipsoidFromBox(), ShrinkingMask()]
    return methods
