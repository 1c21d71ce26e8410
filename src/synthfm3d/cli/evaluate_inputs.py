"""The cases and methods of ``synthfm3d evaluate``, from the options of the command line.

Cases and methods are made by functions that can be sent to other processes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.evaluation.datasets.cases import LabelSource, PendingCase, Split
    from synthfm3d.evaluation.methods.method import Method
    from synthfm3d.volume import Modality

Cases = Callable[[], "Sequence[PendingCase]"]


@dataclass(frozen=True)
class ScanOptions:
    """Options for one scan with its labels, as given on the command line."""

    image: Path | None = None
    labels: Path | None = None
    names: Path | None = None
    frame: int | None = None
    series: str | None = None
    spacing: str | None = None
    allow_gaps: bool = False

    @property
    def is_given(self) -> bool:
        """Whether any of them is given."""
        return self != ScanOptions()


@dataclass(frozen=True)
class CaseOptions:
    """Options that choose what is scored, as given on the command line."""

    scan: ScanOptions = ScanOptions()
    samples: Path | None = None
    datasets: tuple[str, ...] = ()
    split: "Split | None" = None
    limit: int | None = None
    structures: tuple[str, ...] = ()
    modality: "Modality | None" = None
    label_source: "LabelSource | None" = None

    def cases(self) -> Cases:
        """A function that lists the cases; InputError if nothing is named, or options exclude each other."""
        if not self.datasets and (self.split is not None or self.limit is not None):
            raise InputError("--split and --cases are for --dataset: leave them out, or name a dataset.")
        if self.datasets:
            if self.scan.is_given or self.samples is not None:
                raise InputError(
                    "--dataset has its own scans and labels: leave out the options for other scans."
                )
            return partial(
                dataset_cases,
                self.datasets,
                split=self.split,
                limit=self.limit,
                structures=self.structures,
                modality=self.modality,
                label_source=self.label_source,
            )
        if self.samples is not None:
            described = self.structures or self.modality is not None or self.label_source is not None
            if self.scan.is_given or described:
                raise InputError(
                    "--samples has its own scans and targets: leave out the options for one scan."
                )
            from synthfm3d.evaluation.datasets.samples import sample_cases

            return partial(sample_cases, self.samples)
        if self.scan.image is None or self.scan.labels is None:
            raise InputError("nothing to score: give --image and --labels, or --samples, or --dataset.")
        return partial(_one_scan, self.scan.image, self.scan.labels, self)


def _one_scan(image_path: Path, labels_path: Path, options: CaseOptions) -> "Sequence[PendingCase]":
    """Read one scan as a case; raises InputError if a file or a structure is wrong."""
    from synthfm3d.cli.prompt_options import spacing_zyx
    from synthfm3d.evaluation.datasets.cases import PendingCase, choose_targets, make_case
    from synthfm3d.io.nifti import read_label_names
    from synthfm3d.io.pairs import labels_on
    from synthfm3d.io.read import ReadOptions, load, load_labels

    scan = options.scan
    how = ReadOptions(
        frame=scan.frame,
        series=scan.series,
        modality=options.modality,
        spacing_mm=spacing_zyx(scan.spacing),
        allow_gaps=scan.allow_gaps,
    )
    image = load(image_path, how)
    known = {} if scan.names is None else read_label_names(scan.names)
    where = str(labels_path)
    label_map = labels_on(image, load_labels(labels_path, on=image.grid), where, known)
    doubts = tuple(f"{labels_path.name}: {doubt}" for doubt in label_map.doubts)
    label_map = replace(label_map, doubts=doubts)
    targets = choose_targets(
        label_map, known, options.structures, label_source=options.label_source or "unknown", where=where
    )
    case = make_case(image_path.name, image, label_map, targets)
    return [PendingCase(name=case.name, targets=case.targets, read=lambda: case)]


def chosen_methods(
    models: Sequence[str], predictions: Sequence[str], baselines: bool, device: str
) -> "list[Method]":
    """Models by name, folders of masks as ``NAME=FOLDER``, and the two trivial baselines.

    Raises InputError if a word has another form, or a model or a folder does not exist.
    """
    from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
    from synthfm3d.evaluation.methods.models import model_method
    from synthfm3d.evaluation.methods.predictions import FolderOfMasks

    folders = []
    for word in predictions:
        name, folder = name_and_path(word, "--predictions", "NAME=FOLDER", "nnInteractive=masks")
        folders.append(FolderOfMasks(name, Path(folder)))
    methods: list[Method] = [model_method(name, device) for name in dict.fromkeys(models)]
    methods += folders
    if baselines:
        methods += [EllipsoidFromBox(), ShrinkingMask()]
    return methods


def dataset_cases(
    words: Sequence[str],
    *,
    split: "Split | None" = None,
    limit: int | None = None,
    structures: Sequence[str] = (),
    modality: "Modality | None" = None,
    label_source: "LabelSource | None" = None,
) -> "list[PendingCase]":
    """Cases of datasets given as ``name=path``, in the order given; see ``datasets.registry``.

    Raises
    ------
    InputError
        A word has another form, a dataset is unknown or given twice, or none of its cases can be scored.
    """
    from synthfm3d.evaluation.datasets.registry import chosen_cases, dataset_named, described_by_user

    cases: list[PendingCase] = []
    seen: set[str] = set()
    for word in words:
        name, path = name_and_path(word)
        if name in seen:
            raise InputError(f"--dataset {name}: is given twice: name each dataset once.")
        seen.add(name)
        dataset = described_by_user(dataset_named(name), modality, label_source)
        cases += chosen_cases(dataset, Path(path), split=split, limit=limit, structures=structures)
    return cases


def name_and_path(
    word: str,
    option: str = "--dataset",
    form: str = "NAME=PATH",
    example: str = "camus=/data/CAMUS_public",
) -> tuple[str, str]:
    """The name and the path of an option ``NAME=PATH``; InputError for another form."""
    name, equals, path = word.partition("=")
    if not equals or not name or not path:
        raise InputError(f"{option} {word}: write it as {form}, for example {example}.")
    return name, path
