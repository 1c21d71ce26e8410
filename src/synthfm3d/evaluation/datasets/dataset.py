"""The description of a dataset, and the cases of a copy of it on disk."""

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
    """The structures of a label map.

    Parameters
    ----------
    structures
        Label values of each structure, by name. A structure may be a union of values, and structures may
        share values.
    source
        Who made the labels.
    mended
        Known mistakes in label maps: stored value → meant value.
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
        """A name for every value. A value in several structures has the name of the last one."""
        return {value: name for name, values in self.structures.items() for value in values}

    @property
    def values(self) -> frozenset[int]:
        """All defined values, with 0 for the background."""
        return frozenset({0, *self.names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A case or a file that cannot be used, the reason, and its split, if it is known."""

    name: str
    reason: str
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The cases of a copy of a dataset, in a fixed order, and what was excluded."""

    cases: tuple[PendingCase, ...] = ()
    excluded: tuple[Excluded, ...] = ()

    def of_split(self, split: Split | None) -> "Listing":
        """The cases of one split; None: all cases. A case whose split is unknown is excluded."""
        if split is None:
            return self
        unknown = tuple(
            Excluded(name=case.name, reason=f"whether it belongs to the {split} split is not known.")
            for case in self.cases
            if case.split is None
        )
        return Listing(
            cases=tuple(case for case in self.cases if case.split == split),
            excluded=(*(e for e in self.excluded if e.split in (split, None)), *unknown),
        )

    def pending(self) -> tuple[PendingCase, ...]:
        """The cases, then the excluded ones, whose ``read`` raises the reason for the report."""
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
        Name on the command line.
    page, licence, registration
        Official page; terms of use, as far as they are known; what a user must do to get the files.
    tree
        Folders and files of a copy, one on each line. The first line is the folder that a path should name.
    cases
        Number of labelled cases that the owners publish, by split ("" if there is only one part); empty if
        it is not known.
    handled
        Known defects of the published files, and how each is handled.
    list_cases
        Lists the cases of a copy, from the dataset and the path that the user named.
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
        """The cases of a copy; names of cases and patients begin with the name of the dataset.

        Raises
        ------
        InputError
            ``path`` is not a folder, or contains no case of this dataset.
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
    """A listing. Cases in ``known``, a list of the owners, whose files are missing are excluded."""
    present = {case.name for case in cases} | {e.name for e in excluded}
    missing = [
        Excluded(name=name, reason="is named by the dataset's own list, and its files are missing.")
        for name in known
        if name not in present
    ]
    return Listing(cases=tuple(cases), excluded=(*excluded, *missing))


def _read_as(dataset: str, folder: Path, read: ReadCase) -> Case:
    """Read the case and give it its full name; errors name files relative to the dataset's folder."""
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
    """The error, with the path of its file relative to the folder."""
    if error.path is None or folder not in Path(error.path).parents:
        return error
    return error.about(Path(error.path).relative_to(folder))


def _refuse(reason: str) -> Case:
    raise InputError(reason)
