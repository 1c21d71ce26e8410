"""A local copy of a dataset put to the test: every case is read as it would be for scoring."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.dataset import Dataset, Excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a copy holds.

    Parameters
    ----------
    usable
        Cases that were read, by split ("" where it is not known).
    unread
        Cases that were not looked into, because a limit was set.
    published
        Cases that the owners publish, by split; empty where that is not known.
    structures
        In how many cases each structure has a voxel.
    excluded
        What cannot be used, and why.
    notes
        What was repaired or assumed, and in how many cases.
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
        """Published cases that are not there at all; none are counted where a limit was set."""
        there = sum(self.usable.values()) + self.unread + len(self.excluded)
        return max(0, sum(self.published.values()) - there)

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
    """Read the cases of a copy (the first so many, with a limit) and tell what was found.

    ``on_case`` is told the name of each that was read. Raises InputError if nothing in ``path`` looks like
    the dataset.
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
