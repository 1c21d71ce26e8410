"""What is known of a dataset, and what a copy of it on the disk turns out to hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, LabelSource, PendingCase, Split, Target
from synthfm3d.volume import Modality

ReadCase = Callable[[], Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What the values of a label map mean.

    Parameters
    ----------
    structures
        Label values of each structure, by name; a structure may be a union of values, and share them.
    source
        Who drew them.
    mended
        Values that are known to stand for another by mistake: found value → meant value.
    """

    structures: Mapping[str, tuple[int, ...]]
    source: LabelSource
    mended: Mapping[int, int] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(
            Target(structure=name, labels=values, label_source=self.source)
            for name, values in self.structures.items()
        )

    @property
    def names(self) -> dict[int, str]:
        """A name for every value; of a value in several structures, the last one's."""
        return {value: name for name, values in self.structures.items() for value in values}

    @property
    def values(self) -> frozenset[int]:
        """Every value that is defined; 0 is background."""
        return frozenset({0, *self.names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A case, or a file that cases depend on, that cannot be used, and why; its split, where known."""

    name: str
    reason: str
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The cases that a copy of a dataset holds, in a fixed order, and what is left out of it."""

    cases: tuple[PendingCase, ...] = ()
    excluded: tuple[Excluded, ...] = ()

    def of_split(self, split: Split | None) -> "Listing":
        """The part of a split (None: everything); a case whose split is unknown is excluded, by name."""
        if split is None:
            return self
        homeless = tuple(
            Excluded(name=case.name, reason=f"whether it belongs to the {split} split is not known.")
            for case in self.cases
            if case.split is None
        )
        return Listing(
            cases=tuple(case for case in self.cases if case.split == split),
            excluded=(*(e for e in self.excluded if e.split in (split, None)), *homeless),
        )

    def pending(self) -> tuple[PendingCase, ...]:
        """The cases, and behind them what is excluded: its turn comes, its reason goes into the report."""
        return (
            *self.cases,
            *(
                PendingCase(name=e.name, targets=(), read=partial(_refuse, e.reason), split=e.split)
                for e in self.excluded
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A public dataset.

    Parameters
    ----------
    name
        On the command line.
    page, licence, registration
        Official page; terms, as far as they were found; what stands between a user and the files.
    tree
        What a copy looks like, a line each; the first line is what a path should name.
    cases
        Labelled cases that its owners publish, by split, as a reader may expect them ("" where there is
        one part only); empty where nobody knows. Copies are counted by what is on the disk.
    handled
        Known defects of the published files, and what is done about each.
    list_cases
        Finds the cases of a copy; gets the dataset and the path that the user named.
    """

    name: str
    title: str
    page: str
    licence: str
    registration: str
    modality: Modality | None
    labels: Labels
    tree: tuple[str, ...]
    list_cases: Callable[["Dataset", Path], Listing]
    cases: Mapping[str, int] = field(default_factory=dict)
    handled: tuple[str, ...] = ()

    def listing(self, path: Path) -> Listing:
        """What a copy holds; names of cases and patients begin with that of the dataset.

        Raises
        ------
        InputError
            ``path`` is no folder, or nothing in it looks like this dataset.
        """
        if not path.is_dir():
            raise InputError("no such folder", f"name the folder of {self.title}.", path=path)
        found = self.list_cases(self, path)
        if not found.cases:
            why = f"{found.excluded[0].name}: {found.excluded[0].reason} " if found.excluded else ""
            raise InputError(
                f"holds no usable case of {self.title}. {why}Expected is {', '.join(self.tree)}",
                "name the folder above.",
                path=path,
            )
        return Listing(
            cases=tuple(
                replace(
                    case,
                    name=f"{self.name}/{case.name}",
                    patient=f"{self.name}/{case.patient}",
                    read=partial(_read_as, self.name, path, case.read),
                )
                for case in found.cases
            ),
            excluded=tuple(replace(e, name=f"{self.name}/{e.name}") for e in found.excluded),
        )


def listed(
    cases: Sequence[PendingCase], excluded: Sequence[Excluded] = (), *, known: Sequence[str] = ()
) -> Listing:
    """A listing; cases that a list of the owners names and the disk does not hold are excluded as absent."""
    there = {case.name for case in cases} | {e.name for e in excluded}
    missing = [
        Excluded(name=name, reason="is named by the dataset's own list, and its files are missing.")
        for name in known
        if name not in there
    ]
    return Listing(cases=tuple(cases), excluded=(*excluded, *missing))


def _read_as(dataset: str, folder: Path, read: ReadCase) -> Case:
    """The case under its full name; errors name files by their place in the dataset."""
    try:
        case = read()
    except InputError as error:
        raise _in_folder(error, folder) from error
    return replace(
        case,
        name=f"{dataset}/{case.name}",
        patient=f"{dataset}/{case.patient}",
    )


def _in_folder(error: InputError, folder: Path) -> InputError:
    """The error with its file named by its place in the folder."""
    if error.path is None or folder not in Path(error.path).parents:
        return error
    return error.about(Path(error.path).relative_to(folder))


def _refuse(reason: str) -> Case:
    raise InputError(reason)
