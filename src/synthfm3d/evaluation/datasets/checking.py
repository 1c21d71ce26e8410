"""Check a copy of a dataset: every case is read as it would be for scoring."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The result of checking a copy.

    Parameters
    ----------
    usable
        Number of cases that were read, by split ("" if it is not known).
    unread
        Number of cases that were not read, because a limit was set.
    published
        Number of cases that the owners publish, by split; empty if it is not known.
    structures
        Number of cases in which each structure has a voxel.
    excluded
        Cases and files that cannot be used, with the reasons.
    notes
        What was repaired or assumed, with the number of cases.
    """

    usable: Mapping[str, int]
    patients: int
    unread: int
    published: Mapping[str, int]
    structures: Mapping[str, int]
    excluded: tuple[Excluded, ...]
    notes: Mapping[str, int]

    @property
    def missing(self) -> int:
        """Number of published cases that the copy lacks; cases beyond a limit do not count as missing."""
        present = sum(self.usable.values()) + self.unread + len(self.excluded)
        return max(0, sum(self.published.values()) - present)

    @property
    def complete(self) -> bool:
        """Whether every case that should be there can be used."""
        return not self.excluded and not self.missing


def check(
    dataset: Dataset,
    path: Path,
    *,
    limit: int | None = None,
    on_case: Callable[[str], None] = lambda name: None,
) -> Findings:
    """Read the cases of a copy, at most ``limit`` of them, and count what was found.

    ``on_case`` is called with the name of each case after reading. Raises InputError if ``path`` contains no
    case of the dataset.
    """
    listing = dataset.listing(path)
    looked = listing.cases[:limit]
    usable: Counter[str] = Counter()
    structures: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    patients: set[str] = set()
    excluded = list(listing.excluded)
    for pending in looked:
        try:
            case = pending.read()
        except InputError as error:
            excluded.append(Excluded(name=pending.name, reason=str(error), split=pending.split))
        else:
            usable[pending.split or ""] += 1
            patients.add(case.patient)
            structures.update(target.structure for target in case.targets)
            notes.update(case.notes)
        on_case(pending.name)
    return Findings(
        usable=usable,
        patients=len(patients),
        unread=len(listing.cases) - len(looked),
        published=dataset.cases,
        structures=structures,
        excluded=tuple(excluded),
        notes=notes,
    )
